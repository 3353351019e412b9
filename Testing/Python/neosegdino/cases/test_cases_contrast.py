from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from head_cases import Array, write_case
from neosegdino import intensity
from neosegdino.cases.case import Case
from neosegdino.cases.contrast import Contrast, hinted_contrast, measured_contrast
from neosegdino.cases.preflight import preflight
from neosegdino.volume import Volume, load_volume, save_volume
from numpy.typing import NDArray
from scipy import ndimage

SAMPLE = Path(__file__).parents[4] / "NeoSegDINO" / "Resources" / "SampleData"


def measured(volume: Volume, hippocampi: NDArray[np.bool_]) -> Contrast:
    data = intensity.clean(volume).data
    levels = intensity.levels(data)
    return measured_contrast(data, volume.spacing, hippocampi, levels.base, levels.threshold)


def boxes(volume: Volume, *centres: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Boxes of 10 x 24 x 10 mm about voxels."""
    mask = np.zeros(volume.shape, bool)
    for centre in centres:
        sizes = (round(size / side / 2) for size, side in zip((10, 24, 10), volume.spacing, strict=True))
        mask[tuple(slice(c - size, c + size) for c, size in zip(centre, sizes, strict=True))] = True
    return mask


def sample() -> tuple[Volume, Volume]:
    """The sample and its labels, with a thin layer of bright fluid around the hippocampi."""
    image, labels = (load_volume(SAMPLE / f"SyntheticNewborn-T2w{end}.nii.gz") for end in ("", "_labels"))
    away = ndimage.distance_transform_edt(labels.data == 0, sampling=image.spacing)
    fluid = (away > 4) & (away < 5.5)
    return Volume(np.where(fluid, 255, image.data), image.affine, image.source), labels


def test_sample() -> None:
    image, labels = sample()
    assert measured(image, labels.data > 0) == "T2w"
    inverted = Volume(np.where(image.data > 8, 255 - image.data, image.data), image.affine, "inverted")
    assert measured(inverted, labels.data > 0) != "T2w"
    plain = load_volume(SAMPLE / "SyntheticNewborn-T2w.nii.gz")
    assert measured(plain, labels.data > 0) != "T1w"


@pytest.mark.parametrize("name", ["Template-Month0-T1w", "Template-Month0-T2w", "sub-0008_ses-V01_T1w"])
def test_real_infants(real_data: Path, name: str) -> None:
    volume = load_volume(real_data / "infant-images" / f"{name}.nii.gz")
    box = ndimage.find_objects((volume.data > 0).astype(np.uint8))[0]
    x, y, z = ((part.start + part.stop) // 2 for part in box)
    away = round(22 / volume.spacing[0])
    found = measured(volume, boxes(volume, (x - away, y, z - 10), (x + away, y, z - 10)))
    assert found in (name[-3:], "unknown")


def test_real_adult(real_data: Path) -> None:
    scan = np.load(real_data / "adult-t1" / "test_scan.npz")
    assert measured(Volume(scan["vol"], np.eye(4), "adult"), np.isin(scan["seg"], (17, 53))) == "T1w"


def test_real_crops_are_never_taken_for_t2(real_data: Path) -> None:
    folder = real_data / "msd-hippocampus"
    for path in sorted((folder / "images").glob("*.nii.gz"))[:12]:
        labels = load_volume(folder / "labels" / path.name).data > 0
        assert measured(load_volume(path), labels) in ("T1w", "unknown")


def test_nothing_to_look_at() -> None:
    volume = Volume(np.random.default_rng(0).random((20, 20, 20)), np.eye(4), "noise")
    assert measured(volume, np.zeros(volume.shape, bool)) == "unknown"
    small = np.zeros(volume.shape, bool)
    small[0, 0, 0] = True
    assert measured(volume, small) == "unknown"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/sub-01_T2w.nii.gz", "T2w"),
        ("a/x-t1.nii", "T1w"),
        ("T1/ALBERT_01.nii.gz", "T1w"),
        ("T1/sub-01_T2w.nii.gz", "T2w"),
        ("a/T1_and_T2.nii.gz", "unknown"),
        ("a/T10.nii.gz", "unknown"),
        ("a/T2star.nii.gz", "unknown"),
        ("a/PT1.nii.gz", "unknown"),
    ],
)
def test_hint_of_a_name(path: str, expected: str) -> None:
    assert hinted_contrast(path) == expected


def noisy(voxels: Array) -> Array:
    draws = np.random.default_rng(0).uniform(400, 800, voxels.shape)
    return np.where(voxels > 0, draws, 0).astype(np.float32)


def test_name_counts_where_the_image_says_nothing(tmp_path: Path) -> None:
    unnamed, named = preflight([write_case(tmp_path / str(n), n, image=noisy) for n in ("a", "a_T2w")])
    assert unnamed.contrast == "unknown" and named.contrast == "T2w"


def test_name_that_contradicts_the_image(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("x_T1w.nii.gz", "x_labels.nii.gz")]
    for path, volume in zip(paths, sample(), strict=True):
        save_volume(path, volume)
    (report,) = preflight([Case("x", str(paths[0]), str(paths[1]), "x")])
    assert report.contrast == "unknown"
    assert [(problem.kind, problem.blocking) for problem in report.problems] == [("contrast", False)]
    assert "says T1w, but the image looks like T2w" in report.problems[0].message
