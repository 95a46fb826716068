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
        The optimum lies between them; the (scaled) answer attains ``upper``.
    infeasibility : float
        Relative amount by which the answer had to be scaled to satisfy its constraints. Equations
        are not met by scaling: there it is the largest ``|<x_i, w> - y_i|`` in proportion to
        ``‖x_i‖‖w‖ + |y_i|``, as computed, which rounding alone makes 1e-16, or 0 where w is an
        exact solution rounded to doubles.
    missed : float
        The largest ``|<x_i, w> - y_i|`` in proportion to the largest target, or more: what rounding
        may hide of it is counted, or nothing is rounded (small tables). It is far above the
        infeasibility where outputs are small differences of large terms, as where rows differ in
        size by many decades: an exact solution is proved to be near w then, and has the norm that
        is stated, but the outputs of w itself are off by so much.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.MaxL1Margin().predict(gf.sparse(n=60, d=100, k=3, n_test=100))
    >>> bounds = found.certificate
    >>> print(f"the least ‖w‖₁ is between {bounds.lower:.4f} and {bounds.upper:.4f}")
    the least ‖w‖₁ is between 3.0000 and 3.0000
    >>> bounds.gap < 1e-6
    True
    """

    lower: float
    upper: float
    infeasibility: float
    missed: float = 0.0

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        return {
            "lower": self.lower,
            "upper": self.upper,
            "gap": self.gap,
            "infeasibility": self.infeasibility,
            **({"missed": self.missed} if self.missed else {}),
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
