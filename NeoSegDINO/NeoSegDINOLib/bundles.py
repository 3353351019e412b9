"""Model bundles for the panel's combo box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from NeoSegDINOLib.default_bundle import default_bundle

if TYPE_CHECKING:
    from neosegdino.spec import BundleSpec

DEFAULT = ""
"""Parameter value of the default bundle."""


def bundle_choices() -> list[tuple[str, str]]:
    """Parameter value and text of each usable bundle, the default first.

    Before the Python packages are installed only the default can be named.
    """
    chosen = default_bundle()
    try:
        from neosegdino import bundle_store
    except ModuleNotFoundError:
        return [(DEFAULT, chosen or _("Default model"))]
    titles = {
        found.bundle.spec.name: f"{found.bundle.spec.title} ({found.bundle.spec.version})"
        for found in bundle_store.list_bundles()
        if found.bundle is not None
    }
    missing = _("{name} (not installed)").format(name=chosen) if chosen else _("Default model")
    default = titles.pop(chosen or bundle_store.DEFAULT, missing)
    return [(DEFAULT, default), *titles.items()]


def bundle_specs() -> dict[str, BundleSpec]:
    """Description of each usable bundle by its parameter value; nothing before the Python packages are installed."""
    try:
        from neosegdino import bundle_store
    except ModuleNotFoundError:
        return {}
    specs = {found.bundle.spec.name: found.bundle.spec for found in bundle_store.list_bundles() if found.bundle}
    default = specs.get(default_bundle() or bundle_store.DEFAULT)
    return specs | ({DEFAULT: default} if default is not None else {})
