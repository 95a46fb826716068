"""The whole prediction for several classes: one diagonal net for each, on one clock.

The nets of the classes do not act on each other: each has its own kernel predictor, its own path
and its own times. What the net of all of them answers is the class with the largest output, and
outputs compare only at one time: class c is at ``m_c w_c`` when the flow passes the point
``λt = log α - (1/L) log(m_c β)`` of its path, m_c the level of its margins (1 for targets). Levels
differ by differences of ``log ‖μ_c‖``, next to the common ``log(1/λ)``; they enter the answer like
the weights do.

Three times are compared each at its own scale: the early weights in the kernel regime at this λ,
the late ones at this λ, and for λ → 0 first what grows, the outputs of separable classes, and then
what stays, those of classes that overlap.

All this is the limit λ → 0. When the change is half-way at this λ is read off the motions of all
classes at this λ instead (`grokflow.theory.diagonal.classes.at_lam`), where they are resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from grokflow.theory.arguments import LAM_RANGE, check_data
from grokflow.theory.diagonal.classes.at_lam import TimedClasses, timed_classes, together
from grokflow.theory.diagonal.classes.clock import Clock, ClockCurve
from grokflow.theory.diagonal.forecast import Forecast, forecast
from grokflow.theory.diagonal.regime import Regime, kernel_predictor
from grokflow.theory.diagonal.scale import kernel_end
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.losses import Loss, loss_named
from grokflow.theory.predictor import NoPredictor, NotResolved
from grokflow.theory.summary import Summarised, between
from grokflow.theory.transition.intervals import UNKNOWN, Interval
from grokflow.theory.transition.scores import Kind, Scores, joined, kind_of
from grokflow.theory.transition.seen import kind_seen
from grokflow.theory.transition.times import NEVER, Quarters, Transition, leading_order, quarters

# Slow time between points of the common clock.
_STEP = 0.05
# Numbers that the weights of some times on the clock may hold together.
_MEMORY = 2**24


@dataclass(frozen=True, eq=False, repr=False)
class ClassesForecast(Summarised):
    """Early and late predictors of several classes, and the predicted transition between them.

    `forecast_classes` makes it.

    Parameters
    ----------
    parts : mapping of str to Forecast
        The forecast of every class against the rest.
    scores : Scores
        Test results of the early predictors and of the late ones, both at this λ, and of the limit
        for λ → 0, in this order: the class with the largest output is the answer. The limit is NaN
        where some classes are separable, others overlap, and no λ in the range answers like it.
    transition : Transition
        Predicted slow time λt* and width of their test results, from ``at_lam``; NaN where nothing
        is visible.
    interval : Interval
        Within which λt* is, for all that the steps and the reading of ``at_lam`` leave out; NaN
        where that is not known.
    leading_order : float
        ``log α``.
    kind : Kind
        Grokking, misgrokking, neither, or no transition where the data determine all weights.
    curve : ClockCurve
        The curve for λ → 0.
    at_lam : ClockCurve
        The predicted curve: the same at this λ. It is ``curve`` where nothing visible is to be
        timed, and where double precision does not resolve the motion of a class at this λ.
    constant : float
        C(data) of the law ``λt* = log α - (1/L) log m + C``, with m the geometric mean of the
        classes' levels at λt*; NaN without a transition.
    no_time : str
        Why the time is unknown: double precision does not resolve the path of a class, and the
        curve has no points. Empty where all paths are known.
    quarters : Quarters
        When a quarter, half and three quarters of the change are done, on the curve of λt*.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x = np.random.default_rng(0).standard_normal((400, 30))
    >>> y = x[:, :3].argmax(axis=1)
    >>> problem = gf.make_classes_problem("largest", x[:25], y[:25], x[25:], y[25:])
    >>> gf.forecast_classes(problem, alpha=1e2, lam=1e-4, loss=gf.LOSSES["logistic"])
    ClassesForecast(classes=0 1 2, kind=...
    """

    parts: Mapping[str, Forecast]
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
            "classes": " ".join(self.parts),
            "kind": self.kind,
            "lambda_t": self.transition.lambda_t,
            "width": self.transition.width,
            "test error": between(early, late),
        }


def forecast_classes(
    problem: ClassesProblem,
    *,
    alpha: float,
    lam: float,
    loss: Loss | str,
    depth: int = 2,
    progress: Callable[[float], None] = lambda fraction: None,
) -> ClassesForecast:
    """Predict where the diagonal nets of several classes go and when, without simulating them.

    Parameters
    ----------
    problem : ClassesProblem
        The data.
    alpha, lam : float
        Scale of the start of every net, and weight decay.
    loss : Loss or str
        A loss, or its name: one of margins learns each class against the rest, one of targets its
        1 and 0.
    depth : int
        L, from 2 to 8.
    progress : callable
        Called with the fraction done.

    Raises
    ------
    NoPredictor
        When a class has no predictor, as by `forecast`; the message names the class.
    ValueError
        As by `forecast`.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x, y = np.eye(6), np.array(["ant", "bee", "cat", "ant", "bee", "cat"])
    >>> problem = gf.make_classes_problem("animals", x, y, x, y)
    >>> found = gf.forecast_classes(problem, alpha=10.0, lam=1e-3, loss=gf.LOSSES["logistic"])
    >>> print(found.parts["bee"].limit.margin, found.kind.value)
    0.166... neither
    """
    check_data(problem, ClassesProblem)
    loss = loss_named(loss)
    parts: dict[str, Forecast] = {}

    def show(fraction: float) -> None:
        progress(0.95 * (len(parts) + fraction) / len(problem.classes))

    for number, name in enumerate(problem.classes):
        part = problem.part(number, loss)
        try:
            found = forecast(part, alpha=alpha, lam=lam, loss=loss, depth=depth, progress=show)
        except NoPredictor as error:
            other = " (--loss one-hot)" if loss.acts_on_margins else ""
            said = str(error).replace("the square loss", f"the square loss{other}")
            error.args = (f"class {name}: {said}",)
            raise
        parts[name] = found
    unknown = [f"class {name}: {part.no_time}" for name, part in parts.items() if part.no_time]
    clocks = [] if unknown else [Clock.of(part.curve, loss, lam) for part in parts.values()]
    curve = _followed(problem, clocks)
    early = _early(problem, list(parts.values()), clocks, alpha, lam, loss)
    late = np.stack([part.late.w for part in parts.values()])
    ends = problem.score(np.stack([early, late], axis=2))
    scores = joined([ends, _limit(problem, list(parts.values()), loss)])
    determined = all(part.kind is Kind.NO_TRANSITION for part in parts.values())
    kind = kind_of(scores, determined=determined)
    order, constant = leading_order(alpha), float("nan")
    timed = TimedClasses(NEVER, UNKNOWN, curve)
    if kind.is_visible and clocks:
        limit = _limit_time(curve, clocks, scores)
        constant = limit.half - order + _log_level(clocks, limit.half) / depth
        timed = _timed(problem, parts, TimedClasses(limit, UNKNOWN, curve), scores, alpha)
    times, interval, along = timed
    when = times.transition
    remark = _shrinking(parts)
    is_pressed = any(part.is_pressed for part in parts.values())
    kind = kind_seen(kind, scores, when, along.lambda_t, along.scores, is_pressed=is_pressed)
    progress(1.0)
    time, told = (when, order, kind), ("; ".join(unknown[:1]), remark)
    return ClassesForecast(parts, scores, *time, curve, along, constant, interval, *told, times)


def _limit_time(curve: ClockCurve, clocks: list[Clock], scores: Scores) -> Quarters:
    """Return when the curve for λ → 0 is half-way."""
    half_way = middle if any(clock.tailed for clock in clocks) else quarters
    return half_way(curve.lambda_t, curve.scores.error, *scores.error[:2])


def _timed(
    problem: ClassesProblem,
    parts: Mapping[str, Forecast],
    limit: TimedClasses,
    scores: Scores,
    alpha: float,
) -> TimedClasses:
    """Return when the curve at finite λ is half-way."""
    motions = [part.motion for part in parts.values() if part.motion]
    tailed = any(part.curve.path.margins for part in parts.values())
    on_margins = motions[0].loss.acts_on_margins
    return timed_classes(
        problem,
        partial(together, motions),
        limit,
        scores,
        alpha=alpha,
        remembers=on_margins,
        tailed=tailed,
    )


def _shrinking(parts: Mapping[str, Forecast]) -> str:
    """Say which classes have late weights that weight decay presses towards zero."""
    said = {name: part.remark for name, part in parts.items() if part.remark}
    if not said:
        return ""
    name, first = next(iter(said.items()))
    others = f" (of {len(said)} classes: {', '.join(said)})" if len(said) > 1 else ""
    return f"class {name}{others}: {first}"


def _log_level(clocks: list[Clock], when: float) -> float:
    """Return the mean logarithm of the levels of all classes at a transition, NaN without one."""
    if not np.isfinite(when):
        return float("nan")
    return float(np.mean([np.log(clock.level_at(np.array([when]))) for clock in clocks]))


def _early(
    problem: ClassesProblem,
    parts: Sequence[Forecast],
    clocks: list[Clock],
    alpha: float,
    lam: float,
    loss: Loss,
) -> np.ndarray:
    """Return the weights at which the first class leaves the kernel regime, shape (C, d)."""
    depth = parts[0].curve.path.depth
    if clocks:
        start = min(clock.lambda_t[0] for clock in clocks)
        log_scale = float(np.log(alpha) - start)
    else:  # where the first path would begin
        ends = (kernel_end(float(np.abs(part.early.w).max())) / depth for part in parts)
        log_scale = min(float(np.log(alpha)), max(ends))

    def weights(number: int) -> np.ndarray:
        part = problem.part(number, loss)
        try:
            found = kernel_predictor(part, loss, depth=depth, lam=lam, log_scale=log_scale)
            return found.w
        except NotResolved:
            if not clocks:
                return parts[number].early.w
            return clocks[number].weights_at(np.array([start]))[:, 0]

    return np.stack([weights(number) for number in range(len(parts))])


def _limit(problem: ClassesProblem, parts: Sequence[Forecast], loss: Loss) -> Scores:
    """Judge what the classes answer as λ → 0; NaN where no λ in the range answers so.

    Outputs of separable classes grow like log(1/λ), all with one factor, and those of the others
    stay: what grows decides, and what stays only where no output grows to be the largest. Where a
    class is separable in part its output has both in it, and no limit is named.
    """
    w = np.stack([part.limit.w for part in parts])
    if any(part.regime is Regime.PARTLY for part in parts):
        return _unnamed(problem.score(w))
    grows = np.array([part.regime is Regime.SEPARABLE for part in parts])
    if grows.all() or not grows.any():
        return problem.score(w)
    growing, staying = w * grows[:, None], w * ~grows[:, None]
    found = problem.score(staying, growing)
    if any(part.no_time for part in parts):
        return _unnamed(found)
    levels = [part.curve.path.margin_level(loss, LAM_RANGE[0])[-1] for part in parts]
    least = problem.score(growing * np.array(levels)[:, None] + staying)
    return found if found.error == least.error else _unnamed(found)


def _unnamed(scores: Scores) -> Scores:
    """Return the scores of one predictor as those of a limit that is not named."""
    unknown = np.array([np.nan])
    return replace(scores, accuracy=unknown, error=unknown, spread=unknown)


def middle(times: np.ndarray, error: np.ndarray, early: float, late: float) -> Quarters:
    """Return when a curve of tails is half-way between its own ends; NaN if short of the late one.

    Along the path all margins of a class are at one level, as at λ → 0. At finite λ they are not,
    and the late predictor answers otherwise by O(1/log(1/λ)) of the change: the middle of the
    curve's own change is nearer to the flow's than where it meets the middle of the predictors.
    """
    if (error[-1] - early) / (late - early) < 0.5:
        return NEVER
    return quarters(times, error, float(error[0]), float(error[-1]))


def _followed(problem: ClassesProblem, clocks: list[Clock]) -> ClockCurve:
    """Return the test results along the common clock, as many of them together as fit.

    Without clocks of all classes the curve has no points.
    """
    if not clocks:
        nothing = np.empty((len(problem.classes), problem.d, 0))
        return ClockCurve(np.empty(0), problem.score(nothing))
    start = min(clock.lambda_t[0] for clock in clocks)
    end = max(clock.lambda_t[-1] for clock in clocks)
    times = np.arange(start, end + _STEP, _STEP)
    size = max(_MEMORY // (len(clocks) * problem.d), 1)
    cuts = [times[i : i + size] for i in range(0, len(times), size)]
    parts = [problem.score(np.stack([clock.weights_at(cut) for clock in clocks])) for cut in cuts]
    return ClockCurve(times, joined(parts))
