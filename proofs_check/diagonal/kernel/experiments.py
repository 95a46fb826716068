"""Flows of uneven nets that the lemmas on the kernel regime look at, and what they tend to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import NamedTuple

import numpy as np

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import ForEvery
from grokflow.proofs_check.diagonal.kernel.uneven_nets import Run, UnevenNet, follow
from grokflow.proofs_check.laboratory import WINDOWS, Experiment, Laboratory, remembered
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.samples import StoredTestSet

DEGREES = (2, 3, 4)
POWERS = (0.5, 1.0, 2.0)
_SAMPLES, _INPUTS, _UNSEEN = 6, 20, 5
# Largest α^L of classification. Products of three α^L must not overflow.
_LARGEST = 1e100
_SCALES = 9


@dataclass(frozen=True, eq=False)
class Setting:
    """An uneven net with labels, and the direction of its largest margin in the tangent kernel.

    Parameters
    ----------
    net : UnevenNet
        The net on n samples.
    labels : ndarray, shape (n,)
        Signs.
    unseen : ndarray, shape (5, d)
        Inputs that the net is not trained on.
    """

    net: UnevenNet
    labels: np.ndarray
    unseen: np.ndarray

    @cached_property
    def direction(self) -> np.ndarray:
        """The unit vector ĥ of the largest margin ``min y_i ⟨∇f_i(θ̄), ĥ⟩``, shape (2d,)."""
        return largest_margin(self.net.features(self.net.inputs), self.labels)

    @property
    def margin(self) -> float:
        """That margin, γ."""
        return float((self.labels * (self.net.features(self.net.inputs) @ self.direction)).min())


class _Drawn(NamedTuple):
    """Normal inputs, ratios between 1/e and e, labels or targets, and inputs that are not seen."""

    inputs: np.ndarray
    ratio: np.ndarray
    y: np.ndarray
    unseen: np.ndarray


def _draw(laboratory: Laboratory, shape: tuple[int, int], task: Task) -> _Drawn:
    """Draw all of these for so many samples and inputs, the same for every degree."""
    (seed,) = laboratory.draws("uneven nets", 1)
    rng, (n, d) = np.random.default_rng(seed), shape
    inputs, ratio = rng.standard_normal((n, d)), np.exp(rng.uniform(-1, 1, d))
    signs = task is Task.CLASSIFICATION
    y = rng.choice([-1.0, 1.0], n) if signs else rng.standard_normal(n)
    return _Drawn(inputs, ratio, y, rng.standard_normal((_UNSEEN, d)))


@remembered
def kernel_classes(laboratory: Laboratory) -> Problem:
    """Draw classes; the last sample is nearly the sum of two others, and its margin is double."""
    x, _, labels, _ = _draw(laboratory, (_SAMPLES, _INPUTS), Task.CLASSIFICATION)
    x[-1] = labels[-1] * (labels[:2] @ x[:2]) + 0.3 * x[-1]
    return make_problem("uneven", Task.CLASSIFICATION, x, labels, StoredTestSet(x, labels))


@remembered
def kernel_targets(laboratory: Laboratory) -> Problem:
    """Draw normal targets."""
    x, _, targets, _ = _draw(laboratory, (_SAMPLES, _INPUTS), Task.REGRESSION)
    return make_problem("uneven", Task.REGRESSION, x, targets, StoredTestSet(x, targets))


# What the lemmas range over: a few samples, all of them independent.
FOR_EVERY_CLASSES = (
    ForEvery(kernel_classes, partial(strategies.separable, 3, 5, min_d=3, decades=0, general=True)),
)
FOR_EVERY_TARGETS = (
    ForEvery(
        kernel_targets, partial(strategies.interpolable, 3, 5, min_d=3, decades=0, general=True)
    ),
)


def draw_setting(laboratory: Laboratory, degree: int) -> Setting:
    """Put the classes to a net of this degree."""
    problem = kernel_classes(laboratory)
    _, ratio, _, unseen = _draw(laboratory, problem.inputs.shape, Task.CLASSIFICATION)
    signs = np.ones(problem.n) if problem.signs is None else problem.signs
    # The rows of a problem hold its labels already.
    inputs = problem.inputs.to_array() * signs[:, None]
    return Setting(UnevenNet(degree, inputs, ratio), signs, unseen)


def largest_margin(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the unit vector whose least margin on the features is largest."""
    problem = make_problem(
        "features", Task.CLASSIFICATION, features, labels, StoredTestSet(features, labels)
    )
    w = MaxL2Margin().predict(problem).w
    return np.asarray(w / np.linalg.norm(w))


@remembered
def tailed_runs(laboratory: Laboratory, degree: int, power: float) -> tuple[Run, ...]:
    """Follow the exponential loss with ``λ = α^-power`` to T_c^-, c = ¾, ½, ¼, from nine α."""
    setting = draw_setting(laboratory, degree)
    largest = 2 * np.log(_LARGEST) / degree
    early = 1 - np.array(WINDOWS[::-1])
    return tuple(
        follow(setting.net, setting.labels, x, -power * x, early * x, margins=True)
        for x in np.linspace(largest / 2, largest, _SCALES).tolist()
    )


# Constants ΔT in the time (1/λ)(log α - (1/L) log log A + ΔT) at which the kernel regime ends.
DELAYS = (0.0, 1.0)


