"""Model bundles for the panel's combo box."""

from __future__ import annotations

from slicer.i18n import tr as _

DEFAULT = ""
"""Parameter value of the default bundle."""


def bundle_choices() -> list[tuple[str, str]]:
    """Parameter value and text of each usable bundle, the default first.

    Before the Python packages are installed only the default can be named.
    """
    default = _("Default model")
    try:
        from neosegdino import bundle_store
    except ModuleNotFoundError:
        return [(DEFAULT, default)]
    titles = {
        found.bundle.spec.name: f"{found.bundle.spec.title} ({found.bundle.spec.version})"
        for found in bundle_store.list_bundles()
        if found.bundle is not None
    }
    default = titles.pop(bundle_store.DEFAULT, default)
    return [(DEFAULT, default), *titles.items()]
