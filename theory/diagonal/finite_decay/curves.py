"""Predicted curves of test results, and when they are half-way."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from grokflow.theory.diagonal.finite_decay.motion import SlowMotion
from grokflow.theory.diagonal.finite_decay.timing import Span, follow, timed
from grokflow.theory.diagonal.path import Path
from grokflow.theory.linear.problem import Problem
from grokflow.theory.predictor import NotResolved
from grokflow.theory.transition.intervals import UNKNOWN, Interval
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Quarters, leading_order, quarters


class Curve(NamedTuple):
    """A path of weights, the test results along it, and when the flow passes each point."""

    path: Path
    scores: Scores
    lambda_t: np.ndarray


class TimedCurve(NamedTuple):
    """When quarters of a change are done, within which interval half is, and the curve."""

    quarters: Quarters
    interval: Interval
    along: Curve


def timed_curve(
    problem: Problem, limit: Curve, scores: Scores, motion: SlowMotion | None, alpha: float
) -> TimedCurve:
    """Return the curve at finite λ, or that of λ → 0 without an interval where it is not known.

    Parameters
    ----------
    problem : Problem
        The data and the test set.
    limit : Curve
        The quasi-static path, which is that of λ → 0.
    scores : Scores
        Test results of the early and the late predictor first.
    motion : SlowMotion, optional
        The motion at finite λ; none where the data determine the weights.
    alpha : float
        Scale of the start.
    """
    ends = float(scores.error[0]), float(scores.error[1])
    without = TimedCurve(quarters(limit.lambda_t, limit.scores.error, *ends), UNKNOWN, limit)
    if motion is None:
        return without
    start, times = leading_order(alpha), limit.lambda_t
    remembers, span = motion.loss.acts_on_margins, Span(times[0] - start, times[-1] - start)
    try:
        found = timed(problem, partial(follow, motion), span, ends, remembers=remembers)
    except NotResolved:
        return without
    when, interval, (slow, log_beta, weights, _) = found.later(start)
    path = Path(log_beta, np.empty((len(slow), 0)), weights, motion.depth)
    along = Curve(path, problem.score(weights), slow)
    # Margins remember the start of a net that begins later than the motion.
    forgotten = not limit.path.margins or along.lambda_t[0] >= 0
    return TimedCurve(when, interval if forgotten else UNKNOWN, along)
