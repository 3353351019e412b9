from __future__ import annotations

import numpy as np
import phantom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neosegdino.errors import VolumeError
from neosegdino.geometry import Grid, bounds, box_on, check_affine, foreground_box, ras_grid, resample
from neosegdino.measure import centroids_ras, volumes_mm3
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

MODEL = ras_grid(np.stack([phantom.CENTRE - 22, phantom.CENTRE + 22], axis=1), (1.2, 1.2, 1.2))
TRUTH = phantom.head(phantom.everywhere(MODEL))
SCORES = phantom.side_scores(phantom.everywhere(MODEL))
SPACINGS = [(1.0, 1.0, 1.0), (0.7, 1.1, 1.9), (2.0, 0.6, 0.9)]
ROTATIONS = [(0.0, 0.0, 0.0), (12.0, -17.0, 9.0), (-40.0, 31.0, 44.0)]
CASES = [
    pytest.param(orientation, spacing, angles, id=f"{orientation[0]}{orientation[1]}-{spacing}-{angles}")
    for orientation in phantom.ORIENTATIONS
    for spacing, angles in [
        (SPACINGS[0], ROTATIONS[0]),
        (SPACINGS[1], ROTATIONS[0]),
        (SPACINGS[1], ROTATIONS[1]),
        (SPACINGS[2], ROTATIONS[2]),
    ]
]


def test_there_are_48_orientations() -> None:
    directions = {view.affine[:3, :3].tobytes() for view in map(phantom.view, phantom.ORIENTATIONS)}
    assert len(directions) == 48


@pytest.mark.parametrize(("orientation", "spacing", "angles"), CASES)
def test_one_head_gives_one_image_from_every_side(orientation: tuple, spacing: tuple, angles: tuple) -> None:
    source = phantom.view(orientation, spacing, angles)
    image = resample(phantom.head(phantom.everywhere(source)), source.affine, MODEL)
    assert image.dtype == np.float32
    error = np.abs(image - TRUTH)
    assert error.max() < 0.04
    assert error.mean() < 0.005
    assert np.abs(image[::-1] - TRUTH).max() > 0.4, "a mirrored head must not pass"


@pytest.mark.parametrize(("orientation", "spacing", "angles"), CASES)
def test_the_left_score_lands_on_the_left_of_every_source(orientation: tuple, spacing: tuple, angles: tuple) -> None:
    source = phantom.view(orientation, spacing, angles)
    back = resample(SCORES, MODEL.affine, source, fill=(4, -4, -4))
    labels = back.argmax(axis=0).astype(np.uint8)
    centroids = centroids_ras(labels, source.affine)
    assert centroids[1][0] < centroids[2][0]
    assert_allclose(centroids[1], phantom.LEFT, atol=0.3)
    assert_allclose(centroids[2], phantom.RIGHT, atol=0.3)
    for volume in volumes_mm3(labels, source.affine).values():
        assert volume == pytest.approx(4 / 3 * np.pi * phantom.RADIUS**3, rel=0.08)


def test_sheared_source() -> None:
    source = phantom.view(phantom.ORIENTATIONS[5], (0.8, 1.0, 1.3), fov_mm=80)
    shear = np.eye(4)
    shear[0, 1], shear[1, 2] = 0.2, -0.1
    affine = shear @ source.affine
    affine[:3, 3] += phantom.CENTRE - Grid(source.shape, affine).points(np.array(source.shape) / 2)
    source = Grid(source.shape, affine)
    image = resample(phantom.head(phantom.everywhere(source)), affine, MODEL)
    assert np.abs(image - TRUTH).max() < 0.04


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, ">i2", np.int64, np.float32, np.float64, bool])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_same_grid_gives_the_same_values(dtype: str, order: str) -> None:
    data = np.asarray(np.random.default_rng(1).integers(0, 200, (7, 5, 6)), dtype=dtype, order=order)
    grid = phantom.view(((2, 0, 1), (-1, 1, -1)), (0.7, 1.1, 1.9), (12, 3, 5))
    assert_allclose(resample(data, grid.affine, Grid(data.shape, grid.affine)), data.astype(np.float32), rtol=1e-6)


