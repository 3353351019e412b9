from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import neosegdino
import pytest
import torch
from bundle_samples import NAME, class_spec, edit_manifest, make_bundle, make_spec
from neosegdino import bundle
from neosegdino.errors import BundleError, OutputError
from neosegdino.spec import DecoderSpec, EncoderSpec, EncoderWeights, WindowSpec
from safetensors.torch import save_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / NAME).folder


def test_written_bundle_is_read_back(folder: Path) -> None:
    loaded = bundle.load_bundle(folder)
    assert loaded.spec.files.keys() == {path.name for path in folder.iterdir()} - {"bundle.json"}
    assert msgspec.structs.replace(loaded.spec, files={}) == make_spec()
    assert loaded.path("CARD.md").read_text(encoding="utf-8") == "# Sample\n"
    assert len(loaded.sha256) == 64


def test_state_is_widened_to_float32(tmp_path: Path) -> None:
    tensors = {"a": torch.tensor([0.5], dtype=torch.bfloat16), "n": torch.tensor([3])}
    names = ("encoder.safetensors", "decoder.safetensors", "locator.safetensors")
    written = bundle.write_bundle(tmp_path / NAME, make_spec(), dict.fromkeys(names, tensors))
    state = written.state("decoder.safetensors")
    assert (state["a"].dtype, state["a"].item(), state["n"].dtype) == (torch.float32, 0.5, torch.int64)


def test_unlisted_names_lead_nowhere(folder: Path) -> None:
    for name in ("../secret", "/etc/passwd", "other.safetensors"):
        with pytest.raises(BundleError, match="has no file"):
            bundle.load_bundle(folder).path(name)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("windows", "size", 1), "wide", "$.windows.size[1]"),
        (("encoder", "slab"), 0, "$.encoder.slab"),
        (("classes", 0, "side"), "middle", "$.classes[0].side"),
        (("schema",), "neosegdino-bundle/9", "$.schema"),
        (("surprise",), 1, "surprise"),
        (("name",), "../elsewhere", "$.name"),
    ],
)
def test_wrong_field_is_named_with_its_path(folder: Path, path: tuple[Any, ...], value: Any, where: str) -> None:
    edit_manifest(folder, *path, value=value)
    with pytest.raises(BundleError) as caught:
        bundle.load_bundle(folder)
    assert where in caught.value.message
    assert str(folder) in caught.value.message


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": "name\n"}, "$.name"),
        ({"age_weeks": (53.0, 30.0)}, "$.age_weeks"),
        ({"decoder": DecoderSpec("linear", "../decoder.safetensors")}, "$.decoder.file"),
        ({"decoder": DecoderSpec("linear", "decoder.pth")}, "$.decoder.file"),
        ({"decoder": DecoderSpec("linear", "decoder.safetensors", arms="per-window")}, "$.windows.counts"),
        (
            {
                "decoder": DecoderSpec("linear", "decoder.safetensors", arms="per-window"),
                "windows": WindowSpec((32, 32, 32), counts=(2, 1, 1), mirrored=True),
            },
            "$.windows.mirrored",
        ),
        ({"encoder": EncoderSpec("vit", EncoderWeights("bundle"), (1,))}, "$.encoder.weights.file"),
        ({"encoder": EncoderSpec("vit", EncoderWeights("file", "/some/file.pth"), ())}, "$.encoder.blocks"),
        ({"encoder": EncoderSpec("vit", EncoderWeights("hub", tag="lvd1689m"), (1,), slab=2)}, "$.encoder.slab"),
        ({"classes": (class_spec(1, "left"), class_spec(1, "right"))}, "label 1 is used twice"),
        ({"classes": (class_spec(1, "left"),)}, "one left and one right class"),
        (
            {"classes": tuple(class_spec(label, side) for label, side in enumerate(("left", "right", "left"), 1))},
            "one left and one right class are needed, and no other",
        ),
        ({"classes": (class_spec(1, "left"), class_spec(256, "right"))}, "$.classes"),
        ({"locator": None}, "$.windows.default"),
    ],
)
def test_inconsistent_description_names_the_field(tmp_path: Path, changes: dict[str, Any], where: str) -> None:
    with pytest.raises(BundleError) as caught:
        make_bundle(tmp_path / NAME, **changes)
    assert where in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_bundle_without_locator_is_whole(tmp_path: Path) -> None:
    made = make_bundle(tmp_path / NAME, locator=None, windows=WindowSpec((32, 32, 32), default="all"))
    assert made.spec.locator is None


def test_missing_file(folder: Path) -> None:
    (folder / "decoder.safetensors").unlink()
    with pytest.raises(BundleError, match=r"decoder\.safetensors is missing"):
        bundle.load_bundle(folder, verify=False)


def test_linked_file_is_refused(folder: Path, tmp_path: Path) -> None:
    moved = (folder / "CARD.md").rename(tmp_path / "elsewhere.md")
    (folder / "CARD.md").symlink_to(moved)
    with pytest.raises(BundleError, match=r"CARD\.md is missing or not a plain file"):
        bundle.load_bundle(folder)


@pytest.mark.parametrize("name", ["run.py", "extra.safetensors", "model.pkl", "deeper"])
def test_unlisted_file_is_refused(folder: Path, name: str) -> None:
    if "." in name:
        (folder / name).write_bytes(b"")
    else:
        (folder / name).mkdir()
    with pytest.raises(BundleError, match=f"does not list: {name}"):
        bundle.load_bundle(folder, verify=False)


