from __future__ import annotations

from typing import Any

import msgspec
import pytest
from bundle_samples import class_spec, make_spec
from neosegdino.errors import TrainingError
from neosegdino.spec import DecoderSpec, WindowSpec
from neosegdino.training.settings import FinetuneSettings
from neosegdino.training.tuned_spec import tuned_spec

BASE = make_spec(
    windows=WindowSpec((32, 32, 32), "all", (1, 2, 1)),
    decoder=DecoderSpec("stem", "arm.safetensors", "learned", "per-window", {"dropout": 0.5}),
)


def tuned(**changes: Any) -> Any:
    return tuned_spec(BASE, FinetuneSettings(**changes))


def test_what_is_not_set_is_the_bundles() -> None:
    spec = tuned()
    assert spec.windows == WindowSpec((32, 32, 32), "located", None)
    assert spec.decoder == DecoderSpec("stem", "decoder.safetensors", "learned", "shared", {"dropout": 0.5})
    same = {"windows": BASE.windows, "decoder": BASE.decoder}
    assert msgspec.structs.replace(spec, **same) == BASE


def test_what_is_set_counts() -> None:
    spec = tuned(
        windows="all", counts=(2, 1, 3), window=(16, 24, 32), spacing_mm=(0.5, 0.6, 0.7), arms="per-window",
        decoder="dpt", decoder_options={"channels": 8},
    )  # fmt: skip
    assert spec.windows == WindowSpec((16, 24, 32), "all", (2, 1, 3))
    assert spec.preprocessing.spacing_mm == (0.5, 0.6, 0.7)
    assert spec.preprocessing.percentile == BASE.preprocessing.percentile
    assert spec.decoder == DecoderSpec("dpt", "decoder.safetensors", "learned", "per-window", {"channels": 8})


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_shared_arm_looks_as_often_as_the_bundles(mirrored: bool) -> None:
    base = msgspec.structs.replace(BASE, windows=WindowSpec((32, 32, 32), mirrored=mirrored))
    assert tuned_spec(base, FinetuneSettings()).windows.mirrored is mirrored
    places = FinetuneSettings(windows="all", counts=(2, 1, 1), arms="per-window")
    assert tuned_spec(base, places).windows.mirrored is False


def test_options_of_the_bundles_head_are_not_those_of_another() -> None:
    assert tuned(decoder="linear").decoder.options == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": (2, 2, 2)}, "one located window"),
        ({"arms": "per-window"}, "fixed number of windows"),
        ({"arms": "per-window", "windows": "all"}, "fixed number of windows"),
        ({"decoder_options": {"dropout": 0.1}}, "not named"),
    ],
)
def test_contradictions(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message) as told:
        tuned(**changes)
    assert told.value.remedy


@pytest.mark.parametrize("classes", [(class_spec(1, "right"), class_spec(2, "left")), (class_spec(1, "left"),)])
def test_other_classes_than_left_and_right_are_refused(classes: Any) -> None:
    with pytest.raises(TrainingError, match=r"left \(1\) and right \(2\)"):
        tuned_spec(msgspec.structs.replace(BASE, classes=classes), FinetuneSettings())
