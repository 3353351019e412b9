"""The devices that the user has chosen, kept in Slicer's settings: they belong to the computer, not to one scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from NeoSegDINOLib.choices import Device

KEYS = {"device": "NeoSegDINO/Device", "finetuneDevice": "NeoSegDINO/FinetuneDevice"}
"""Parameters of the parameter node, and where they are kept."""


def kept_device(parameter: str) -> Device:
    """Device that was chosen last for a parameter; automatic if none was."""
    name = slicer.util.settingsValue(KEYS[parameter], Device.auto.value)
    return Device(name) if name in {device.value for device in Device} else Device.auto


def keep_device(parameter: str, device: Device) -> None:
    """Keep a device for the scenes to come."""
    settings = slicer.app.userSettings()
    settings.setValue(KEYS[parameter], device.value)
    settings.sync()


def take_kept_devices(parameters: Any) -> None:
    """Set the devices of a new parameter node."""
    for parameter in KEYS:
        setattr(parameters, parameter, kept_device(parameter))


def keep_choices(ui: Any) -> None:
    """Keep what the user chooses in the form; what a loaded scene brings is not kept."""
    for parameter in KEYS:
        getattr(ui, f"{parameter}ComboBox").connect("activated(int)", _keeper(parameter))


def _keeper(parameter: str) -> Callable[[int], None]:
    return lambda index: keep_device(parameter, list(Device)[index])
