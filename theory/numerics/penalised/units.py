"""Units in which the data are of order one: powers of two, so that nothing is rounded.

The objective ``(1/n) Σ l(q_i, y_i) + (λ/2) ‖w‖`` knows no units of the inputs: with X a times
smaller, weights a times larger and λ a times smaller it is the same. For the square loss targets
have a unit too. Solvers work in units in which no square overflows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.losses import Loss, Square
from grokflow.theory.numerics.design_matrix import DesignMatrix

# The range of doubles that keep all their digits.
_LEAST, _MOST = float(np.finfo(float).tiny), float(np.finfo(float).max)


@dataclass(frozen=True)
class Units:
    """Powers of two by which inputs and targets are divided.

    Parameters
    ----------
    inputs, targets : float
        The powers.
    order : int
        Power of the weights in the penalty: 1 for ``‖w‖₁``, 2 for ``‖w‖²``.
    """

    inputs: float
    targets: float
    order: int

    @classmethod
    def of(cls, x: DesignMatrix, targets: np.ndarray, loss: Loss, order: int) -> Units:
        """Return units in which the largest input and, for the square loss, target are near 1."""
        unit = _power(float(np.abs(targets).max())) if isinstance(loss, Square) else 1.0
        return cls(_power(x.largest), unit, order)

    def of_inputs(self, x: DesignMatrix) -> DesignMatrix:
        """Return the matrix in these units."""
        return x if self.inputs == 1 else x.scaled(1 / self.inputs)

    def strength(self, lam: float) -> float:
        """Return λ in these units, or the double next to it that is neither zero nor infinite.

        Answers are certified in the units of the data, for λ itself.
        """
        for _ in range(self.order):
            lam /= self.inputs
        lam = lam if self.order == 2 else lam / self.targets
        return min(max(lam, _LEAST), _MOST)

    def weights(self, w: np.ndarray) -> np.ndarray:
        """Return weights in the units of the data."""
        return np.asarray(w / self.inputs * self.targets)

    def multipliers(self, mu: np.ndarray) -> np.ndarray:
        """Return multipliers in the units of the data."""
        return np.asarray(mu * self.targets)


def _power(size: float) -> float:
    """Return the power of two next to a positive number; 1 for zero, and near 1."""
    if not size > 0 or 2.0**-8 <= size <= 2.0**8:
        return 1.0
    return float(2.0 ** np.round(np.log2(size)))
