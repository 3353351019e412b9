from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from neosegdino.bundle import Bundle, load_bundle, write_bundle
from neosegdino.cases.case import Case
from neosegdino.cases.loading import load_case
from neosegdino.device import resolve
from neosegdino.errors import Cancelled, OutputError, Paused
from neosegdino.progress import Event, Progress, ProgressEvent
from neosegdino.segment import segment
from neosegdino.spec import DataSource
from neosegdino.training.plan import make_plan
from neosegdino.training.reporter import Reporter
from neosegdino.training.result import write_result
from neosegdino.training.run_folder import CurvePoint, RunFolder
from neosegdino.training.student import Student, create_student
from neosegdino.training.trainer import Best, Position
from training_cases import make_cases, quick

POINTS = [CurvePoint(1, 2, 1e-3, 1.0, 0.9, 0.1, 0.2), CurvePoint(2, 4, 1e-3, 0.5, 0.8, 0.3, 0.4)]
TEXTS = {"LICENSE.txt": "Some licence.\n", "NOTICE.md": "Some notice.\n", "CARD.md": "# The card of the base\n"}
SOURCE = DataSource("drawn heads", "Heads.", "CC0-1.0")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return make_cases(tmp_path_factory.mktemp("private-cases"), 3)


@pytest.fixture(scope="module")
def base(tiny: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The tiny bundle with texts, stored in half precision as the shipped one is, and with calibrated confidence."""
    tensors = {name: {key: t.half() for key, t in tiny.stored(name).items()} for name in tiny.spec.files}
    spec = msgspec.structs.replace(tiny.spec, name="base", training_data=(SOURCE,), temperature=2.0, licence="Some-1.0")
    return write_bundle(tmp_path_factory.mktemp("base") / "base", spec, tensors, TEXTS)


class Ending:
    """A run whose training is over."""

    def __init__(self, base: Bundle, cases: list[Case], folder: Path, validation: int = 1, **changes: Any) -> None:
        self.base, self.folder = base, RunFolder(folder)
        self.folder.folder.mkdir(parents=True)
        settings = quick(base.folder, **({"name": "mine"} | changes))
        split = len(cases) - validation
        self.plan = make_plan(cases[:split], cases[split:], settings, ["left-out-case"])
        self.choice = resolve("cpu")
        self.student: Student = create_student(base, settings, self.choice.device)
        with torch.no_grad():
            for parameter in self.student.model.arms.parameters():
                parameter.add_(0.01)
        self.student.model.arms.eval()
        self.events: list[Event] = []
        self.reporter = Reporter(self.folder, Progress(self.events.append))
        best = Best(2, 0.35, 0.8, {}) if validation else None
        self.position = Position(4, 2, points=POINTS, best=best)

    def write(self) -> Bundle:
        return write_result(self.folder, self.plan, self.base, self.student, self.position, self.choice, self.reporter)


@pytest.fixture(scope="module")
def ending(base: Bundle, cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> Ending:
    return Ending(base, cases, tmp_path_factory.mktemp("secret-place") / "run")


@pytest.fixture(scope="module")
def made(ending: Ending) -> Bundle:
    return ending.write()


def test_the_bundle_is_whole_and_segments(made: Bundle, ending: Ending, cases: list[Case]) -> None:
    loaded = load_bundle(made.folder)
    assert loaded.folder == ending.folder.bundles / "mine"
    assert loaded.spec == made.spec
    volume = load_case(cases[0]).volume
    result = segment(volume, loaded, device="cpu")
    assert result.labels.shape == volume.shape
    assert result.report["bundle"]["name"] == "mine"
    assert [path.name for path in ending.folder.bundles.iterdir()] == ["mine"]


def test_the_decoder_is_the_trained_one_and_the_rest_the_bases_to_the_byte(made: Bundle, ending: Ending) -> None:
    trained = ending.student.model.arms.state_dict()
    stored = made.stored("decoder.safetensors")
    assert stored.keys() == trained.keys()
    assert all(torch.equal(stored[name], tensor) for name, tensor in trained.items())
    for name in ("encoder.safetensors", "locator.safetensors"):
        assert made.path(name).read_bytes() == ending.base.path(name).read_bytes()
    assert made.path("decoder.safetensors").read_bytes() != ending.base.path("decoder.safetensors").read_bytes()


def test_licence_and_notices_come_along_and_the_card_is_its_own(made: Bundle) -> None:
    for name in ("LICENSE.txt", "NOTICE.md"):
        assert made.path(name).read_text() == TEXTS[name]
    assert made.path("CARD.md").read_text().startswith("# mine (fine-tuned)")
    assert set(made.spec.files) == {
        "CARD.md", "LICENSE.txt", "NOTICE.md", "curves.csv", "curves.png",
        "encoder.safetensors", "decoder.safetensors", "locator.safetensors",
    }  # fmt: skip
    assert made.spec.licence == "Some-1.0"


def test_the_description_says_where_it_comes_from(made: Bundle, ending: Ending) -> None:
    spec = made.spec
    assert (spec.name, spec.version) == ("mine", "1.0.0")
    assert "base 1.0.0" in spec.description and "2 own cases" in spec.description
    assert spec.training_data[0] == SOURCE and "2 own cases" in spec.training_data[1].name
    assert spec.temperature == 1.0  # the base's was measured with another decoder
    assert spec.windows.size == (24, 16, 16)
    assert spec.encoder == ending.base.spec.encoder and spec.locator == ending.base.spec.locator


def test_figures_are_not_called_held_out(made: Bundle, ending: Ending) -> None:
    rows = made.spec.accuracy
    assert len(rows) >= 2 and all(not row.held_out for row in rows)
    assert all("chose the weights" in row.note and row.command == "neosegdino finetune" for row in rows)
    assert (ending.folder.evaluation / "cases.csv").is_file()


def test_nothing_tells_of_the_machine(made: Bundle, ending: Ending, cases: list[Case]) -> None:
    paths = {str(ending.folder.folder), str(ending.base.folder), str(Path(cases[0].image).parent), str(Path.home())}
    for name in ("CARD.md", "bundle.json", "curves.csv"):
        text = (made.folder / name).read_text()
        assert not any(path in text for path in paths)
        assert not re.search(r"(?<![\w`*|])/(?:tmp|home|root|work|var|private|Users)\b", text), name
        assert "secret-place" not in text and "private-cases" not in text


def test_stages_are_told(made: Bundle, ending: Ending) -> None:
    stages = [event.stage for event in ending.events if isinstance(event, ProgressEvent)]
    assert list(dict.fromkeys(stages)) == ["evaluate", "write"]


def test_without_validation_nothing_is_measured(base: Bundle, cases: list[Case], tmp_path: Path) -> None:
    end = Ending(base, cases[:1], tmp_path / "run", validation=0)
    made = end.write()
    assert made.spec.accuracy == ()
    assert not end.folder.evaluation.exists()
    assert "Nothing: no case was kept" in made.path("CARD.md").read_text()
    load_bundle(made.folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"windows": "all", "window": (16, 16, 16)},
        {"windows": "all", "window": (16, 16, 16), "counts": (2, 1, 1), "arms": "per-window", "decoder": "stem",
         "decoder_options": {"channels": [4, 8, 8]}},
    ],
)  # fmt: skip
def test_other_models_are_whole_too(base: Bundle, cases: list[Case], tmp_path: Path, changes: dict[str, Any]) -> None:
    made = load_bundle(Ending(base, cases[:1], tmp_path / "run", validation=0, **changes).write().folder)
    assert made.spec.windows.counts == changes.get("counts")
    if not changes.get("counts"):
        assert segment(load_case(cases[0]).volume, made, device="cpu").labels.any() in (True, False)


@pytest.mark.parametrize(("request_", "error"), [("pause", Paused), ("cancel", Cancelled)])
def test_a_request_stops_the_measuring_and_going_on_ends_well(
    base: Bundle, cases: list[Case], tmp_path: Path, request_: Any, error: type[Cancelled]
) -> None:
    end = Ending(base, cases[:2], tmp_path / "run")
    end.folder.ask(request_)
    with pytest.raises(error) as told:
        end.write()
    assert type(told.value) is error
    assert not end.folder.request_file.exists()
    assert len(end.write().spec.accuracy) >= 2


def test_cancelling_from_outside_stops_the_measuring(base: Bundle, cases: list[Case], tmp_path: Path) -> None:
    end = Ending(base, cases, tmp_path / "run", validation=2)
    cancelled: list[str] = []

    def sink(event: Event) -> None:
        if isinstance(event, ProgressEvent) and event.stage == "evaluate":
            cancelled.append(event.stage)  # Ctrl-C as soon as the measuring has begun

    end.reporter = Reporter(end.folder, Progress(sink, lambda: bool(cancelled)))
    with pytest.raises(Cancelled):
        end.write()
    assert not end.folder.evaluation.exists()


def test_a_validation_case_that_is_gone_is_noted(base: Bundle, cases: list[Case], tmp_path: Path) -> None:
    own = make_cases(tmp_path / "own", 3)
    end = Ending(base, own, tmp_path / "run", validation=2)
    Path(own[2].image).unlink()
    made = end.write()
    end.reporter.stage("write")
    status = end.folder.read_status()
    assert status is not None
    assert "case2" in status.notes[0]
    assert {row.count for row in made.spec.accuracy} == {1}


def test_a_place_that_cannot_be_written_is_an_output_error(base: Bundle, cases: list[Case], tmp_path: Path) -> None:
    end = Ending(base, cases[:1], tmp_path / "run", validation=0)
    end.folder.bundles.write_text("in the way")
    with pytest.raises(OutputError, match="bundle"):
        end.write()
