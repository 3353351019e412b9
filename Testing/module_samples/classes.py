"""The two classes of a bundle, for tests of the Slicer side."""

from __future__ import annotations

from neosegdino.spec import ClassSpec, Code, Terminology


def _terms(code: str, meaning: str) -> Terminology:
    return Terminology(
        Code("SCT", "123037004", "Anatomical Structure"),
        Code("SCT", "5366008", "Hippocampus"),
        Code("SCT", code, meaning),
    )


LEFT = ClassSpec(1, "Left hippocampus", "left", (0.2, 0.5, 0.9), _terms("7771000", "Left"))
RIGHT = ClassSpec(2, "Right hippocampus", "right", (0.9, 0.6, 0.2), _terms("24028007", "Right"))
CLASSES = (LEFT, RIGHT)
