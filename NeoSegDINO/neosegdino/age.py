"""Postmenstrual age, and hippocampal volumes that were published for it: single atlases, never a reference range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from neosegdino.errors import VolumeError

LOWEST_WEEKS, HIGHEST_WEEKS = 20.0, 120.0
"""An age outside cannot be that of a newborn or infant, and is a slip."""
NO_REFERENCE = "Published values of single atlases, not a reference range."
_FETAL = "Fetal T2 atlas, measured on its label maps"
_M_CRIB = "M-CRIB, majority of ten manual parcellations (Alexander 2017)"


@dataclass(frozen=True)
class Published:
    """A published volume of both hippocampi.

    Attributes
    ----------
    weeks : tuple of float
        First and last week of postmenstrual age.
    left_ml, right_ml : float
        Volumes.
    source : str
        Where they were measured.
    """

    weeks: tuple[float, float]
    left_ml: float
    right_ml: float
    source: str

    def distance(self, weeks: float) -> float:
        """Weeks between an age and this one; 0 inside."""
        return max(self.weeks[0] - weeks, weeks - self.weeks[1], 0.0)

    @property
    def at(self) -> str:
        """The age in words' place: ``36`` or ``40 to 43``."""
        first, last = self.weeks
        return f"{first:g}" if first == last else f"{first:g} to {last:g}"


PUBLISHED = (
    Published((30, 30), 0.81, 0.94, _FETAL),
    Published((32, 32), 1.04, 1.16, _FETAL),
    Published((34, 34), 1.18, 1.28, _FETAL),
    Published((36, 36), 1.13, 1.22, _FETAL),
    Published((37, 37), 1.17, 1.29, _FETAL),
    Published((40, 43), 1.50, 1.46, _M_CRIB),
)


def check_age(weeks: float | None) -> None:
    """Refuse an age that can be none.

    Raises
    ------
    VolumeError
        The age is no number or outside 20 to 120 weeks.
    """
    if weeks is None or (math.isfinite(weeks) and LOWEST_WEEKS <= weeks <= HIGHEST_WEEKS):
        return
    raise VolumeError(
        f"A postmenstrual age of {weeks:g} weeks cannot be.",
        f"Give the weeks since the mother's last period, {LOWEST_WEEKS:g} to {HIGHEST_WEEKS:g} (about 40 at birth at "
        "term), or no age.",
    )


def nearest(weeks: float) -> list[Published]:
    """Return the published values nearest to an age, two where it lies halfway; none outside the published ages."""
    if not PUBLISHED[0].weeks[0] <= weeks <= PUBLISHED[-1].weeks[1]:
        return []
    least = min(entry.distance(weeks) for entry in PUBLISHED)
    return [entry for entry in PUBLISHED if entry.distance(weeks) == least]


def described(weeks: float | None) -> dict[str, Any] | None:
    """Return an age with the published values as a report states them; None where no age was given."""
    if weeks is None:
        return None
    values = [
        {"weeks": entry.at, "left_ml": entry.left_ml, "right_ml": entry.right_ml, "source": entry.source}
        for entry in nearest(weeks)
    ]
    return {"weeks": weeks, "published": values, "note": NO_REFERENCE if values else None}
