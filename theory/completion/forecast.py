"""The whole prediction for a matrix completion problem, before anything is simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from grokflow.theory.completion.frobenius import MatrixPrediction, MinFrobeniusNorm
from grokflow.theory.completion.nuclear import MinNuclearNorm, NuclearPenalised
from grokflow.theory.completion.path import CompletionPath, path_scales, trace_completion
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.summary import Summarised, between
from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.times import Transition, crossing, leading_order


@dataclass(frozen=True, eq=False, repr=False)
class CompletionForecast(Summarised):
    """Early and late predictors of the flow and the predicted transition between them.

    Parameters
    ----------
    early : MatrixPrediction
        Minimum Frobenius norm (Corollary 3.11).
    late : MatrixPrediction
        The nuclear-penalised minimiser at this λ, where the flow ends.
    limit : MatrixPrediction
        Its limit for λ → 0, minimum nuclear norm.
    scores : Scores
        Mean squared errors over the test entries of ``early``, ``late`` and ``limit``.
    transition : Transition
        Predicted λt* and width from the quasi-static path; NaN where the kind is neither.
    leading_order : float
        ``λt* = log α``.
    kind : Kind
        Grokking, misgrokking, or neither (also where there are no test entries).
    path : CompletionPath
        The quasi-static path, from the kernel regime or β = α².
    path_scores : Scores
        Mean squared errors along it.
    path_times : ndarray
        λt along it.
    """

    early: MatrixPrediction
    late: MatrixPrediction
    limit: MatrixPrediction
    scores: Scores
    transition: Transition
    leading_order: float
    kind: Kind
    path: CompletionPath
    path_scores: Scores
    path_times: np.ndarray

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        early, late, _ = self.scores.error
        return {
            "kind": self.kind,
            "lambda_t": self.transition.lambda_t,
            "width": self.transition.width,
            "test error": between(early, late),
            "early": self.early.name,
            "late": self.late.name,
        }

    @property
    def constant(self) -> float:
        """Return ``C(data) = λt* - log α``, which depends on the data alone."""
        return self.transition.lambda_t - self.leading_order


def forecast_completion(
    problem: CompletionProblem,
    *,
    alpha: float,
    lam: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> CompletionForecast:
    """Predict where the flow of ``W = UUᵀ - VVᵀ`` from ``U = V = α I`` goes and when.

    The predicted time holds for α above the size of W, where the flow first fits the data in the
    kernel regime.

    Parameters
    ----------
    problem : CompletionProblem
        Measurements that some symmetric matrix meets.
    alpha, lam : float
        Initial scale and weight decay.
    progress : callable
        Called with the fraction done.

    Raises
    ------
    NoPredictor
        When no symmetric matrix has the values.
    """
    early = MinFrobeniusNorm().predict(problem)
    late = NuclearPenalised(lam).predict(problem)
    progress(0.1)
    limit = MinNuclearNorm().predict(problem)
    progress(0.2)
    scales = path_scales(problem, alpha)
    path = trace_completion(problem, scales, progress=lambda x: progress(0.2 + 0.8 * x))
    scores = problem.score(np.stack([early.matrix, late.matrix, limit.matrix]))
    along = problem.score(path.matrices)
    kind = kind_of(scores) if scores.size else Kind.NEITHER
    times = path.lambda_t(alpha)
    when = Transition(np.nan, np.nan)
    if kind is not Kind.NEITHER:
        when = crossing(times, along.error, float(scores.error[0]), float(scores.error[1]))
    progress(1.0)
    return CompletionForecast(
        early, late, limit, scores, when, leading_order(alpha), kind, path, along, times
    )