@remembered
def ending_runs(laboratory: Laboratory, degree: int, power: float) -> tuple[Run, ...]:
    """Follow the exponential loss with ``λ = α^-power`` to the end of the kernel regime."""
    setting = draw_setting(laboratory, degree)
    largest = 2 * np.log(_LARGEST) / degree
    runs = []
    for x in np.linspace(largest / 2, largest, _SCALES).tolist():
        log_a = (2 * (degree - 1) + power) * x
        s = x - np.log(log_a) / degree + np.array(DELAYS)
        runs.append(follow(setting.net, setting.labels, x, -power * x, s, margins=True))
    return tuple(runs)


ENDING_RUNS = tuple(
    Experiment(ending_runs, instance, seconds=1.0) for instance in product(DEGREES, POWERS)
)
TAILED_RUNS = tuple(
    Experiment(tailed_runs, instance, seconds=2.0) for instance in product(DEGREES, POWERS)
)


@remembered
def dense_runs(laboratory: Laboratory, degree: int) -> tuple[Run, ...]:
    """Follow it with ``λ = 1/α`` from three α through the initial fit to the end of the regime."""
    setting = draw_setting(laboratory, degree)
    runs = []
    for x in np.log([1e4, 1e10, 1e25]).tolist():
        log_a = (2 * degree - 1) * x
        last = x - np.log(log_a) / degree
        s = np.unique([*np.exp(np.linspace(-log_a, 0, 20)), *np.linspace(0.1 * x, last + 1, 20)])
        runs.append(follow(setting.net, setting.labels, x, -x, s, margins=True))
    return tuple(runs)


@dataclass(frozen=True, eq=False)
class Targets:
    """An uneven net with normal targets, and the limit of h.

    Parameters
    ----------
    net : UnevenNet
        The net on n samples.
    targets : ndarray, shape (n,)
        What is to be fitted.
    unseen : ndarray, shape (5, d)
        Inputs that the net is not trained on.
    """

    net: UnevenNet
    targets: np.ndarray
    unseen: np.ndarray

    @cached_property
    def dual(self) -> np.ndarray:
        """``K⁻¹ y``, K the tangent kernel, shape (n,)."""
        return np.linalg.solve(self.net.kernel, self.targets)

    @property
    def shortest(self) -> np.ndarray:
        """``h* = Σ (K⁻¹y)_i ∇f_i(θ̄)``, the shortest h that fits the targets, shape (2d,)."""
        return np.asarray(self.net.features(self.net.inputs).T @ self.dual)


def draw_targets(laboratory: Laboratory, degree: int) -> Targets:
    """Put the targets to a net of this degree."""
    problem = kernel_targets(laboratory)
    _, ratio, _, unseen = _draw(laboratory, problem.inputs.shape, Task.REGRESSION)
    return Targets(UnevenNet(degree, problem.inputs.to_array(), ratio), problem.targets, unseen)


class Window(NamedTuple):
    """Degree, c of T_c^- and the power of 1/α that λ is."""

    degree: int
    c: float
    power: float

    @property
    def size(self) -> float:
        """The power of α that ``A = α^{2(L-1)c}/λ`` is at T_c^-."""
        return 2 * (self.degree - 1) * self.c + self.power


# Every c at every degree. Corrections in α^{-cL} and 1/A are of like size, and of different orders.
REGRESSION = tuple(
    Window(degree, c, power)
    for c, powers in zip(WINDOWS, ((0.4, 0.5, 0.3), (0.8, 0.7, 1.2), (2.0, 1.4, 1.1)), strict=True)
    for degree, power in zip(DEGREES, powers, strict=True)
)
# At larger A rounding of the outputs hides the loss.
_LEAST_A, _LARGEST_A = 1e2, 1e7
# Records at these parts of the time up to T_c^-.
PARTS = np.array([0.1, 0.5, 1.0])


@remembered
def square_runs(laboratory: Laboratory, window: Window) -> tuple[Run, ...]:
    """Follow the square loss to T_c^- from nine α, with A there from 1e2 to 1e7."""
    setting = draw_targets(laboratory, window.degree)
    runs = []
    for log_a in np.linspace(np.log(_LEAST_A), np.log(_LARGEST_A), _SCALES).tolist():
        x = log_a / window.size
        s = PARTS * (1 - window.c) * x
        runs.append(follow(setting.net, setting.targets, x, -window.power * x, s, margins=False))
    return tuple(runs)


SQUARE_RUNS = tuple(Experiment(square_runs, (window,), seconds=1.0) for window in REGRESSION)


@remembered
def dense_square_runs(laboratory: Laboratory, degree: int) -> tuple[Run, ...]:
    """Follow the square loss with ``λ = α^-½`` from three α, through the fit and beyond."""
    setting = draw_targets(laboratory, degree)
    runs = []
    for x in np.log([10.0, 30.0, 100.0]).tolist():
        fit = 2 * (degree - 1) * x + x / 2
        s = np.unique([*np.exp(np.linspace(-fit - 5, -1, 15)), *np.linspace(0.4, x, 10)])
        runs.append(follow(setting.net, setting.targets, x, -x / 2, s, margins=False))
    return tuple(runs)


@remembered
def small_scale_runs(laboratory: Laboratory, degree: int) -> tuple[Run, Run]:
    """Follow the square loss with ``λ = 1/α`` to T_c^-, c = ½, from α = 1000 and just above 1."""
    setting = draw_targets(laboratory, degree)
    first, last = (
        follow(setting.net, setting.targets, x, -x, np.array([x / 2]), margins=False)
        for x in (np.log(1e3), 1e-6)
    )
    return first, last
