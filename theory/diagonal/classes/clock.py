"""The clock of one class: when it passes the points of its path, at which level of its margins.

Before its path begins, a class is in the kernel regime, where the direction stands still and the
level obeys ``m e^m ∝ α(s)^{2(L-1)}``. After its end neither moves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import lambertw

from grokflow.theory.diagonal.finite_decay.curves import Curve
from grokflow.theory.losses import Loss
from grokflow.theory.transition.scores import Scores


class ClockCurve(NamedTuple):
    """Test results of all classes together, and when: arrays of shape (m,) on the common clock."""

    lambda_t: np.ndarray
    scores: Scores


class Clock(NamedTuple):
    """When one class passes the points of its path, at which level of its margins."""

    lambda_t: np.ndarray
    level: np.ndarray
    weights: np.ndarray
    depth: int
    tailed: bool

    @classmethod
    def of(cls, curve: Curve, loss: Loss, lam: float) -> Clock:
        """Return the clock of a class by its predicted curve."""
        path = curve.path
        # The level is known up to its own interpolation; time runs forward.
        times = np.maximum.accumulate(curve.lambda_t)
        level = path.margin_level(loss, lam)
        return cls(times, level, path.weights, path.depth, path.margins)

    def weights_at(self, times: np.ndarray) -> np.ndarray:
        """Return ``m w`` at these times, shape (d, k), linear between the points of the path."""
        return self._along(self.weights * self.level, times)

    def level_at(self, times: np.ndarray) -> np.ndarray:
        """Return the level m at these times, shape (k,)."""
        return self._along(self.level, times)

    def _along(self, values: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return what has these values, shape (..., m), at the points of the path."""
        last = len(self.lambda_t) - 1
        right = np.clip(np.searchsorted(self.lambda_t, times, side="right"), 1, last)
        left, gap = right - 1, self.lambda_t[right] - self.lambda_t[right - 1]
        part = np.clip((times - self.lambda_t[left]) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
        between = (1 - part) * values[..., left] + part * values[..., right]
        return np.asarray(between * self._growth(self.lambda_t[0] - times))

    def _growth(self, before: np.ndarray) -> np.ndarray:
        """Return the level so long before the path begins, relative to the one there."""
        if not self.tailed:
            return np.ones_like(before)
        first = self.level[0]
        exponent = first + np.log(first) + 2 * (self.depth - 1) * np.maximum(before, 0.0)
        return np.asarray(lambertw(np.exp(exponent)).real / first)
