"""What the preflight says of a case, and of all of them as one document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from neosegdino.cases.contrast import Contrast
from neosegdino.spec import Spec

SCHEMA: Literal["neosegdino-cases/1"] = "neosegdino-cases/1"


class Problem(Spec, frozen=True):
    """Something wrong with a case, or worth a look."""

    kind: str
    """For programs: ``missing``, ``unreadable``, ``geometry``, ``empty-side``, ``swapped-sides``, ``sides``,
    ``outside-brain``, ``non-finite``, ``non-integer``, ``duplicate``, ``other-values``, ``header``, ``contrast``."""
    message: str
    remedy: str
    blocking: bool
    """Whether the case cannot be used."""


class SideVolumes(Spec, frozen=True):
    """Volume of each side in mm3; None where the labels cannot be read or are damaged."""

    left: float | None = None
    right: float | None = None


class CaseReport(Spec, frozen=True):
    """One row of the preflight's table; what cannot be read is None or empty."""

    name: str
    subject: str
    image: str
    labels: str
    shape: tuple[int, int, int] | None = None
    """Voxels of the image."""
    spacing_mm: tuple[float, float, float] | None = None
    axis_codes: tuple[str, str, str] | None = None
    """Nearest patient direction of each array axis, such as ``("R", "A", "S")``."""
    label_values: tuple[int, ...] = ()
    """Values in the label map but 0."""
    volume_mm3: SideVolumes = SideVolumes()
    contrast: Contrast = "unknown"
    problems: tuple[Problem, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether the case cannot be used."""
        return any(problem.blocking for problem in self.problems)


class CasesDocument(Spec, frozen=True):
    """The preflight of all cases, as JSON has it."""

    schema: Literal["neosegdino-cases/1"]
    cases: tuple[CaseReport, ...]
    usable: int
    bad: int


def encode(reports: Sequence[CaseReport]) -> str:
    """Return the JSON document of a preflight."""
    bad = sum(report.bad for report in reports)
    document = CasesDocument(SCHEMA, tuple(reports), len(reports) - bad, bad)
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
