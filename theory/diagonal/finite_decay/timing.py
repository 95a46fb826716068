"""When test results at finite λ are half-way, with an interval for what the steps leave out.

The slow motion is followed twice, in steps of `STEP` and of half of that. Their error is of first
order: the finer steps err by what they differ from the coarser ones, up to the second order, and
once this difference is taken off the second order is what is left. The difference itself, which is
larger as long as steps are small enough for any of this, is the bound on the error of each test
output. What linear and cubic interpolation between two steps differ by is added to it.

The test error of outputs that are anywhere within these bounds is between two curves. It is
half-way between when these two are, and that, with the spacing at which they are read, is the
interval. What follows from an error of outputs thus depends on the test set: where one test sample
decides when the error is half-way, the interval holds all times at which that sample may turn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from grokflow.theory.diagonal.finite_decay.motion import SlowMotion
from grokflow.theory.linear.problem import Problem
from grokflow.theory.transition.intervals import Interval
from grokflow.theory.transition.times import Transition, crossing

# λt between points of the coarser steps, and parts of it at which curves are read.
STEP = 0.5
_PARTS = 32
# Steps in which a motion is followed closely.
_CLOSE = 16
# Test samples that are read together.
_BLOCK = 1000


class Motion(NamedTuple):
    """The motion at finite λ.

    Parameters
    ----------
    slow : ndarray, shape (m,)
        Slow times less ``log α``.
    log_beta : ndarray, shape (m,)
        Logarithms of the scales β.
    weights : ndarray, shape (d, m)
        Weights, free of the error of first order.
    errors : ndarray, shape (d, m)
        What the finer steps differ from them by.
    """

    slow: np.ndarray
    log_beta: np.ndarray
    weights: np.ndarray
    errors: np.ndarray


class Span(NamedTuple):
    """From when to when a motion is followed: slow times less ``log α``."""

    first: float
    last: float


class HalfWay(NamedTuple):
    """When a motion is half-way and within which interval, both less ``log α``."""

    transition: Transition
    interval: Interval


class Timed(NamedTuple):
    """The same with the motion."""

    transition: Transition
    interval: Interval
    motion: Motion


def timed(problem: Problem, motion: SlowMotion, span: Span, ends: tuple[float, float]) -> Timed:
    """Return when the test error of a motion is half-way between two, and the motion.

    Raises
    ------
    NotResolved
        As by `SlowMotion.follow`.
    """
    found = follow(motion, span)
    when, interval = half_way(problem, found, *ends)
    # What is held exactly as λ → 0 remembers nothing: it is followed anew, closely, at that time.
    if not motion.loss.acts_on_margins and np.isfinite(interval).all():
        near = Span(interval.low - STEP / 4, interval.high + STEP / 4)
        closely = half_way(problem, follow(motion, near, (near.last - near.first) / _CLOSE), *ends)
        if np.isfinite(closely.interval).all():
            when, interval = Transition(closely.transition.lambda_t, when.width), closely.interval
    return Timed(when, interval, found)


def follow(motion: SlowMotion, span: Span, step: float = STEP) -> Motion:
    """Follow the motion through a span of time, in steps of about this size.

    Raises
    ------
    NotResolved
        As by `SlowMotion.follow`.
    """
    steps = max(int(np.ceil((span.last - span.first) / step)), 2)
    slow = span.first + step / 2 * np.arange(2 * steps + 1)
    log_beta = -motion.depth * slow
    finer, changes = motion.follow(log_beta)
    near = np.concatenate([changes[:1], changes[1::2] + changes[2::2]])
    coarser = motion.follow(log_beta[::2], near).weights
    difference = np.empty_like(finer)
    difference[:, ::2] = finer[:, ::2] - coarser
    difference[:, 1::2] = (difference[:, :-2:2] + difference[:, 2::2]) / 2
    return Motion(slow, log_beta, finer + difference, difference)


def half_way(problem: Problem, motion: Motion, early: float, late: float) -> HalfWay:
    """Return when the test error is half-way from `early` to `late`."""
    outputs, labels = problem.test.outputs(motion.weights)
    errors = np.abs(problem.test.outputs(motion.errors).values)
    slow, steps = motion.slow, _PARTS // 2 * (len(motion.slow) - 1) + 1
    times, reading = np.linspace(slow[0], slow[-1], steps, retstep=True)
    curves = np.zeros((3, steps))
    test_error = _of_classes if problem.is_classification else _of_targets
    for start in range(0, len(labels), _BLOCK):
        part = slice(start, start + _BLOCK)
        smooth = CubicSpline(slow, outputs[part], axis=1)(times)
        within = np.abs(smooth - _linear(outputs[part], steps)) + _linear(errors[part], steps)
        curves += test_error(smooth, within, labels[part, None]).sum(axis=1) / len(labels)
    # The curve that is nearer to the late end is half-way first.
    least, likely, largest = curves if late > early else curves[::-1]
    when = crossing(times, likely, early, late)
    if np.isnan(when.lambda_t):
        return HalfWay(when, Interval(np.nan, np.nan))
    later, sooner = (crossing(times, curve, early, late).lambda_t for curve in (least, largest))
    ends = np.nan_to_num(sooner - reading, nan=-np.inf), np.nan_to_num(later + reading, nan=np.inf)
    return HalfWay(when, Interval(float(ends[0]), float(ends[1])))


def _linear(values: np.ndarray, steps: int) -> np.ndarray:
    """Return values of shape (m, k) linearly between their columns, at so many even steps."""
    place = np.linspace(0, values.shape[1] - 1, steps)
    left = np.minimum(place.astype(int), values.shape[1] - 2)
    part = place - left
    return np.asarray((1 - part) * values[:, left] + part * values[:, left + 1])


def _of_classes(outputs: np.ndarray, within: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how wrong outputs are at least, as they are, and at most, within their errors."""
    margins = outputs * labels
    return np.asarray([(1 - np.sign(margins + move)) / 2 for move in (within, 0.0, -within)])


def _of_targets(outputs: np.ndarray, within: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return squared errors at least, as they are, and at most, within the errors of outputs."""
    distance = np.abs(outputs - labels)
    return np.asarray([np.maximum(distance + move, 0.0) ** 2 for move in (-within, 0.0, within)])
