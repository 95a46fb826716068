"""Several classes under cross-entropy: one net with an output for each class, u² - v².

All margins ``q_ic`` have exponential tails and are linear in all weights together
(`grokflow.theory.linear.classes.softmax`), so that the flow is that of a diagonal net on the
stacked problem, with the pulls r_ic of softmax:

    w = 2 α(s)² sinh(4 Zᵀν),    dν_ic/ds = r_ic / (nλ).

Hence all that holds for two classes holds here: it begins at the hard margin of Crammer and Singer
in the L2 norm, follows the catching-up path of the stacked problem and ends, for λ → 0, at the
hard margin in the L1 norm. There is one clock: with ``r = e^{-q}`` up to r itself, the level of the
margins is that of the exponential loss averaged over n samples, which are n (C-1) rows here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from grokflow.theory.arguments import LAM_RANGE, check_data, check_range
from grokflow.theory.diagonal.classes.at_lam import TimedClasses, timed_classes
from grokflow.theory.diagonal.classes.clock import ClockCurve
from grokflow.theory.diagonal.classes.one_vs_rest import middle
from grokflow.theory.diagonal.classes.softmax_motion import SoftmaxMotion
from grokflow.theory.diagonal.finite_decay.timing import Motion, follow
from grokflow.theory.diagonal.path import Path, no_path, scales, trace
from grokflow.theory.diagonal.scale import check_scale
from grokflow.theory.errors import either
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.classes.softmax import (
    L1PenalisedCrossEntropy,
    intercept_tells_apart,
    stacked_problem,
)
from grokflow.theory.linear.l1 import MaxL1Margin
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.input_transform import standardising
from grokflow.theory.predictor import NotResolved, NotSeparable, Remedy, resolving
from grokflow.theory.summary import Summarised, between
from grokflow.theory.transition.intervals import UNKNOWN, Interval
from grokflow.theory.transition.scores import Kind, Scores, kind_of
from grokflow.theory.transition.seen import kind_seen, pressed
from grokflow.theory.transition.times import NEVER, Quarters, Transition, leading_order


@dataclass(frozen=True, eq=False, repr=False)
class SoftmaxForecast(Summarised):
    """Early and late predictors under cross-entropy, and the predicted transition between them.

    `forecast_softmax` makes it. Weights hold those of the classes one after the other.

    Parameters
    ----------
    early, late, limit : Prediction
        The hard margin of Crammer and Singer in the L2 norm, the L1-penalised minimiser at this
        λ, and its limit, the hard margin in the L1 norm.
    scores : Scores
        Their test results, in this order.
    transition : Transition
        Predicted slow time λt* and width, from ``at_lam``; NaN where the kind is neither.
    interval : Interval
        Within which λt* is, for all that the steps and the reading of ``at_lam`` leave out; NaN
        where that is not known.
    leading_order : float
        ``log α``.
    kind : Kind
        Grokking, misgrokking, or neither.
    curve : ClockCurve
        The curve for λ → 0.
    at_lam : ClockCurve
        The predicted curve: the same at this λ. It is ``curve`` where nothing visible is to be
        timed, and where double precision does not resolve the motion at this λ.
    constant : float
        C(data) of the law ``λt* = log α - ½ log m + C``; NaN without a transition.
    no_time : str
        Why the time is unknown: double precision does not resolve the path, and the curve has no
        points. Empty where the path is known.
    quarters : Quarters
        When a quarter, half and three quarters of the change are done, on the curve of λt*.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.eye(6), np.array(["ant", "bee", "cat", "ant", "bee", "cat"])
    >>> problem = gf.make_classes_problem("animals", x, y, x, y)
    >>> gf.forecast_softmax(problem, alpha=10.0, lam=1e-3)
    SoftmaxForecast(kind=neither, lambda_t=nan, width=nan, test error=0 → 0)
    """

    early: Prediction
    late: Prediction
    limit: Prediction
    scores: Scores
    transition: Transition
    leading_order: float
    kind: Kind
    curve: ClockCurve
    at_lam: ClockCurve
    constant: float
    interval: Interval = UNKNOWN
    no_time: str = ""
    remark: str = ""
    quarters: Quarters = NEVER

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        early, late, _ = self.scores.error
        return {
            "kind": self.kind,
            "lambda_t": self.transition.lambda_t,
            "width": self.transition.width,
            "test error": between(early, late),
        }


@resolving("the forecast")
def forecast_softmax(
    problem: ClassesProblem,
    *,
    alpha: float,
    lam: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> SoftmaxForecast:
    """Predict where the net of depth 2 goes under cross-entropy and when, without simulating it.

    Parameters
    ----------
    problem : ClassesProblem
        Classes that linear outputs tell apart: ``<w_{y_i} - w_c, x_i> > 0`` for some weights.
    alpha, lam : float
        Scale of the start, and weight decay of ``(1/n) Σ l_i + (λ/2) ‖θ‖²``.
    progress : callable
        Called with the fraction done.

    Raises
    ------
    NotSeparable
        Where no weights tell the classes apart.
    NotResolved
        Where double precision does not decide, or a solver gives up.
    ValueError
        For more margins than are handled, and scales that no flow has.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.eye(6), np.array(["ant", "bee", "cat", "ant", "bee", "cat"])
    >>> problem = gf.make_classes_problem("animals", x, y, x, y)
    >>> found = gf.forecast_softmax(problem, alpha=10.0, lam=1e-3)
    >>> print(found.early.name, found.early.w.reshape(3, 6).round(2)[0])
    max-L2-margin [ 0.67 -0.33 -0.33  0.67 -0.33 -0.33]
    """
    check_data(problem, ClassesProblem)
    check_scale(alpha)
    check_range("lam", lam, LAM_RANGE)
    stacked, others = stacked_problem(problem), len(problem.classes) - 1
    early = _early(problem, stacked)
    progress(0.05)
    path, no_time = _path(stacked, early, lambda x: progress(0.05 + 0.75 * x))
    limit = MaxL1Margin().predict(stacked)
    near = path.end_level(LOSSES["exponential"], lam / others) * limit.w
    late = L1PenalisedCrossEntropy(lam).predict(stacked, near)
    progress(0.95)

    def by_class(w: np.ndarray) -> np.ndarray:
        return w.reshape(others + 1, problem.d, -1)

    level = margin_level(path, others, lam)
    times = np.log(alpha) - (np.log(level) + path.log_beta) / 2
    curve = ClockCurve(times, problem.score(by_class(path.weights)))
    scores = problem.score(by_class(np.column_stack([early.w, late.w, limit.w])))
    kind, constant = kind_of(scores), float("nan")
    timed = TimedClasses(NEVER, UNKNOWN, curve)
    if kind.is_visible and not no_time:
        half_way = middle(times, curve.scores.error, *scores.error[:2])
        constant = -float(np.interp(half_way.half, times, path.log_beta)) / 2
        motion = SoftmaxMotion.of_classes(stacked, early.w, lam, others)
        timed = _timed(problem, motion, TimedClasses(half_way, UNKNOWN, curve), scores, alpha)
    quarters, interval, along = timed
    when = quarters.transition
    remark = _shrinking(problem, lam, by_class(late.w[:, None])[..., 0])
    kind = kind_seen(kind, scores, when, along.lambda_t, along.scores, is_pressed=bool(remark))
    progress(1.0)
    found, time = (early, late, limit, scores), (when, leading_order(alpha), kind)
    told = no_time, remark
    return SoftmaxForecast(*found, *time, curve, along, constant, interval, *told, quarters)


def _timed(
    problem: ClassesProblem,
    motion: SoftmaxMotion,
    limit: TimedClasses,
    scores: Scores,
    alpha: float,
) -> TimedClasses:
    """Return when the curve at finite λ is half-way."""
    shape = (-1, problem.d)

    def follow_all(times: np.ndarray) -> Motion:
        found = follow(motion, times)
        weights, errors = (w.reshape(*shape, w.shape[-1]) for w in (found.weights, found.errors))
        return found._replace(weights=weights, errors=errors)

    return timed_classes(
        problem, follow_all, limit, scores, alpha=alpha, remembers=True, tailed=True
    )


def _shrinking(problem: ClassesProblem, lam: float, late: np.ndarray) -> str:
    """Say where weight decay presses the late weights, of shape (C, d), towards zero."""
    outputs = np.stack([problem.inputs.combine(w) for w in late], axis=1)
    own = outputs[np.arange(problem.n), problem.labels]
    return pressed(
        lam,
        zero=float(np.log(len(late))),
        late=float(np.mean(logsumexp(outputs, axis=1) - own)),
        least=0.0,
        vanished=not late.any(),
        helps=(standardising(problem.transform),),
    )


def _path(
    stacked: Problem, early: Prediction, progress: Callable[[float], None]
) -> tuple[Path, str]:
    """Return the path of the stacked problem, or why it has no point."""
    log_beta = scales(stacked, float(np.abs(early.w).max()))
    try:
        with resolving("the path"):
            return trace(stacked, log_beta, locate=False, early=early, progress=progress), ""
    except NotResolved as error:
        return no_path(stacked, 2, margins=True), error.in_short


def _early(problem: ClassesProblem, stacked: Problem) -> Prediction:
    """Return the hard margin, or say what else there is for classes that overlap."""
    try:
        return MaxL2Margin().predict(stacked)
    except NotSeparable as error:
        helps = Remedy.INTERCEPT.value if intercept_tells_apart(problem) else ""
        error.finding = "no linear outputs tell the classes apart"
        logistic = (
            "take the logistic loss with gf.forecast_classes (--loss logistic), whose forecast "
            "covers classes that overlap"
        )
        remedies = either(helps, logistic, "follow the flow (gf.SoftmaxFlow, grokflow simulate)")
        error.args = (
            f"{error.finding}, expected some that give every sample its own class, for the "
            f"forecast under cross-entropy begins at the largest margin: {remedies}",
        )
        raise


def margin_level(path: Path, others: int, lam: float) -> np.ndarray:
    """Return the level of the margins along the path of the stacked problem, shape (m,)."""
    return path.margin_level(LOSSES["exponential"], lam / others)