def test_parallel_and_oblique_roads_agree() -> None:
    rng = np.random.default_rng(2)
    data = rng.random((30, 26, 22), dtype=np.float32)
    for target in (MODEL, ras_grid(np.stack([phantom.CENTRE - 9, phantom.CENTRE + 9], axis=1), (2.5, 3.0, 0.5))):
        source = phantom.view(((1, 2, 0), (-1, 1, -1)), (0.9, 1.4, 1.7)).affine
        turned = source.copy()
        turned[:3, :3] = Rotation.from_euler("z", 2e-4).as_matrix() @ source[:3, :3]
        source[:3, 3] = turned[:3, 3] = phantom.CENTRE - source[:3, :3] @ (15, 13, 11)
        parallel, oblique = resample(data, source, target, fill=0.5), resample(data, turned, target, fill=0.5)
        assert not np.array_equal(parallel, oblique)
        assert np.mean(np.abs(parallel - oblique) > 0.02) < 0.005


def test_channels_are_resampled_each_with_its_own_fill() -> None:
    data = np.stack([np.full((4, 4, 4), value) for value in (1.0, 2.0)])
    result = resample(data, np.eye(4), Grid((8, 4, 4), np.eye(4)), fill=(-1, -2))
    assert_allclose(result[0, :4], 1)
    assert_allclose(result[1, :4], 2)
    assert_allclose(result[0, 4:], -1)
    assert_allclose(result[1, 4:], -2)


@pytest.mark.parametrize("angle", [0.0, 1e-3])
def test_a_value_holds_up_to_the_edge_of_its_voxel(angle: float) -> None:
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler("x", angle).as_matrix()
    affine = turned @ np.diag([0.1, 1, 1, 1])
    affine[0, 3] = -1.05
    result = resample(np.ones((4, 3, 3)), np.eye(4), Grid((60, 3, 3), affine), fill=9)[:, 1, 1]
    assert_allclose(result, [9] * 6 + [1] * 40 + [9] * 14)


@pytest.mark.parametrize("angles", [(0, 0, 0), (0, 0, 30)])
def test_a_coarser_grid_does_not_alias(angles: tuple) -> None:
    stripes = np.zeros((60, 60, 60))
    stripes[::2] = 1
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * 0.5
    middle = affine[:3, :3] @ np.full(3, 29.5)
    grid = ras_grid(np.stack([middle - 4, middle + 4], axis=1), (2.0, 2.0, 2.0))
    assert_allclose(resample(stripes, affine, grid), 0.5, atol=0.02)
    finer = ras_grid(np.stack([middle - 4, middle + 4], axis=1), (0.4, 0.4, 0.4))
    assert np.ptp(resample(stripes, affine, finer)) > 0.75, "a finer grid must not be smoothed"


def test_thick_slices_are_not_smoothed_across() -> None:
    data = np.zeros((40, 40, 10))
    data[:, :, 5] = 1
    affine = np.diag([0.5, 0.5, 3.0, 1])
    through = Grid((5, 5, 30), np.diag([1.0, 1, 1, 1]))
    profile = resample(data, affine, Grid(through.shape, through.affine))[2, 2]
    assert_allclose(profile[12:19], [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0], atol=1e-5)


def test_only_the_needed_part_is_read() -> None:
    endless = np.broadcast_to(np.float32(3), (200_000, 200_000, 200_000))
    affine = np.diag([1.0, 1, 1, 1])
    affine[:3, 3] = -100_000
    assert_allclose(resample(endless, affine, MODEL), 3, rtol=1e-6)


def test_a_grid_beside_the_source_is_all_fill() -> None:
    away = Grid((3, 4, 5), np.diag([1.0, 1, 1, 1]) + np.array([[0, 0, 0, 500]] + [[0] * 4] * 3))
    assert_array_equal(resample(np.ones((4, 4, 4)), np.eye(4), away, fill=-7), np.full((3, 4, 5), -7))
    box = box_on(away, (4, 4, 4), np.eye(4))
    assert np.ones((4, 4, 4))[box].size == 0


