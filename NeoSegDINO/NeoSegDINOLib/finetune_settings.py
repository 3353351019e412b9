"""Settings of the panel as those of the package, and as the worker's command line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neosegdino.errors import TrainingError
from slicer.i18n import tr as _

from NeoSegDINOLib.default_bundle import default_bundle

if TYPE_CHECKING:
    from neosegdino.training.settings import FinetuneSettings

AUTOMATIC_DEVICE = "auto"


def settings_of(parameters: Any) -> FinetuneSettings:
    """Settings that a parameter node holds.

    Raises
    ------
    TrainingError
        If one of them cannot be.
    """
    several = parameters.finetuneWindows.value == "all"
    counts = [int(count) for count in re.findall(r"\d+", parameters.finetuneCounts)]
    return make_settings(
        {
            "name": parameters.finetuneName,
            "bundle": parameters.finetuneBundle or default_bundle() or None,
            "windows": parameters.finetuneWindows.value,
            "counts": counts if several and counts else None,
            "arms": parameters.finetuneArms.value if several else "shared",
            "from_scratch": parameters.finetuneFromScratch,
            "epochs": parameters.finetuneEpochs,
            "rate": parameters.finetuneRate,
            "views": parameters.finetuneViews,
            "validation": parameters.finetuneValidation,
            "patience": parameters.finetunePatience,
            "seed": parameters.finetuneSeed,
            "device": parameters.finetuneDevice.value,
        }
    )


def make_settings(fields: Mapping[str, Any]) -> FinetuneSettings:
    """Make settings and check them.

    Raises
    ------
    TrainingError
        If there is no setting of that name, or it cannot have that value.
    """
    import msgspec
    from neosegdino.training.settings import FinetuneSettings

    try:
        settings = msgspec.convert(dict(fields), FinetuneSettings)
    except msgspec.ValidationError as error:
        raise TrainingError(_error_in_words(str(error)), _("Correct the setting.")) from error
    if settings.arms == "per-window" and settings.windows == "all" and settings.counts is None:
        raise TrainingError(
            _("One arm per window needs a fixed number of windows."),
            _("Say how many windows there are along each axis, or let all windows share one arm."),
        )
    return settings


def arguments_of(settings: FinetuneSettings) -> list[str]:
    """Options of the command line for all settings that are not the default ones."""
    import msgspec

    given = msgspec.structs.asdict(settings)
    standard = msgspec.structs.asdict(type(settings)())
    changed = {name: value for name, value in given.items() if value != standard[name]}
    return [part for name, value in changed.items() for part in _option(name, value)]


def _option(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag] if value else [flag.replace("--", "--no-", 1)]
    if isinstance(value, tuple):
        return [flag, ",".join(str(part) for part in value)]
    if isinstance(value, dict):
        return [flag, json.dumps(value)]
    return [flag, str(value)]


def _error_in_words(message: str) -> str:
    """Name the setting of which msgspec complains."""
    if "`$.name`" in message:
        return _("The model's name may hold small letters, digits, dots, dashes and underscores, and no blanks.")
    if "`$.counts`" in message:
        return _("The windows per axis are three numbers, for example 2 2 1.")
    return _("A setting cannot be used: {message}.").format(message=message.rstrip("."))
