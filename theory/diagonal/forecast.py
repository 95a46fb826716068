"""The whole prediction for one problem, before anything is simulated: what, how good, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from grokflow.theory.arguments import LAM_RANGE, check_data, check_range
from grokflow.theory.diagonal.finite_decay.curves import Curve, TimedCurve, timed_curve
from grokflow.theory.diagonal.finite_decay.holding import is_held
from grokflow.theory.diagonal.finite_decay.late import late_predictors
from grokflow.theory.diagonal.finite_decay.motion import SlowMotion
from grokflow.theory.diagonal.partly.descent import Descent, descend, undescended
from grokflow.theory.diagonal.partly.ends import limit_of
from grokflow.theory.diagonal.partly.split import PartlySeparable, Parts
from grokflow.theory.diagonal.path import Path, no_path, resting, scales, trace
from grokflow.theory.diagonal.regime import (
    Held,
    Regime,
    early_at,
    held_weights,
    shrinking,
)
from grokflow.theory.diagonal.scale import check_scale
from grokflow.theory.linear.l2 import intercept_separates
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss, loss_named, with_tail
from grokflow.theory.predictor import NotResolved, resolving
from grokflow.theory.summary import Summarised, between
from grokflow.theory.transition.intervals import UNKNOWN, Interval
from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.seen import kind_seen
from grokflow.theory.transition.times import NEVER, Quarters, Transition, crossing, leading_order

# What the end of the path of a deep net is known by, where the path is not.
_OTHER_END = (
    "; the late predictor is the stationary point next to the max-L1-margin, and the flow may end "
    "at another"
)


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Summarised):
    """Early and late predictors of the flow and the predicted transition between them.

    `forecast` makes it. Theorem numbers are those of Lyu et al. (2024).

    Parameters
    ----------
    early : Prediction
        Kernel predictor at this α and λ, where the flow leaves the kernel regime: of separable
        classes the L2-penalised minimiser, in every other regime ``early_limit``.
    late : Prediction
        Where the flow ends at this λ: the L1-penalised minimiser for L = 2; for L ≥ 3 the KKT
        point of the ``‖w‖_{2/L}``-penalised problem that is next to the end of the quasi-static
        path.
    limit : Prediction
        The limit of ``late`` for λ → 0: max-L1-margin (Corollary 3.7) or min-L1-norm for L = 2, a
        KKT point of (R1) or (R2) for L ≥ 3; the early predictor where the weights are determined.
        Of several directions of largest L1-margin it is one, and ``late`` may come to another.
    early_limit : Prediction
        The limit of ``early`` for λ → 0: max-L2-margin (Corollary 3.6) or min-L2-norm (Theorem
        3.9); where no weights fit the data, those at which the loss is least, and of these of least
        L2-norm; of partly separable classes both, divided by the level of the margins at this λ.
    scores : Scores
        Test results of ``early``, ``late``, ``limit`` and ``early_limit``, in this order.
    transition : Transition
        Predicted slow time λt* and width, from ``at_lam``; NaN where nothing is visible, and where
        the curve does not make half of the change.
    interval : Interval
        Within which λt* is, for all that the steps and the reading of ``at_lam`` leave out; NaN
        where that is not known.
    leading_order : float
        ``log α``, the time λt* to leading order.
    kind : Kind
        Grokking, misgrokking or neither, from ``early`` and ``late``; no transition where the data
        determine the weights and nothing is visible.
    curve : Curve
        The quasi-static path, which is that of λ → 0, with its test results and times.
    at_lam : Curve
        The predicted curve: the same at this λ. It is ``curve`` where nothing visible is to be
        timed, and where double precision does not resolve the motion at this λ.
    regime : Regime
        What data and loss hold the weights to.
    no_time : str
        Why the time is unknown: double precision does not resolve the path, and the curve has no
        points. Empty where the path is known.
    remark : str
        That λ is large in the units of the data, where weight decay holds the late weights nearer
        to zero than to a fit, or that they miss the targets' mean, and what helps. Empty elsewhere.
    is_pressed : bool
        Whether it is weight decay that holds the late weights nearer to zero than to a fit.
    motion : SlowMotion, optional
        The equations of the motion at this λ.
    quarters : Quarters
        When a quarter, half and three quarters of the change are done, on the curve of λt*.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.forecast(problem, alpha=1e4, lam=1e-4, loss=gf.LOSSES["square"])
    >>> print(found.early.name, "→", found.limit.name)
    min-L2-norm → min-L1-norm
    >>> print(found.scores.error.round(2))
    [0.68 0.   0.   0.68]
    >>> print(f"{found.leading_order:.2f} + {found.constant:.2f} = {found.transition.lambda_t:.2f}")
    9.21 + 1.16 = 10.37
    """

    early: Prediction
    late: Prediction
    limit: Prediction
    early_limit: Prediction
    scores: Scores
    transition: Transition
    leading_order: float
    kind: Kind
    curve: Curve
    at_lam: Curve
    regime: Regime
    interval: Interval = UNKNOWN
    no_time: str = ""
    remark: str = ""
    is_pressed: bool = False
    motion: SlowMotion | None = None
    quarters: Quarters = NEVER

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        early, late = self.scores.error[:2]
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
        """C(data) of the law ``λt* = log α - (1/L) log m + C``; NaN without a transition.

        The level m is that of the margins of classes, or of a part of them, that are separable,
        and 1 in every other regime.
        """
        path, times = self.curve.path, self.curve.lambda_t
        if self.no_time:
            return float("nan")
        if not path.margins:
            return self.transition.lambda_t - self.leading_order
        when = crossing(times, self.curve.scores.error, *self.scores.error[:2]).lambda_t
        return -float(np.interp(when, times, path.log_beta)) / path.depth


@resolving("the forecast")
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
        Any data: which regime they are in is part of the forecast.
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
    PartlySeparable
        At depth 3 and more, for classes of which some samples can be separated and others cannot,
        with proof of both.
    NotResolved
        Where double precision does not decide which regime the data are in, or a solver gives up.
    NotSeparable
        With a Farkas certificate, for classes that no weights separate by a loss of one's own
        without ``concordance``.
    ValueError
        For a loss of margins without an exponential tail or on real targets, and for a scale,
        depth or weight decay that no flow has.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.forecast(problem, alpha=1e4, lam=1e-4, loss=gf.LOSSES["square"])
    >>> print(f"{found.kind.value} at λt = {found.transition.lambda_t:.1f}")
    grokking at λt = 10.4
    """
    check_data(problem, Problem)
    loss = loss_named(loss)
    check_scale(alpha, depth)
    check_range("lam", lam, LAM_RANGE)
    if loss.acts_on_margins:
        with_tail(loss, "the time of the transition")
    held = held_weights(problem, loss)
    progress(0.05)

    def halfway(x: float) -> None:
        progress(0.05 + 0.45 * x)

    if held.parts is not None:
        descent, no_time = _descent(problem, held.parts, loss, lam, depth, halfway)
        early = early_limit = descent.early
        path = descent.path
        late = L1Penalised(loss, lam).end_of_flow(problem)
        limit = limit_of(held.parts, descent.level)
    else:
        path, no_time = _path(held, depth, halfway)
        early_limit = held.early
        early = early_at(problem, held, loss, alpha=alpha, lam=lam, depth=depth)
        late, limit = late_predictors(problem, held, loss, lam, path)
    progress(0.9)
    found = early, late, limit, early_limit
    scores = problem.score(np.column_stack([item.w for item in found]))
    told = shrinking(problem, loss, lam, late.w, None if held.is_fitted else early.w)
    is_early = told.is_pressed or is_held(problem, held, loss, scores, lam=lam, depth=depth)
    kind = kind_of(scores, determined=held.determined) if is_early else Kind.NOT_HELD
    curve = _curve(problem, path, alpha, lam, loss)
    timed = TimedCurve(NEVER, UNKNOWN, curve)
    motion = SlowMotion.of(problem, held, early.w, loss, lam=lam, depth=depth)
    if kind.is_visible and not no_time:
        timed = timed_curve(problem, curve, scores, None if held.determined else motion, alpha)
    (times, interval, along), when = timed, timed.quarters.transition
    kind = kind_seen(
        kind, scores, when, along.lambda_t, along.scores, is_pressed=told.is_pressed, limits=(3, 2)
    )
    progress(1.0)
    time, said, moving = (when, leading_order(alpha), kind), (no_time, *told), (motion, times)
    return Forecast(*found, scores, *time, curve, along, held.regime, interval, *said, *moving)


