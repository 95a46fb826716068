"""The gradient flow with weight decay of a diagonal net under cross-entropy.

All margins ``q_ic`` are linear in the weights of all classes together, so that the flow is the
reduced flow of the stacked problem (`grokflow.theory.diagonal.flow_equations`), one unknown for
each dimension that the margins have, with the pulls ``r_ic`` of
`grokflow.theory.linear.classes.softmax` in place of those of a loss of single margins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.diagonal.flow_equations import ReducedFlow
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.classes.softmax import log_pulls, stacked_problem
from grokflow.theory.linear.row_space import row_space
from grokflow.theory.losses import LOSSES


@dataclass(frozen=True, eq=False)
class SoftmaxEquations(ReducedFlow):
    """Right-hand side and Jacobian of the flow of a net with an output for each class.

    `of_classes` makes it. The problem is the stacked one of n (C-1) margins, over which the loss is
    a mean with weight ``1/n`` each: its weight decay is ``λ / (C-1)``. The loss is that for two
    classes, the logistic one.

    Parameters
    ----------
    others : int
        C - 1, the number of classes that are not a sample's own.
    """

    others: int = 1

    @classmethod
    def of_classes(cls, problem: ClassesProblem, alpha: float, lam: float) -> SoftmaxEquations:
        """Return the flow of a net from scale α under weight decay λ."""
        stacked, others = stacked_problem(problem), len(problem.classes) - 1
        scale, space = DiagonalScale(alpha, stacked.scale), row_space(stacked.inputs).graded()
        return cls(stacked, LOSSES["logistic"], scale, lam / others, space, others=others)

    def by_sample(self, q: np.ndarray) -> np.ndarray:
        """Return margins in the shape (n, C-1)."""
        return q.reshape(-1, self.others)

    def margins(self, w: np.ndarray) -> np.ndarray:
        """Return the margins of weights of shape (C d,), shape (n, C-1)."""
        return self.by_sample(self.problem.inputs.combine(w))

    def _log_descent(self, q: np.ndarray) -> np.ndarray:
        return log_pulls(self.by_sample(q)).ravel()

    def _descent(self, q: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(self._log_descent(q)))

    def _bent(self, q: np.ndarray, pulls: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        # -dr_c = r_c (dq_c - Σ_e r_e dq_e)
        changes = self.space.spread(matrix).reshape(-1, self.others, matrix.shape[1])
        shares = self.by_sample(self._descent(q))
        means = np.einsum("ic,icj->ij", shares, changes)
        bent = self.by_sample(pulls)[:, :, None] * (changes - means[:, None])
        flat = bent.reshape(len(q), -1)
        return flat if self.space.basis is None else np.asarray(self.space.basis.T @ flat)
