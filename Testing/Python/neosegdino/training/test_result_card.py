from __future__ import annotations

from typing import Any

import msgspec
import pytest
from bundle_samples import make_bundle
from neosegdino.bundle import Bundle
from neosegdino.cases.case import Case
from neosegdino.spec import Accuracy
from neosegdino.training.result_card import result_card
from neosegdino.training.run_folder import Plan, PlannedCase
from neosegdino.training.settings import FinetuneSettings
from neosegdino.training.tuned_spec import tuned_spec

FIGURES = [Accuracy("validation cases", 3, "Dice left", 0.8125, 0.05, False, "neosegdino finetune", "a note")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("secret") / "sample-bundle")


def planned(number: int, subject: str) -> PlannedCase:
    return PlannedCase(Case(f"name-{number}", f"/home/me/{number}.nii", "/home/me/l.nii", subject), "a" * 64, "b" * 64)


def card(
    base: Bundle,
    figures: Any = FIGURES,
    best_epoch: int = 7,
    left_out: Any = (),
    validation: tuple[PlannedCase, ...] = (planned(3, "carl"),),
    **changes: Any,
) -> str:
    settings = FinetuneSettings(name="mine", bundle=str(base.folder), **changes)
    training = (planned(0, "anna"), planned(1, "anna"), planned(2, "ben"))
    plan = Plan(settings, training, validation, str(base.folder), "c" * 64, left_out)
    spec = msgspec.structs.replace(tuned_spec(base.spec, settings), name="mine", title="mine (fine-tuned)")
    return result_card(spec, plan, base, "the decoder of sample-bundle 1.0.0", best_epoch, figures)


def test_says_what_it_is_and_for_what(base: Bundle) -> None:
    text = card(base)
    assert text.startswith("# mine (fine-tuned)\n")
    assert "Research use only; not a\nmedical device" in text
    assert "`sample-bundle` 1.0.0" in text and "from the decoder of sample-bundle 1.0.0" in " ".join(text.split())
    assert "3 cases of 2 subjects; 1 case of other subjects" in text and "epoch 7" in text
    assert "0.81" in text and "Dice left" in text
    assert "(Apache-2.0)" in text
    assert "{" not in text.replace("{}", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "one over both hippocampi of 32 x 32 x 32 voxels of 0.8 x 0.8 x 0.8 mm"),
        ({"windows": "all"}, "as many as cover the head, of 32 x 32 x 32"),
        (
            {"windows": "all", "counts": (2, 1, 3), "window": (16, 16, 8)},
            "2 x 1 x 3 around the hippocampi of 16 x 16 x 8",
        ),
        ({"spacing_mm": (0.5, 0.6, 1.0)}, "0.5 x 0.6 x 1 mm"),
        ({"windows": "all", "counts": (2, 1, 1), "arms": "per-window"}, "one arm per window"),
        ({"decoder": "stem"}, "`stem`, one arm shared by all windows"),
    ],
)
def test_says_how_it_sees(base: Bundle, changes: dict[str, Any], words: str) -> None:
    assert words in " ".join(card(base, **changes).split())


def test_says_what_was_set(base: Bundle) -> None:
    text = card(base, epochs=17, rate=1e-3, decoder="stem", decoder_options={"dropout": 0.25}, cache_gb=3.0)
    for row in ("| epochs | 17 |", "| rate | 0.001 |", "| mirror | True |", "| decoder_options | {'dropout': 0.25} |"):
        assert row in text
    assert "cache_gb" not in text and "| device" not in text and "| bundle" not in text


def test_says_nothing_of_the_machine_or_the_persons(base: Bundle) -> None:
    text = card(base)
    for word in (str(base.folder), str(base.folder.parent), "/home/me", "anna", "carl", "name-0"):
        assert word not in text


def test_says_what_was_left_out_and_not_measured(base: Bundle) -> None:
    text = card(base, figures=[], best_epoch=0, left_out=("bad1", "bad2"))
    assert "Left out as bad: bad1, bad2." in text
    assert "Nothing: no case was kept for validation" in text
    assert "the last one: nothing was validated" in text
    assert "Left out" not in card(base)


def test_figures_are_spoken_of_only_where_there_are_some(base: Bundle) -> None:
    assert "figures below are of the cases that chose the weights" in card(base)
    text = " ".join(card(base, figures=[], best_epoch=0, validation=()).split())
    assert "figures below" not in text
    assert "How well the model does is unknown: nothing was measured." in text
    assert "3 cases of 2 subjects; no case chose among the epochs, the last one is kept." in text
