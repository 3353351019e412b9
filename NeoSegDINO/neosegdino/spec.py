"""Typed form of ``bundle.json``: every setting a model needs, and nothing that needs torch.

The same structures are used in memory, checked on reading (`msgspec` names the path of a wrong field) and
turned into the published JSON schema (`neosegdino models schema`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

SCHEMA: Literal["neosegdino-bundle/1"] = "neosegdino-bundle/1"

Positive = Annotated[int, msgspec.Meta(ge=1)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]
Shape = tuple[Positive, Positive, Positive]
Spacing = tuple[PositiveFloat, PositiveFloat, PositiveFloat]
Axis = Literal["sagittal", "coronal", "axial"]
"""Plane of the encoded slices; its normal is x (sagittal), y (coronal) or z (axial) of RAS."""
WindowMode = Literal["located", "all"]


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, and an unknown field is an error."""


class Preprocessing(Spec, frozen=True):
    """From a source volume to the model's grid: RAS axes, this spacing, robust scaling."""

    spacing_mm: Spacing
    percentile: Annotated[float, msgspec.Meta(gt=50, lt=100)] = 99.0
    """Percentile of the foreground that becomes intensity 1."""
    clip: PositiveFloat = 1.5
    """Scaled intensities above this are hot voxels and are clipped."""


class EncoderWeights(Spec, frozen=True):
    """Where the encoder's weights come from: a file of the bundle, timm's hub, or a local file."""

    source: Literal["bundle", "hub", "file"]
    file: str = ""
    """File name in the bundle (``bundle``) or path on this machine (``file``)."""
    tag: str = ""
    """Pretrained tag on timm's hub, for example ``lvd1689m``."""
    sha256: str = ""
    """Expected SHA-256 of a hub or local file; empty until first pinned."""


class EncoderSpec(Spec, frozen=True):
    """A frozen 2D ViT and how slices are shown to it."""

    architecture: str
    """timm model name, for example ``vit_small_patch16_dinov3``."""
    weights: EncoderWeights
    blocks: tuple[Annotated[int, msgspec.Meta(ge=0)], ...]
    """Indices of the transformer blocks whose tokens are decoded."""
    axis: Axis = "coronal"
    upsampling: Positive = 4
    """In-plane upsampling before the patch embedding: the token's size is patch / upsampling voxels."""
    slab: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    """Neighbouring slices shown as input channels (odd); 1 is a grey image."""
    mean: float = 0.0
    std: PositiveFloat = 1.0
    """Intensities are shown to the encoder as (value - mean) / std."""
    options: dict[str, Any] = {}
    """Further keyword arguments of ``timm.create_model``."""


class DecoderSpec(Spec, frozen=True):
    """A decoding arm of the registry and its weights."""

    name: str
    file: str
    depth_embedding: Literal["sinusoidal", "learned", "none"] = "sinusoidal"
    arms: Literal["shared", "per-window"] = "shared"
    options: dict[str, Any] = {}


class WindowSpec(Spec, frozen=True):
    """Size of a window in voxels of the model's grid, and how a volume is covered by default."""

    size: Shape
    default: WindowMode = "located"
    counts: Shape | None = None
    """Windows per axis of a fixed cut around the located centre; needed by per-window arms."""
    mirrored: bool = False
    """Whether every window is answered a second time in a mirror; the mean of both looks' scores counts."""


class LocatorSpec(Spec, frozen=True):
    """The coarse pass: one large window over the head and a decoding arm of its own on the same encoder."""

    spacing_mm: Spacing
    size: Shape
    upsampling: Positive
    decoder: DecoderSpec
    min_side_mm3: PositiveFloat = 150.0
    """Below this expected volume on either side the hippocampi count as not found."""


class Code(Spec, frozen=True):
    """A coded term of a terminology, as DICOM has it."""

    scheme: str
    value: str
    meaning: str


class Terminology(Spec, frozen=True):
    """Category, type and laterality of a segment (DICOM PS3.16, SNOMED CT)."""

    category: Code
    type: Code
    modifier: Code


class ClassSpec(Spec, frozen=True):
    """One foreground class."""

    label: Positive
    name: str
    side: Literal["left", "right"]
    color: tuple[float, float, float]
    """RGB in 0..1."""
    terminology: Terminology


class ComponentRule(Spec, frozen=True):
    """Clean-up on the source grid: of each class keep the largest component and those near its size."""

    min_fraction: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    """Smaller components than this fraction of the largest are removed."""


class DataSource(Spec, frozen=True):
    """Training or measuring data: what, how much, under which licence."""

    name: str
    description: str
    licence: str
    citation: str = ""


class Accuracy(Spec, frozen=True):
    """One measured figure, with what it takes to read it rightly."""

    data: str
    count: int
    metric: str
    mean: float
    sd: float
    held_out: bool
    command: str
    note: str = ""


class FileEntry(Spec, frozen=True):
    """Size and hash of one file of the bundle."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, msgspec.Meta(ge=0)]


class BundleSpec(Spec, frozen=True):
    """The whole of ``bundle.json``."""

    schema: Literal["neosegdino-bundle/1"]
    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
    version: str
    title: str
    description: str
    intended_use: str
    contrasts: tuple[str, ...]
    age_range: str
    preprocessing: Preprocessing
    encoder: EncoderSpec
    windows: WindowSpec
    decoder: DecoderSpec
    locator: LocatorSpec | None
    classes: tuple[ClassSpec, ...]
    """One on each side; `bundle_check` refuses more."""
    components: ComponentRule
    training_data: tuple[DataSource, ...]
    accuracy: tuple[Accuracy, ...]
    licence: str
    citation: tuple[str, ...]
    files: dict[str, FileEntry]
    temperature: PositiveFloat = 1.0
    """Scores are divided by this before the softmax, so that confidence is calibrated."""
    age_weeks: tuple[PositiveFloat, PositiveFloat] | None = None
    """Lowest and highest postmenstrual age that the model was made for; None where that is not known."""
    max_spacing_mm: PositiveFloat | None = None
    """Largest voxel side that the model was made for; None where that is not known."""

    @property
    def sides(self) -> tuple[int, int]:
        """Class of the left and of the right hippocampus."""
        labels = {part.side: part.label for part in self.classes}
        return labels["left"], labels["right"]
