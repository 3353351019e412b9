from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import phantom
import pytest
from neosegdino.errors import OutputError, VolumeError
from neosegdino.geometry import Grid, ras_grid, resample
from neosegdino.volume import Volume, load_volume, save_labels, save_volume
from numpy.testing import assert_allclose, assert_array_equal

RAMP = np.arange(4 * 5 * 6).reshape(4, 5, 6)
AFFINE = np.array([[-0.8, 0.1, 0, 40], [0.08, 1.0, 0.2, -20], [0, -0.2, 1.5, 7], [0, 0, 0, 1.0]])
OBLIQUE = phantom.view(((1, 0, 2), (1, -1, 1)), (0.7, 1.1, 1.9), (12, -17, 9)).affine


def written(path: Path, data: np.ndarray, affine: np.ndarray = OBLIQUE, *, sform: int = 1, qform: int = 1) -> Path:
    """Write a NIfTI file by nibabel alone."""
    image = nib.Nifti1Image(data, affine, dtype=data.dtype)
    image.set_sform(affine, code=sform)
    image.set_qform(affine, code=qform)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("orientation", phantom.ORIENTATIONS[::5], ids=str)
def test_a_file_holds_the_head_where_it_is(
    tmp_path: Path, head_volume: Callable[[Grid], Volume], orientation: tuple, suffix: str
) -> None:
    """Left-handed and oblique grids alike come back with the same voxels at the same places."""
    volume = head_volume(phantom.view(orientation, (1.4, 1.9, 1.1), (12.0, -17.0, 9.0)))
    save_volume(tmp_path / f"head{suffix}", volume)
    loaded = load_volume(tmp_path / f"head{suffix}")
    assert_allclose(loaded.affine, volume.affine, atol=1e-5)
    assert_array_equal(loaded.data, volume.data)
    assert loaded.notes == ()
    assert loaded.source == f"head{suffix}"
    grid = ras_grid(np.stack([phantom.CENTRE - 18, phantom.CENTRE + 18], axis=1), (1.5, 1.5, 1.5))
    truth = phantom.head(phantom.everywhere(grid))
    assert np.abs(resample(loaded.data, loaded.affine, grid) - truth).max() < 0.04
    header = nib.load(tmp_path / f"head{suffix}").header
    assert (header["sform_code"], header["qform_code"]) == (1, 1)
    assert_allclose(header.get_qform(), volume.affine, atol=1e-4)


