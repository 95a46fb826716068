"""The whole prediction for one problem, before anything is simulated: what, how good, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grokflow.theory.arguments import LAM_RANGE, check_kind, check_range
from grokflow.theory.diagonal.path import Path, scales, trace
from grokflow.theory.diagonal.quasi_norm import MaxQuasiMargin, MinQuasiNorm, QuasiPenalised
from grokflow.theory.diagonal.scale import check_scale
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss, with_tail
from grokflow.theory.summary import Summarised, between
from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.times import Transition, crossing, leading_order

# Points of the refined path for each of the first one.
_REFINEMENT = 16


class Curve(NamedTuple):
    """A quasi-static path, the test results along it, and when the flow passes each point."""

    path: Path
    scores: Scores
    lambda_t: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Summarised):
    """Early and late predictors of the flow and the predicted transition between them.

    `forecast` makes it. Theorem numbers are those of Lyu et al. (2024).

    Parameters
    ----------
    early : Prediction
        Kernel predictor: max-L2-margin (Corollary 3.6) or min-L2-norm (Theorem 3.9).
    late : Prediction
        Where the flow ends at this λ: the L1-penalised minimiser for L = 2; for L ≥ 3 the KKT
        point of the ``‖w‖_{2/L}``-penalised problem that is next to the end of the quasi-static
        path.
    limit : Prediction
        The limit of ``late`` for λ → 0: max-L1-margin (Corollary 3.7) or min-L1-norm for L = 2, a
        KKT point of (R1) or (R2) for L ≥ 3.
    scores : Scores
        Test results of ``early``, ``late`` and ``limit``, in this order.
    transition : Transition
        Predicted slow time λt* and width, from the quasi-static path; NaN where the kind is
        neither.
    leading_order : float
        ``log α``, the time λt* to leading order.
    kind : Kind
        Grokking, misgrokking, or neither.
    curve : Curve
        The quasi-static path with its test results and times: the predicted curve.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.forecast(problem, alpha=1e4, lam=1e-4, loss=gf.LOSSES["square"])
    >>> print(found.early.name, "→", found.limit.name)
    min-L2-norm → min-L1-norm
    >>> print(found.scores.error.round(2))
    [0.68 0.   0.  ]
    >>> print(f"{found.leading_order:.2f} + {found.constant:.2f} = {found.transition.lambda_t:.2f}")
    9.21 + 1.16 = 10.37
    """

    early: Prediction
    late: Prediction
    limit: Prediction
    scores: Scores
    transition: Transition
    leading_order: float
    kind: Kind
    curve: Curve

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
        """C(data) of the law ``λt* = log α - (1/L) log m + C``; NaN without a transition."""
        path, times = self.curve.path, self.curve.lambda_t
        return -float(np.interp(self.transition.lambda_t, times, path.log_beta)) / path.depth


def forecast(
    problem: Problem,
    *,
    alpha: float,
    lam: float,
    loss: Loss,
    depth: int = 2,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Forecast:
    """Predict where the diagonal net ``u^L - v^L`` goes and when, without simulating it.

    Parameters
    ----------
    problem : Problem
        Linearly separable data for a loss of margins; data that some weights interpolate for one
        of targets.
    alpha : float
        Initial scale α: every coordinate of u and v is α at time 0.
    lam : float
        Weight decay λ of the objective ``loss + (λ/2) (‖u‖² + ‖v‖²)``.
    loss : Loss
        Loss of the flow, see `LOSSES`.
    depth : int
        L, from 2 to 8.
    progress : callable
        Called with the fraction done.

    Returns
    -------
    Forecast
        Both predictors with certificates, and the predicted time λt* of the transition.

    Raises
    ------
    NotSeparable
        With a Farkas certificate, when no linear classifier fits the labels.
    NoPredictor
        When no weights interpolate the targets of a regression.
    ValueError
        For a loss of margins without an exponential tail, and for a scale, depth or weight decay
        that no flow has.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.forecast(problem, alpha=1e4, lam=1e-4, loss=gf.LOSSES["square"])
    >>> print(f"{found.kind.value} at λt = {found.transition.lambda_t:.1f}")
    grokking at λt = 10.4
    """
    check_kind("problem", problem, Problem, "make one with gf.make_problem or gf.load")
    check_scale(alpha, depth)
    check_range("lam", lam, LAM_RANGE)
    if loss.acts_on_margins:
        with_tail(loss, "the time of the transition")
    early = (MaxL2Margin() if problem.is_classification else MinL2Norm()).predict(problem)
    progress(0.05)
    largest = float(np.abs(early.w).max())
    path = trace(
        problem,
        scales(problem, largest, depth=depth),
        depth=depth,
        progress=lambda x: progress(0.05 + 0.45 * x),
    )
    late, limit = _late_predictors(problem, loss, lam, path)
    progress(0.9)
    scores = problem.score(np.column_stack([early.w, late.w, limit.w]))
    kind = kind_of(scores)

    def curve(path: Path) -> Curve:
        return Curve(path, problem.score(path.weights), path.lambda_t(alpha, lam, loss))

    along, when = curve(path), Transition(np.nan, np.nan)
    if kind is not Kind.NEITHER:
        ends = scores.error[0], scores.error[1]
        when = crossing(along.lambda_t, along.scores.error, *ends)
        if np.isfinite(when.lambda_t) and not problem.is_classification:
            # Here the path is within O(λ) of the flow, and its spacing the larger error.
            along = curve(_refined(problem, along, when))
            when = crossing(along.lambda_t, along.scores.error, *ends)
    progress(1.0)
    return Forecast(early, late, limit, scores, when, leading_order(alpha), kind, along)


def _refined(problem: Problem, curve: Curve, when: Transition) -> Path:
    """Return the path with `_FINER` times as many points in the transition."""
    path, reach = curve.path, when.width + 0.5
    around = [when.lambda_t - reach, when.lambda_t + reach]
    first, last = np.clip(np.searchsorted(curve.lambda_t, around), 1, len(path.log_beta) - 1)
    steps = _REFINEMENT * int(last - first) + 1
    scales = np.linspace(path.log_beta[first], path.log_beta[last], steps)
    before = path.part(slice(None, int(first) + 1))
    fine = trace(problem, scales[1:], after=before, tolerance=1e-6)
    return before.continued_by(fine).continued_by(path.part(slice(int(last) + 1, None)))


def _late_predictors(
    problem: Problem, loss: Loss, lam: float, path: Path
) -> tuple[Prediction, Prediction]:
    """Return the late predictor at λ and its limit for λ → 0."""
    classify = problem.is_classification
    if path.depth == 2:
        late = L1Penalised(loss, lam).predict(problem)
        limit = (MaxL1Margin() if classify else MinL1Norm()).predict(problem, near=late)
        return late, limit
    end = path.weights[:, -1]
    limit = (MaxQuasiMargin if classify else MinQuasiNorm)(path.depth).predict(problem, near=end)
    level = float(path.margin_level(loss, lam)[-1])
    late = QuasiPenalised(loss, lam, path.depth).predict(problem, near=level * limit.w)
    return late, limit
