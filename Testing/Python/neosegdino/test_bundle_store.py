from __future__ import annotations

import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from bundle_samples import NAME, edit_manifest, make_bundle, make_spec, zip_folder
from neosegdino import bundle_archive, bundle_store
from neosegdino.bundle import CURVES, load_bundle, write_bundle
from neosegdino.errors import BundleError, OutputError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LOCALAPPDATA", str(folder))
    monkeypatch.delenv(bundle_store.VARIABLE, raising=False)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "source" / NAME).folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def shown(root: Path) -> list[str]:
    """What a folder of bundles holds besides its lock."""
    return [path.name for path in root.iterdir() if path.name != ".lock"]


def archive_with(tmp_path: Path, source: Path, name: str, content: bytes = b"x", mode: int = 0) -> Path:
    archive = zip_folder(source, tmp_path / "bundle.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        opened.writestr(info, content)
    return archive


def test_install_from_a_folder(source: Path, root: Path) -> None:
    installed = bundle_store.install_bundle(source, root)
    assert installed.folder == root / NAME
    assert load_bundle(root / NAME).spec == load_bundle(source).spec
    assert shown(root) == [NAME]


@pytest.mark.parametrize("top", ["", f"{NAME}/", "another-name/"])
def test_install_from_a_zip(tmp_path: Path, source: Path, root: Path, top: str) -> None:
    installed = bundle_store.install_bundle(zip_folder(source, tmp_path / "bundle.zip", top), root)
    assert installed.folder == root / NAME
    assert load_bundle(installed.folder)


def test_zip_made_by_a_mac_installs(tmp_path: Path, source: Path, root: Path) -> None:
    archive = zip_folder(source, tmp_path / "bundle.zip", f"{NAME}/")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(f"__MACOSX/{NAME}/._bundle.json", b"x")
        opened.writestr(f"{NAME}/.DS_Store", b"x")
        opened.mkdir("__MACOSX/")
    assert bundle_store.install_bundle(archive, root)


def escape(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, "../escaped.txt")


def deep_escape(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, "a/../../escaped.txt")


def absolute(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, str(tmp_path / "escaped.txt"))


def drive(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, "C:escaped.txt")


def backslash(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, "..\\escaped.txt")


def symlink(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, "link.txt", b"/etc/passwd", stat.S_IFLNK | 0o777)


def surplus(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, "surplus.txt")


def deeper(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, "folder/surplus.txt")


def program(tmp_path: Path, source: Path) -> Path:
    return archive_with(tmp_path, source, "setup.py")


def twice(tmp_path: Path, source: Path) -> Path:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return archive_with(tmp_path, source, "CARD.md")


def wrong_hash(tmp_path: Path, source: Path) -> Path:
    edit_manifest(source, "files", "decoder.safetensors", "sha256", value="0" * 64)
    return zip_folder(source, tmp_path / "bundle.zip")


def missing(tmp_path: Path, source: Path) -> Path:
    (source / "decoder.safetensors").unlink()
    return zip_folder(source, tmp_path / "bundle.zip")


def no_manifest(tmp_path: Path, source: Path) -> Path:
    (source / "bundle.json").unlink()
    return zip_folder(source, tmp_path / "bundle.zip")


def cut(tmp_path: Path, source: Path) -> Path:
    archive = zip_folder(source, tmp_path / "bundle.zip")
    archive.write_bytes(archive.read_bytes()[:-200])
    return archive


def lying_size(tmp_path: Path, source: Path) -> Path:
    """A member that unpacks to far more than both of its headers say."""
    archive = archive_with(tmp_path, source, "bomb.txt")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("huge.txt", bytes(1 << 20))
    content = archive.read_bytes()
    archive.write_bytes(content.replace(struct.pack("<L", 1 << 20), struct.pack("<L", 10)))
    return archive


def folder_with_link(tmp_path: Path, source: Path) -> Path:
    (source / "CARD.md").unlink()
    (source / "CARD.md").symlink_to("/etc/hostname")
    return source


def folder_with_surplus(tmp_path: Path, source: Path) -> Path:
    (source / "install.sh").write_text("echo", encoding="utf-8")
    return source


def folder_with_wrong_schema(tmp_path: Path, source: Path) -> Path:
    edit_manifest(source, "windows", "size", value=[1, 2])
    return source


BAD: dict[Callable[[Path, Path], Path], str] = {
    escape: "leads out of the bundle",
    deep_escape: "leads out of the bundle",
    absolute: "leads out of the bundle",
    drive: "leads out of the bundle",
    backslash: "leads out of the bundle",
    symlink: "is a link",
    surplus: "does not list: surplus",
    deeper: "is not one of a bundle",
    program: "is not one of a bundle",
    twice: "is not one of a bundle",
    wrong_hash: r"decoder\.safetensors is damaged or altered",
    missing: r"decoder\.safetensors is missing",
    no_manifest: "is not one model bundle",
    cut: "is not a whole zip archive",
    lying_size: "is not a whole zip archive",
    folder_with_link: "not a plain file",
    folder_with_surplus: r"does not list: install\.sh",
    folder_with_wrong_schema: r"\$\.windows\.size",
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_bad_source_is_refused_and_the_installed_one_stays(
    tmp_path: Path, source: Path, root: Path, spoil: Callable[[Path, Path], Path]
) -> None:
    before = bundle_store.install_bundle(make_bundle(tmp_path / "old" / NAME, version="0.9.0").folder, root)
    with pytest.raises(BundleError, match=BAD[spoil]):
        bundle_store.install_bundle(spoil(tmp_path, source), root, replace=True)
    assert load_bundle(root / NAME) == before
    assert shown(root) == [NAME]
    assert not list(tmp_path.rglob("escaped*"))


def test_what_unpacks_too_large_is_stopped_while_unpacking(
    tmp_path: Path, source: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_archive, "MAX_BYTES", 4 << 20)
    archive = archive_with(tmp_path, source, "a.txt")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("bomb.txt", bytes(32 << 20))
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(BundleError, match="larger than a bundle may be"):
        bundle_store.install_bundle(archive, root)
    assert shown(root) == []


def test_too_large_folder(source: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_archive, "MAX_BYTES", 100)
    with pytest.raises(BundleError, match="larger than a bundle may be"):
        bundle_store.install_bundle(source, root)


def test_too_many_entries(tmp_path: Path, source: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_archive, "MAX_ENTRIES", 3)
    with pytest.raises(BundleError, match="more than 3 entries"):
        bundle_store.install_bundle(zip_folder(source, tmp_path / "bundle.zip"), root)


def test_existing_one_is_replaced_only_when_asked(tmp_path: Path, source: Path, root: Path) -> None:
    bundle_store.install_bundle(source, root)
    newer = make_bundle(tmp_path / "newer" / NAME, version="2.0.0").folder
    with pytest.raises(BundleError, match="is installed already") as caught:
        bundle_store.install_bundle(newer, root)
    assert "--replace" in caught.value.remedy
    assert load_bundle(root / NAME).spec.version == "1.0.0"
    bundle_store.install_bundle(newer, root, replace=True)
    assert load_bundle(root / NAME).spec.version == "2.0.0"
    assert shown(root) == [NAME]


def test_source_that_is_not_there(tmp_path: Path, root: Path) -> None:
    with pytest.raises(BundleError, match="There is no file or folder"):
        bundle_store.install_bundle(tmp_path / "absent.zip", root)


def test_source_that_is_no_zip(tmp_path: Path, root: Path) -> None:
    (tmp_path / "bundle.zip").write_bytes(b"hello")
    with pytest.raises(BundleError, match="is not a whole zip archive"):
        bundle_store.install_bundle(tmp_path / "bundle.zip", root)


def test_place_that_cannot_be_written(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="Cannot write"):
        bundle_store.install_bundle(source, tmp_path / "file")


def test_default_place_is_the_users_folder_unless_the_environment_names_one(
    home: Path, source: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home in bundle_store.install_bundle(source).folder.parents
    monkeypatch.setenv(bundle_store.VARIABLE, str(root))
    assert bundle_store.install_bundle(source).folder == root / NAME


def test_find_by_name_path_and_order(tmp_path: Path, source: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = bundle_store.install_bundle(source)
    assert bundle_store.find_bundle(NAME) == user
    assert bundle_store.find_bundle(source).folder == source
    monkeypatch.setenv(bundle_store.VARIABLE, str(root))
    first = bundle_store.install_bundle(make_bundle(tmp_path / "newer" / NAME, version="2.0.0").folder)
    assert bundle_store.find_bundle(NAME) == first
    assert [found.bundle for found in bundle_store.list_bundles() if found.folder.name == NAME] == [first]


def test_unknown_name_says_what_is_installed(source: Path) -> None:
    bundle_store.install_bundle(source)
    with pytest.raises(BundleError, match="No model bundle named 'other'") as caught:
        bundle_store.find_bundle("other")
    assert NAME in caught.value.remedy


def test_path_without_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="There is no model bundle at"):
        bundle_store.find_bundle(tmp_path / "nothing")


def test_broken_bundle_is_listed_with_its_reason(source: Path) -> None:
    folder = bundle_store.install_bundle(source).folder
    edit_manifest(folder, "encoder", "upsampling", value=0)
    (found,) = [found for found in bundle_store.list_bundles() if found.folder == folder]
    assert found.bundle is None
    assert found.problem is not None
    assert "$.encoder.upsampling" in found.problem.message


def test_folder_of_another_name_is_broken(source: Path) -> None:
    folder = bundle_store.install_bundle(source).folder
    moved = folder.rename(folder.with_name("renamed"))
    with pytest.raises(BundleError, match=f"holds a bundle of another name, {NAME}"):
        bundle_store.find_bundle(moved.name)


def test_removed_is_gone_and_an_unknown_name_is_told(source: Path) -> None:
    folder = bundle_store.install_bundle(source).folder
    assert bundle_store.remove_bundle(NAME) == folder
    assert shown(folder.parent) == []
    with pytest.raises(BundleError, match=f"No model bundle named '{NAME}'"):
        bundle_store.remove_bundle(NAME)


def test_broken_bundle_can_be_removed(source: Path) -> None:
    folder = bundle_store.install_bundle(source).folder
    (folder / "decoder.safetensors").unlink()
    bundle_store.remove_bundle(NAME)
    assert not folder.exists()


def test_shipped_bundle_stays() -> None:
    (found,) = [found for found in bundle_store.list_bundles() if found.folder.name == bundle_store.DEFAULT]
    assert found.shipped
    with pytest.raises(BundleError, match="came with NeoSegDINO and stays"):
        bundle_store.remove_bundle(bundle_store.DEFAULT)
    assert found.folder.is_dir()


def test_a_fine_tuned_bundle_is_told_from_others(tmp_path: Path, source: Path) -> None:
    assert not load_bundle(source).fine_tuned
    tensors = {name: {} for name in ("encoder.safetensors", "decoder.safetensors", "locator.safetensors")}
    tuned = write_bundle(tmp_path / "tuned", make_spec(), tensors, {CURVES: ""})
    assert tuned.fine_tuned
    assert tuned.bytes == sum(path.stat().st_size for path in tuned.folder.iterdir() if path.name != "bundle.json")


INSTALLING = """
import sys
sys.path[:0] = {path!r}
from neosegdino.bundle_store import install_bundle
from neosegdino.errors import NeoSegDINOError
for turn in range({turns}):
    try:
        install_bundle(sys.argv[1], {root!r}, replace=turn > 0)
    except NeoSegDINOError as error:
        print(error, flush=True)
"""
TURNS = 25


def test_processes_that_install_at_once_leave_one_whole_bundle(tmp_path: Path, root: Path) -> None:
    sources = [make_bundle(tmp_path / str(n) / NAME, version=f"{n}.0.0").folder for n in range(3)]
    code = INSTALLING.format(path=sys.path, root=str(root), turns=TURNS)
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(one)], stdout=subprocess.PIPE, text=True) for one in sources
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    refused = "".join(said).splitlines()
    assert len(refused) == 2  # of the three that did not want to replace, one came first
    assert all("is installed already" in line for line in refused)
    assert load_bundle(root / NAME).spec.version in ("0.0.0", "1.0.0", "2.0.0")
    assert shown(root) == [NAME]
