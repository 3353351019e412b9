"""Settings on their way to the worker's command line."""

from __future__ import annotations

import msgspec
import pytest
from neosegdino.cli.finetune import finetune
from neosegdino.errors import TrainingError
from neosegdino.training.settings import FinetuneSettings
from NeoSegDINOLib.finetune_settings import arguments_of, make_settings

OTHERS = {
    "name": "mine",
    "bundle": "/a b/tiny",
    "windows": "all",
    "counts": (2, 1, 1),
    "window": (24, 16, 16),
    "spacing_mm": (0.8, 0.75, 1.0),
    "arms": "per-window",
    "decoder": "unet",
    "decoder_options": {"channels": [4, 8], "dropout": 0.1, "name": "a \"b\" 'ü'"},
    "from_scratch": True,
    "epochs": 3,
    "rate": 1.5e-05,
    "warmup": 0,
    "weight_decay": 0.0,
    "batch": 2,
    "views": 0,
    "mirror": False,
    "validation": 0.0,
    "patience": 2,
    "seed": -7,
    "device": "cuda:1",
    "cache_gb": 0.5,
}
"""Another value than the default one for each setting."""


def read_back(arguments: list[str]) -> FinetuneSettings:
    """Settings that the command understands."""
    chosen = finetune.make_context("finetune", ["SOURCE", "--out", "RUN", *arguments]).params
    fields = {name: chosen[name] for name in FinetuneSettings.__struct_fields__}
    return msgspec.convert({**fields, "device": fields["device"] or "auto"}, FinetuneSettings)


def test_every_setting_has_another_value_here():
    standard = FinetuneSettings()
    assert set(OTHERS) == set(FinetuneSettings.__struct_fields__)
    assert not [name for name, value in OTHERS.items() if getattr(standard, name) == value]


@pytest.mark.parametrize("name", FinetuneSettings.__struct_fields__)
def test_a_setting_arrives(name):
    settings = msgspec.structs.replace(FinetuneSettings(), **{name: OTHERS[name]})
    assert read_back(arguments_of(settings)) == settings


def test_all_settings_arrive_together():
    settings = make_settings(OTHERS)
    assert read_back(arguments_of(settings)) == settings


def test_the_default_settings_need_no_argument():
    assert arguments_of(FinetuneSettings()) == []
    assert read_back([]) == FinetuneSettings()


def test_a_setting_that_there_is_not_is_named():
    with pytest.raises(TrainingError, match="colour"):
        make_settings({"colour": 1})
