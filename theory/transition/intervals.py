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

    @property
    def is_known(self) -> bool:
        """Whether there is one; an infinite end is one that is not bounded."""
        return not (np.isnan(self.low) or np.isnan(self.high))


#: No interval: of an error that is not known.
UNKNOWN = Interval(float("nan"), float("nan"))


class Estimate(NamedTuple):
    """An estimate and the ends of its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def effective_size(values: np.ndarray, counts: np.ndarray) -> float:
    """Return how many samples that occur once tell as much about the mean of their values.

    The mean of k independent values x_j, of which each occurs c_j times, is a ratio of two sums
    over j. It errs by ``Σ c_j² (x_j - x̄)² / (Σ c_j)²`` in variance [1]_, the mean of n values of
    the same spread by ``Σ c_j (x_j - x̄)² / (n Σ c_j)``. Where copies have nothing to do with the
    values these are equal at the n of Kish [2]_, ``(Σ c_j)² / Σ c_j²``. That is returned where it
    is the smaller one, as few values that happen to be alike show no smaller variance.

    Parameters
    ----------
    values, counts : ndarray, shape (k,)
        Values of distinct samples, and how often each of them occurs.

    References
    ----------
    .. [1] Cochran, Sampling Techniques, 1977, chapter 9: clusters of unequal sizes.
    .. [2] Kish, Survey Sampling, 1965, section 11.7.
    """
    kish = float(counts.sum() ** 2 / (counts**2).sum())
    scaled = values / _unit(values)
    squares = (scaled - np.average(scaled, weights=counts)) ** 2
    apart = float((counts**2 * squares).sum())
    return min(kish, float(counts.sum() * (counts * squares).sum()) / apart) if apart else kish


def standard_error(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the standard errors of means of values that occur so often, see `effective_size`.

    Parameters
    ----------
    values : ndarray, shape (k, p)
        Values of distinct samples.
    counts : ndarray, shape (k,)
        How often each of them occurs.
    """
    unit = _unit(values)
    apart = values / unit - np.average(values / unit, axis=0, weights=counts)
    return np.asarray(unit * np.sqrt((counts**2) @ apart**2) / counts.sum())


def _unit(values: np.ndarray) -> float:
    """Return a power of two of the size of the values, in which their squares are doubles.

    Squared errors of targets of size 1e-100 have no squares otherwise. To divide by a power of two
    rounds nothing.
    """
    largest = float(np.abs(values).max(initial=0.0))
    return float(np.ldexp(1.0, int(np.frexp(largest)[1]) - 1)) if 0 < largest < np.inf else 1.0


def paired_shares(
    changes: np.ndarray, confidence: float = 0.95, counts: np.ndarray | None = None
) -> Interval:
    """Return an interval for the mean of changes between -1 and 1, sample by sample.

    A change of 1 is an event that only the second of two methods has, -1 one that only the first
    has. Half an event is added to each of the four cells of that table, as Agresti and Min [1]_
    recommend. To cover as often as is said in small samples too, the quantile is Student's, and
    half an event is left as a correction for continuity. At 95 % the exact probability of covering
    is then above 95 % but for single cases, of which the tests sum the worst one known: 94.99 %
    for 32 samples.

    Parameters
    ----------
    changes : ndarray, shape (m,)
        Changes of the m samples, from -1 to 1.
    confidence : float
        Probability with which the interval holds the mean over all possible samples.
    counts : ndarray, shape (m,), optional
        How often each sample occurs, once by default. The mean is over all of these, and as exact
        as that of `effective_size` samples.

    References
    ----------
    .. [1] Agresti and Min, "Simple improved confidence intervals for comparing matched
       proportions", Statistics in Medicine 24, 2005.
    """
    size = len(changes) if counts is None else effective_size(changes, counts)
    cells, quantile = size + 2, student(confidence, size)
    if not np.isfinite(quantile):
        return Interval(-1.0, 1.0)
    mean = size * float(np.average(changes, weights=counts)) / cells
    events = size * float(np.average(np.abs(changes), weights=counts))
    variance = (events + 1) / cells - mean**2
    reach = quantile * np.sqrt(variance / cells) + 1 / cells
    return Interval(float(max(mean - reach, -1.0)), float(min(mean + reach, 1.0)))


def sign_test(changes: np.ndarray) -> float:
    """Return the probability that equal methods differ as much: the exact test of McNemar [1]_.

    Where two methods are equally good, either is as likely to be the better one on a sample on
    which they disagree. Fractions of events, from guesses, are rounded against a difference.

    References
    ----------
    .. [1] McNemar, "Note on the sampling error of the difference between correlated proportions or
       percentages", Psychometrika 12, 1947.
    """
    from scipy.special import betainc

    sides = sorted(float(np.maximum(side, 0).sum()) for side in (changes, -changes))
    rounding = ROUNDING * len(changes)
    fewer, more = ceil(sides[0] - rounding), floor(sides[1] + rounding)
    if more <= fewer:
        return 1.0
    return min(1.0, 2 * float(betainc(more, fewer + 1, 0.5)))


def mean_interval(
    values: np.ndarray,
    confidence: float = 0.95,
    untested: float = 1.0,
    counts: np.ndarray | None = None,
) -> Interval:
    """Return Student's interval for a mean: unbounded for one value, exact where all are tested.

    Values that all equal one number other than 0 count as one: changes of different test points
    are never equal, so that they belong to copies of one.

    Parameters
    ----------
    values : ndarray, shape (m,)
        Independent values.
    confidence : float
        Probability with which the interval holds the mean, for values that are nearly Gaussian or
        many.
    untested : float
        Part of all values that was not drawn, by which the variance is smaller.
    counts : ndarray, shape (m,), optional
        How often each value occurs, once by default; see `effective_size`.
    """
    mean = float(np.average(values, weights=counts))
    if not untested:
        return Interval(mean, mean)
    if len(values) < 2 or (values.any() and np.ptp(values) <= ROUNDING * np.abs(values).max()):
        return Interval(-np.inf, np.inf)
    size = len(values) if counts is None else effective_size(values, counts)
    unit = _unit(values)
    variance = float(np.average(((values - mean) / unit) ** 2, weights=counts)) * untested
    deviation = unit * np.sqrt(variance / (size - 1)) if size > 1 else np.inf
    reach = student(confidence, size) * deviation
    return Interval(float(mean - reach), float(mean + reach))


def student(confidence: float, size: int | float) -> float:
    """Return how many standard errors around a mean of `size` values reach this confidence."""
    from scipy.special import stdtrit

    return float(stdtrit(size - 1, (1 + confidence) / 2)) if size > 1 else np.inf


def clopper_pearson(count: int | float, draws: int | float, confidence: float = 0.95) -> Interval:
    """Return the exact interval for a probability after `count` events in `draws` trials.

    Half an event (an output of zero is right half of the time) widens it to both whole numbers.
    Trials may be the part of one as well, as those of `effective_size` are.
    """
    from scipy.special import betaincinv

    if not 0 <= count <= draws or draws < 1:
        raise ValueError(f"{count} of {draws} found, expected 0 ≤ count ≤ draws: count the events")
    tail = (1 - confidence) / 2
    fewer, more = np.floor(count), np.ceil(count)
    low = betaincinv(fewer, draws - fewer + 1, tail) if fewer else 0.0
    high = betaincinv(more + 1, draws - more, 1 - tail) if more < draws else 1.0
    return Interval(float(low), float(high))
