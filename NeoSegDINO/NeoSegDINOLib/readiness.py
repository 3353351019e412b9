"""What is missing on this computer before the module can work: said in one sentence, with one way to mend it.

Nothing is imported and nothing asked of the network to find out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import slicer
from slicer.i18n import tr as _

from NeoSegDINOLib.install import TORCH, extension_available, installed_version, missing_packages

EXTENSION = "PyTorch"
LONGEST_LIST = 4


class Mend(enum.Enum):
    """What mends it."""

    extension = "extension"
    restart = "restart"
    torch = "torch"
    packages = "packages"
    model = "model"

    def label(self) -> str:
        """Text of the button."""
        return {
            Mend.extension: _("Install Extension\u2026"),
            Mend.restart: _("Restart Slicer\u2026"),
            Mend.torch: _("Open PyTorch Utils"),
            Mend.packages: _("Install Packages\u2026"),
            Mend.model: _("Install Model File\u2026"),
        }[self]

    def hint(self) -> str:
        """Tooltip of the button."""
        return {
            Mend.extension: _("Ask Slicer's Extensions Manager to install the extension PyTorch. It asks you first."),
            Mend.restart: _("Restart Slicer. You are asked first; save your scene."),
            Mend.torch: _("Open the module in which the unfit PyTorch can be uninstalled."),
            Mend.packages: _("Download and install what is missing. You see the list and are asked first."),
            Mend.model: _("Choose the .zip file of a model and install it for this user."),
        }[self]


@dataclass(frozen=True)
class Lack:
    """What is missing first.

    Attributes
    ----------
    sentence : str
        It, for people.
    mend : Mend
        What to do about it.
    """

    sentence: str
    mend: Mend


def first_lack() -> Lack | None:
    """Find what is missing first; None if a segmentation can be started."""
    missing = missing_packages()
    if not missing:
        return _model_lack()
    if any(requirement in TORCH for requirement in missing) and not extension_available():
        return _extension_lack()
    torch = TORCH[0]
    version = installed_version(torch.name)
    if torch in missing and version is not None:
        text = _("The installed PyTorch {version} does not fit; needed is {requirement}.")
        return Lack(text.format(version=version, requirement=torch), Mend.torch)
    return Lack(_packages_sentence([requirement.name for requirement in missing]), Mend.packages)


def _extension_lack() -> Lack:
    if slicer.app.extensionsManagerModel().isExtensionInstalled(EXTENSION):
        return Lack(_("Slicer's extension 'PyTorch' is installed and will be there after a restart."), Mend.restart)
    return Lack(_("Slicer's extension 'PyTorch', which brings PyTorch, is not installed."), Mend.extension)


def _packages_sentence(names: list[str]) -> str:
    if len(names) > LONGEST_LIST:
        text = _("{count} Python packages are not installed yet, {names} among them.")
        return text.format(count=len(names), names=", ".join(names[:LONGEST_LIST]))
    return _("Python packages are not installed yet: {names}.").format(names=", ".join(names))


def _model_lack() -> Lack | None:
    try:
        from neosegdino.bundle_store import list_bundles
    except ImportError as error:
        return Lack(_("A Python package is installed but does not load: {error}.").format(error=error), Mend.restart)
    if any(found.bundle is not None for found in list_bundles()):
        return None
    return Lack(_("No model is installed; even the one that ships with NeoSegDINO is missing or damaged."), Mend.model)
