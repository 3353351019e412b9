"""The list of installed models, two lines each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from NeoSegDINOLib.model_card import size_in_words, where_in_words

if TYPE_CHECKING:
    from neosegdino.bundle_store import Found

SHOWN = (2, 5)
"""So many models at least and at most are shown without scrolling."""


def fill_model_list(widget: Any, models: Sequence[Found], default: str) -> None:
    """Show all models, the default one marked, and keep the selected one selected where it is still there.

    Parameters
    ----------
    widget : QListWidget
        The list.
    models : sequence of Found
        What is installed.
    default : str
        Name of the default model.
    """
    chosen = selected(widget)
    blocked = widget.blockSignals(True)
    widget.clear()
    for found in models:
        widget.addItem(_item(widget, found, found.folder.name == default))
    names = [found.folder.name for found in models]
    widget.setCurrentRow(names.index(chosen if chosen in names else default) if {chosen, default} & set(names) else 0)
    widget.blockSignals(blocked)
    widget.setFixedHeight(_height(widget))


def selected(widget: Any) -> str:
    """Name of the selected model; empty for none."""
    item = widget.currentItem()
    return "" if item is None else str(item.data(qt.Qt.UserRole))


def _item(widget: Any, found: Found, is_default: bool) -> Any:
    item = qt.QListWidgetItem("\n".join(_lines(found, is_default)))
    item.setData(qt.Qt.UserRole, found.folder.name)
    item.setToolTip(str(found.folder if found.problem is None else found.problem))
    font = widget.font
    font.setBold(is_default)
    item.setFont(font)
    if found.bundle is None:
        item.setIcon(widget.style().standardIcon(qt.QStyle.SP_MessageBoxWarning))
    return item


def _lines(found: Found, is_default: bool) -> tuple[str, str]:
    where = where_in_words(found)
    if found.bundle is None:
        return found.folder.name, _("{where}, cannot be used").format(where=where)
    spec = found.bundle.spec
    title = f"{spec.title} {spec.version}"
    first = _("{title} (default)").format(title=title) if is_default else title
    return first, f"{where}, {spec.licence}, {size_in_words(found.bundle.bytes)}"


def _height(widget: Any) -> int:
    row = 2 * widget.spacing + (widget.sizeHintForRow(0) if widget.count else 2 * widget.fontMetrics().lineSpacing())
    least, most = SHOWN
    return int(row * min(max(widget.count, least), most) + 2 * widget.frameWidth + 2 * widget.spacing)