def test_a_bundle_of_before_says_no_age_and_no_spacing(folder: Path) -> None:
    manifest = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    del manifest["age_weeks"], manifest["max_spacing_mm"]
    (folder / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")
    spec = bundle.load_bundle(folder).spec
    assert (spec.age_weeks, spec.max_spacing_mm) == (None, None)


def test_debris_of_file_managers_is_ignored(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"x")
    assert bundle.load_bundle(folder)


def test_listed_pickle_is_refused(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"x")
    edit_manifest(folder, "files", "model.pkl", value={"sha256": "0" * 64, "bytes": 1})
    with pytest.raises(BundleError, match=r"model\.pkl is of a kind that a bundle may not hold"):
        bundle.load_bundle(folder, verify=False)


def test_altered_file_of_the_same_size_is_found_by_its_hash(folder: Path) -> None:
    path = folder / "encoder.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert bundle.load_bundle(folder, verify=False)
    with pytest.raises(BundleError, match=r"encoder\.safetensors is damaged or altered"):
        bundle.load_bundle(folder)


def test_cut_file_is_found_without_hashing(folder: Path) -> None:
    (folder / "encoder.safetensors").write_bytes(b"short")
    with pytest.raises(BundleError, match="5 bytes"):
        bundle.load_bundle(folder, verify=False)


def test_one_that_goes_while_it_is_read_is_a_bundle_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still_there = Path.is_file

    def gone_after_the_answer(path: Path) -> bool:
        answer = still_there(path)
        path.unlink()
        return answer

    monkeypatch.setattr(Path, "is_file", gone_after_the_answer)
    with pytest.raises(BundleError, match=r"bundle\.json went while it was read") as told:
        bundle.load_bundle(folder)
    assert "try again" in told.value.remedy


def test_damaged_tensors_are_a_bundle_error(folder: Path) -> None:
    loaded = bundle.load_bundle(folder)
    (folder / "encoder.safetensors").write_bytes(b"not tensors")
    with pytest.raises(BundleError, match=r"encoder\.safetensors cannot be read"):
        loaded.state("encoder.safetensors")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
def test_description_that_is_no_json_object(folder: Path, content: bytes) -> None:
    (folder / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        bundle.load_bundle(folder)


def test_oversized_description_is_not_read(folder: Path) -> None:
    (folder / "bundle.json").write_bytes(b" " * (2 << 20))
    with pytest.raises(BundleError, match="too large"):
        bundle.load_bundle(folder)


def test_folder_without_description(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a model bundle"):
        bundle.load_bundle(tmp_path)


def test_existing_bundle_is_kept_unless_replaced(folder: Path) -> None:
    before = bundle.load_bundle(folder).sha256
    with pytest.raises(BundleError, match="exists already"):
        make_bundle(folder, version="2.0.0")
    assert bundle.load_bundle(folder).sha256 == before
    names = ("encoder.safetensors", "decoder.safetensors", "locator.safetensors")
    tensors = {name: {"w": torch.zeros(1)} for name in names}
    bundle.write_bundle(folder, make_spec(version="2.0.0"), tensors, replace=True)
    assert bundle.load_bundle(folder).spec.version == "2.0.0"
    assert [path.name for path in folder.parent.iterdir()] == [NAME]


def test_failed_write_leaves_nothing_and_the_old_one(folder: Path) -> None:
    with pytest.raises(BundleError):
        bundle.write_bundle(folder, make_spec(), {}, replace=True)
    assert bundle.load_bundle(folder)
    assert [path.name for path in folder.parent.iterdir()] == [NAME]


def test_unwritable_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="Cannot write"):
        make_bundle(tmp_path / "file" / NAME)


def test_a_full_disk_is_an_output_error_and_leaves_the_old_one(
    folder: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    tensors = {"encoder.safetensors": {"w": torch.zeros(1 << 16)}}
    with full_disk(), pytest.raises(OutputError, match=f"{NAME}.*File too large"):
        bundle.write_bundle(folder, make_spec(), tensors, replace=True)
    assert bundle.load_bundle(folder)
    assert [path.name for path in folder.parent.iterdir()] == [NAME]


@pytest.mark.parametrize("name", ["../out.md", "run.sh", "bundle.json"])
def test_extra_files_need_plain_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="Cannot write a bundle"):
        bundle.write_bundle(tmp_path / NAME, make_spec(), {}, {name: "text"})
    assert list(tmp_path.iterdir()) == []


def test_schema_names_every_field_and_a_written_description_follows_it(folder: Path) -> None:
    schema = bundle.schema()
    fields = schema["$defs"]["BundleSpec"]["properties"]
    assert set(fields) == set(json.loads((folder / "bundle.json").read_text(encoding="utf-8")))


def test_reading_a_bundle_imports_no_torch(folder: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(neosegdino.__file__).parents[1])!r})\n"
        "import neosegdino.cli, neosegdino.progress, neosegdino.bundle_store, neosegdino.hub, neosegdino.weights\n"
        f"neosegdino.bundle_store.find_bundle({str(folder)!r})\n"
        "print([name for name in ('torch', 'timm', 'numpy', 'nibabel', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_safetensors_of_another_program_is_read(folder: Path) -> None:
    save_file({"w": torch.ones(2)}, folder / "decoder.safetensors", metadata={"format": "pt"})
    loaded = bundle.Bundle(folder, bundle.read_spec(folder / "bundle.json"))
    assert loaded.state("decoder.safetensors")["w"].tolist() == [1.0, 1.0]