angles = st.tuples(*[st.floats(-180, 180)] * 3)
spacings = st.tuples(*[st.floats(0.2, 4)] * 3)


@settings(max_examples=60, deadline=None)
@given(spacing=spacings, turn=angles, target=spacings)
def test_grids_cover_what_they_are_asked_to(spacing: tuple, turn: tuple, target: tuple) -> None:
    source = phantom.view(phantom.ORIENTATIONS[11], spacing, turn, fov_mm=20)
    limits = bounds(source.shape, source.affine)
    grid = ras_grid(limits, target)
    covered = bounds(grid.shape, grid.affine)
    assert (covered[:, 0] <= limits[:, 0] + 1e-4).all()
    assert (covered[:, 1] >= limits[:, 1] - 1e-4).all()
    assert (np.ptp(covered, axis=1) < np.ptp(limits, axis=1) + np.array(target) + 1e-4).all()
    assert_allclose(covered.mean(axis=1), limits.mean(axis=1), atol=1e-6)
    corners = np.array(np.meshgrid(*[(-0.5, count - 0.5) for count in source.shape])).reshape(3, -1).T
    inside = grid.indices(source.points(corners))
    assert (inside >= -0.5 - 1e-3).all()
    assert (inside <= np.array(grid.shape) - 0.5 + 1e-3).all()
    assert_allclose(grid.points(inside), source.points(corners), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(spacing=spacings, turn=angles)
def test_the_box_on_another_grid_holds_all_that_meets_the_grid(spacing: tuple, turn: tuple) -> None:
    source = phantom.view(phantom.ORIENTATIONS[23], spacing, turn, fov_mm=20)
    small = ras_grid(np.stack([phantom.CENTRE - 4, phantom.CENTRE + 5], axis=1), (0.8, 0.8, 0.8))
    inside = small.indices(phantom.everywhere(source))
    meets = ((inside >= -0.5) & (inside <= np.array(small.shape) - 0.5)).all(axis=-1)
    box = box_on(small, source.shape, source.affine)
    assert meets.sum() == meets[box].sum()
    part = source.crop(box)
    assert part.shape == meets[box].shape
    assert_allclose(phantom.everywhere(part), phantom.everywhere(source)[box], atol=1e-9)


def test_foreground_box() -> None:
    data = np.zeros((10, 11, 12))
    data[2:5, 3:4, 6:12] = 2
    box = foreground_box(data, 1)
    assert_array_equal(box, [[2, 5], [3, 4], [6, 12]])
    assert_array_equal(foreground_box(data, 5), [[0, 10], [0, 11], [0, 12]])
    affine = np.diag([-2.0, 1, 1, 1])
    assert_allclose(bounds(data.shape, affine, box), [[-9, -3], [2.5, 3.5], [5.5, 11.5]])


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (np.diag([1.0, 1, 0, 1]), "voxel size"),
        (np.diag([1.0, 1, 0.04, 1]), "voxel size"),
        (np.diag([1.0, 11, 1, 1]), "voxel size"),
        (np.diag([1.0, np.nan, 1, 1]), "finite"),
        (np.diag([1.0, 1, 1, 2]), "affine"),
        (np.eye(3), "affine"),
        (np.array([[1.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]), "voxel size"),
        (np.array([[1.0, 1, 0, 0], [0, 0.001, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "singular"),
    ],
)
def test_unusable_affines_are_refused(affine: np.ndarray, words: str) -> None:
    with pytest.raises(VolumeError, match=f"scan.nii.*{words}") as caught:
        check_affine(affine, "scan.nii")
    assert caught.value.remedy


def test_usable_affines_pass() -> None:
    for orientation in phantom.ORIENTATIONS:
        check_affine(phantom.view(orientation, (0.3, 0.9, 6.0), (20, 30, 40)).affine, "scan.nii")
