"""What the panel shows of a model: its card, and before it what everybody should know, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from neosegdino.bundle import Bundle
    from neosegdino.bundle_store import Found
    from neosegdino.spec import Accuracy

CARD = "CARD.md"
LONGEST_CARD = 1 << 18
"""Bytes; nobody reads more, and laying out much more would block the window."""
_PICTURE = re.compile(r"!\[[^\]\n]*\]\(([^)\n]*)\)")


def card_of(found: Found) -> str:
    """Markdown text of a model; of a broken one, why it cannot be used."""
    if found.bundle is None:
        return "\n\n".join(
            [f"# {found.folder.name}", _("**This model cannot be used.**"), str(found.problem), f"`{found.folder}`"]
        )
    bundle = found.bundle
    place = _("**Folder:** {folder}").format(folder=f"`{bundle.folder}`")
    return "\n\n".join([_facts(bundle), _measured(bundle.spec.accuracy), place, "---", _card(bundle)])


def where_in_words(found: Found) -> str:
    """Where a model comes from."""
    if found.shipped:
        return _("shipped")
    if found.bundle is not None and found.bundle.fine_tuned:
        return _("fine-tuned")
    return _("installed")


def size_in_words(size: int) -> str:
    """Bytes in a unit that is easily read."""
    mebibytes = size / (1 << 20)
    return _("{size:.1f} GB").format(size=mebibytes / 1024) if mebibytes >= 1000 else f"{mebibytes:.1f} MB"


def _facts(bundle: Bundle) -> str:
    spec = bundle.spec
    rows = [
        (_("Licence"), spec.licence),
        (_("Intended use"), spec.intended_use),
        (_("Age range"), spec.age_range),
        (_("Contrasts"), ", ".join(spec.contrasts)),
    ]
    return "\n".join(f"- **{name}:** {value}" for name, value in rows)


def _measured(figures: Sequence[Accuracy]) -> str:
    """Measured figures by data set, with count and spread; of one case there is no spread."""
    if not figures:
        return _("**Measured:** nothing is known of this model's accuracy.")
    lines = [_("**Measured**")]
    for data in dict.fromkeys(row.data for row in figures):
        rows = [row for row in figures if row.data == data]
        kept = _("not trained on") if all(row.held_out for row in rows) else _("chose or trained the weights")
        lines += [f"- {data} ({kept}):", *(f"    - {_figure(row)}" for row in rows)]
    return "\n\n".join([lines[0], "\n".join(lines[1:])])


def _figure(row: Accuracy) -> str:
    spread = _("sd {sd:.2f}, ").format(sd=row.sd) if row.sd else ""
    return f"{row.metric} **{row.mean:.2f}** ({spread}n = {row.count})"


def _card(bundle: Bundle) -> str:
    """Text of the bundle's own card; a bundle need not have one.

    Pictures are named alone: Qt shows them in full width, which a panel does not have.
    """
    if CARD not in bundle.spec.files:
        return _("This model has no card.")
    try:
        with bundle.path(CARD).open("rb") as stream:
            text = stream.read(LONGEST_CARD).decode("utf-8", errors="replace")
        return _PICTURE.sub(lambda found: _("Picture in the folder: {name}").format(name=f"`{found[1]}`"), text)
    except OSError as error:  # somebody has removed the model meanwhile
        return _("Its card cannot be read: {error}.").format(error=error)
