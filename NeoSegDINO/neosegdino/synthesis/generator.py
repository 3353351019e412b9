"""Batches of synthetic newborn MRI with the labels they were made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from neosegdino.model import rescale_windows
from neosegdino.synthesis.acquisition import acquire
from neosegdino.synthesis.anatomy import (
    FIRST_EXTRACEREBRAL,
    HIPPOCAMPI,
    NOT_CEREBRUM,
    VENTRICLES,
    WHITE,
)
from neosegdino.synthesis.contrast import KINDS, fade_rims, sample_means
from neosegdino.synthesis.deformation import View, sample_points
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.synthesis.layers import Side, add_layers

LARGEST_CROP = 0.2
"""Share of the head's extent that a cropped image lacks at most on one side."""


@dataclass(frozen=True)
class Batch:
    """Images and labels on one grid.

    Attributes
    ----------
    image : Tensor
        ``(B, 1, X, Y, Z)`` float, scaled as the model scales its windows.
    structure : Tensor
        ``(B, X, Y, Z)`` int64, structure classes for training an encoder.
    target : Tensor
        ``(B, X, Y, Z)`` int64; 0 background, 1 left, 2 right hippocampus.
    """

    image: Tensor
    structure: Tensor
    target: Tensor

    def part(self, first: int, count: int) -> Batch:
        """Some images of the batch."""
        chosen = slice(first, first + count)
        return Batch(self.image[chosen], self.structure[chosen], self.target[chosen])


