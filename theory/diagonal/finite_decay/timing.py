"""When test results at finite λ are half-way, with an interval for what the steps leave out.

The slow motion is followed twice, in steps of `STEP` and of half of that. Their error is of first
order: the finer steps err by what they differ from the coarser ones, up to the second order, and
once this difference is taken off the second order is what is left. The difference itself, which is
larger as long as steps are small enough for any of this, is the bound on the error of each test
output. What linear and cubic interpolation between two steps differ by is added to it.

The test error of outputs that are anywhere within these bounds is between two curves: of several
classes a sample is surely right where its own output is the largest whatever the errors of all are,
and surely wrong where another one is. The test error is half-way between when these two are, and
that, with the spacing at which they are read, is the interval. What follows from an error of
outputs thus depends on the test set: where one test sample decides when the error is half-way, the
interval holds all times at which that sample may turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy.interpolate import CubicSpline

from grokflow.theory.diagonal.finite_decay.motion import SlowMotion
from grokflow.theory.linear.classes.problem import ClassesProblem, share_right
from grokflow.theory.linear.problem import Problem
from grokflow.theory.samples import Outputs, TestSet
from grokflow.theory.transition.intervals import Interval
from grokflow.theory.transition.times import Quarters, crossing, quarters

# λt between points of the coarser steps, and parts of it at which curves are read.
STEP = 0.5
_PARTS = 32
# Steps in which a motion is followed closely.
_CLOSE = 16
# Test samples that are read together.
_BLOCK = 1000


class Motion(NamedTuple):
    """The motion at finite λ, of one net or of those of C classes.

    Parameters
    ----------
    slow : ndarray, shape (m,)
        Slow times less ``log α``.
    log_beta : ndarray, shape (m,)
        Logarithms of the scales β.
    weights : ndarray, shape (d, m) or (C, d, m)
        Weights, free of the error of first order.
    errors : ndarray, shape (d, m) or (C, d, m)
        What the finer steps differ from them by.
    """

    slow: np.ndarray
    log_beta: np.ndarray
    weights: np.ndarray
    errors: np.ndarray

    def since(self, point: int) -> Motion:
        """Return the motion from one of its points on."""
        return Motion(*(values[..., point:] for values in self))


class Span(NamedTuple):
    """From when to when a motion is followed: slow times less ``log α``."""

    first: float
    last: float


class HalfWay(NamedTuple):
    """When quarters of a change are done, and within which interval half is, less ``log α``."""

    quarters: Quarters
    interval: Interval


class Timed(NamedTuple):
    """The same with the motion."""

    quarters: Quarters
    interval: Interval
    motion: Motion

    def later(self, by: float) -> Timed:
        """Return the same with times that are later."""
        when, (low, high), motion = self
        interval = Interval(low + by, high + by)
        return Timed(when.later(by), interval, motion._replace(slow=motion.slow + by))


#: Follows a motion through times, as `follow` does.
Follow: TypeAlias = Callable[[np.ndarray], Motion]


def timed(
    problem: Problem | ClassesProblem,
    follow: Follow,
    span: Span,
    ends: tuple[float, float],
    *,
    remembers: bool,
) -> Timed:
    """Return when the test error of a motion is half-way between two, and the motion.

    Parameters
    ----------
    problem : Problem or ClassesProblem
        The data with the test set.
    follow : callable
        Follows the motion.
    span : Span
        From when to when.
    ends : tuple of float
        Test errors of the early and the late predictor.
    remembers : bool
        Whether the motion depends on where it was long before, as that of margins does.

    Raises
    ------
    NotResolved
        As by `SlowMotion.follow`.
    """
    found = follow(even_steps(span, STEP))
    when, interval = half_way(problem, found, *ends)
    # What is held exactly as λ → 0 soon forgets: short steps at that time make it known closely.
    if not remembers and np.isfinite(interval).all():
        near = Span(max(interval.low - STEP / 4, span.first), interval.high + STEP / 4)
        before = even_steps(Span(span.first, near.first), STEP)[:-1]
        times = np.concatenate([before, even_steps(near, (near.last - near.first) / _CLOSE)])
        closely = half_way(problem, follow(times).since(2 * len(before)), *ends)
        if np.isfinite(closely.interval).all():
            when, interval = _closer(when, closely.quarters, near), closely.interval
    return Timed(when, interval, found)


def _closer(when: Quarters, closely: Quarters, near: Span) -> Quarters:
    """Return the times with those from close steps, where both curves have them within these."""
    both = zip(when, closely, strict=True)
    found = [there if near.first < here < near.last else here for here, there in both]
    quarter, half, rest = np.where(np.isnan(found), when, found)
    half = closely.half
    return Quarters(float(np.minimum(quarter, half)), half, float(np.maximum(rest, half)))


def even_steps(span: Span, step: float) -> np.ndarray:
    """Return even times through a span, at most so far apart."""
    steps = int(np.ceil((span.last - span.first) / step))
    return np.linspace(*span, steps + 1)


def follow(motion: SlowMotion, times: np.ndarray) -> Motion:
    """Follow the motion through increasing times, and the middles between them.

    Parameters
    ----------
    motion : SlowMotion
        The motion.
    times : ndarray, shape (m,)
        Slow times less ``log α``.

    Raises
    ------
    NotResolved
        As by `SlowMotion.follow`.
    """
    slow = np.repeat(times, 2)[:-1]
    slow[1::2] = (times[:-1] + times[1:]) / 2
    log_beta = -motion.depth * slow
    finer, changes = motion.follow(log_beta)
    near = np.concatenate([changes[:1], changes[1::2] + changes[2::2]])
    coarser = motion.follow(log_beta[::2], near).weights
    difference = np.empty_like(finer)
    difference[:, ::2] = finer[:, ::2] - coarser
    difference[:, 1::2] = (difference[:, :-2:2] + difference[:, 2::2]) / 2
    return Motion(slow, log_beta, finer + difference, difference)


def half_way(
    problem: Problem | ClassesProblem, motion: Motion, early: float, late: float
) -> HalfWay:
    """Return when the test error is half-way from `early` to `late`, and its other quarters."""
    outputs, labels = _outputs(problem.test, motion.weights)
    errors = np.abs(_outputs(problem.test, motion.errors).values)
    slow, steps = motion.slow, _PARTS // 2 * (len(motion.slow) - 1) + 1
    times, reading = np.linspace(slow[0], slow[-1], steps, retstep=True)
    curves = np.zeros((3, steps))
    test_error, block = _test_error(problem), max(_BLOCK // outputs[0, ..., 0].size, 1)
    for start in range(0, len(labels), block):
        part = slice(start, start + block)
        smooth = CubicSpline(slow, outputs[part], axis=-1)(times)
        within = np.abs(smooth - _linear(outputs[part], steps)) + _linear(errors[part], steps)
        curves += test_error(smooth, within, labels[part]).sum(axis=1) / len(labels)
    # The curve that is nearer to the late end is half-way first.
    least, likely, largest = curves if late > early else curves[::-1]
    when = quarters(times, likely, early, late)
    if np.isnan(when.half):
        return HalfWay(when, Interval(np.nan, np.nan))
    later, sooner = (crossing(times, curve, early, late).lambda_t for curve in (least, largest))
    ends = np.nan_to_num(sooner - reading, nan=-np.inf), np.nan_to_num(later + reading, nan=np.inf)
    return HalfWay(when, Interval(float(ends[0]), float(ends[1])))


def _outputs(test: TestSet, weights: np.ndarray) -> Outputs:
    """Return test outputs of shape (k, m), or (k, C, m) of C classes, and the labels."""
    if weights.ndim == 2:
        return test.outputs(weights)
    each = [test.outputs(own) for own in weights]
    return Outputs(np.stack([found.values for found in each], axis=1), each[0].labels)


def _linear(values: np.ndarray, steps: int) -> np.ndarray:
    """Return values of shape (..., m) linearly between the last ones, at so many even steps."""
    place = np.linspace(0, values.shape[-1] - 1, steps)
    left = np.minimum(place.astype(int), values.shape[-1] - 2)
    part = place - left
    return np.asarray((1 - part) * values[..., left] + part * values[..., left + 1])


def _test_error(
    problem: Problem | ClassesProblem,
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Return what judges outputs within their errors, by the task."""
    if isinstance(problem, ClassesProblem):
        return _of_largest
    return _of_two if problem.is_classification else _of_targets


def _of_two(outputs: np.ndarray, within: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how wrong outputs are at least, as they are, and at most, within their errors."""
    margins = outputs * labels[:, None]
    return np.asarray([(1 - np.sign(margins + move)) / 2 for move in (within, 0.0, -within)])


def _of_largest(outputs: np.ndarray, within: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the same of the largest output, shape (3, k, m).

    Least wrong is a sample whose own class has the largest output that it may have, and all others
    the smallest ones.
    """
    numbers = labels.astype(int)
    own = np.arange(outputs.shape[1]) == numbers[:, None]
    helps = np.where(own[:, :, None], within, -within)
    return np.asarray([1 - share_right(outputs + move * helps, numbers) for move in (1, 0, -1)])


def _of_targets(outputs: np.ndarray, within: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return squared errors at least, as they are, and at most, within the errors of outputs."""
    distance = np.abs(outputs - labels[:, None])
    return np.asarray([np.maximum(distance + move, 0.0) ** 2 for move in (-within, 0.0, within)])
