"""Confidence intervals that hold at any sample size."""

from __future__ import annotations

from math import ceil, floor
from typing import NamedTuple

import numpy as np

# Relative error of a mean of so many zeros and ones, with room for 1e6 of them.
ROUNDING = 1e-9


class Interval(NamedTuple):
    """The ends of a confidence interval."""

    low: float
    high: float


class Estimate(NamedTuple):
    """An estimate and the ends of its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def paired_shares(changes: np.ndarray, confidence: float = 0.95) -> Interval:
    """Return an interval for the mean of changes between -1 and 1, sample by sample.

    A change of 1 is an event that only the second of two methods has, -1 one that only the first
    has, and samples on which both agree say nothing of the sign. Among the samples that disagree
    the share of the second method's is a binomial proportion, whatever their number: its
    Clopper-Pearson interval excludes one half when the exact test of McNemar [1]_ rejects
    equality. Times the share of samples that disagree, whose interval takes a tenth of the
    allowed failures, it bounds the difference: both hold together with `confidence` at least. Ties
    are guesses, whose fractions add up; they widen an interval to whole numbers.

    Parameters
    ----------
    changes : ndarray, shape (m,)
        Changes of the m samples, from -1 to 1.
    confidence : float
        Least probability with which the interval holds the mean over all possible samples.

    References
    ----------
    .. [1] McNemar, "Note on the sampling error of the difference between correlated proportions or
       percentages", Psychometrika 12, 1947.
    """
    failing, draws = 1 - confidence, len(changes)
    more, fewer = (_whole(float(np.maximum(side, 0).sum()), draws) for side in (changes, -changes))
    sign, number = 1 - 0.9 * failing, 1 - 0.1 * failing
    low = _excess(more.low, fewer.high, sign).low
    high = _excess(more.high, fewer.low, sign).high
    rarest = clopper_pearson(min(more.low + fewer.low, draws), draws, number).low
    most = clopper_pearson(min(more.high + fewer.high, draws), draws, number).high
    return Interval(low * (rarest if low > 0 else most), high * (most if high > 0 else rarest))


class _Count(NamedTuple):
    """The whole numbers below and above a count of which guesses are fractions."""

    low: int
    high: int


def _whole(total: float, draws: int) -> _Count:
    """Return the whole numbers around a sum, up to its rounding."""
    near = round(total)
    if abs(total - near) <= ROUNDING * draws:
        return _Count(near, near)
    return _Count(floor(total), ceil(total))


def _excess(more: int, fewer: int, confidence: float) -> Interval:
    """Return an interval for the excess of one of two kinds of events, from -1 to 1."""
    if not more + fewer:
        return Interval(-1.0, 1.0)
    low, high = clopper_pearson(more, more + fewer, confidence)
    return Interval(2 * low - 1, 2 * high - 1)


def mean_interval(values: np.ndarray, confidence: float = 0.95, untested: float = 1.0) -> Interval:
    """Return Student's interval for a mean: unbounded for one value, exact where all are tested.

    Parameters
    ----------
    values : ndarray, shape (m,)
        Independent values.
    confidence : float
        Probability with which the interval holds the mean, for values that are nearly Gaussian or
        many.
    untested : float
        Part of all values that was not drawn, by which the variance is smaller.
    """
    mean = float(values.mean())
    if not untested:
        return Interval(mean, mean)
    if len(values) < 2:
        return Interval(-np.inf, np.inf)
    reach = student(confidence, len(values)) * values.std(ddof=1) * np.sqrt(untested / len(values))
    return Interval(float(mean - reach), float(mean + reach))


def student(confidence: float, size: int) -> float:
    """Return how many standard errors around a mean of `size` values reach this confidence."""
    from scipy.special import stdtrit

    return float(stdtrit(size - 1, (1 + confidence) / 2)) if size > 1 else np.inf


def clopper_pearson(count: int | float, draws: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval for a probability after `count` events in `draws` trials.

    Half an event (an output of zero is right half of the time) widens it to both whole numbers.
    """
    from scipy.special import betaincinv

    if not 0 <= count <= draws or draws < 1:
        raise ValueError(f"{count} of {draws} found, expected 0 ≤ count ≤ draws: count the events")
    tail = (1 - confidence) / 2
    fewer, more = np.floor(count), np.ceil(count)
    low = betaincinv(fewer, draws - fewer + 1, tail) if fewer else 0.0
    high = betaincinv(more + 1, draws - more, 1 - tail) if more < draws else 1.0
    return Interval(float(low), float(high))
