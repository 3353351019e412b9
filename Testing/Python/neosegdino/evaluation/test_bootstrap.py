from __future__ import annotations

import numpy as np
import pytest
from neosegdino.evaluation.bootstrap import Spread, summarise


def names(count: int) -> list[str]:
    return [f"s{number}" for number in range(count)]


def test_mean_and_spread() -> None:
    found = summarise([0.5, 0.7, 0.9, 0.9], names(4))
    assert (found.count, found.subjects) == (4, 4)
    assert (found.mean, found.median) == pytest.approx((0.75, 0.8))
    assert found.sd == pytest.approx(np.std([0.5, 0.7, 0.9, 0.9], ddof=1))


def test_interval_of_many_figures_is_that_of_the_normal_distribution() -> None:
    figures = np.random.default_rng(1).normal(0.8, 0.1, 400)
    found = summarise(figures.tolist(), names(400))
    error = 1.96 * figures.std(ddof=1) / 20
    assert (found.low, found.high) == pytest.approx((figures.mean() - error, figures.mean() + error), abs=0.0015)


def test_a_skewed_sample_has_a_skewed_interval() -> None:
    """This is what BCa is for: percentiles alone would reach less far up."""
    figures = np.random.default_rng(2).exponential(1.0, 20)
    found = summarise(figures.tolist(), names(20))
    assert found.low is not None and found.high is not None and found.mean is not None
    draws = np.random.default_rng(0).choice(figures, (9999, 20)).mean(axis=1)
    assert found.high > np.percentile(draws, 97.5) + 0.02
    assert found.high - found.mean > found.mean - found.low


def test_subjects_are_drawn_whole() -> None:
    """Ten scans of each subject tell no more than one when they are all the same."""
    figures = np.random.default_rng(3).normal(0.8, 0.1, 8)
    once = summarise(figures.tolist(), names(8))
    often = summarise(np.repeat(figures, 10).tolist(), np.repeat(names(8), 10).tolist())
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=1e-4)
    assert (often.count, often.subjects) == (80, 8)
    apart = summarise(np.repeat(figures, 10).tolist(), names(80))
    assert apart.low is not None and once.low is not None
    assert apart.low > once.low


def test_subjects_with_more_figures_weigh_more() -> None:
    found = summarise([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"])
    assert (found.mean, found.low, found.high) == (0.75, 0, 1)


def test_the_seed_decides() -> None:
    figures = np.random.default_rng(4).random(12).tolist()
    assert summarise(figures, names(12)) == summarise(figures, names(12))
    assert summarise(figures, names(12), seed=5) != summarise(figures, names(12))


def test_few_and_equal_figures() -> None:
    assert summarise([], []) == Spread(0, 0, None, None, None, None, None)
    assert summarise([0.5], ["a"]) == Spread(1, 1, 0.5, None, 0.5, None, None)
    one = summarise([0.5, 0.7], ["a", "a"])
    assert (one.low, one.high, one.subjects) == (None, None, 1)
    two = summarise([0.5, 0.7], ["a", "b"])
    assert (two.low, two.high) == pytest.approx((0.5, 0.7))
    assert summarise([0.5] * 5, names(5)) == Spread(5, 5, 0.5, 0.0, 0.5, 0.5, 0.5)
