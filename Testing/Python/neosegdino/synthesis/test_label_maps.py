from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_heads import OUTSIDE, head_labels, write_map
from neosegdino.errors import VolumeError
from neosegdino.synthesis.anatomy import LEFT_HIPPOCAMPUS, PAIRS, RIGHT_HIPPOCAMPUS, TISSUES, tissue_of
from neosegdino.synthesis.label_maps import LabelMaps, load_label_maps, load_packed
from neosegdino.synthesis.newborn import Maturity


def test_labels_come_back_cropped_to_the_head(label_maps: LabelMaps) -> None:
    expected = head_labels()
    filled = np.argwhere(expected)
    low, high = filled.min(0), filled.max(0) + 1
    values = np.array(label_maps.labels)[label_maps.volumes[0]]
    assert np.array_equal(values, expected[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    assert label_maps.names == ("head_00.nii.gz", "head_01.nii.gz")
    for side, label in enumerate((LEFT_HIPPOCAMPUS, RIGHT_HIPPOCAMPUS)):
        assert np.allclose(label_maps.hippocampi[0, side], np.argwhere(expected == label).mean(0) - low, atol=1e-4)


def test_heads_of_other_sizes_share_one_grid(label_maps: LabelMaps) -> None:
    """The smaller head is padded with background at the far ends."""
    sizes = [np.argwhere(volume).max(0) + 1 for volume in label_maps.volumes]
    assert (sizes[1] < sizes[0]).all()
    assert label_maps.volumes.shape[1:] == tuple(sizes[0])
    assert label_maps.labels[0] == 0


@pytest.mark.parametrize("flips", [(-1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_files_of_any_orientation_give_the_same_ras_array(
    tmp_path: Path, label_maps: LabelMaps, flips: tuple[int, ...]
) -> None:
    labels = head_labels()[:: flips[0], :: flips[1], :: flips[2]].transpose(2, 0, 1)
    affine = np.zeros((4, 4))
    affine[[0, 1, 2], [1, 2, 0]] = flips
    affine[3, 3] = 1
    write_map(tmp_path / "turned.nii.gz", labels, affine)
    again = load_label_maps(tmp_path)
    assert np.array_equal(again.volumes[0], label_maps.volumes[0])
    assert np.allclose(again.hippocampi[0], label_maps.hippocampi[0])


def test_what_lies_far_below_the_hippocampi_is_cut_off(tmp_path: Path) -> None:
    write_map(tmp_path / "a.nii.gz", head_labels())
    high, low = load_label_maps(tmp_path, below_mm=20), load_label_maps(tmp_path)
    cut = low.volumes.shape[3] - high.volumes.shape[3]
    assert cut > 10
    assert np.array_equal(high.volumes, low.volumes[..., cut:])
    assert np.allclose(high.hippocampi[..., 2], low.hippocampi[..., 2] - cut)


def test_mirror_table_exchanges_the_sides_and_is_its_own_inverse(label_maps: LabelMaps) -> None:
    table = label_maps.mirror_table()
    assert np.array_equal(table[table], np.arange(len(table)))
    for left, right in ((17, 53), (2, 41), (3, 42), (4, 43)):
        assert table[label_maps.index(left)] == label_maps.index(right)
    for label in (0, 16, 24, OUTSIDE):
        assert table[label_maps.index(label)] == label_maps.index(label)


def test_packed_maps_are_the_same(tmp_path: Path, label_maps: LabelMaps) -> None:
    label_maps.save(tmp_path / "maps.npz")
    again = load_packed(tmp_path / "maps.npz")
    assert np.array_equal(again.volumes, label_maps.volumes)
    assert np.array_equal(again.hippocampi, label_maps.hippocampi)
    assert (again.labels, again.names) == (label_maps.labels, label_maps.names)
    assert again.heads == label_maps.heads == (0, 1)


def test_subset(label_maps: LabelMaps) -> None:
    some = label_maps.subset([1, 0])
    assert some.names == label_maps.names[::-1]
    assert np.array_equal(some.volumes, label_maps.volumes[::-1])
    assert np.array_equal(some.hippocampi, label_maps.hippocampi[::-1])


def test_every_head_in_every_maturity(tmp_path: Path, label_maps: LabelMaps) -> None:
    """The maps of a head follow one another under its number; its hippocampi stay where they are."""
    for number in range(2):
        write_map(tmp_path / f"head_{number:02}.nii.gz", head_labels(1 + 0.05 * number))
    maps = load_label_maps(tmp_path, maturities=(Maturity("plain"), Maturity("wide", ventricles_mm=2)))
    first, second = label_maps.names
    assert maps.names == (f"{first}, plain", f"{first}, wide", f"{second}, plain", f"{second}, wide")
    assert maps.heads == (0, 0, 1, 1)
    assert np.array_equal(maps.hippocampi, label_maps.hippocampi[[0, 0, 1, 1]])
    plain, wide = (int((maps.volumes[number] == maps.index(4)).sum()) for number in (0, 1))
    assert plain == (label_maps.volumes[0] == label_maps.index(4)).sum()
    assert wide > 1.5 * plain
    assert maps.subset([3, 0]).heads == (1, 0)
    for heads, names in (((1,), maps.names[2:]), ((0, 7), maps.names[:2]), ((), ())):
        assert maps.of_heads(heads).names == names


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="No label maps"):
        load_label_maps(tmp_path)


@pytest.mark.parametrize(
    ("label", "structure"), [(53, "hippocampus"), (2, "cerebral white matter"), (4, "lateral ventricle")]
)
def test_a_map_without_what_every_head_has_is_named(tmp_path: Path, label: int, structure: str) -> None:
    labels = head_labels()
    write_map(tmp_path / "a.nii.gz", labels)
    write_map(tmp_path / "b.nii.gz", np.where(labels == label, 0, labels))
    with pytest.raises(VolumeError, match=rf"b\.nii\.gz: no {structure} \(label {label}\)"):
        load_label_maps(tmp_path)


def test_other_voxel_sizes_are_refused(tmp_path: Path) -> None:
    write_map(tmp_path / "thick.nii.gz", head_labels(), np.diag([1.0, 1.0, 1.2, 1.0]))
    with pytest.raises(VolumeError, match=r"thick\.nii\.gz: the label map is not 1 mm isotropic"):
        load_label_maps(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.nii.gz").write_text("not an image")
    with pytest.raises(VolumeError, match=r"text\.nii\.gz"):
        load_label_maps(tmp_path)


def test_no_label_is_of_two_tissues_and_pairs_are_of_one() -> None:
    named = [label for labels in TISSUES.values() for label in labels]
    assert len(named) == len(set(named))
    assert all(tissue_of(left) == tissue_of(right) for left, right in PAIRS.items())
    assert tissue_of(OUTSIDE) == "extracerebral"
    assert tissue_of(LEFT_HIPPOCAMPUS) == "grey"
