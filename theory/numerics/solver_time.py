"""The time in which flows are integrated: uniform in log s at first, then in s.

A flow first fits the data in a transient of slow time s_c, often below 1e-20, and then moves in
slow time of order one. In ``τ = s + log(1 + s/s_c)`` both take a few units. The transient enters
by its logarithm, which stays a double where s_c does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import wrightomega


class SolverMoment(NamedTuple):
    """Slow time s, and ``log(s + s_c)``."""

    s: float
    log_shifted: float

    @property
    def log_pace(self) -> float:
        """Logarithm of `pace`."""
        return self.log_shifted - math.log1p(math.exp(self.log_shifted))

    @property
    def pace(self) -> float:
        """``ds/dτ = (s + s_c) / (1 + s + s_c)``."""
        return math.exp(self.log_pace)


@dataclass(frozen=True)
class SolverTime:
    """The map between slow time s and the solver's time τ.

    Parameters
    ----------
    log_transient : float
        Logarithm of the slow time s_c of the fastest mode at the start.
    """

    log_transient: float

    def of(self, s: np.ndarray) -> np.ndarray:
        """Return ``τ = s + log(1 + s/s_c)``."""
        with np.errstate(divide="ignore"):
            return np.asarray(s + np.logaddexp(0.0, np.log(s) - self.log_transient))

    def at(self, tau: float) -> SolverMoment:
        """Return the moment τ: ``s + s_c`` is the Wright omega function."""
        return _moment(self.log_transient, tau)


@lru_cache(maxsize=16)
def _moment(log_transient: float, tau: float) -> SolverMoment:
    """Return the moment τ; one step of a flow asks for it several times."""
    s_c = math.exp(log_transient)
    x = tau + log_transient + s_c
    shifted = float(wrightomega(x).real)
    # log ω(x) = x - ω(x), which is exact where ω itself underflows
    log_shifted = x - shifted if shifted < 1 else math.log(shifted)
    return SolverMoment(max(shifted - s_c, 0.0), log_shifted)
