"""The whole prediction for a matrix completion problem, before anything is simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from grokflow.theory.arguments import ALPHA_RANGE, LAM_RANGE, check_data, check_range
from grokflow.theory.completion.effort import (
    FollowedPath,
    effort_for,
    path_to_the_change,
    whole_path,
)
from grokflow.theory.completion.frobenius import MatrixPrediction, MinFrobeniusNorm
from grokflow.theory.completion.nuclear import MinNuclearNorm, NuclearPenalised
from grokflow.theory.completion.path import CompletionPath, matrices_at, path_scales
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.predictor import resolving
from grokflow.theory.summary import Summarised, between
from grokflow.theory.transition.intervals import UNKNOWN, Interval
from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.seen import kind_seen, pressed
from grokflow.theory.transition.times import (
    NEVER,
    Quarters,
    Transition,
    crossing,
    leading_order,
    quarters,
)


@dataclass(frozen=True, eq=False, repr=False)
class CompletionForecast(Summarised):
    """Early and late predictors of the flow and the predicted transition between them.

    `forecast_completion` makes it. Corollary numbers are those of Lyu et al. (2024).

    Parameters
    ----------
    early : MatrixPrediction
        The matrix of minimum Frobenius norm (Corollary 3.11).
    late : MatrixPrediction
        The nuclear-penalised minimiser at this λ, where the flow ends.
    limit : MatrixPrediction
        The limit of ``late`` for λ → 0: minimum nuclear norm.
    scores : Scores
        Mean squared errors over the test entries of ``early``, ``late`` and ``limit``.
    transition : Transition
        Predicted slow time λt* and width, from the quasi-static path and the first order in λ;
        below 0 where α is so small that the flow starts beyond the transition, and NaN where the
        kind is neither.
    leading_order : float
        ``log α``, the time λt* to leading order.
    kind : Kind
        Grokking, misgrokking, or neither (also where there are no test entries).
    path : CompletionPath
        The quasi-static path, from the kernel regime on; of a large matrix its last point.
    path_scores : Scores
        Mean squared errors along it.
    path_times : ndarray, shape (k,)
        Slow times λt along it; negative where the flow starts beyond, at β = α².
    remark : str
        How closely a large matrix was solved, and how far its path was followed.
    shrinking : str
        That weight decay presses the late matrix towards zero, and what helps; empty elsewhere.
    interval : Interval
        Within which λt* is: as far from it as the quasi-static path is, for what is left out is of
        second order in λ, and what half of the points of the path miss. NaN where that is not
        known, as for large matrices, of which the path alone is followed.
    quarters : Quarters
        When a quarter, half and three quarters of the change are done, on the curve of λt*.

    Examples
    --------
    >>> import grokflow as gf
    >>> found = gf.forecast_completion(gf.completion(d=5, fraction=0.6), alpha=10.0, lam=1e-4)
    >>> print(found.early.name, "→", found.limit.name)
    min-Frobenius-norm → min-nuclear-norm
    >>> print("rank", found.early.rank, "→", found.limit.rank)
    rank 4 → 1
    >>> print(found.scores.error.round(3))
    [0.097 0.    0.   ]
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
    remark: str = ""
    shrinking: str = ""
    interval: Interval = UNKNOWN
    quarters: Quarters = NEVER

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
        """Return ``C(data) = λt* - log α`` for λ → 0, which depends on the data alone."""
        if np.isnan(self.transition.lambda_t):
            return float("nan")
        ends = float(self.scores.error[0]), float(self.scores.error[1])
        when = crossing(self.path_times, self.path_scores.error, *ends)
        return when.lambda_t - self.leading_order


