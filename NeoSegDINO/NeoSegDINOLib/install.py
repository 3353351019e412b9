"""Python packages, installed at the point of use and only with the user's consent.

torch and torchvision come from the PyTorch extension, timm and monai without their dependencies (they would ask pip
for torch), and whatever is installed already is held at its version, so that pip cannot change Slicer's own packages.
"""

from __future__ import annotations

import email
import importlib.metadata
import importlib.util
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import slicer
from neosegdino.errors import DependencyError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from slicer.i18n import tr as _

from NeoSegDINOLib.pip_installation import PipInstallation

RESOURCES = Path(__file__).resolve().parent.parent / "Resources"
REQUIREMENTS = RESOURCES / "requirements.txt"
TRAINING_REQUIREMENTS = RESOURCES / "requirements-training.txt"
TORCH = (Requirement("torch>=2.4,<3"), Requirement("torchvision>=0.19,<1"))
WITHOUT_DEPENDENCIES = ("timm", "monai")


def load_requirements(path: Path = REQUIREMENTS) -> list[Requirement]:
    """Read the requirements of a file, comments left out."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def installed_version(name: str) -> str | None:
    """Version of an installed package, None if there is none; does not import it."""
    return next((version for _name, version in _distributions(name=name)), None)


def is_satisfied(requirement: Requirement) -> bool:
    """Whether a package is installed in a version that will do."""
    version = installed_version(requirement.name)
    return version is not None and version in requirement.specifier


def _distributions(**which: str) -> Iterator[tuple[str, str]]:
    """Name and version of distributions, that which Python would import first: one further on is hidden by it.

    What an interrupted pip has left without name or version counts for pip as not there, and here too. Their own
    `metadata` parses the long descriptions too, which blocks the window.
    """
    for distribution in importlib.metadata.distributions(**which):
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        head = email.message_from_string(text.partition("\n\n")[0])
        if head["Name"] and head["Version"]:
            yield head["Name"], head["Version"]


def missing_packages(*, training: bool = False) -> list[Requirement]:
    """List the packages that a segmentation, or also a training, needs and Slicer's Python lacks."""
    more = load_requirements(TRAINING_REQUIREMENTS) if training else []
    return [requirement for requirement in (*TORCH, *load_requirements(), *more) if not is_satisfied(requirement)]


def extension_available() -> bool:
    """Whether the PyTorch extension is loaded; does not import it."""
    return importlib.util.find_spec("PyTorchUtils") is not None


def ensure_packages(ask: bool = True, *, training: bool = False) -> None:
    """Install what is missing, and wait for the end while the window stays alive.

    Parameters
    ----------
    ask : bool, optional
        Ask the user first. Without asking, packages are installed in Slicer's testing mode too.
    training : bool, optional
        Whether the packages that only training needs are wanted too.

    Raises
    ------
    DependencyError
        If the user declines, the PyTorch extension is missing, or an installation fails.
    Cancelled
        If the user cancels the installation.
    """
    missing = missing_packages(training=training)
    if missing:
        start_installation(missing, ask=ask).wait()
        require_installed(missing)


def start_installation(missing: Sequence[Requirement], *, ask: bool = True) -> PipInstallation:
    """Ask for consent, let the PyTorch extension install torch, and start pip for the other packages.

    Raises
    ------
    DependencyError
        If the user declines, the PyTorch extension is missing or fails, or an installation is at work already.
    """
    if PipInstallation.current is not None or _slicers_pip_works():
        raise DependencyError(_("Python packages are being installed."), _("Wait for it or cancel it."))
    _require_allowed(missing, ask)
    torch = [requirement for requirement in missing if requirement in TORCH]
    if torch:
        _install_torch()
    others = [requirement for requirement in missing if requirement not in torch]
    installation = PipInstallation(pip_calls(others), installed_versions(missing))
    installation.start()
    return installation


def require_installed(wanted: Sequence[Requirement]) -> None:
    """Say it if packages are missing after an installation that seemed to go well.

    Raises
    ------
    DependencyError
        They are.
    """
    left = ", ".join(str(requirement) for requirement in wanted if not is_satisfied(requirement))
    if left:
        raise DependencyError(
            _("These Python packages are still missing: {names}.").format(names=left),
            _("Restart Slicer and try again; Slicer's Python console holds pip's messages."),
        )


