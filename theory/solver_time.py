"""The time in which flows are integrated: uniform in log s at first, then in s.

A flow first fits the data in a transient of slow time s_c, often below 1e-20, and then moves in
slow time of order one. In ``τ = s + log(1 + s/s_c)`` both take a few units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import wrightomega


@dataclass(frozen=True)
class SolverTime:
    """The map between slow time s and the solver's time τ.

    Parameters
    ----------
    transient : float
        Slow time s_c of the fastest mode at the start.
    """

    transient: float

    def of(self, s: np.ndarray) -> np.ndarray:
        """Return ``τ = s + log(1 + s/s_c)``."""
        return np.asarray(s + np.log1p(s / self.transient))

    def slow(self, tau: float) -> float:
        """Return s: ``s + s_c`` is the Wright omega function of ``τ + log s_c + s_c``."""
        s_c = self.transient
        return float(max(wrightomega(tau + np.log(s_c) + s_c).real - s_c, 0.0))

    def pace(self, s: float) -> float:
        """Return ``ds/dτ``."""
        shifted = s + self.transient
        return shifted / (1 + shifted)
