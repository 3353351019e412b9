"""Stand-in for slicer.packaging: asks and records, and installs nothing."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement


@dataclass(frozen=True)
class Call:
    """One call of the panel.

    Attributes
    ----------
    function : str
        ``pip_ensure``, ``pip_install`` or ``pip_uninstall``.
    requirements : tuple of str
        What was asked for.
    missing : tuple of str
        What would have been installed.
    skip_packages : tuple of str
        Packages that pip must not touch.
    requester : str or None
        Name shown to the user.
    """

    function: str
    requirements: tuple[str, ...]
    missing: tuple[str, ...] = ()
    skip_packages: tuple[str, ...] = ()
    requester: str | None = None


calls: list[Call] = []


def load_requirements(path: str | Path) -> list[Requirement]:
    """Read a requirements file; comments, blank lines and pip's options are left out."""
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def _requirements(given: str | Requirement | Iterable[str | Requirement]) -> list[Requirement]:
    if isinstance(given, Requirement):
        return [given]
    if not isinstance(given, str):
        return [r if isinstance(r, Requirement) else Requirement(r) for r in given]
    try:
        return [Requirement(given)]
    except InvalidRequirement:
        return [Requirement(part) for part in given.split()]


def pip_check(requirements: str | Requirement | Iterable[str | Requirement]) -> bool:
    """Whether the requirements are installed in this interpreter (extras are not followed)."""
    return not any(_missing(r) for r in _requirements(requirements))


def _missing(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return False
    try:
        installed = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return True
    return not requirement.specifier.contains(installed, prereleases=True)


def pip_ensure(
    requirements: str | Requirement | Iterable[str | Requirement],
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    """Ask for what is missing and record the call.

    Raises
    ------
    RuntimeError
        When the user declines.
    """
    import slicer

    wanted = _requirements(requirements)
    missing = tuple(str(r) for r in wanted if _missing(r))
    calls.append(
        Call("pip_ensure", tuple(str(r) for r in wanted), missing, tuple(skip_packages or ()), requester),
    )
    if not missing or (skip_in_testing and slicer.app.testingEnabled()):
        return None
    if prompt_install:
        title = f"{requester} - Install Python Packages" if requester else "Install Python Packages"
        text = f"{len(missing)} Python packages need to be installed.\n\nThis will modify Slicer's Python environment."
        if not slicer.util.confirmOkCancelDisplay(text, title, detailedText="\n".join(missing)):
            raise RuntimeError("User declined package installation")
    return [] if skip_packages else None


def pip_install(requirements: str | list[str], skip_packages: list[str] | None = None, **_options: object) -> None:
    """Record an installation."""
    given = (requirements,) if isinstance(requirements, str) else tuple(requirements)
    calls.append(Call("pip_install", given, given, tuple(skip_packages or ())))


def pip_uninstall(requirements: str | list[str], **_options: object) -> None:
    """Record a removal."""
    given = (requirements,) if isinstance(requirements, str) else tuple(requirements)
    calls.append(Call("pip_uninstall", given))


def isPipInstallInProgress() -> bool:  # noqa: N802
    """Whether an installation runs (never)."""
    return False