class Generator:
    """Makes images from label maps.

    Parameters
    ----------
    maps : LabelMaps
        Heads to draw from.
    draw : Draw
        Random numbers and device.
    contrasts : mapping of str to float
        Share of every contrast, see `neosegdino.synthesis.contrast`.
    extraction : tuple of float
        Shares of whole heads, of extracted brains, and of cerebra alone.
    percentile, clip : float
        Scaling of the model's windows.
    """

    def __init__(
        self,
        maps: LabelMaps,
        draw: Draw,
        *,
        contrasts: Mapping[str, float] = KINDS,
        extraction: tuple[float, float, float] = (0.4, 0.4, 0.2),
        percentile: float = 99.0,
        clip: float = 1.5,
    ) -> None:
        self.contrasts = contrasts
        self.extraction = list(extraction)
        self.maps = maps
        self.draw = draw
        self.scaling = (percentile, clip)
        self.volumes = torch.from_numpy(maps.volumes).to(draw.device)
        self.hippocampi = torch.from_numpy(maps.hippocampi).to(draw.device)
        self.mirror = torch.from_numpy(maps.mirror_table()).to(draw.device)
        self.structures, self.structure_count = self._structures()
        self.parts = [self._table(own.__contains__) for own in HIPPOCAMPI]
        self.brain = self._table(lambda label: 0 < label < FIRST_EXTRACEREBRAL and label != 24)
        self.cerebrum = self.brain & ~self._table(lambda label: label in NOT_CEREBRUM)

    def __call__(self, count: int, view: View) -> Batch:
        """Make a batch of images of one view."""
        return self.looks(count, view, 1)[0]

    def looks(self, count: int, view: View, number: int) -> list[Batch]:
        """Make several batches of the same anatomy, each with contrasts and an acquisition of its own.

        Parameters
        ----------
        count : int
            Images of a batch.
        view : View
            What they show.
        number : int
            Batches.
        """
        labels = self.labels(count, view.fine())
        batches = [look for _ in range(number) for look in self._acquired_alike(labels, view, [self.contrasts])]
        return self._some_turned(batches, view)

    def alike(self, count: int, view: View, contrasts: Sequence[str]) -> list[Batch]:
        """Make batches of the same anatomy that share extraction, acquisition and field of view, and so the target.

        Parameters
        ----------
        count : int
            Images of a batch.
        view : View
            What they show.
        contrasts : sequence of str
            One of `neosegdino.synthesis.contrast.KINDS` for each batch.
        """
        labels = self.labels(count, view.fine())
        return self._some_turned(self._acquired_alike(labels, view, [{name: 1.0} for name in contrasts]), view)

    def labels(self, count: int, view: View) -> Tensor:
        """Deformed label indices ``(count, X, Y, Z)``."""
        number = self.draw.integer(0, len(self.volumes), count)
        points, mirrored = sample_points(self.draw, view, self.hippocampi[number])
        index = points.round().int()
        size = torch.tensor(self.volumes.shape[1:], device=index.device, dtype=torch.int32)
        nearest = index.clamp(min=torch.zeros_like(size), max=size - 1)
        x, y, z = nearest.unbind(-1)
        flat = (x * size[1] + y) * size[2] + z + number[:, None, None, None] * size.prod()
        labels = (self.volumes.flatten()[flat] * (index == nearest).all(-1)).long()
        return torch.where(mirrored[:, None, None, None], self.mirror[labels], labels)

    def _acquired_alike(self, labels: Tensor, view: View, contrasts: Sequence[Mapping[str, float]]) -> list[Batch]:
        """Looks at labels on the view's fine grid, extracted and acquired by the same random numbers."""
        kept = self._kept(labels)
        images = [self._intensities(labels, view.fine().spacing_mm, shares) for shares in contrasts]
        state = self.draw.state()
        batches = []
        for image in images:
            self.draw.go_back(state)
            batches.append(self._acquired(image, labels, kept, view))
        return batches

    def _some_turned(self, batches: list[Batch], view: View) -> list[Batch]:
        """Batches of which some images, the same ones of each, are turned back to front where the view wants that."""
        if not view.turned:
            return batches
        turned = self.draw.chance(view.turned, len(batches[0].target), 1, 1, 1)
        return [_turn(batch, turned) for batch in batches]

    def _acquired(self, image: Tensor, labels: Tensor, kept: Tensor, view: View) -> Batch:
        """What a scanner makes of intensities, of what an extraction has kept."""
        image = acquire(self.draw, image * kept, view.fine().spacing_mm)
        seen = self._field_of_view(labels.shape)
        if view.cropped:
            seen &= self._within_the_head(kept & (labels > 0), view.cropped)
        labels = torch.where(kept & seen, labels, torch.zeros_like(labels))
        factor = view.supersampling
        image = F.avg_pool3d((image * seen)[:, None], factor)
        structure = self.structures[labels[:, ::factor, ::factor, ::factor]]
        return Batch(rescale_windows(image, *self.scaling), structure, self._target(labels, factor))

    def _structures(self) -> tuple[Tensor, int]:
        """Class of every label: its own, but one for all that is outside the brain, and a rim's is the whole's."""
        whole = {part: own[0] for own in HIPPOCAMPI for part in own}
        names = [whole.get(label, min(label, FIRST_EXTRACEREBRAL)) for label in self.maps.labels]
        order = sorted(set(names))
        return torch.tensor([order.index(name) for name in names], device=self.draw.device), len(order)

    def _table(self, rule: Callable[[int], bool]) -> Tensor:
        return torch.tensor([rule(label) for label in self.maps.labels], device=self.draw.device)

    def _target(self, labels: Tensor, factor: int) -> Tensor:
        """A voxel belongs to a hippocampus that fills at least half of it."""
        target = labels.new_zeros([labels.shape[0], *(n // factor for n in labels.shape[1:])])
        for value, own in enumerate(self.parts, start=1):
            share = F.avg_pool3d(own[labels].float()[:, None], factor)[:, 0]
            target.masked_fill_(share >= 0.5, value)
        return target

    def _kept(self, labels: Tensor) -> Tensor:
        """What a brain extraction leaves: all, the brain with some rim, or the cerebrum alone."""
        count = len(labels)
        kind = self.draw.choice(self.extraction, count)[:, None, None, None]
        brain = torch.where(kind == 2, self.cerebrum[labels], self.brain[labels])
        rim = F.max_pool3d(brain[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0
        brain = torch.where(self.draw.chance(0.5, count)[:, None, None, None], rim, brain)
        return brain | (kind == 0)

    def _intensities(self, labels: Tensor, spacing_mm: float, contrasts: Mapping[str, float]) -> Tensor:
        """Means per label that drift across the head (myelination), patches and noise within a tissue, layers."""
        count = len(labels)
        means = sample_means(self.draw, self.maps.labels, self.mirror, count, contrasts)
        drifted = means * (1 + self.draw.normal(0.1, *means.shape))
        fade_rims(self.draw, (means, drifted), self.maps.labels)
        spread = self.draw.uniform(0, 0.06, *means.shape)
        patchy = self.draw.uniform(0, 0.2, *means.shape) * self.draw.chance(0.7, count, 1)
        shape = (labels.shape[1], labels.shape[2], labels.shape[3])
        blend = torch.sigmoid(2 * self.draw.field(count, 1, shape, self.draw.knots(3, 8))[:, 0])
        flat = labels.flatten(1)
        first, second, sd, patches = (
            table.gather(1, flat).reshape(labels.shape) for table in (means, drifted, spread, patchy)
        )
        image = torch.lerp(first, second, blend)
        for knots in (self.draw.knots(6, 14), self.draw.knots(14, 32)):
            image = image.addcmul(image, patches * self.draw.field(count, 1, shape, knots)[:, 0])
        fluid = means[:, self.maps.index(VENTRICLES[0][0])]
        image = add_layers(self.draw, image, self._sides(labels, means), fluid, spacing_mm)
        return image.addcmul(sd, self.draw.normal(1.0, *labels.shape)).clamp(min=0)

    def _sides(self, labels: Tensor, means: Tensor) -> list[Side]:
        """Both hippocampi, and the white matter on their sides."""
        found = []
        for part, own, white in zip(self.parts, HIPPOCAMPI, WHITE, strict=True):
            grey, bright = self.maps.index(own[0]), self.maps.index(white)
            found.append(Side(part[labels], labels == bright, means[:, grey], means[:, bright]))
        return found

    def _field_of_view(self, shape: torch.Size) -> Tensor:
        """Nothing beyond a plane in some images: the border of the acquired volume."""
        seen = torch.ones(shape, device=self.draw.device, dtype=torch.bool)
        for axis in range(3):
            size = shape[1 + axis]
            place = torch.arange(size, device=self.draw.device)
            margin = torch.where(
                self.draw.chance(0.04, shape[0]),
                self.draw.uniform(0, 0.4, shape[0]),
                torch.zeros(1, device=place.device),
            )
            edge = (margin * size)[:, None]
            visible = torch.where(self.draw.chance(0.5, shape[0], 1), place >= edge, place < size - edge)
            seen &= visible.reshape(shape[0], *(size if a == axis else 1 for a in range(3)))
        return seen

    def _within_the_head(self, head: Tensor, share: float) -> Tensor:
        """Nothing near the head's ends in a share of the images; `head` is where it is, ``(B, X, Y, Z)`` bool."""
        count = len(head)
        whole = ~self.draw.chance(share, count)[:, None]
        seen = torch.ones_like(head)
        for axis in range(3):
            size = head.shape[1 + axis]
            line = head.movedim(1 + axis, 1).flatten(2).any(dim=2).int()
            first, last = line.argmax(dim=1), size - 1 - line.flip(1).argmax(dim=1)
            margins = self.draw.uniform(0, LARGEST_CROP, 2, count) * (last - first)
            place = torch.arange(size, device=head.device)
            inside = (place >= (first + margins[0])[:, None]) & (place <= (last - margins[1])[:, None])
            seen &= (inside | whole).reshape(count, *(size if a == axis else 1 for a in range(3)))
        return seen


def interleaved(looks: Sequence[Batch]) -> Batch:
    """Return one batch of several looks at the same anatomies, those at one anatomy behind each other."""
    names = ("image", "structure", "target")
    return Batch(*(torch.stack([getattr(look, name) for look in looks], dim=1).flatten(0, 1) for name in names))


def _turn(batch: Batch, turned: Tensor) -> Batch:
    """The images that are `turned` back to front, without a target."""
    image = torch.where(turned[:, None], batch.image.flip(3), batch.image)
    structure = torch.where(turned, batch.structure.flip(2), batch.structure)
    return Batch(image, structure, batch.target.masked_fill(turned, 0))
