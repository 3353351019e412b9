from __future__ import annotations

import numpy as np
import phantom
import pytest
from neosegdino.geometry import Grid
from neosegdino.measure import asymmetry, centroids_ras, check_sides, volumes_mm3
from numpy.testing import assert_allclose


def balls(grid: Grid) -> np.ndarray:
    return phantom.side_scores(phantom.everywhere(grid)).argmax(axis=0).astype(np.uint8)


@pytest.mark.parametrize("orientation", phantom.ORIENTATIONS, ids=str)
def test_measures_do_not_depend_on_the_orientation(orientation: tuple) -> None:
    grid = phantom.view(orientation, (0.9, 1.1, 1.4), (14, -21, 33), fov_mm=50)
    labels = balls(grid)
    volumes = volumes_mm3(labels, grid.affine)
    assert set(volumes) == {1, 2}
    assert volumes[1] == pytest.approx(4 / 3 * np.pi * phantom.RADIUS**3, rel=0.05)
    centroids = centroids_ras(labels, grid.affine)
    assert_allclose(centroids[1], phantom.LEFT, atol=0.15)
    assert_allclose(centroids[2], phantom.RIGHT, atol=0.15)
    assert check_sides(labels, grid.affine, phantom.CLASSES) is None
    swapped = np.array([0, 2, 1], np.uint8)[labels]
    note = check_sides(swapped, grid.affine, phantom.CLASSES)
    assert note is not None
    assert note.startswith("Sides in doubt")


def test_shear_counts_in_the_volume() -> None:
    affine = np.array([[1.0, 0.5, 0, 0], [0, 0.8, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    labels = np.zeros((3, 3, 3), np.uint8)
    labels[0] = 4
    assert volumes_mm3(labels, affine) == {4: pytest.approx(9 * 1.6)}


def test_empty_and_one_sided_labels() -> None:
    labels = np.zeros((5, 5, 5), np.uint8)
    assert volumes_mm3(labels, np.eye(4)) == {}
    assert centroids_ras(labels, np.eye(4)) == {}
    assert check_sides(labels, np.eye(4), phantom.CLASSES) is None
    labels[4, 1, 2] = 2
    assert check_sides(labels, np.eye(4), phantom.CLASSES) is None
    assert_allclose(centroids_ras(labels, np.eye(4))[2], (4, 1, 2))


def test_asymmetry() -> None:
    assert asymmetry(1.0, 1.0) == 0
    assert asymmetry(0.9, 1.1) == pytest.approx(0.2)
    assert asymmetry(1.1, 0.9) == pytest.approx(-0.2)
    assert asymmetry(0, 1) == 2
    assert asymmetry(0, 0) == 0
