from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from neosegdino.bundle import Bundle, load_bundle
from neosegdino.device import resolve
from neosegdino.errors import Cancelled
from neosegdino.flags import Flag
from neosegdino.geometry import Grid
from neosegdino.inference import CHUNK, Run, count_chunks, probabilities, rescale, segment_windows
from neosegdino.loading import load_models
from neosegdino.model import WindowModel, rescale_windows
from neosegdino.progress import Event, LogEvent, Progress
from neosegdino.windows import WindowGrid, cut_around, full_cut
from tiny_bundle import make_tiny_bundle

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = (24, 15, 20)
GRID = Grid(SHAPE, np.eye(4))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_tiny_bundle(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> WindowModel:
    return load_models(bundle, torch.device("cpu")).window


class Counted(Progress):
    """A progress that counts its steps."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.steps = 0

    def advance(self, steps: int = 1) -> None:
        self.steps += steps
        super().advance(steps)


def make_run(bundle: Bundle, chunk: int = 4, **options: Any) -> Run:
    progress = Counted(**options)
    progress.plan({"segment": 1})
    progress.start("segment", 1000)
    return Run(bundle.spec, resolve("cpu"), progress, chunk=chunk)


def image() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(1, *SHAPE) + 0.1


def test_probabilities_are_the_softmax_of_the_models_scores(bundle: Bundle, model: WindowModel) -> None:
    window = torch.rand(1, 1, 16, 16, 16)
    run = make_run(bundle)
    whole = probabilities(model, 0, window, run, 1.0)
    assert torch.allclose(whole, model(window)[0].softmax(0), atol=1e-5)
    assert torch.allclose(probabilities(model, 0, window, run, 2.5), (model(window)[0] / 2.5).softmax(0), atol=1e-5)


def test_every_window_is_segmented_in_its_place(bundle: Bundle, model: WindowModel) -> None:
    cut = full_cut(SHAPE, model.window)
    run = make_run(bundle)
    whole = segment_windows(model, image(), GRID, cut, run)
    assert whole.shape == (3, *SHAPE)
    assert whole.dtype == np.float32
    assert np.allclose(whole.sum(0), 1, atol=1e-5)
    for n, position in enumerate(np.ndindex(*cut.counts)):
        corner = np.array(cut.origin) + np.array(position) * 16
        one = WindowGrid(cut.window, (1, 1, 1), tuple(corner))  # type: ignore[arg-type]
        alone = segment_windows(model, image(), GRID, one, make_run(bundle))
        box = tuple(slice(max(0, c), max(0, c + 16)) for c in corner)
        assert np.allclose(alone[(slice(None), *box)], whole[(slice(None), *box)], atol=1e-5), n


def test_outside_of_the_windows_is_background(bundle: Bundle, model: WindowModel) -> None:
    whole = segment_windows(model, image(), GRID, cut_around((8, 8, 8), model.window), make_run(bundle))
    inside = np.zeros(SHAPE, bool)
    inside[:16, :16, :16] = True
    assert np.array_equal(whole[:, ~inside], np.broadcast_to([[1.0], [0], [0]], whole[:, ~inside].shape))
    assert (whole[0][inside] < 1).all()


def test_empty_windows_are_background_without_being_encoded(bundle: Bundle, model: WindowModel) -> None:
    picture = torch.zeros(1, 32, 16, 48)
    picture[:, 18:30, :, 20:30] = 0.7
    cut = full_cut((32, 16, 48), model.window)
    run = make_run(bundle)
    whole = segment_windows(model, picture, Grid((32, 16, 48), np.eye(4)), cut, run)
    assert run.progress.steps == count_chunks(model, picture, cut, run) == 4  # type: ignore[attr-defined]
    assert (whole[0, :16] == 1).all()
    assert (whole[0, 16:, :, 16:32] < 1).all()
    assert (whole[0, 16:, :, 32:] == 1).all()


@pytest.mark.parametrize("chunk", [1, 5, 16, 100])
def test_steps_are_the_counted_chunks_and_chunks_change_nothing(bundle: Bundle, model: WindowModel, chunk: int) -> None:
    cut = full_cut(SHAPE, model.window)
    run = make_run(bundle, chunk)
    whole = segment_windows(model, image(), GRID, cut, run)
    assert run.progress.steps == count_chunks(model, image(), cut, run)  # type: ignore[attr-defined]
    assert np.allclose(whole, segment_windows(model, image(), GRID, cut, make_run(bundle)), atol=1e-5)


def test_windows_are_rescaled_as_in_training(bundle: Bundle) -> None:
    windows = torch.rand(2, 1, 8, 8, 8) * torch.tensor([0.5, 1.2])[:, None, None, None, None]
    setting = bundle.spec.preprocessing
    expected = rescale_windows(windows, setting.percentile, setting.clip)
    assert torch.equal(rescale(windows, make_run(bundle)), expected)


def test_the_device_decides_how_many_slices_at_a_time(bundle: Bundle) -> None:
    assert Run(bundle.spec, resolve("cpu"), Progress()).chunk == CHUNK["cpu"]


def test_notes_are_kept_and_told(bundle: Bundle) -> None:
    events: list[Event] = []
    run = make_run(bundle, sink=events.append)
    run.note("memory", "Look here.")
    assert run.notes == [Flag("memory", "Look here.")]
    assert events[-1] == LogEvent("warning", "Look here.")


def test_stages_add_up_their_time(bundle: Bundle) -> None:
    run = make_run(bundle)
    for _ in range(2):
        with run.stage("segment"):
            pass
    assert list(run.timings) == ["segment"]
    assert run.timings["segment"] >= 0


def test_cancelling_between_chunks(bundle: Bundle, model: WindowModel) -> None:
    stop = [False]
    run = make_run(bundle, cancelled=lambda: stop[0])
    stop[0] = True
    with pytest.raises(Cancelled):
        segment_windows(model, image(), GRID, full_cut(SHAPE, model.window), run)
    assert run.progress.steps == 1  # type: ignore[attr-defined]
