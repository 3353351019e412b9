"""Text of a fine-tuned bundle's card."""

from __future__ import annotations

from collections.abc import Sequence

from neosegdino import __version__
from neosegdino.bundle import Bundle
from neosegdino.spec import Accuracy, BundleSpec
from neosegdino.training.run_folder import Plan
from neosegdino.training.starter_card import figures_table

_OF_THE_MACHINE = ("name", "bundle", "device", "cache_gb")
"""Settings that say nothing about the model, or where its maker keeps files."""

CARD = """# {title}

Left and right hippocampus, fine-tuned from `{base}` {version} with NeoSegDINO {neosegdino}. **Research use only; not a
medical device.**

## What it is
- The frozen encoder of `{base}` and a decoding arm (`{head}`, {arms}) trained by two passes (arXiv 2602.23962), started
  from {start}.
- Windows: {windows} of {size} voxels of {spacing} mm.
- Trained on {training} of {subjects}; {chosen}.{left_out}

## What it is not
- {told}
- Ages, contrasts and scanners other than those of the training cases were not tried.

## Measured
{figures}

## Settings
{settings}

## Licence
The encoder keeps the licence of `{base}` ({licence}) and its notices. The decoder was trained on the cases of whoever
made this bundle: whether it may be passed on is for them to say.
"""

CHOSEN = """\
The figures below are of the cases that chose the weights. They say that training worked, not how well the model does
  on images it has never met: measure that with `neosegdino evaluate` on cases kept apart."""
NOT_MEASURED = """\
How well the model does is unknown: nothing was measured. Do it with `neosegdino evaluate` on cases kept apart."""


def result_card(
    spec: BundleSpec, plan: Plan, base: Bundle, start: str, best_epoch: int, accuracy: Sequence[Accuracy]
) -> str:
    """Markdown text of the card."""
    subjects = len({planned.case.subject for planned in plan.training})
    return CARD.format(
        title=spec.title,
        base=base.spec.name,
        version=base.spec.version,
        neosegdino=__version__,
        head=spec.decoder.name,
        arms="one arm shared by all windows" if spec.decoder.arms == "shared" else "one arm per window",
        start=start,
        windows=_windows(spec),
        size=_times(spec.windows.size),
        spacing=_times(spec.preprocessing.spacing_mm),
        training=_counted(len(plan.training), "case"),
        subjects=_counted(subjects, "subject"),
        chosen=_chosen(plan, best_epoch),
        left_out=f"\n- Left out as bad: {', '.join(plan.left_out)}." if plan.left_out else "",
        told=CHOSEN if accuracy else NOT_MEASURED,
        figures=figures_table(accuracy)
        if accuracy
        else "Nothing: no case was kept for validation, or none could be measured.",
        settings=_settings(plan),
        licence=base.spec.licence,
    )


def _chosen(plan: Plan, best_epoch: int) -> str:
    if not plan.validation:
        return "no case chose among the epochs, the last one is kept"
    kept = f"epoch {best_epoch}" if best_epoch else "the last one: nothing was validated"
    return f"{_counted(len(plan.validation), 'case')} of other subjects chose the epoch that is kept ({kept})"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _windows(spec: BundleSpec) -> str:
    if spec.windows.counts:
        return f"{_times(spec.windows.counts)} around the hippocampi"
    return "one over both hippocampi" if spec.windows.default == "located" else "as many as cover the head,"


def _settings(plan: Plan) -> str:
    names = (name for name in plan.settings.__struct_fields__ if name not in _OF_THE_MACHINE)
    rows = ((name, getattr(plan.settings, name)) for name in names)
    return "\n".join(["| setting | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _times(values: Sequence[float]) -> str:
    return " x ".join(f"{value:g}" for value in values)
