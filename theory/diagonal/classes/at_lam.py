"""When all classes together are half-way at finite λ, with an interval.

The motions of the classes do not act on each other, but their outputs compare at one time. So each
is followed at the same times, and a test sample is surely right where the output of its own class
is the largest one whatever the errors of all outputs are, surely wrong where that of another is
(`grokflow.theory.diagonal.finite_decay.timing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from grokflow.theory.diagonal.classes.clock import ClockCurve
from grokflow.theory.diagonal.finite_decay.motion import SlowMotion
from grokflow.theory.diagonal.finite_decay.timing import Follow, Motion, Span, follow, timed
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.predictor import NotResolved
from grokflow.theory.transition.intervals import UNKNOWN, Interval
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import Quarters, leading_order


class TimedClasses(NamedTuple):
    """When quarters of the change of all classes are done, half within which interval, and how."""

    quarters: Quarters
    interval: Interval
    along: ClockCurve


def timed_classes(
    problem: ClassesProblem,
    follow_all: Follow,
    limit: TimedClasses,
    scores: Scores,
    *,
    alpha: float,
    remembers: bool,
    tailed: bool,
) -> TimedClasses:
    """Return the curve of all classes at finite λ, or that for λ → 0 if it is not resolved.

    Parameters
    ----------
    problem : ClassesProblem
        The data and the test set.
    follow_all : callable
        Follows the motion of all classes, such as `together`.
    limit : TimedClasses
        The curve for λ → 0, at whose times they are followed, and what is known from it.
    scores : Scores
        Test errors of the early and the late predictor.
    alpha : float
        Scale of the start.
    remembers : bool
        Whether the motion depends on where it was long before, as that of margins does.
    tailed : bool
        Whether some classes have margins, which remember the start of a net that begins later than
        the motion: there is no interval then.
    """
    start, times = leading_order(alpha), limit.along.lambda_t
    try:
        when, interval, motion = timed(
            problem,
            follow_all,
            Span(float(times[0]) - start, float(times[-1]) - start),
            (float(scores.error[0]), float(scores.error[1])),
            remembers=remembers,
        ).later(start)
    except NotResolved:
        return limit
    along = ClockCurve(motion.slow, problem.score(motion.weights))
    return TimedClasses(when, UNKNOWN if tailed and motion.slow[0] < 0 else interval, along)


def together(motions: Sequence[SlowMotion], times: np.ndarray) -> Motion:
    """Follow the motions of all classes through the same times."""
    each = [follow(motion, times) for motion in motions]
    weights = np.stack([own.weights for own in each])
    errors = np.stack([own.errors for own in each])
    return each[0]._replace(weights=weights, errors=errors)
