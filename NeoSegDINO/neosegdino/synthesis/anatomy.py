"""FreeSurfer's label numbers: which tissue a label is, which are one structure's two sides."""

from __future__ import annotations

LEFT_HIPPOCAMPUS = 17
RIGHT_HIPPOCAMPUS = 53
FIRST_EXTRACEREBRAL = 500
"""Labels from here on lie outside the brain (skull, skin, eyes, ...)."""

WHITE, CORTEX, THALAMUS = (2, 41), (3, 42), (10, 49)
VENTRICLES = ((4, 5), (43, 44))
"""Of either side the lateral ventricle, and its inferior horn beside the hippocampus."""
LENTIFORM = ((12, 13), (51, 52))
INTERNAL_CAPSULE = (157, 158)
"""Posterior limbs: the white matter that is myelinated at birth."""
HIPPOCAMPAL_RIMS = ((217, 253), (218, 254))
"""Layers, a voxel thick, of the left and right hippocampus from the surface inwards: alveus, fimbria, subiculum."""
HIPPOCAMPI = tuple(zip((LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS), *HIPPOCAMPAL_RIMS, strict=True))
"""All labels of the left hippocampus, and of the right one."""
FLUID = 24
"""Fluid around the brain."""

PAIRS = {
    2: 41, 3: 42, 4: 43, 5: 44, 7: 46, 8: 47, 10: 49, 11: 50, 12: 51, 13: 52, 17: 53, 18: 54,
    25: 57, 26: 58, 28: 60, 30: 62, 136: 137, 157: 158, 163: 164, 217: 253, 218: 254,
}  # fmt: skip
"""Left label to right label."""

TISSUES = {
    "background": (0,),
    "csf": (4, 5, 14, 15, 24, 30, 43, 44, 62, 72),
    "white": (2, 7, 25, 28, 41, 46, 57, 60, 85, 136, 137, 163, 164),
    "myelinated": (157, 158),
    "grey": (3, 8, 17, 18, 42, 47, 53, 54, 217, 218, 253, 254),
    "deep": (10, 11, 12, 13, 16, 26, 49, 50, 51, 52, 58),
}
"""Tissue to labels; every other label is extracerebral."""

NOT_CEREBRUM = (7, 8, 16, 46, 47)
"""Cerebellum and brainstem: some brain extractions leave them out."""


def tissue_of(label: int) -> str:
    """Tissue of a FreeSurfer label; ``extracerebral`` for what is outside the brain."""
    for tissue, labels in TISSUES.items():
        if label in labels:
            return tissue
    return "extracerebral"