def test_a_sheared_affine_is_written_as_sform_only(tmp_path: Path) -> None:
    save_volume(tmp_path / "x.nii.gz", Volume(RAMP.astype(np.int16), AFFINE, "x"))
    loaded = load_volume(tmp_path / "x.nii.gz")
    assert_allclose(loaded.affine, AFFINE, atol=1e-6)
    assert loaded.notes == ()
    header = nib.load(tmp_path / "x.nii.gz").header
    assert (header["sform_code"], header["qform_code"]) == (1, 0)
    assert_allclose(header.get_zooms(), np.linalg.norm(AFFINE[:3, :3], axis=0), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", ">i2", "u2", "<i4", ">i4", "u4", "i8", "f4", ">f4", "f8", ">f8"])
def test_types_are_kept(tmp_path: Path, dtype: str) -> None:
    data = RAMP.astype(dtype)
    header = nib.Nifti1Header(endianness=">") if dtype.startswith(">") else None
    image = nib.Nifti1Image(data, OBLIQUE, header, dtype=data.dtype)
    nib.save(image, tmp_path / "x.nii")
    loaded = load_volume(tmp_path / "x.nii")
    assert loaded.data.dtype == np.dtype(dtype).newbyteorder("=")
    assert loaded.data.dtype.isnative
    assert_array_equal(loaded.data, data)


def test_scaling_is_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(RAMP.astype(np.int16), OBLIQUE)
    image.header.set_slope_inter(0.25, -3)
    nib.save(image, tmp_path / "x.nii.gz")
    raw = nib.load(tmp_path / "x.nii.gz").dataobj.get_unscaled()
    assert raw.dtype == np.int16
    loaded = load_volume(tmp_path / "x.nii.gz")
    assert loaded.data.dtype == np.float32
    assert_allclose(loaded.data, raw * 0.25 - 3, rtol=1e-6)


def test_nifti_2(tmp_path: Path) -> None:
    nib.save(nib.Nifti2Image(RAMP.astype(np.uint8), OBLIQUE), tmp_path / "x.nii")
    loaded = load_volume(tmp_path / "x.nii")
    assert_array_equal(loaded.data, RAMP)
    assert_array_equal(loaded.affine, OBLIQUE)


def test_one_frame_is_taken_out_and_noted(tmp_path: Path) -> None:
    loaded = load_volume(written(tmp_path / "x.nii.gz", RAMP.astype(np.int16)[..., None, None]))
    assert_array_equal(loaded.data, RAMP)
    assert any("one frame" in note for note in loaded.notes)


def test_qform_alone(tmp_path: Path) -> None:
    loaded = load_volume(written(tmp_path / "x.nii", RAMP.astype(np.uint8), sform=0))
    assert_allclose(loaded.affine, OBLIQUE, atol=1e-5)


def test_the_file_may_be_replaced_while_the_volume_lives(tmp_path: Path) -> None:
    path = written(tmp_path / "x.nii", RAMP.astype(np.int16))
    loaded = load_volume(path)
    written(path, np.zeros_like(RAMP, dtype=np.int16))
    assert_array_equal(loaded.data, RAMP)


def two_forms(path: Path, sform: np.ndarray, qform: np.ndarray) -> Volume:
    image = nib.Nifti1Image(RAMP.astype(np.int16), None)
    image.set_sform(sform, code=1)
    image.set_qform(qform, code=1)
    nib.save(image, path)
    return load_volume(path)


def test_small_differences_of_the_forms_are_silent(tmp_path: Path) -> None:
    qform = OBLIQUE.copy()
    qform[:3, 3] += 0.2
    assert two_forms(tmp_path / "x.nii", OBLIQUE, qform).notes == ()


@pytest.mark.parametrize("change", ["turn", "shift"])
def test_a_disagreement_of_the_forms_is_noted_and_the_sform_wins(tmp_path: Path, change: str) -> None:
    base = phantom.view(phantom.ORIENTATIONS[0])
    angle, shift = (2.0, 0.0) if change == "turn" else (0.0, 0.8)
    qform = phantom.view(phantom.ORIENTATIONS[0], angles_deg=(0, 0, angle)).affine
    qform[:3, 3] = base.affine[:3, 3] + (shift, 0, 0)
    loaded = two_forms(tmp_path / "x.nii", base.affine, qform)
    assert_allclose(loaded.affine, base.affine, atol=1e-5)
    (note,) = loaded.notes
    assert "qform and sform differ" in note
    assert f"{angle:.1f} degrees" in note


@pytest.mark.parametrize("flip", [(-1, 1, 1), (-1, -1, 1), (1, 1, -1)])
def test_a_conflict_of_sides_is_loud(tmp_path: Path, flip: tuple) -> None:
    loaded = two_forms(tmp_path / "x.nii", OBLIQUE, OBLIQUE @ np.diag([*np.roll(flip, 1), 1]))
    assert_allclose(loaded.affine, OBLIQUE, atol=1e-5)
    assert loaded.notes[0].startswith("Orientation conflict:")


def test_no_orientation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match=r"x\.nii.*left and right cannot be told"):
        load_volume(written(tmp_path / "x.nii", RAMP.astype(np.int16), sform=0, qform=0))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (RAMP.astype(np.complex64), "complex"),
        (np.zeros((4, 5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]), "colours"),
        (np.stack([RAMP, RAMP], axis=-1).astype(np.int16), "several frames"),
        (RAMP.astype(np.int16)[..., None, None].repeat(3, axis=4), "several frames"),
        (RAMP.astype(np.int16)[:, :, :1], "not a 3D image"),
        (RAMP.astype(np.int16)[:, :, 0], "not a 3D image"),
        (RAMP.astype(np.int16)[:, :, :0], "not a 3D image"),
        (np.full((4, 5, 6), 7, np.int16), "empty"),
        (np.full((4, 5, 6), np.nan, np.float32), "empty"),
        (np.where(RAMP > 50, np.nan, 3).astype(np.float32), "empty"),
    ],
)
def test_images_that_do_not_suit_are_refused(tmp_path: Path, data: np.ndarray, words: str) -> None:
    with pytest.raises(VolumeError, match=rf"x\.nii.*{words}") as caught:
        load_volume(written(tmp_path / "x.nii", data))
    assert caught.value.remedy


