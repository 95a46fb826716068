"""The nets that a scan can follow: one contract for diagonal nets and matrix completion.

Scans move α, and the theory's forecast moves with it by log α exactly. So a net is set up once for
a problem, a loss and a λ: its predictors, the kind of its transition, and the predicted *offset*
``λt* - log α``. Trajectories for any α follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.simulations.diagonal.flow import DiagonalFlow, check_loss
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.scan.cells import Cell, make_problem_of
from grokflow.theory.completion.forecast import CompletionForecast, forecast_completion
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.diagonal.forecast import Forecast, forecast
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.times import Transition, crossing

# The path of completion begins at β = α²: from here the kernel regime belongs to it.
_FAR = 1e8


class TestCurve(NamedTuple):
    """A trajectory's test results, where the training data are fitted, and the work."""

    lambda_t: np.ndarray
    scores: Scores
    fitted: np.ndarray
    evaluations: int


class Outlook(NamedTuple):
    """What theory says of a net at one λ, whatever α.

    ``scores`` are of the early and the late predictor first; ``offset`` is ``λt* - log α`` and
    ``width`` the width, NaN without a transition; ``constant`` is C(data) of the law.
    """

    scores: Scores
    kind: Kind
    offset: float
    width: float
    constant: float


@dataclass(frozen=True, eq=False)
class DiagonalNet:
    """``u^L - v^L`` of the cell, at any α."""

    cell: Cell
    rtol: float = DiagonalFlow.rtol

    @cached_property
    def problem(self) -> Problem:
        """The data."""
        cell = self.cell
        problem = make_problem_of(cell.problem, cell.data, cell.seed, cell.loss == "square")
        assert isinstance(problem, Problem)
        check_loss(problem, LOSSES[cell.loss])
        return problem.with_threads(1)

    @property
    def depth(self) -> int:
        """L."""
        return self.cell.depth

    @property
    def shifts(self) -> bool:
        """Whether α enters through ``α e^{-λt}`` alone, once the data are fitted: always."""
        return True

    @property
    def log_scale(self) -> float:
        """Logarithm of the α of the weights' size, ``(1/L) log ω``."""
        return float(np.log(self.problem.scale)) / self.depth

    @cached_property
    def outlook(self) -> Outlook:
        """The forecast at α = 1, where log α is 0."""
        cell = self.cell
        found: Forecast = forecast(
            self.problem, alpha=1.0, lam=cell.lam, loss=LOSSES[cell.loss], depth=cell.depth
        )
        constant = found.constant if np.isfinite(found.transition.lambda_t) else float("nan")
        return Outlook(found.scores, found.kind, *found.transition, constant)

    def run(self, alpha: float, lambda_t: np.ndarray) -> TestCurve:
        """Follow the flow from scale `alpha`."""
        cell = self.cell
        flow = DiagonalFlow(lam=cell.lam, loss=LOSSES[cell.loss], rtol=self.rtol)
        found = flow.run(DiagonalStart(self.problem, alpha, cell.depth), lambda_t)
        baseline = 0.0 if self.problem.is_classification else np.mean(self.problem.targets**2)
        fitted = _fitted(found.train_error, float(baseline))
        return TestCurve(found.lambda_t, found.test_scores(), fitted, found.work.rhs_evaluations)


@dataclass(frozen=True, eq=False)
class CompletionNet:
    """``UUᵀ - VVᵀ`` of the cell, at any α."""

    cell: Cell
    rtol: float = CompletionFlow.rtol

    @cached_property
    def problem(self) -> CompletionProblem:
        """The data."""
        cell = self.cell
        problem = make_problem_of(cell.problem, cell.data, cell.seed, True)
        assert isinstance(problem, CompletionProblem)
        return problem

    @property
    def depth(self) -> int:
        """Two."""
        return 2

    @property
    def shifts(self) -> bool:
        """From the exact start only: a perturbation is not of the form α times something."""
        return self.cell.sigma == 0

    @property
    def log_scale(self) -> float:
        """Logarithm of the α of the matrix's size, ``½ log ‖y‖``."""
        return 0.25 * float(np.log(np.sum(self.problem.values**2) or 1.0))

    @cached_property
    def outlook(self) -> Outlook:
        """The forecast from far in the kernel regime."""
        found: CompletionForecast = forecast_completion(self.problem, alpha=_FAR, lam=self.cell.lam)
        return Outlook(
            found.scores, found.kind, found.constant, found.transition.width, found.constant
        )

    def run(self, alpha: float, lambda_t: np.ndarray) -> TestCurve:
        """Follow the flow from scale `alpha`; a perturbed start is drawn as the command does."""
        cell = self.cell
        flow = CompletionFlow(lam=cell.lam, rtol=self.rtol)
        found = flow.run(
            CompletionStart(
                self.problem, alpha, sigma=cell.sigma, rng=np.random.default_rng([cell.seed, 1])
            ),
            lambda_t,
        )
        fitted = _fitted(found.train_error, float(np.mean(self.problem.values**2)))
        return TestCurve(found.lambda_t, found.test_scores(), fitted, found.work.rhs_evaluations)


Net = DiagonalNet | CompletionNet


def net_of(cell: Cell) -> Net:
    """Return the net of the cell."""
    problem = make_problem_of(cell.problem, cell.data, cell.seed, cell.loss == "square")
    return CompletionNet(cell) if isinstance(problem, CompletionProblem) else DiagonalNet(cell)


def transition_of(record: TestCurve, outlook: Outlook) -> Transition:
    """Return when the test error crosses from the early to the late predictor's."""
    if outlook.kind is Kind.NEITHER:
        return Transition(np.nan, np.nan)
    early, late = (float(error) for error in outlook.scores.error[:2])
    return crossing(record.lambda_t, record.scores.error, early, late)


def simulated_ends(record: TestCurve) -> Scores:
    """Return the test results when the data are first fitted and at the end of the record."""
    first = int(np.argmax(record.fitted)) if record.fitted.any() else 0
    ends, scores = [first, len(record.lambda_t) - 1], record.scores
    return replace(
        scores,
        accuracy=None if scores.accuracy is None else scores.accuracy[ends],
        error=scores.error[ends],
        loss=None if scores.loss is None else scores.loss[ends],
        spread=scores.spread[ends],
    )


def simulated_kind(record: TestCurve) -> Kind:
    """Judge the simulated transition as the predicted one is judged."""
    return kind_of(simulated_ends(record)) if record.scores.size else Kind.NEITHER


def _fitted(train_error: np.ndarray, baseline: float) -> np.ndarray:
    """Return where no sample is wrong, or a hundredth of the targets' mean square is left."""
    return np.asarray(train_error <= 1e-2 * baseline)
