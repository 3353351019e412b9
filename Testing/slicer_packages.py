"""What installing NeoSegDINO's Python packages would change in Slicer's own: nothing, or this says what.

    python Testing/slicer_packages.py --python python3.12 --slicer 5.12.3

makes an environment with the packages that this release of Slicer brings (`slicer_packages.json`), asks pip what the
installation at the first click would do (``pip install --dry-run``), and fails if a package of Slicer would be
changed. Needs network. The tests check the same without network, on the metadata of what is installed here.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FACTS = Path(__file__).with_suffix(".json")
MODULE = Path(__file__).resolve().parents[1] / "NeoSegDINO"
RESOURCES = MODULE / "Resources"
FILES = (RESOURCES / "requirements.txt", RESOURCES / "requirements-training.txt")
TORCH = ("torch>=2.4,<3", "torchvision>=0.19,<1")
WITHOUT_DEPENDENCIES = ("timm", "monai")


@dataclass(frozen=True)
class Slicer:
    """A release of Slicer: its Python and the versions of its packages, by canonical name."""

    release: str
    python: str
    packages: dict[str, str]


def releases() -> dict[str, Slicer]:
    """Return the known releases of Slicer."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    return {
        release: Slicer(release, found["python"], {canonicalize_name(n): v for n, v in found["packages"].items()})
        for release, found in facts.items()
    }


def wanted() -> list[Requirement]:
    """Return everything that the module asks for."""
    lines = [line.partition("#")[0].strip() for file in FILES for line in file.read_text("utf-8").splitlines()]
    return [Requirement(line) for line in (*TORCH, *lines) if line]


def conflicts(
    slicer: Slicer,
    roots: Iterable[Requirement],
    requires: Callable[[str], list[str]] = lambda name: importlib.metadata.requires(name) or [],
) -> list[str]:
    """List what does not accept Slicer's own version of a package.

    Parameters
    ----------
    slicer : Slicer
        The release.
    roots : iterable of Requirement
        What is to be installed.
    requires : callable, optional
        Requirements of a package that Slicer lacks; by default those of the one that is installed here.
    """
    environment = {
        "python_version": slicer.python.rpartition(".")[0],
        "python_full_version": slicer.python,
        "extra": "",
    }
    found = []
    for asker, requirement in _all(slicer, roots, requires, environment):
        version = slicer.packages.get(canonicalize_name(requirement.name))
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{asker} wants {requirement}, Slicer {slicer.release} has {version}")
    return found


def _all(
    slicer: Slicer,
    roots: Iterable[Requirement],
    requires: Callable[[str], list[str]],
    environment: dict[str, str],
) -> Iterator[tuple[str, Requirement]]:
    """Every requirement that counts, with who asks for it."""
    waiting, seen = [("NeoSegDINO", root) for root in roots], set()
    while waiting:
        asker, requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        yield asker, requirement
        if name in seen or name in slicer.packages or name in WITHOUT_DEPENDENCIES:
            continue
        seen.add(name)
        waiting += [(name, Requirement(line)) for line in requires(name)]


def ask_pip(slicer: Slicer, python: str, folder: Path) -> list[str]:
    """Ask pip in an environment like Slicer's what it would change; return the changes of Slicer's packages."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    inner = str(next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists()))
    pins = [f"{name}=={version}" for name, version in slicer.packages.items()]
    subprocess.run([inner, "-m", "pip", "install", "--quiet", "--no-deps", *pins], check=True)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join([*pins, ""]), encoding="utf-8")
    changed = []
    for arguments in _calls():
        report = folder / "report.json"
        options = ["--dry-run", "--quiet", "--report", str(report), "--constraint", str(constraints)]
        subprocess.run([inner, "-m", "pip", "install", *options, *arguments], check=True)
        for row in json.loads(report.read_text(encoding="utf-8"))["install"]:
            name, version = row["metadata"]["name"], row["metadata"]["version"]
            own = slicer.packages.get(canonicalize_name(name))
            print(f"  {name} {version}" + (f", which Slicer has as {own}" if own else ""))
            if own is not None:
                changed.append(f"{name}: {own} would become {version}")
    return changed


def _calls() -> list[list[str]]:
    """Arguments of each call of pip, as the module makes them; torch first, which the PyTorch extension installs."""
    rest = [requirement for requirement in wanted() if str(requirement) not in map(str, map(Requirement, TORCH))]
    alone = [str(requirement) for requirement in rest if requirement.name in WITHOUT_DEPENDENCIES]
    others = [str(requirement) for requirement in rest if requirement.name not in WITHOUT_DEPENDENCIES]
    return [list(TORCH), others, ["--no-deps", *alone]]


def main() -> None:
    """Check one release."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = releases()
    parser.add_argument("--slicer", choices=list(known), default=list(known)[-1], help="release of Slicer")
    parser.add_argument("--python", default=sys.executable, help="a Python of that release's version")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        changed = ask_pip(known[arguments.slicer], arguments.python, Path(folder))
    print("\n".join(changed) or f"No package of Slicer {arguments.slicer} would be changed.")
    sys.exit(1 if changed else 0)


if __name__ == "__main__":
    main()
