from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from neosegdino.errors import OutputError
from neosegdino.training.feature_cache import FeatureCache

HEADER = 400
"""More bytes than a file takes beside its tensors."""
KIB = 1 << 10


def tensors(number: int, size: int = 16 * KIB) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(number)
    return {"windows": torch.randn(size // 4, generator=generator)}


def python(code: str, *arguments: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def told(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.strip()


def used(cache: FeatureCache, key: str, seconds: float) -> None:
    os.utime(cache.folder / f"{key}.safetensors", (seconds, seconds))


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features", 10**9)


def test_what_is_kept_comes_back(cache: FeatureCache) -> None:
    kept = {
        "0": torch.randn(1, 3, 4, 5).to(torch.float16),
        "1": torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4).permute(2, 0, 1),  # not contiguous
    }
    assert cache.get("key") is None
    cache.put("key", kept)
    found = cache.get("key")
    assert found is not None and found.keys() == kept.keys()
    for name, tensor in kept.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)
    assert cache.get("other") is None
    cache.put("key", {"0": torch.ones(2)})
    assert torch.equal(cache.get("key")["0"], torch.ones(2))  # type: ignore[index]
    assert [path.name for path in cache.folder.iterdir()] == ["key.safetensors"]


def test_nothing_is_made_before_something_is_kept(cache: FeatureCache) -> None:
    assert (cache.get("key"), cache.entries(), cache.bytes(), cache.clear()) == (None, [], 0, 0)
    assert not cache.folder.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "header"])
def test_a_damaged_file_is_a_miss_and_removed(cache: FeatureCache, damage: str) -> None:
    cache.put("key", tensors(1))
    (path,) = cache.entries()
    content = path.read_bytes()
    damaged = {"cut": content[:-1], "empty": b"", "garbage": b"\0" * 300, "header": b"\xff" * 8 + content[8:]}
    path.write_bytes(damaged[damage])
    assert cache.get("key") is None
    assert not path.exists()
    cache.put("key", tensors(1))
    assert cache.get("key") is not None


def test_beyond_the_limit_what_was_longest_unused_goes_first(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 4 * (16 * KIB + HEADER))
    for number, key in enumerate("abcd"):
        cache.put(key, tensors(number))
        used(cache, key, 1000 + number)
    assert cache.get("a") is not None  # now b is the one that was longest unused
    cache.put("e", tensors(5))
    assert sorted(path.stem for path in cache.entries()) == ["a", "c", "d", "e"]
    cache.put("f", tensors(6, 32 * KIB))
    assert sorted(path.stem for path in cache.entries()) == ["a", "e", "f"]
    assert cache.bytes() <= cache.limit_bytes


def test_the_bound_holds_over_many_and_over_what_was_there(tmp_path: Path) -> None:
    limit = 5 * (16 * KIB + HEADER)
    for number in range(3):
        cache = FeatureCache(tmp_path, limit)
        for key in range(12):
            cache.put(f"{number}-{key}", tensors(key, (8 if key % 2 else 16) * KIB))
            assert cache.bytes() <= limit
        assert len(cache.entries()) >= 4  # no more than necessary went


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 20 * KIB)
    cache.put("small", tensors(1))
    cache.put("large", tensors(2, 32 * KIB))
    assert [path.stem for path in cache.entries()] == ["small"]


def test_other_files_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    others = [tmp_path / "notes.txt", tmp_path / ".neosegdino-0123456789abcdef.safetensors", tmp_path / "sub"]
    others[2].mkdir()
    for path in (*others[:2], others[2] / "deep.safetensors"):
        path.write_bytes(b"x" * 100_000)
        os.utime(path, (1, 1))
    cache = FeatureCache(tmp_path, 2 * (16 * KIB + HEADER))
    for number in range(5):
        cache.put(str(number), tensors(number))
    assert [path.stem for path in cache.entries()] == ["3", "4"]
    size = cache.bytes()
    assert 32 * KIB <= size <= 32 * KIB + 2 * HEADER
    assert cache.clear() == size
    assert sorted(tmp_path.iterdir()) == sorted(others)
    assert (others[2] / "deep.safetensors").exists()


def test_clearing_takes_the_folder_when_nothing_else_is_in_it(cache: FeatureCache) -> None:
    cache.put("key", tensors(1))
    assert cache.clear() > 0
    assert not cache.folder.exists()
    cache.put("key", tensors(1))
    assert cache.get("key") is not None


