"""What the benchmark of real images says of a pair of contrasts, from answers that are made by hand."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from neosegdino.geometry import Grid
from neosegdino.segment import Segmentation
from neosegdino.volume import Volume

SHAPE = (20, 12, 10)


def answer(left: int, right: int) -> Segmentation:
    """Two boxes, so many voxels long."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:8, :left, 4], labels[12:18, :right, 4] = 1, 2
    rows = [{"side": side, "volume_ml": 6 * length} for side, length in (("left", left), ("right", right))]
    volume = Volume(np.zeros(SHAPE, np.float32), np.eye(4), "infant_T1w.nii.gz")
    return Segmentation(volume, labels, np.ones(SHAPE, np.float32), {"hippocampus": rows})


def test_poses_are_the_image_and_the_same_voxels_tilted_about_its_middle(accuracy: ModuleType) -> None:
    affine = np.diag((0.8, 0.9, 1.1, 1.0))
    affine[:3, 3] = (5, -20, 3)
    volume = Volume(np.zeros(SHAPE, np.float32), affine, "image")
    first, *tilted = accuracy.poses(volume)
    assert first is volume and len(tilted) == 6
    middle = (np.array(SHAPE) - 1) / 2
    turns = []
    for pose in tilted:
        assert pose.data is volume.data
        assert Grid(SHAPE, pose.affine).points(middle) == pytest.approx(Grid(SHAPE, affine).points(middle))
        turn = pose.affine[:3, :3] @ np.linalg.inv(affine[:3, :3])
        assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(accuracy.TILT_DEG)
        turns.append(turn)
    assert all(not np.allclose(a, b) for place, a in enumerate(turns) for b in turns[:place])


def test_a_pair_is_told_as_it_is_and_over_its_poses(accuracy: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    first = [answer(10, 8), answer(10, 8), answer(10, 10)]
    second = [answer(10, 10), answer(8, 8), answer(10, 8)]
    figures = accuracy.compare_contrasts(first, second)
    told = [(row.count, row.metric, round(row.mean, 4)) for row in figures]
    assert told == [
        (1, "agreement (Dice), left", 1.0),
        (1, "agreement (Dice), right", round(16 / 18, 4)),
        (1, "difference of volumes (%), left", 0.0),
        (1, "difference of volumes (%), right", 25.0),
        (3, "agreement (Dice), left", round((2 + 16 / 18) / 3, 4)),
        (3, "agreement (Dice), right", round((1 + 32 / 18) / 3, 4)),
        (3, "difference of volumes (%), left", round(25 / 3, 4)),
        (3, "difference of volumes (%), right", round(50 / 3, 4)),
    ]
    assert "in 3 poses % apart left 8.3 (sd 14.4), right 16.7 (sd 14.4)" in capsys.readouterr().out


def test_an_empty_side_in_any_pose_stops(accuracy: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"infant_T1w\.nii\.gz: a side is empty"):
        accuracy.compare_contrasts([answer(5, 5), answer(5, 0)], [answer(5, 5), answer(5, 5)])
