"""What a flow returns: states at output times, their curves, and the work they took."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from theory.kkt import quasi_norm
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
        The weights ``w = u^L - v^L``.
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
        maps = [flow.scale.potential(float(s)) for s in lambda_t]

        def visit(columns: slice, block: np.ndarray) -> np.ndarray:
            xi = states @ block
            for i, potential in enumerate(maps):
                rows[i, columns] = potential.weights(xi[i])
            squares = [
                potential.norm_squared(part) for potential, part in zip(maps, xi, strict=True)
            ]
            return np.vstack([block @ rows[:, columns].T, squares])

        summed = inputs.sweep(visit).T if m else np.empty((0, inputs.shape[0] + 1))
        outputs, norms = summed[:, :-1], np.sqrt(summed[:, -1])
        return cls(flow, lambda_t, states, outputs, rows.T, norms, work)

    def at_rest(self, w: np.ndarray, lambda_t: np.ndarray) -> Trajectory:
        """Return the trajectory continued by later times at which the weights are `w`.

        Coordinates of (u, v) at zero weight go on falling like ``e^{-s}``; the last state is
        repeated.
        """
        k, depth = len(lambda_t), self.flow.scale.depth
        idle = self.norms[-1] ** 2 - quasi_norm(self.weights[:, -1], depth)
        falling = max(float(idle), 0.0) * np.exp(-2 * (lambda_t - self.lambda_t[-1]))
        rest = self.flow.problem.inputs.combine(w)
        return replace(
            self,
            lambda_t=np.append(self.lambda_t, lambda_t),
            states=np.vstack([self.states, np.tile(self.states[-1], (k, 1))]),
            outputs=np.vstack([self.outputs, np.tile(rest, (k, 1))]),
            weights=np.hstack([self.weights, np.tile(w[:, None], (1, k))]),
            norms=np.append(self.norms, np.sqrt(falling + quasi_norm(w, depth))),
        )

    def without(self, i: int) -> Trajectory:
        """Return all times but number `i`."""
        names = ("lambda_t", "states", "outputs", "norms")
        kept = {name: np.delete(getattr(self, name), i, axis=0) for name in names}
        return replace(self, weights=np.delete(self.weights, i, axis=1), **kept)

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

    @property
    def margins(self) -> np.ndarray:
        """Least margin over the training set, shape (m,); for classification only."""
        return np.asarray(self.outputs.min(axis=1))

    def test_scores(self) -> Scores:
        """Return accuracy, error and loss on the test set at every output time."""
        return score(self.flow.problem, self.weights, self.flow.loss)

    def transition(self, test_error: np.ndarray, early: float, late: float) -> Transition:
        """Return when the test error crosses from the early to the late predictor's."""
        return crossing(self.lambda_t, test_error, early, late)
