"""Confidence intervals that hold at any sample size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """The ends of a confidence interval."""

    low: float
    high: float


class Estimate(NamedTuple):
    """An estimate and the ends of its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def clopper_pearson(count: int | float, draws: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval for a probability after `count` events in `draws` trials.

    Half an event (an output of zero is right half of the time) widens it to both whole numbers.
    """
    from scipy.stats import beta

    if not 0 <= count <= draws or draws < 1:
        raise ValueError(f"{count} of {draws} found, expected 0 ≤ count ≤ draws: count the events")
    tail = (1 - confidence) / 2
    fewer, more = np.floor(count), np.ceil(count)
    low = beta.ppf(tail, fewer, draws - fewer + 1) if fewer else 0.0
    high = beta.ppf(1 - tail, more + 1, draws - more) if more < draws else 1.0
    return Interval(float(low), float(high))
