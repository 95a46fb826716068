"""Samples that a statement is judged by: their values, and what is asked of them.

They are kept with the evidence, so that those of several seeds can be put together.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Requirement(Enum):
    """What is asked of the law that samples are drawn from."""

    MEAN_AT_LEAST = "the mean is at least the level"
    MEAN_EQUALS = "the mean is the level"
    RATE_AT_MOST = "an event has at most this probability"


class Replicates(NamedTuple):
    """Independent samples and what is asked of them.

    Parameters
    ----------
    values : tuple of float
        One for every sample; for an event 1 where it happened, and 0.
    requirement : Requirement
        What is asked.
    level : float
        Of the mean, or of the probability.
    resolution : float
        The smallest distance from the level that a false equality would show.
    tolerance : float
        What is wrong with all values alike, and so does not show in their spread.
    """

    values: tuple[float, ...]
    requirement: Requirement
    level: float
    resolution: float = float("inf")
    tolerance: float = 0.0


def mean_at_least(values: ArrayLike, level: float, tolerance: float = 0.0) -> Replicates:
    """Ask that the mean be at least the level, up to the tolerance."""
    asked = Requirement.MEAN_AT_LEAST
    return Replicates(_numbers(values), asked, float(level), tolerance=float(tolerance))


def mean_equals(
    values: ArrayLike, level: float, resolution: float, tolerance: float = 0.0
) -> Replicates:
    """Ask that the mean be the level, and that the samples tell it from `resolution` away."""
    asked = Requirement.MEAN_EQUALS
    return Replicates(_numbers(values), asked, float(level), float(resolution), float(tolerance))


def rate_at_most(happened: ArrayLike, delta: float) -> Replicates:
    """Ask that the event have at most the probability `delta`."""
    return Replicates(_numbers(happened), Requirement.RATE_AT_MOST, float(delta))


def _numbers(values: ArrayLike) -> tuple[float, ...]:
    return tuple(np.asarray(values, dtype=np.float64).tolist())