def pip_calls(requirements: Sequence[Requirement]) -> list[list[str]]:
    """Arguments of each call of ``pip install`` that brings these packages."""
    alone = [str(requirement) for requirement in requirements if requirement.name in WITHOUT_DEPENDENCIES]
    others = [str(requirement) for requirement in requirements if requirement.name not in WITHOUT_DEPENDENCIES]
    calls = [others] if others else []
    return [*calls, ["--no-deps", *alone]] if alone else calls


def installed_versions(to_replace: Sequence[Requirement]) -> str:
    """Constraints for pip: each installed package at its version, but for those that have to be replaced."""
    replaced = {canonicalize_name(requirement.name) for requirement in to_replace}
    held: dict[str, str] = {}
    for name, version in _distributions():
        held.setdefault(canonicalize_name(name), f"{name}=={version}\n")
    return "".join(line for name, line in sorted(held.items()) if name not in replaced)


def _require_allowed(missing: Sequence[Requirement], ask: bool) -> None:
    names = ", ".join(requirement.name for requirement in missing)
    if ask and slicer.app.testingEnabled():
        raise DependencyError(
            _("Python packages are missing: {names}.").format(names=names),
            _("They are not installed in testing mode; start Slicer without --testing."),
        )
    if any(requirement in TORCH for requirement in missing) and not extension_available():
        raise DependencyError(
            _("Slicer's extension 'PyTorch' is not installed."),
            _("Install it in the Extensions Manager (category Utilities), restart Slicer, and click again."),
        )
    if ask and not _consent(missing):
        raise DependencyError(
            _("Nothing was installed. These Python packages are still missing: {names}.").format(names=names),
            _("Click again and agree to install them."),
        )


def _slicers_pip_works() -> bool:
    """Whether Slicer, for another extension, is installing packages."""
    try:
        from slicer.packaging import isPipInstallInProgress
    except ModuleNotFoundError:  # Slicer 5.10 installs nothing beside other work
        return False
    return bool(isPipInstallInProgress())


def _consent(missing: Sequence[Requirement]) -> bool:
    text = _(
        "NeoSegDINO needs {count} Python packages that Slicer does not have yet. They are downloaded once, which can "
        "take some minutes and be cancelled."
    ).format(count=len(missing))
    if any(requirement in TORCH for requirement in missing):
        text += " " + _(
            "PyTorch is among them: its extension downloads it, up to several gigabytes; that step cannot be "
            "cancelled, and the window answers slowly meanwhile."
        )
    return bool(
        slicer.util.confirmOkCancelDisplay(
            text + "\n\n" + _replaced(missing) + " " + _("Install them now?"),
            _("NeoSegDINO: install Python packages"),
            detailedText="\n".join(str(requirement) for requirement in missing),
        )
    )


def _replaced(missing: Sequence[Requirement]) -> str:
    """Say which packages that Slicer has are replaced, as their version does not fit."""
    found = [(requirement.name, installed_version(requirement.name)) for requirement in missing]
    names = ", ".join(f"{name} {version}" for name, version in found if version is not None)
    if not names:
        return _("Packages that Slicer has are not changed.")
    return _("These do not fit and are replaced by another version: {names}. No other package is changed.").format(
        names=names
    )


def _install_torch() -> None:
    """Let the PyTorch extension install what fits this computer; that imports torch, in this process."""
    import PyTorchUtils

    torch, torchvision = TORCH
    logic = PyTorchUtils.PyTorchUtilsLogic()
    if not is_satisfied(torch) and logic.torchInstalled():
        raise DependencyError(
            _("The installed PyTorch does not fit; needed is {requirement}.").format(requirement=torch),
            _("Uninstall it in the module 'PyTorch Utils', restart Slicer, and click again."),
        )
    try:
        logic.installTorch(
            askConfirmation=False,
            torchVersionRequirement=str(torch.specifier),
            torchvisionVersionRequirement=str(torchvision.specifier),
        )
    except (RuntimeError, OSError, ImportError, subprocess.CalledProcessError) as error:
        raise DependencyError(
            _("The extension 'PyTorch' could not install PyTorch: {error}").format(error=error),
            _("Check the network connection; Slicer's Python console says more."),
        ) from error