_BUSY = """
import sys
from pathlib import Path
import torch
from neosegdino.training.feature_cache import FeatureCache
torch.set_num_threads(1)
own, hits = int(sys.argv[2]), 0
cache = FeatureCache(Path(sys.argv[1]), int(sys.argv[3]))
for turn in range(400):
    key = (turn * 7 + own * 3) % 13
    value = torch.full((4096,), float(key))
    found = cache.get(str(key))
    if found is None:
        cache.put(str(key), {"value": value})
    else:
        hits += 1
        assert torch.equal(found["value"], value), f"{key} holds something else"
    if turn % 50 == own:
        cache = FeatureCache(Path(sys.argv[1]), int(sys.argv[3]))
print(hits)
"""


def test_two_processes_write_and_evict_in_one_folder(tmp_path: Path) -> None:
    limit = 8 * (16 * KIB + HEADER)
    processes = [python(_BUSY, tmp_path, number, limit) for number in range(2)]
    hits = [int(told(process)) for process in processes]
    assert max(hits) > 0
    cache = FeatureCache(tmp_path, limit)
    assert 0 < len(cache.entries()) <= 13
    assert all(cache.get(path.stem) is not None for path in cache.entries())
    assert list(tmp_path.iterdir()) and all(not path.name.startswith(".") for path in tmp_path.iterdir())


def test_making_and_emptying_a_cache_needs_no_torch(cache: FeatureCache) -> None:
    cache.put("key", tensors(1))
    code = """
import sys
from pathlib import Path
from neosegdino.training.feature_cache import FeatureCache
cache = FeatureCache(Path(sys.argv[1]), 1)
freed = len(cache.entries()), cache.bytes(), cache.clear()
assert not {"torch", "numpy", "safetensors"} & set(sys.modules), "imported"
print(*freed)
"""
    count, size, freed = told(python(code, cache.folder)).split()
    assert (count, size) == ("1", freed) and int(freed) > 16 * KIB


# Where the system refuses.

_PUT = """
import sys
from pathlib import Path
import torch
from neosegdino.errors import OutputError
from neosegdino.training.feature_cache import FeatureCache
cache = FeatureCache(Path(sys.argv[1]), int(sys.argv[2]))
try:
    cache.put("new", {"value": torch.ones(256 << 10)})
except OutputError as error:
    print(error)
"""
_FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of processes are POSIX")
def test_a_write_that_the_system_cuts_off_leaves_no_half_file(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 10**9)
    cache.put("new", tensors(1))
    said = told(python(_FULL + _PUT, tmp_path, 10**9))
    assert "new.safetensors" in said and "File too large" in said
    assert [path.name for path in tmp_path.iterdir()] == ["new.safetensors"]
    assert torch.equal(cache.get("new")["windows"], tensors(1)["windows"])  # type: ignore[index]


def bound() -> tuple[str, ...]:
    """What starts a process that permissions bind, also where the tests run as root."""
    if os.name == "nt":
        pytest.skip("permission bits are POSIX")
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("needs a user whom permissions bind, or setpriv")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")


@pytest.mark.parametrize("limit", [10**9, (1 << 20) + 100])
def test_a_folder_that_cannot_be_written(tmp_path: Path, limit: int) -> None:
    """Also when there is something to make room for."""
    before = bound()
    FeatureCache(tmp_path, 10**9).put("old", tensors(1))
    tmp_path.chmod(0o555)
    try:
        said = told(python(_PUT, tmp_path, limit, before=before))
    finally:
        tmp_path.chmod(0o755)
    assert str(tmp_path) in said and "Permission denied" in said
    assert [path.name for path in tmp_path.iterdir()] == ["old.safetensors"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file" / "features", 10**9)
    assert cache.get("key") is None
    with pytest.raises(OutputError, match="features") as caught:
        cache.put("key", tensors(1))
    assert caught.value.remedy


_GET = """
import sys
from pathlib import Path
from neosegdino.training.feature_cache import FeatureCache
cache = FeatureCache(Path(sys.argv[1]), 10**9)
print(*(cache.get(key) is not None for key in ("whole", "damaged")))
"""


def test_reading_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    before = bound()
    cache = FeatureCache(tmp_path, 10**9)
    cache.put("whole", tensors(1))
    (tmp_path / "damaged.safetensors").write_bytes(b"x")
    tmp_path.chmod(0o555)
    try:
        assert told(python(_GET, tmp_path, before=before)) == "True False"
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file to another user")
def test_whole_files_of_another_user_are_used_and_left(tmp_path: Path) -> None:
    before = bound()
    FeatureCache(tmp_path, 10**9).put("whole", tensors(1))
    path = tmp_path / "whole.safetensors"
    path.chmod(0o644)
    os.chown(path, 65534, 65534)
    assert told(python(_GET, tmp_path, before=before)) == "True False"
    assert path.exists()
