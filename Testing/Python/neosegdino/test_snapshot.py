from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import phantom
import pytest
from neosegdino.errors import OutputError
from neosegdino.geometry import Grid
from neosegdino.snapshot import draw
from neosegdino.volume import Volume, load_volume
from PIL import Image


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def places(picture: np.ndarray, label: int) -> np.ndarray:
    """Return the (row, column) of the outline's pixels, the caption left out."""
    color = np.round(np.array(phantom.CLASSES[label - 1].color) * 255)
    return np.argwhere((picture == color).all(axis=-1)[:-40])


def first_panel(picture: np.ndarray) -> np.ndarray:
    return picture[:, : picture.shape[1] // 3]


def labels_on(grid: Grid) -> np.ndarray:
    return phantom.side_scores(phantom.everywhere(grid)).argmax(axis=0).astype(np.uint8)


@pytest.mark.parametrize("orientation", phantom.ORIENTATIONS[::7], ids=str)
def test_right_is_on_the_left_of_the_picture(
    tmp_path: Path, head_volume: Callable[[Grid], Volume], orientation: tuple
) -> None:
    grid = phantom.view(orientation, (0.9, 1.1, 1.8), (12, -17, 9))
    draw(head_volume(grid), labels_on(grid), phantom.CLASSES, tmp_path / "x.png")
    picture = first_panel(pixels(tmp_path / "x.png"))
    left, right = places(picture, 1), places(picture, 2)
    assert right[:, 1].mean() + 60 < left[:, 1].mean()
    for outline in (left, right):  # a ball is round: the aspect comes from the spacing
        assert 70 < np.ptp(outline[:, 0]) < 140
        assert np.ptp(outline[:, 0]) == pytest.approx(np.ptp(outline[:, 1]), rel=0.2)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.png"]


def test_front_and_top_are_where_the_letters_say(tmp_path: Path, head_volume: Callable[[Grid], Volume]) -> None:
    grid = phantom.view(phantom.ORIENTATIONS[29])
    front = phantom.CENTRE + np.array([0, 17, 11])
    labels = (np.linalg.norm(phantom.everywhere(grid) - front, axis=-1) < 5).astype(np.uint8)
    draw(head_volume(grid), labels, phantom.CLASSES, tmp_path / "x.png")
    picture = pixels(tmp_path / "x.png")
    middle = picture.shape[0] / 2
    rows_and_columns = [places(panel, 1) for panel in np.array_split(picture, 3, axis=1)]
    axial, coronal, sagittal = (found.mean(axis=0) for found in rows_and_columns)
    assert axial[0] < middle - 50, "A is above"
    assert coronal[0] < middle - 50, "S is above"
    assert sagittal[0] < middle - 50, "S is above"
    assert sagittal[1] < middle - 50, "A is on the left"


def test_the_picture_does_not_depend_on_the_orientation(tmp_path: Path, head_volume: Callable[[Grid], Volume]) -> None:
    pictures = []
    for index in (0, 13, 38):
        grid = phantom.view(phantom.ORIENTATIONS[index])
        draw(head_volume(grid), labels_on(grid), phantom.CLASSES, tmp_path / f"{index}.png")
        pictures.append(Image.open(tmp_path / f"{index}.png").convert("L").resize((300, 100)))
    first, *others = (np.asarray(picture).astype(int) for picture in pictures)
    for other in others:
        assert np.abs(other - first).mean() < 4


def test_no_labels_odd_names_and_damaged_voxels(tmp_path: Path, head_volume: Callable[[Grid], Volume]) -> None:
    grid = phantom.view(phantom.ORIENTATIONS[3])
    data = head_volume(grid).data.copy()
    data[0, 0, 0], data[20, 20, 20] = np.nan, 1e9
    volume = Volume(data, grid.affine, "Ünïcode " + "very long name " * 40 + ".nii.gz")
    draw(volume, np.zeros(grid.shape, np.uint8), phantom.CLASSES, tmp_path / "bild ä.png")
    picture = pixels(tmp_path / "bild ä.png")
    assert len(places(picture, 1)) == 0
    assert first_panel(picture).max() > 200
    assert picture.std() > 20


def test_a_speck_in_the_dark_is_shown(tmp_path: Path) -> None:
    data = np.zeros((60, 60, 60), np.float32)
    data[31, 31, 31] = 5
    volume = Volume(data, np.eye(4), "speck")
    draw(volume, np.zeros(data.shape, np.uint8), phantom.CLASSES, tmp_path / "x.png")
    assert (pixels(tmp_path / "x.png")[200:400, 200:400] > 200).any()


def test_a_missing_folder_is_an_output_error(tmp_path: Path, head_volume: Callable[[Grid], Volume]) -> None:
    grid = phantom.view(phantom.ORIENTATIONS[0], (2.0, 2.0, 2.0))
    with pytest.raises(OutputError, match="absent"):
        draw(head_volume(grid), labels_on(grid), phantom.CLASSES, tmp_path / "absent" / "x.png")


def test_real_images(tmp_path: Path, infant_images: list[Path]) -> None:
    for path in infant_images:
        volume = load_volume(path)
        draw(volume, np.zeros(volume.shape, np.uint8), phantom.CLASSES, tmp_path / "x.png")
        picture = pixels(tmp_path / "x.png")
        assert picture.shape[1] > 1200
        assert 20 < picture.mean() < 160