def _descent(
    problem: Problem,
    parts: Parts,
    loss: Loss,
    lam: float,
    depth: int,
    progress: Callable[[float], None],
) -> tuple[Descent, str]:
    """Return the path of partly separable classes, which is known at depth 2, or why it has none.

    The reason is empty where there is a path.
    """
    if depth > 2:
        helps = intercept_separates(problem)
        raise PartlySeparable(parts.rest, problem.n, places=problem.places, intercept_helps=helps)
    try:
        with resolving("the path"):
            return descend(parts, problem.n, loss, lam, progress), ""
    except NotResolved as error:
        return undescended(parts, loss, lam), error.in_short


def _path(held: Held, depth: int, progress: Callable[[float], None]) -> tuple[Path, str]:
    """Return the quasi-static path, from the kernel regime to the rich one, or why it has no point.

    The reason is empty where there is a path.
    """
    w = held.early.w
    largest = float(np.abs(w).max()) or held.problem.scale
    log_beta = scales(held.problem, largest, depth=depth)
    if held.determined:
        return resting(w, log_beta, depth), ""
    try:
        with resolving("the path"):
            # When exactly a sample leaves the margin matters at λ → 0 only: transitions are timed
            # by the motion at the given λ.
            follow = partial(trace, depth=depth, locate=False, early=held.early, progress=progress)
            return follow(held.problem, log_beta), ""
    except NotResolved as error:
        margins = held.problem.is_classification
        other = _OTHER_END if margins and depth > 2 else ""
        return no_path(held.problem, depth, margins), f"{error.in_short}{other}"


def _curve(problem: Problem, path: Path, alpha: float, lam: float, loss: Loss) -> Curve:
    return Curve(path, problem.score(path.weights), path.lambda_t(alpha, lam, loss))
