"""What a certificate is: bounds on an optimum, or the proof that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grokflow.theory.summary import Summarised


@dataclass(frozen=True, repr=False)
class Certificate(Summarised):
    """Bounds on the optimal value of a minimisation problem.

    Parameters
    ----------
    lower, upper : float
        The optimum lies between them; `upper` is attained by the (scaled) answer.
    infeasibility : float
        Relative amount by which the answer had to be scaled to satisfy its constraints.
    """

    lower: float
    upper: float
    infeasibility: float

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "lower": self.lower,
            "upper": self.upper,
            "gap": self.gap,
            "infeasibility": self.infeasibility,
        }

    @property
    def gap(self) -> float:
        """Relative duality gap ``(upper - lower) / |upper|``."""
        if not np.isfinite(self.upper):
            return float("inf")
        return float((self.upper - self.lower) / max(abs(self.upper), np.finfo(float).tiny))


@dataclass(frozen=True, eq=False, repr=False)
class Farkas(Summarised):
    """Proof that no w separates the data: ``μ ≥ 0, Σμ = 1, Zᵀμ ≈ 0``.

    Parameters
    ----------
    multipliers : ndarray, shape (n,)
        The convex combination of the rows ``y_i x_i`` that (nearly) vanishes.
    residual : float
        ``‖Zᵀμ‖₂``: every unit vector has margin at most this.
    """

    multipliers: np.ndarray
    residual: float
