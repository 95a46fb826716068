"""Intervals for a mean and for a rate that hold at every sample size at once.

An interval that is valid at a fixed number of samples refutes a true statement sooner or later when
one looks again and again while seeds are added. These are confidence sequences: with probability
``1 - error`` the truth lies in the interval of *every* sample size, so that one may look as often
as one likes, stop when a statement is decided, and add seeds later.

Both come from a martingale of mean 1 under the truth, a likelihood ratio mixed over alternatives;
by Ville's inequality it ever exceeds ``1/error`` with probability ``error`` at most. The interval
holds the values for which it does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaln

# Effects of all sizes up to ten standard deviations are expected of few samples: a narrower prior
# costs less at many samples, and has no interval at all at few.
_EFFECT_SIZE = 10.0


class Interval(NamedTuple):
    """What holds a mean or a rate at every number of samples, but for the chosen error."""

    low: float
    high: float


def mean_interval(values: np.ndarray, error: float) -> Interval:
    """Return the interval of the mean of independent samples of a normal law.

    With effects ``(mean - m) / deviation`` drawn from a normal law of deviation 10 and the
    deviation from its Haar measure, the likelihood ratio against the mean m is

        sqrt(c/(n + c)) ((s² + a) / (s² + a c/(n + c)))^{n/2},   c = 1/100,

    with s² the mean squared deviation from the sample mean and a the square of the sample mean's
    distance from m (Wang and Ramdas, arXiv 2310.03722, who take a normal law of effects where Lai
    1976 takes a flat one).

    Parameters
    ----------
    values : ndarray, shape (n,)
        The samples.
    error : float
        Probability with which the mean ever lies outside.

    Returns
    -------
    Interval
        Infinite while there are too few samples.

    Examples
    --------
    >>> import numpy as np
    >>> from grokflow.proofs_check.evidence.confidence_sequences import mean_interval
    >>> print(*np.round(mean_interval(np.array([1.0, 1.1, 0.9, 1.0, 1.0, 0.9, 1.1]), 0.01), 2))
    0.78 1.22
    """
    samples = np.asarray(values, dtype=np.float64)
    n, c = len(samples), _EFFECT_SIZE**-2
    if n < 2 or not np.isfinite(samples).all():
        return Interval(-np.inf, np.inf)
    mean, variance = float(samples.mean()), float(samples.var())
    # The largest ratio of (s² + a) to (s² + a c/(n + c)) that the martingale's bound allows.
    largest = np.exp((np.log((n + c) / c) - 2 * np.log(error)) / n)
    room = 1 - largest * c / (n + c)
    half = float(np.sqrt(variance * (largest - 1) / room)) if room > 0 else np.inf
    return Interval(mean - half, mean + half)


def rate_interval(count: int, trials: int, error: float) -> Interval:
    """Return the interval of the probability of an event seen `count` times in `trials`.

    The alternatives are mixed by the arcsine law (Robbins 1970), which no rate escapes.

    Parameters
    ----------
    count, trials : int
        How often the event was seen, and in how many independent trials.
    error : float
        Probability with which the rate ever lies outside.

    Examples
    --------
    >>> import numpy as np
    >>> from grokflow.proofs_check.evidence.confidence_sequences import rate_interval
    >>> print(*np.round(rate_interval(0, 120, 1e-4), 3))
    0.0 0.096
    """
    if not 0 <= count <= trials:
        raise ValueError(
            f"count is {count} of {trials} trials, expected 0 to {trials}: count events in trials"
        )

    def excess(rate: float) -> float:
        """Return log of the martingale against this rate, less log of its bound."""
        seen = np.log(rate) * count if count else 0.0
        unseen = np.log1p(-rate) * (trials - count) if trials > count else 0.0
        mixed = betaln(count + 0.5, trials - count + 0.5) - betaln(0.5, 0.5)
        return float(mixed - seen - unseen + np.log(error))

    at = count / trials if trials else 0.5
    tiny = np.finfo(np.float64).tiny
    at = min(max(at, tiny), 1 - 2.0**-53)
    low = brentq(excess, tiny, at) if count and excess(tiny) > 0 else 0.0
    top = 1 - 2.0**-53
    high = brentq(excess, at, top) if count < trials and excess(top) > 0 else 1.0
    return Interval(float(low), float(high))