@resolving("the forecast")
def forecast_completion(
    problem: CompletionProblem,
    *,
    alpha: float,
    lam: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> CompletionForecast:
    """Predict where the flow of ``W = UUᵀ - VVᵀ`` from ``U = V = α I`` goes and when.

    The predicted time holds for α² well above the size of W, where the flow first fits the data in
    the kernel regime.

    Parameters
    ----------
    problem : CompletionProblem
        Measurements that some symmetric matrix meets.
    alpha : float
        Initial scale α.
    lam : float
        Weight decay λ of the objective ``loss + (λ/2) (‖U‖² + ‖V‖²)``.
    progress : callable
        Called with the fraction done.

    Returns
    -------
    CompletionForecast
        Both predictors with certificates, and the predicted time λt* of the transition.

    Raises
    ------
    NoPredictor
        When no symmetric matrix has the values, or a solver gives up.
    ValueError
        For a scale or weight decay that no flow has, and for a matrix that is too large.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.completion(d=5, fraction=0.6)
    >>> found = gf.forecast_completion(problem, alpha=10.0, lam=1e-4)
    >>> print(f"{found.kind.value} at λt = {found.transition.lambda_t:.1f}")
    grokking at λt = 3.6
    """
    check_data(problem, CompletionProblem)
    check_range("alpha", alpha, ALPHA_RANGE)
    check_range("lam", lam, LAM_RANGE)
    effort = effort_for(problem, alpha)
    early = MinFrobeniusNorm().predict(problem)
    scales = path_scales(problem, alpha)
    late = NuclearPenalised(lam, effort.gap).predict(problem)
    progress(0.1 if effort.whole else 0.3)
    near = None if effort.whole else late
    limit = MinNuclearNorm(effort.limit_gap).predict(problem, near=near)
    done = 0.2 if effort.whole else 0.6
    progress(done)
    scores = problem.score(np.stack([early.matrix, late.matrix, limit.matrix]))
    follow = whole_path if effort.whole else path_to_the_change
    path = follow(problem, scales, scores, effort, lambda x: progress(done + (1 - done) * x))
    progress(1.0)
    moved = None
    if effort.whole and scores.size and kind_of(scores).is_visible:
        moved = problem.score(matrices_at(problem, path.kept, lam)).error
    told = _shrinking(problem, lam, late)
    return _forecast((early, late, limit), scores, path, alpha, moved, told)


def _shrinking(problem: CompletionProblem, lam: float, late: MatrixPrediction) -> str:
    """Say where weight decay presses the late matrix towards zero."""
    return pressed(
        lam,
        zero=problem.loss(0 * late.matrix),
        late=problem.loss(late.matrix),
        least=0.0,
        vanished=not late.matrix.any(),
        helps=(
            "multiply all values by a number that brings them near 1 and divide what is predicted "
            "by it",
        ),
    )


def _forecast(
    found: tuple[MatrixPrediction, MatrixPrediction, MatrixPrediction],
    scores: Scores,
    path: FollowedPath,
    alpha: float,
    moved: np.ndarray | None,
    shrinking: str,
) -> CompletionForecast:
    """Read kind and time of the transition off the path, and off what it is to first order in λ."""
    kind = kind_of(scores) if scores.size else Kind.NEITHER
    times = np.asarray(np.log(alpha) - path.log_beta / 2)
    when, interval = NEVER, UNKNOWN
    if kind.is_visible:
        when, interval = _timed(times, path.scores.error, moved, scores.error[:2].tolist())
    first, along = leading_order(alpha), path.scores
    half = when.transition
    kind = kind_seen(kind, scores, half, times, along, is_pressed=bool(shrinking))
    early, told = (*found, scores, half, first, kind), (path.remark, shrinking)
    return CompletionForecast(*early, path.kept, along, times, *told, interval, when)


def _timed(
    times: np.ndarray, error: np.ndarray, moved: np.ndarray | None, ends: list[float]
) -> tuple[Quarters, Interval]:
    """Return when test errors are half-way, those to first order in λ where they are known."""
    limit = quarters(times, error, *ends)
    if moved is None:
        return limit, UNKNOWN
    when = quarters(times, moved, *ends)
    read = abs(crossing(times[::2], moved[::2], *ends).lambda_t - when.half)
    off = abs(when.half - limit.half) + read
    if np.isnan(off):
        return limit, UNKNOWN
    return when, Interval(float(when.half - off), float(when.half + off))
