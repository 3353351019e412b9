"""The bundle that ships, on the sample that ships: these are the real answers, and they take their time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import neosegdino
import numpy as np
import pytest
from neosegdino.bundle import Bundle
from neosegdino.bundle_store import find_bundle
from neosegdino.geometry import Grid, bounds, resample
from neosegdino.segment import Segmentation, segment
from neosegdino.volume import Volume, load_volume
from oracle_bundle import dice
from phantom import ORIENTATIONS, everywhere
from scipy import ndimage
from scipy.spatial.transform import Rotation

pytestmark = pytest.mark.slow
SAMPLES = Path(neosegdino.__file__).parents[1] / "Resources" / "SampleData"


@pytest.fixture(scope="module")
def starter() -> Bundle:
    return find_bundle()


@pytest.fixture(scope="module")
def sample() -> Volume:
    return load_volume(SAMPLES / "SyntheticNewborn-T2w.nii.gz")


@pytest.fixture(scope="module")
def reference(sample: Volume, starter: Bundle) -> Segmentation:
    return segment(sample, starter)


def turned_view(volume: Volume, number: int) -> Grid:
    """A grid over a volume in one of the 48 orientations, oblique, with unlike voxel sides."""
    random = np.random.default_rng(number)
    order, signs = ORIENTATIONS[number]
    directions = np.zeros((3, 3))
    directions[list(order), range(3)] = signs
    directions = Rotation.from_euler("xyz", random.uniform(-15, 15, 3), degrees=True).as_matrix() @ directions
    spacing = random.permutation((0.8, 0.95, 1.2))
    box = bounds(volume.shape, volume.affine)
    reach = np.abs(directions).T @ (box[:, 1] - box[:, 0]) * 1.02
    first, second, third = (int(n) for n in np.ceil(reach / spacing))
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    affine[:3, 3] = box.mean(axis=1) - affine[:3, :3] @ ((np.array([first, second, third]) - 1) / 2)
    return Grid((first, second, third), affine)


def labels_at(labels: np.ndarray, affine: np.ndarray, grid: Grid) -> np.ndarray:
    index = Grid((1, 1, 1), affine).indices(everywhere(grid))
    return ndimage.map_coordinates(labels, np.moveaxis(index, -1, 0), order=0)


def test_the_sample_has_both_hippocampi_where_they_are(reference: Segmentation) -> None:
    true = load_volume(SAMPLES / "SyntheticNewborn-T2w_labels.nii.gz").data
    for label in (1, 2):
        assert dice(reference.labels, true, label) > 0.7
    left, right = reference.report["hippocampus"]
    assert left["centroid_ras"][0] < right["centroid_ras"][0] - 10
    assert min(left["volume_mm3"], right["volume_mm3"]) > 500
    assert reference.report["windows"]["mode"] == "located"
    assert not [text for text in reference.report["warnings"] if "conflict" in text or "Sides" in text]


def test_other_axes_of_the_file_give_the_same_answer(sample: Volume, starter: Bundle, reference: Segmentation) -> None:
    """Only rounding, and the sampling of intensity percentiles, may differ."""
    affine = sample.affine[:, [2, 0, 1, 3]].copy()
    data = sample.data.transpose(2, 0, 1)[:, ::-1]
    affine[:3, 3] += affine[:3, 1] * (data.shape[1] - 1)
    affine[:3, 1] *= -1
    result = segment(replace(sample, data=np.ascontiguousarray(data), affine=affine), starter)
    back = result.labels[:, ::-1].transpose(1, 2, 0)
    for label in (1, 2):
        assert dice(back, reference.labels, label) > 0.985


@pytest.mark.parametrize("number", [5, 18, 28, 43])
def test_oblique_and_anisotropic_views_give_the_same_hippocampi(
    sample: Volume, starter: Bundle, reference: Segmentation, number: int
) -> None:
    grid = turned_view(sample, number)
    """The resampled image is smoother than the sample, so the network's outline differs; its place and side may not.

    That nothing is lost to geometry is shown by the oracle's bundle, whose answer does not depend on texture.
    """
    data = np.rint(resample(sample.data, sample.affine, grid)).astype(np.int16)
    result = segment(Volume(data, grid.affine, f"view {number}"), starter)
    expected = labels_at(reference.labels, sample.affine, grid)
    found = [dice(result.labels, expected, label) for label in (1, 2)]
    crossed = max(((result.labels == a) & (expected == b)).sum() for a, b in ((1, 2), (2, 1)))
    assert crossed == 0, "sides were swapped"
    assert min(found) >= 0.8, found
    for row, before in zip(result.report["hippocampus"], reference.report["hippocampus"], strict=True):
        assert np.linalg.norm(np.subtract(row["centroid_ras"], before["centroid_ras"])) < 1.5
        assert row["volume_mm3"] == pytest.approx(before["volume_mm3"], rel=0.2)
    assert "conflict" not in str(result.report["warnings"])


def test_all_windows(sample: Volume, starter: Bundle, reference: Segmentation) -> None:
    """On the part around the hippocampi, two windows of the full cut."""
    middle = np.argwhere(reference.labels).mean(axis=0).round().astype(int)
    size = np.minimum((96, 120, 56), sample.shape)
    start = np.clip(middle - size // 2, 0, np.array(sample.shape) - size)
    box = tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))
    part = Grid(sample.shape, sample.affine).crop(box)  # type: ignore[arg-type]
    result = segment(Volume(sample.data[box], part.affine, "part"), starter, windows="all")
    assert result.report["windows"]["mode"] == "all"
    for label in (1, 2):
        assert dice(result.labels, reference.labels[box], label) > 0.6


def test_a_head_turned_back_to_front_is_noticed(sample: Volume, starter: Bundle, reference: Segmentation) -> None:
    result = segment(replace(sample, data=sample.data[:, ::-1]), starter)
    assert any(text.startswith("Orientation conflict") for text in result.report["warnings"])
    back = result.labels[:, ::-1]
    for label in (1, 2):
        assert dice(back, reference.labels, label) > 0.8
