from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from neosegdino.bundle import Bundle
from neosegdino.segment import segment
from neosegdino.synthesis.deformation import View
from neosegdino.synthesis.draw import Draw
from neosegdino.synthesis.generator import Generator
from neosegdino.synthesis.head import synthesize_head
from neosegdino.synthesis.label_maps import LabelMaps
from neosegdino.training import measure_heads as module
from neosegdino.training import starter
from neosegdino.training.measure_heads import REACH_MM, HeadResult, measure_heads

FAR, NEAR = REACH_MM + 0.1, REACH_MM


@pytest.mark.parametrize(
    ("distance", "sure", "turned", "found", "misled"),
    [
        (NEAR, True, False, True, False),
        (FAR, True, False, False, True),
        (NEAR, True, True, False, True),
        (float("inf"), False, False, False, False),
    ],
)
def test_only_a_sure_answer_misleads(distance: float, sure: bool, turned: bool, found: bool, misled: bool) -> None:
    result = HeadResult(3, (0.8, 0.75), distance, sure, turned)
    assert (result.found, result.misled) == (found, misled)
    assert str(result).startswith("head 3: Dice 0.800 0.750, centre ")
    assert ("not sure" in str(result), "back to front" in str(result)) == (not sure, turned)


def test_heads_out_of_view_are_left_out_and_others_taken_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third head is out of view: of eight the first five that count, and no head is made for nothing."""
    asked: list[int] = []

    def measure(packed: Path, bundle: str | None, seed: int, device: str, number: int) -> HeadResult | None:
        asked.append(number)
        return HeadResult(number, (1.0, 1.0), 0.0, True, False) if number % 3 else None

    monkeypatch.setattr(module, "_measure_head", measure)
    monkeypatch.setattr(module, "ProcessPoolExecutor", lambda workers, _context: ThreadPoolExecutor(workers))
    lines: list[str] = []
    results = measure_heads(Path("maps.npz"), None, 5, 0, "cpu", 2, lines.append)
    assert [result.number for result in results] == [1, 2, 4, 5, 7]
    assert sorted(asked) == list(range(8))
    assert lines == [str(result) for result in results]


@pytest.fixture
def packed(maps: LabelMaps, tmp_path: Path) -> Path:
    """Label maps of which the recipe's own choice keeps one head for measuring."""
    volumes, hippocampi = maps.volumes[[2]], maps.hippocampi[[2]]
    heads = (starter.RECIPE.measuring_heads[0],)
    LabelMaps(volumes, maps.labels, hippocampi, ("head",), heads).save(tmp_path / "maps.npz")
    return tmp_path / "maps.npz"


def test_a_head_is_measured_against_its_own_truth(packed: Path, tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number makes the head again, whichever head was made before."""
    small = View((76, 90, 76), 1.6, (2.0, 4.0, 4.0), rotation_deg=15.0)
    monkeypatch.setattr(module, "synthesize_head", lambda generator, name: synthesize_head(generator, name, small))
    measured = [module._measure_head(packed, str(tiny.folder), 40, "cpu", number) for number in (6, 7, 6)]
    assert measured[0] is not None
    assert measured[0] == measured[2] != measured[1]
    generator = Generator(starter.held_out_maps(module.load_packed(packed)), Draw(46, "cpu"))
    volume, truth = synthesize_head(generator, "again", small)
    found = segment(volume, tiny, device="cpu").labels
    wanted = [2 * ((found == s) & (truth == s)).sum() / ((found == s).sum() + (truth == s).sum()) for s in (1, 2)]
    assert measured[0].dice == pytest.approx(wanted)
    assert np.isfinite(measured[0].distance_mm) == measured[0].sure
    assert module._measure_head(packed, str(tiny.folder), 40, "cpu", 1) is None, "one of its sides is too small"


def test_heads_in_processes_of_their_own(packed: Path, tiny: Bundle) -> None:
    lines: list[str] = []
    results = measure_heads(packed, str(tiny.folder), 1, 7, "cpu", 1, lines.append)
    assert len(results) == len(lines) == 1
    assert all(0 <= value <= 1 for value in results[0].dice)
