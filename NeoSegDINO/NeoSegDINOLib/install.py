"""Python packages, installed at the point of use and only with the user's consent.

torch and torchvision come from the PyTorch extension, timm and monai without their dependencies (they would ask pip
for torch), and whatever is installed already is held at its version, so that pip cannot change Slicer's own packages.
"""

from __future__ import annotations

import email
import importlib
import importlib.metadata
import subprocess
import tempfile
from pathlib import Path

import slicer
from neosegdino.errors import DependencyError
from packaging.requirements import Requirement
from slicer.i18n import tr as _

RESOURCES = Path(__file__).resolve().parent.parent / "Resources"
REQUIREMENTS = RESOURCES / "requirements.txt"
TRAINING_REQUIREMENTS = RESOURCES / "requirements-training.txt"
REQUESTER = "NeoSegDINO"
TORCH = (Requirement("torch>=2.4,<3"), Requirement("torchvision>=0.19,<1"))
WITHOUT_DEPENDENCIES = ("timm", "monai")


def load_requirements(path: Path = REQUIREMENTS) -> list[Requirement]:
    """Read the requirements of a file, comments left out."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def is_satisfied(requirement: Requirement) -> bool:
    """Whether a package is installed in a version that will do; does not import it."""
    try:
        distribution = importlib.metadata.distribution(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return _version(distribution) in requirement.specifier


def _version(distribution: importlib.metadata.Distribution) -> str:
    """Version of a distribution; its own `version` parses the long description too, which blocks the window."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    return str(email.message_from_string(text.partition("\n\n")[0])["Version"])


def missing_packages(*, training: bool = False) -> list[Requirement]:
    """List the packages that a segmentation, or also a training, needs and Slicer's Python lacks."""
    more = load_requirements(TRAINING_REQUIREMENTS) if training else []
    return [requirement for requirement in (*TORCH, *load_requirements(), *more) if not is_satisfied(requirement)]


def ensure_packages(ask: bool = True, *, training: bool = False) -> None:
    """Install what is missing.

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
    """
    missing = missing_packages(training=training)
    if not missing:
        return
    names = ", ".join(requirement.name for requirement in missing)
    if ask and slicer.app.testingEnabled():
        raise DependencyError(
            _("Python packages are missing: {names}.").format(names=names),
            _("They are not installed in testing mode; start Slicer without --testing."),
        )
    if any(requirement in TORCH for requirement in missing):
        _require_pytorch_extension()
    if ask and not _consent(missing):
        raise DependencyError(
            _("Nothing was installed. These Python packages are still missing: {names}.").format(names=names),
            _("Click again and agree to install them."),
        )
    _install(missing)
    importlib.invalidate_caches()
    left = ", ".join(str(requirement) for requirement in missing_packages(training=training))
    if left:
        raise DependencyError(
            _("These Python packages are still missing: {names}.").format(names=left),
            _("Restart Slicer and try again; Slicer's Python console holds pip's messages."),
        )


def _consent(missing: list[Requirement]) -> bool:
    return bool(
        slicer.util.confirmOkCancelDisplay(
            _(
                "NeoSegDINO needs {count} Python packages that Slicer does not have yet. They are downloaded once, "
                "which can take some minutes. Packages that Slicer has are not changed.\n\nInstall them now?"
            ).format(count=len(missing)),
            _("NeoSegDINO: install Python packages"),
            detailedText="\n".join(str(requirement) for requirement in missing),
        )
    )


def _install(missing: list[Requirement]) -> None:
    torch = [requirement for requirement in missing if requirement in TORCH]
    alone = [requirement for requirement in missing if requirement.name in WITHOUT_DEPENDENCIES]
    others = [requirement for requirement in missing if requirement not in [*torch, *alone]]
    try:
        if torch:
            _install_torch()
        with tempfile.TemporaryDirectory(prefix="neosegdino-pip-") as folder:
            held = Path(folder) / "constraints.txt"
            held.write_text(installed_versions(missing), encoding="utf-8")
            if others:
                _pip_ensure(others, held)
            if alone:
                _pip_install(["--no-deps", *(str(requirement) for requirement in alone)], held)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        raise DependencyError(
            _("Installing Python packages failed: {error}").format(error=error),
            _("Check the network connection; Slicer's Python console holds pip's messages."),
        ) from error


def installed_versions(to_replace: list[Requirement]) -> str:
    """Constraints for pip: each installed package at its version, but for those that have to be replaced."""
    replaced = {requirement.name.lower() for requirement in to_replace}
    versions = {
        distribution.metadata["Name"]: distribution.version for distribution in importlib.metadata.distributions()
    }
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()) if name.lower() not in replaced)


def _pip_ensure(requirements: list[Requirement], constraints: Path) -> None:
    try:
        from slicer.packaging import pip_ensure
    except ModuleNotFoundError:  # Slicer 5.10
        _pip_install([str(requirement) for requirement in requirements], constraints)
        return
    # The user has agreed to the whole list already.
    pip_ensure(requirements, constraints=constraints, requester=REQUESTER, prompt_install=False, skip_in_testing=False)


def _pip_install(arguments: list[str], constraints: Path) -> None:
    slicer.util.pip_install([*arguments, "--constraint", str(constraints)])


def _require_pytorch_extension() -> None:
    try:
        import PyTorchUtils  # noqa: F401
    except ModuleNotFoundError as error:
        raise DependencyError(
            _("Slicer's extension 'PyTorch' is not installed."),
            _("Install it in the Extensions Manager (category Utilities), restart Slicer, and click again."),
        ) from error


def _install_torch() -> None:
    import PyTorchUtils

    torch, _torchvision = TORCH
    if is_satisfied(torch) or not PyTorchUtils.PyTorchUtilsLogic.torchInstalled():
        logic = PyTorchUtils.PyTorchUtilsLogic()
        logic.installTorch(askConfirmation=False, torchVersionRequirement=str(torch.specifier))
        return
    raise DependencyError(
        _("The installed PyTorch does not fit; needed is {requirement}.").format(requirement=torch),
        _("Uninstall it in the module 'PyTorch Utils', restart Slicer, and click again."),
    )
