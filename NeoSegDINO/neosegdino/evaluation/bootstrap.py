"""Mean, spread and confidence interval of figures that come from subjects."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neosegdino.spec import Spec

LEVEL = 0.95
RESAMPLES = 9999
_FEWEST_FOR_BCA = 3
_AT_ONCE = 1_000_000
"""Drawn numbers held in memory at a time."""


class Spread(Spec, frozen=True):
    """Mean and spread of some figures; None where there are too few."""

    count: int
    subjects: int
    mean: float | None
    sd: float | None
    """Of the figures, with n - 1."""
    median: float | None
    low: float | None
    """Lower end of the 95 % confidence interval of the mean."""
    high: float | None


def summarise(values: Sequence[float], subjects: Sequence[str], *, seed: int = 0) -> Spread:
    """Mean, standard deviation, median, and a 95 % confidence interval of the mean by bootstrap over subjects.

    Whole subjects are drawn, each with all its figures, since figures of one subject are alike. The interval is
    bias-corrected and accelerated (BCa); with fewer than three subjects, or where that is not defined (all figures
    equal, for example), it is the one of percentiles. One subject has no interval.

    Parameters
    ----------
    values : sequence of float
        Figures.
    subjects : sequence of str
        Whose each figure is.
    seed : int, optional
        The same seed gives the same interval.
    """
    if not values:
        return Spread(0, 0, None, None, None, None, None)
    figures = np.asarray(values, np.float64)
    names, whose = np.unique(np.asarray(subjects, str), return_inverse=True)
    sums = np.bincount(whose, figures).astype(np.float64)
    counts = np.bincount(whose).astype(np.float64)
    low, high = _interval(sums, counts, seed) if len(names) > 1 else (None, None)
    return Spread(
        count=len(figures),
        subjects=len(names),
        mean=float(figures.mean()),
        sd=float(figures.std(ddof=1)) if len(figures) > 1 else None,
        median=float(np.median(figures)),
        low=low,
        high=high,
    )


def _interval(sums: NDArray[np.float64], counts: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """Interval of the mean over all figures, from the sum and the count of each subject's figures."""
    methods = ("BCa", "percentile") if len(sums) >= _FEWEST_FOR_BCA else ("percentile",)
    bounds = (_bounds(sums, counts, method, seed) for method in methods)
    return next(pair for pair in bounds if np.isfinite(pair).all())


def _bounds(sums: NDArray[np.float64], counts: NDArray[np.float64], method: str, seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a degenerate distribution is seen by its bounds
        found = bootstrap(
            (sums, counts),
            lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=max(1, _AT_ONCE // len(sums)),
            confidence_level=LEVEL,
            method=method,
            random_state=np.random.default_rng(seed),
        )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