@pytest.mark.parametrize(
    "damage", ["cut.nii.gz", "cut.nii", "cut_header.nii", "text.nii", "text.nii.gz", "bits.nii.gz"]
)
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 20, 20)).astype(np.uint8)
    whole = written(tmp_path / f"whole.{damage.partition('.')[2]}", noise).read_bytes()
    content = {
        "cut": whole[: len(whole) // 2],
        "cut_header": whole[:200],
        "text": b"no image at all " * 40,
        "bits": whole[:3000] + bytes(500) + whole[3500:],
    }[damage.partition(".")[0]]
    if damage == "text.nii.gz":
        content = gzip.compress(content)
    (tmp_path / damage).write_bytes(content)
    with pytest.raises(VolumeError, match=damage) as caught:
        load_volume(tmp_path / damage)
    assert caught.value.remedy


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.nii", tmp_path):
        with pytest.raises(VolumeError, match="no such file"):
            load_volume(path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(RAMP.astype(np.int16), OBLIQUE), tmp_path / "x.mgz")
    with pytest.raises(VolumeError, match=r"x\.mgz is not a single-file NIfTI"):
        load_volume(tmp_path / "x.mgz")


def test_a_singular_affine_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(RAMP.astype(np.int16), OBLIQUE)
    nib.save(image, tmp_path / "x.nii")
    content = bytearray((tmp_path / "x.nii").read_bytes())
    content[280:296] = content[296:312]  # the sform's first row becomes its second
    (tmp_path / "x.nii").write_bytes(content)
    with pytest.raises(VolumeError, match=r"x\.nii.*singular"):
        load_volume(tmp_path / "x.nii")


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [(bool, "u1"), (np.float16, "f4"), (np.int64, "i4"), (np.uint64, "i4"), (np.uint16, "u2"), (np.float64, "f8")],
)
def test_types_that_are_rare_are_saved_as_common_ones(tmp_path: Path, dtype: type, stored: str) -> None:
    save_volume(tmp_path / "x.nii", Volume(RAMP.astype(dtype), OBLIQUE, "x"))
    loaded = load_volume(tmp_path / "x.nii")
    assert loaded.data.dtype == stored
    assert_array_equal(loaded.data, RAMP.astype(dtype))


def test_integers_beyond_32_bits(tmp_path: Path) -> None:
    save_volume(tmp_path / "x.nii", Volume(RAMP.astype(np.int64) << 33, OBLIQUE, "x"))
    assert_array_equal(load_volume(tmp_path / "x.nii").data, RAMP.astype(float) * 2**33)


def test_labels_are_small_and_on_the_reference_grid(tmp_path: Path) -> None:
    reference = Volume(RAMP.astype(np.float32), AFFINE, "x")
    labels = (RAMP % 3).astype(np.uint8)
    save_labels(tmp_path / "labels.nii.gz", labels, reference)
    loaded = load_volume(tmp_path / "labels.nii.gz")
    assert loaded.data.dtype == np.uint8
    assert_array_equal(loaded.data, labels)
    assert_allclose(loaded.affine, AFFINE, atol=1e-6)
    with pytest.raises(ValueError, match="do not fit"):
        save_labels(tmp_path / "labels.nii.gz", labels[1:], reference)


def test_empty_labels_can_be_saved(tmp_path: Path) -> None:
    save_labels(tmp_path / "x.nii.gz", np.zeros(RAMP.shape, np.uint8), Volume(RAMP, OBLIQUE, "x"))
    assert not nib.load(tmp_path / "x.nii.gz").get_fdata().any()


def test_saving_elsewhere_than_nifti_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "x.nrrd", tmp_path / "absent" / "x.nii"):
        with pytest.raises(OutputError, match="Cannot write"):
            save_volume(path, Volume(RAMP, OBLIQUE, "x"))
    assert list(tmp_path.iterdir()) == []


def test_properties() -> None:
    volume = Volume(RAMP, OBLIQUE, "x")
    assert volume.shape == (4, 5, 6)
    assert_allclose(volume.spacing, (0.7, 1.1, 1.9))
    assert volume.voxel_volume == pytest.approx(0.7 * 1.1 * 1.9)
    assert volume.axis_codes == ("A", "L", "S")
    with pytest.raises(VolumeError, match="3 dimensions"):
        Volume(RAMP[0], OBLIQUE, "x")
    with pytest.raises(VolumeError, match=r"singular|voxel size"):
        Volume(RAMP, np.diag([1, 1, 0, 1.0]), "x")


def test_real_images(infant_images: list[Path]) -> None:
    for path in infant_images:
        volume = load_volume(path)
        assert volume.notes == ()
        assert volume.data.dtype == np.uint16
        assert volume.axis_codes == ("R", "A", "S")
        assert_allclose(volume.spacing, 0.8, rtol=1e-5)
