"""What every predictor returns, and what it raises when there is nothing to predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.linear.problem import Problem
from grokflow.theory.summary import Summarised


class PrimalDual(NamedTuple):
    """Weights of shape (d,) and multipliers of shape (n,), not certified yet."""

    w: np.ndarray
    mu: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Summarised):
    """A linear predictor that the flow tends to, with the proof of how good it is.

    Parameters
    ----------
    name : str
        Which predictor.
    w : ndarray, shape (d,)
        Weights.
    multipliers : ndarray, shape (n,)
        Dual unknowns, one for each training sample.
    margin : float or None
        ``min_i y_i <w, x_i> / ‖w‖`` in the norm that the predictor minimises; None for regression.
    certificate : Certificate
        Bounds on the optimum, recomputed from the data.
    stationarity : float or None
        Relative KKT residual where the problem is not convex, so that the answer is a KKT point
        and the bounds need not meet; None where the certificate says it all.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=60, d=100, k=3, n_test=100)
    >>> found = gf.MaxL1Margin().predict(problem)
    >>> found.name, found.w.shape, found.multipliers.shape
    ('max-L1-margin', (100,), (60,))
    >>> print(f"margin {found.margin:.3f}, test error {problem.score(found.w[:, None]).error[0]}")
    margin 0.333, test error 0.0
    """

    name: str
    w: np.ndarray
    multipliers: np.ndarray
    margin: float | None
    certificate: Certificate
    stationarity: float | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        shown = {"name": self.name, "w": self.w, "margin": self.margin, "gap": self.certificate.gap}
        return shown | ({} if self.stationarity is None else {"stationarity": self.stationarity})


def normalised_margin(problem: Problem, w: np.ndarray, order: int) -> float | None:
    """Return the margin of `w` divided by its L1 or L2 norm; None for regression."""
    if not problem.is_classification:
        return None
    norm = float(np.linalg.norm(w, order))
    return float(problem.inputs.combine(w).min()) / norm if norm > 0 else None
