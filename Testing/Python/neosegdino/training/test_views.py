from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from neosegdino.bundle import Bundle, write_bundle
from neosegdino.cases.loading import load_case
from neosegdino.device import resolve
from neosegdino.inference import CHUNK, Run
from neosegdino.progress import Event, LogEvent, Progress
from neosegdino.training.feature_cache import FeatureCache
from neosegdino.training.prepare import PreparedCase, prepare_case
from neosegdino.training.student import Student, create_student
from neosegdino.training.views import Sample, Views
from training_cases import make_case, quick

CPU = torch.device("cpu")
SEVERAL: dict[str, Any] = {"windows": "all", "window": (16, 16, 16), "counts": (2, 1, 1)}


class Stage:
    """Views of one case, with their cache, as a run has them."""

    def __init__(self, bundle: Bundle, folder: Path, cases: Path, limit: int = 10**9, **changes: Any) -> None:
        self.settings = quick(bundle.folder, **({"views": 3} | changes))
        self.student: Student = create_student(bundle, self.settings, CPU)
        self.events: list[Event] = []
        self.run = Run(self.student.spec, resolve("cpu"), Progress(self.events.append))
        self.cache = FeatureCache(folder, limit)
        self.views = Views(self.student, self.settings, self.cache, self.run)
        self.case: PreparedCase = prepare_case(load_case(make_case(cases, 0)), self.student.spec)

    @property
    def names(self) -> set[str]:
        return {path.name for path in self.cache.entries()}

    def epochs(self, count: int) -> list[Sample]:
        return [self.views.training(self.case, epoch) for epoch in range(count)]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def everything(sample: Sample) -> list[torch.Tensor]:
    tokens = [part for position in range(len(sample.cut)) for part in sample.tokens(position)]
    return [sample.windows, sample.target, *tokens]


def same(one: Sample, other: Sample) -> bool:
    return all(
        torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(everything(one), everything(other), strict=True)
    )


def test_tokens_are_the_encoders_own(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    stage = Stage(tiny, tmp_path, cases, **SEVERAL)
    for sample in (stage.views.plain(stage.case), *stage.epochs(3)):
        assert len(sample.windows) == len(sample.cut) == 2
        for position in (1, 0):
            own = stage.student.model.encoder(sample.windows[position : position + 1], CHUNK["cpu"])
            found = sample.tokens(position)
            assert len(found) == len(own) == 2
            for part, expected in zip(found, own, strict=True):
                # The window is stored rounded, but encoded as it was drawn or as it was stored: both alike.
                assert torch.equal(part, expected.half().float())
                assert part.dtype == torch.float32


@pytest.mark.parametrize("changes", [{}, SEVERAL, {"windows": "all", "window": (16, 16, 16)}])
def test_a_hit_and_a_miss_are_the_same_to_the_last_bit(
    tiny: Bundle, tmp_path: Path, cases: Path, changes: dict[str, Any]
) -> None:
    first, second = (Stage(tiny, tmp_path / "features", cases, **changes) for _ in range(2))
    fresh = [*first.epochs(3), first.views.plain(first.case)]
    made = [everything(sample) for sample in fresh]
    names = first.names
    assert len(names) == 3 * (1 + len(first.case.cut))
    stored = [*second.epochs(3), second.views.plain(second.case)]
    for one, other in zip(made, stored, strict=True):
        assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(one, everything(other), strict=True))
    assert second.names == names
    uncached = Stage(tiny, tmp_path / "none", cases, limit=0, **changes)
    assert all(same(one, other) for one, other in zip(fresh, uncached.epochs(3), strict=False))
    assert uncached.names == set()


