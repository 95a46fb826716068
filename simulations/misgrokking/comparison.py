"""What a problem's predictors say of its transition, and what its flow does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart, check_scale
from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.path import path_scales, trace_completion
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.linear.equal_columns import spread_over_equal_columns
from grokflow.theory.linear.l1 import L1Penalised
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES, Loss
from grokflow.theory.transition.change import Change, change_of, quality
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import leading_order, window

# The early phase is read at T_c^- for this c, the middle of the window of Theorems 3.4 and 3.9.
EARLY = 0.5
# The record ends this much after log α; what is left of the transition then is O(1) of a 20th.
_BEYOND = 20.0
# A regression is fitted where its training error is a hundredth of the zero predictor's.
_FITTED = 0.01


@dataclass(frozen=True, kw_only=True)
class NetSettings:
    """A net and its training.

    Parameters
    ----------
    alpha, lam : float
        Scale of the start, above 1 so that there is an early phase, and weight decay.
    depth : int
        Depth of the diagonal net; ignored for matrix completion.
    """

    alpha: float = 1e3
    lam: float = 1e-3
    depth: int = 2

    def __post_init__(self) -> None:
        """Refuse scales without an early phase."""
        if not self.alpha > 1:
            raise ValueError(
                f"alpha is {self.alpha:g}, expected above 1: at a smaller scale there is no early "
                "phase to compare with, raise it"
            )
        check_scale(self.alpha, self.depth)
        DiagonalFlow(lam=self.lam, loss=LOSSES["square"])

    @property
    def early(self) -> float:
        """λt at which the early phase is read, ``½ log α``."""
        return window(self.alpha, EARLY).early

    @property
    def until(self) -> float:
        """λt at which the record ends."""
        return leading_order(self.alpha) + _BEYOND

    def loss(self, problem: Problem) -> Loss:
        """Return the loss: logistic for classes, square for real targets."""
        return LOSSES["logistic" if problem.is_classification else "square"]


@dataclass(frozen=True, eq=False)
class SimulatedChange:
    """The simulated quality over slow time, see `grokflow.theory.transition.change`.

    Parameters
    ----------
    lambda_t, train, test : ndarray, shape (m,)
        Slow times, and the quality on the training and the test set.
    change : Change
        From T_c^- to the end of the record.
    fitted : bool
        Whether the training set is fitted at T_c^-.
    """

    lambda_t: np.ndarray
    train: np.ndarray
    test: np.ndarray
    change: Change
    fitted: bool


def predict_change(problem: Problem | CompletionProblem, net: NetSettings) -> Change:
    """Compare the early and the late predictor; nothing is simulated.

    Raises
    ------
    NoPredictor
        When the data cannot be fitted.
    NotConverged
        When a predictor is not found to its certified gap.
    """
    if isinstance(problem, CompletionProblem):
        # Minimisers of the nuclear norm need not be unique: the path says where the flow ends.
        path = trace_completion(problem, path_scales(problem, net.alpha))
        first = MinFrobeniusNorm().predict(problem).matrix
        return change_of(problem.score(np.stack([first, path.matrices[-1]])))
    loss = net.loss(problem)
    if net.depth > 2:
        found = forecast(problem, alpha=net.alpha, lam=net.lam, loss=loss, depth=net.depth)
        return change_of(found.scores)
    early = (MaxL2Margin() if problem.is_classification else MinL2Norm()).predict(problem)
    late = L1Penalised(loss, net.lam).predict(problem)
    alike = spread_over_equal_columns(problem, late.w)
    return change_of(problem.score(np.column_stack([early.w, alike])))


def simulate_change(
    problem: Problem | CompletionProblem, net: NetSettings, points: int = 60
) -> SimulatedChange:
    """Follow the flow to its end.

    Raises
    ------
    Stopped
        When the solver gives up.
    """
    even = np.linspace(net.until / points, net.until, points)
    times = np.union1d(even, [net.early])
    at = int(np.searchsorted(times, net.early))
    if isinstance(problem, CompletionProblem):
        matrices = CompletionFlow(lam=net.lam).run(CompletionStart(problem, net.alpha), times)
        scores, train = matrices.test_scores(), matrices.train_error
        ends = problem.score(matrices.matrices[[at, -1]])
        size = float(np.sum(problem.weights * problem.values**2))
    else:
        flow = DiagonalFlow(lam=net.lam, loss=net.loss(problem))
        trajectory = flow.run(DiagonalStart(problem, net.alpha, net.depth), times)
        scores, train = trajectory.test_scores(), trajectory.train_error
        ends = problem.score(trajectory.weights[:, [at, -1]])
        size = 1.0 if problem.is_classification else float(np.mean(problem.targets**2))
    return _simulated_change(times, train / size, scores, change_of(ends), at)


def _simulated_change(
    times: np.ndarray, error: np.ndarray, scores: Scores, change: Change, at: int
) -> SimulatedChange:
    fitted = error[at] <= (0 if scores.accuracy is not None else _FITTED)
    return SimulatedChange(times, 1 - error, quality(scores), change, bool(fitted))
