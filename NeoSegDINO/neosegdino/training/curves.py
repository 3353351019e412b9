"""The curves of a run as a table and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from neosegdino.training.run_folder import CurvePoint

_LEFT, _RIGHT, _TRAINING, _VALIDATION = "#d9622b", "#2b83c4", "#444444", "#999999"
_DOTS = {"marker": ".", "markersize": 3}
"""So that a single epoch can be seen."""


def curves_table(points: Sequence[CurvePoint]) -> str:
    """CSV text with one row an epoch; what was not measured is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CurvePoint.__struct_fields__)
    for point in points:
        values = [getattr(point, name) for name in CurvePoint.__struct_fields__]
        writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in values])
    return text.getvalue()


def curves_picture(points: Sequence[CurvePoint], best_epoch: int) -> bytes:
    """PNG of loss and Dice over the epochs; the epoch whose weights are kept is marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), dpi=110, layout="constrained")
    loss, dice = figure.subplots(1, 2)
    epochs = [point.epoch for point in points]
    loss.plot(epochs, [point.loss for point in points], color=_TRAINING, label="training", **_DOTS)
    for axes, name, color, label in (
        (loss, "validation_loss", _VALIDATION, "validation"),
        (dice, "dice_left", _LEFT, "left"),
        (dice, "dice_right", _RIGHT, "right"),
    ):
        known = [(point.epoch, getattr(point, name)) for point in points if getattr(point, name) is not None]
        if known:
            axes.plot(*zip(*known, strict=True), color=color, label=label, **_DOTS)
    loss.set(title="Loss (soft Dice + cross-entropy)", xlabel="epoch")
    dice.set(title="Dice of the validation cases", xlabel="epoch", ylim=(0, 1))
    for axes in (loss, dice):
        axes.margins(x=0.02)
        axes.grid(alpha=0.25)
        if best_epoch:
            axes.axvline(best_epoch, color="#5a9c4b", linestyle=":", label="kept")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