def test_what_is_stored_is_what_is_used(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    """A hit is read, not computed again."""
    stage = Stage(tiny, tmp_path, cases)
    everything(stage.views.plain(stage.case))
    for path in stage.cache.entries():
        tensors = stage.cache.get(path.stem)
        assert tensors is not None
        stage.cache.put(path.stem, {name: torch.ones_like(tensor) for name, tensor in tensors.items()})
    assert all(bool((part == 1).all()) for part in everything(stage.views.plain(stage.case)))


def test_only_the_windows_asked_for_are_encoded(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    stage = Stage(tiny, tmp_path, cases, **SEVERAL)
    encoded: list[int] = []
    stage.student.model.encoder.register_forward_pre_hook(lambda *_: encoded.append(1))
    sample = stage.views.plain(stage.case)
    assert (len(encoded), len(stage.names)) == (0, 1)
    sample.tokens(1)
    sample.tokens(1)
    assert (len(encoded), len(stage.names)) == (1, 2)


def test_fixed_views_take_turns_and_one_is_the_case_itself(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    stage = Stage(tiny, tmp_path, cases)
    plain, drawn = stage.views.plain(stage.case), stage.epochs(6)
    assert [same(sample, plain) for sample in drawn].count(True) == 2
    for first in range(3):
        assert same(drawn[first], drawn[first + 3])
        assert not same(drawn[first], drawn[(first + 1) % 3])
    assert Stage(tiny, tmp_path, cases, views=1).epochs(2)[1].windows.equal(plain.windows)


def test_not_all_cases_begin_with_the_same_view(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    stage = Stage(tiny, tmp_path, cases)
    plain = stage.views.plain(stage.case).windows
    others = [PreparedCase(f"case{n}", "k", *_rest(stage.case)) for n in range(12)]
    first = [torch.equal(stage.views.training(case, 0).windows, plain) for case in others]
    assert 0 < first.count(True) < 12


def _rest(case: PreparedCase) -> tuple[Any, ...]:
    return case.image, case.target, case.cut, case.affine


def test_new_views_in_every_epoch_are_not_stored(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    stage = Stage(tiny, tmp_path, cases, views=0)
    drawn = stage.epochs(4)
    assert all(not torch.equal(drawn[a].windows, drawn[b].windows) for a in range(4) for b in range(a))
    for sample in drawn:
        encoded = everything(sample)
        assert all(torch.equal(a, b) for a, b in zip(encoded, everything(sample), strict=True))
    assert stage.names == set() and not stage.cache.folder.joinpath("x").exists()
    again = Stage(tiny, tmp_path, cases, views=0)
    assert same(again.views.training(again.case, 2), drawn[2])  # whatever was drawn before
    assert not same(Stage(tiny, tmp_path, cases, views=0, seed=2).epochs(1)[0], drawn[0])
    everything(stage.views.plain(stage.case))
    assert len(stage.names) == 2  # the validation's


def test_an_epochs_windows_are_encoded_once(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    """The two passes of a step both ask for the tokens."""
    stage = Stage(tiny, tmp_path, cases, views=0, **SEVERAL)
    encoded: list[int] = []
    stage.student.model.encoder.register_forward_pre_hook(lambda *_: encoded.append(1))
    (sample,) = stage.epochs(1)
    everything(sample)
    everything(sample)
    assert len(encoded) == 2


def _other_encoder(bundle: Bundle, folder: Path) -> Bundle:
    tensors = {name: bundle.stored(name) for name in bundle.spec.files}
    for tensor in tensors["encoder.safetensors"].values():
        tensor.mul_(1.001)
    return write_bundle(folder, bundle.spec, tensors)


def test_keys_change_with_all_that_features_depend_on(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    folder = tmp_path / "features"
    base = Stage(tiny, folder, cases)
    for sample in base.epochs(3):
        everything(sample)
    names = base.names
    plain = Stage(tiny, tmp_path / "plain", cases)
    everything(plain.views.plain(plain.case))
    assert len(plain.names) == 2 and plain.names < names

    def new(stage: Stage) -> int:
        stage.cache.folder = tmp_path / "other"
        for sample in stage.epochs(3):
            everything(sample)
        found = len(stage.names - names)
        stage.cache.clear()
        return found

    assert new(Stage(tiny, folder, cases)) == 0
    assert new(Stage(tiny, folder, cases, from_scratch=True, rate=0.1, epochs=9)) == 0  # nothing to do with features
    # The case itself does not depend on what is drawn.
    assert new(Stage(tiny, folder, cases, seed=2)) == 4
    assert new(Stage(tiny, folder, cases, mirror=False)) == 4
    # All views depend on these.
    assert new(Stage(tiny, folder, cases, spacing_mm=(2.0, 2.0, 1.9))) == 6
    assert new(Stage(tiny, folder, cases, window=(16, 16, 16))) == 6
    assert new(Stage(_other_encoder(tiny, tmp_path / "moved"), folder, cases)) == 6
    spec = msgspec.structs.replace(tiny.spec, encoder=msgspec.structs.replace(tiny.spec.encoder, mean=0.1))
    shown = write_bundle(tmp_path / "shown", spec, {name: tiny.stored(name) for name in tiny.spec.files})
    assert new(Stage(shown, folder, cases)) == 6
    other = Stage(tiny, folder, cases)
    loaded = load_case(make_case(tmp_path / "elsewhere", 0))
    loaded.volume.data[20, 20, 20] += 1
    other.case = prepare_case(loaded, other.student.spec)
    assert new(other) == 6


def test_mirrored_views_are_other_views(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    stages = [Stage(tiny, tmp_path, cases, views=8, mirror=mirror) for mirror in (True, False)]
    pairs = zip(*(stage.epochs(8) for stage in stages), strict=True)
    turned = [not torch.equal(one.windows, other.windows) for one, other in pairs]
    assert 0 < turned.count(True) < 8


def test_a_cache_that_cannot_be_written_is_done_without(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = Stage(tiny, tmp_path / "file" / "features", cases, **SEVERAL)
    drawn = [everything(sample) for sample in (*blocked.epochs(3), blocked.views.plain(blocked.case))]
    (note,) = (flag.message for flag in blocked.run.notes)
    assert "no longer cached" in note and "features" in note
    assert [event.message for event in blocked.events if isinstance(event, LogEvent)] == [note]
    free = Stage(tiny, tmp_path / "free", cases, **SEVERAL)
    expected = [everything(sample) for sample in (*free.epochs(3), free.views.plain(free.case))]
    for one, other in zip(drawn, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert free.run.notes == []


def test_samples_are_of_the_types_that_training_wants(tiny: Bundle, tmp_path: Path, cases: Path) -> None:
    stage = Stage(tiny, tmp_path, cases)
    for sample in (stage.views.plain(stage.case), *stage.epochs(3)):
        assert (sample.windows.dtype, sample.target.dtype) == (torch.float32, torch.int64)
        assert sample.windows.shape == (1, 1, 24, 16, 16) and sample.target.shape == (24, 16, 16)
        assert set(sample.target.unique().tolist()) == {0, 1, 2}
        assert torch.equal(sample.windows, sample.windows.half().float())
