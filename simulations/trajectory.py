"""What a flow returns: states at output times, their curves, and the work they took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from theory.metrics import Scores, score
from theory.reduced_flow import ReducedFlow
from theory.transition import Transition, crossing


class SolverWork(NamedTuple):
    """What a solver spent: evaluations of the flow and of its Jacobian, and wall time."""

    name: str
    rhs_evaluations: int
    jacobian_evaluations: int
    seconds: float


@dataclass(frozen=True)
class Trajectory:
    """States of the reduced flow at m output times.

    Parameters
    ----------
    flow : ReducedFlow
        Problem, loss, scale and λ.
    lambda_t : ndarray, shape (m,)
        Slow times λt.
    states : ndarray, shape (m, n)
        The reduced state p.
    outputs : ndarray, shape (m, n)
        Training margins, or training outputs for regression.
    weights : ndarray, shape (d, m)
        The weights ``w = u² - v²``.
    norms : ndarray, shape (m,)
        ``‖(u, v)‖``.
    work : SolverWork
        What it took.
    """

    flow: ReducedFlow
    lambda_t: np.ndarray
    states: np.ndarray
    outputs: np.ndarray
    weights: np.ndarray
    norms: np.ndarray
    work: SolverWork

    @classmethod
    def from_states(
        cls, flow: ReducedFlow, lambda_t: np.ndarray, states: np.ndarray, work: SolverWork
    ) -> Trajectory:
        """Compute weights and outputs of all states in one pass over the data."""
        m = len(lambda_t)
        inputs = flow.problem.inputs
        rows = np.empty((m, inputs.shape[1]))  # one time a row, so that writes are contiguous
        maps = [flow.scale.potential(s) for s in lambda_t]

        def visit(columns: slice, block: np.ndarray) -> np.ndarray:
            xi = states @ block
            for i, potential in enumerate(maps):
                rows[i, columns] = potential.weights(xi[i])
            return block @ rows[:, columns].T

        outputs = inputs.sweep(visit).T if m else np.empty((0, inputs.shape[0]))
        norms = np.array(
            [flow.scale.norm_of_parameters(s, w) for s, w in zip(lambda_t, rows, strict=True)]
        )
        return cls(flow, lambda_t, states, outputs, rows.T, norms, work)

    @property
    def train_loss(self) -> np.ndarray:
        """Mean training loss, shape (m,)."""
        targets = self.flow.problem.targets
        return np.asarray(self.flow.loss.value(self.outputs, targets).mean(axis=1))

    @property
    def train_error(self) -> np.ndarray:
        """Misclassified fraction, or mean squared error, on the training set, shape (m,)."""
        if self.flow.problem.is_classification:
            return np.asarray((self.outputs <= 0).mean(axis=1))
        return np.asarray(((self.outputs - self.flow.problem.targets) ** 2).mean(axis=1))

    def test_scores(self) -> Scores:
        """Return accuracy, error and loss on the test set at every output time."""
        return score(self.flow.problem, self.weights, self.flow.loss)

    def transition(self, test_error: np.ndarray, early: float, late: float) -> Transition:
        """Return when the test error crosses from the early to the late predictor's."""
        return crossing(self.lambda_t, test_error, early, late)
