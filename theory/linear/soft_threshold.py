"""The potential of a proximal step on the L1 norm, of which the L1 predictors take many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SoftThreshold:
    """The potential of a proximal L1 step: ``φ'(c) = S_σ(w_k + σ c)``, the new weights.

    Parameters
    ----------
    center : ndarray, shape (d,)
        The proximal centre w_k.
    sigma : float
        Proximal step length.
    """

    center: np.ndarray
    sigma: float

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return the soft-thresholded step."""
        step = self.center[columns] + self.sigma * xi
        return step - np.clip(step, -self.sigma, self.sigma)

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``Σ S(w_k + σ ξ)² / 2σ``."""
        w = self.weights(xi, columns)
        return float(w @ w) / (2 * self.sigma)

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return σ on the active columns and 0 elsewhere (an element of the Clarke derivative)."""
        return np.asarray(self.sigma * (self.weights(xi, columns) != 0))
