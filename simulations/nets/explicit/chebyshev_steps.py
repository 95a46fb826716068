"""Stabilised explicit steps: many stages that reach far along the negative real axis.

References
----------
van der Houwen, Sommeijer, "On the internal stability of explicit, m-stage Runge-Kutta methods for
large m-values", ZAMM 60 (1980); Hairer, Wanner, "Solving Ordinary Differential Equations II",
section IV.2.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

# How much every mode but the slowest is damped at least in a step is about this.
DAMPING = 0.1


class StageCoefficients(NamedTuple):
    """``Y_j = last Y_{j-1} + before Y_{j-2} + slope h F(Y_{j-1})``; last and before add to one."""

    last: float
    before: float
    slope: float


class ChebyshevStep(NamedTuple):
    """The first-order Runge-Kutta-Chebyshev step of some number of stages.

    On ``y' = -σ y`` it multiplies y by ``T_k(w₀ - w₁ h σ) / T_k(w₀)``, T_k the Chebyshev
    polynomial, below one in size for ``0 < hσ < reach``.

    Parameters
    ----------
    reach : float
        Largest stable h σ; close to 2 k² for k stages.
    stages : tuple of StageCoefficients
        What to do.
    """

    reach: float
    stages: tuple[StageCoefficients, ...]


@lru_cache(maxsize=512)
def chebyshev_step(count: int) -> ChebyshevStep:
    """Return the step of `count` stages; one stage is Euler's."""
    w0 = 1 + DAMPING / count**2
    values = [1.0, w0]
    slopes = [0.0, 1.0]
    for _ in range(count - 1):
        slopes.append(2 * values[-1] + 2 * w0 * slopes[-1] - slopes[-2])
        values.append(2 * w0 * values[-1] - values[-2])
    w1 = values[count] / slopes[count]
    stages = [StageCoefficients(1.0, 0.0, w1 / w0)]
    for j in range(2, count + 1):
        last = 2 * w0 * values[j - 1] / values[j]
        stages.append(StageCoefficients(last, 1 - last, 2 * w1 * values[j - 1] / values[j]))
    return ChebyshevStep((w0 + 1) / w1, tuple(stages))


def stages_for(reach: float) -> int:
    """Return the least number of stages whose reach is at least this."""
    count = max(1, math.ceil(math.sqrt(reach / 2)))
    while chebyshev_step(count).reach < reach:
        count += 1
    return count
