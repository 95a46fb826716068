"""Late predictors of the depth-2 diagonal net as λ → 0: L1 margins and L1 interpolation.

Corollary 3.7 of Lyu et al. (2024): after the transition the weights head for the max-L1-margin
direction, because ``min_{u²-v²=w} ‖u‖² + ‖v‖² = ‖w‖₁``; in regression Theorem 3.10 gives the
interpolant of least L1-norm. At finite λ the end is `L1Penalised`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from grokflow.theory.arguments import check_positive
from grokflow.theory.certificate import Certificate
from grokflow.theory.linear import certificates
from grokflow.theory.linear.dual import Constraint
from grokflow.theory.linear.l2 import MOST_ENTRIES, MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.prediction import (
    Certified,
    Prediction,
    PrimalDual,
    best_of,
    interpolant,
    normalised_margin,
    not_resolved,
    of_distinct_samples,
)
from grokflow.theory.linear.problem import Problem, check_problem
from grokflow.theory.linear.proximal_points import L1Program, reach
from grokflow.theory.linear.simplex import SMALL_PROGRAM, onto_targets, vertex
from grokflow.theory.linear.ties import alike_on_copies, of_most_entropy
from grokflow.theory.losses import Exponential
from grokflow.theory.numerics.newton import NotConverged
from grokflow.theory.objective import Condition, Norm, Objective
from grokflow.theory.predictor import NotResolved

# Fraction of the strength at which the penalised predictor vanishes that starts a linear program.
_LIGHT_PENALTY = 1e-4
# Ratio of n³ to the nonzero entries of X from which a linear program is solved faster at an
# interior point, in some twenty passes over the entries, than by proximal points, which factor
# n × n matrices a hundred times. At n = 500 they took .6 s against 1.3 for 50 000 entries, and
# 3.1 s against 2.2 for 500 000.
_FEW_ENTRIES = 1_000
# Miss of the targets, relative to the largest, at which weights are first moved onto them.
_NEAR_TARGETS = 1e-3


@dataclass(frozen=True)
class MaxL1Margin:
    """The classifier of largest L1-margin: ``min ‖w‖₁`` with ``y_i <w, x_i> ≥ 1``.

    It is where a diagonal net of depth 2 ends as λ → 0 (Lyu et al. 2024, Corollary 3.7).

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=60, d=100, k=3, n_test=100)
    >>> found = gf.MaxL1Margin().predict(problem)
    >>> print(found.w[:5].round(2) + 0.0)
    [1. 1. 1. 0. 0.]
    >>> found.certificate.gap < 1e-6
    True
    """

    gap: float = 1e-7
    name: str = "max-L1-margin"

    def __post_init__(self) -> None:
        """Refuse a gap that is out of range."""
        check_positive("gap", self.gap, "try 1e-7")

    def predict(self, problem: Problem, *, near: Prediction | None = None) -> Prediction:
        """Solve the linear program.

        Parameters
        ----------
        problem : Problem
            Separable classification data.
        near : Prediction, optional
            A nearby predictor to start from, such as `L1Penalised`; it saves some of the work.

        Raises
        ------
        NotSeparable
            With a Farkas certificate, when it is proved that no w has a positive margin.
        NotResolved
            When neither that nor a margin to the wanted gap is proved.
        """
        check_problem(problem, margins=self.name)
        found = _solved(
            problem,
            lambda: self._proximal_points(problem, near),
            lambda w, mu: certificates.max_l1_margin(problem, w, mu),
            self.gap,
        )
        return self._prediction(problem, found)

    def end_of_flow(self, problem: Problem, *, near: Prediction | None = None) -> Prediction:
        """Return what `predict` does, alike on equal inputs, as the flow is."""
        found = self.predict(problem, near=near)
        settled = _settled(problem, found, alike_on_copies, certificates.max_l1_margin)
        return self._prediction(problem, settled) if settled.gap <= self.gap else found

    def _prediction(self, problem: Problem, found: Certified) -> Prediction:
        return Prediction(
            self.name,
            found.w,
            found.mu,
            normalised_margin(problem, found.w, 1),
            found.certificate,
            objective=Objective(Norm.L1, Condition.MARGINS),
        )

    def _proximal_points(self, problem: Problem, near: Prediction | None) -> PrimalDual:
        near = near or _lightly_penalised(problem)
        least = 0.0 if near is None else float(problem.inputs.combine(near.w).min())
        if near is not None and least > 0:
            start = PrimalDual(near.w / least, _scaled_dual(problem, near.multipliers))
        else:
            early = MaxL2Margin().predict(problem)
            start = PrimalDual(np.zeros(problem.d), _scaled_dual(problem, early.multipliers))
        data = Constraint(problem.targets, 0.0, unit=float(start.mu.max()))
        w, mu = L1Program(data, certificates.max_l1_margin, self.gap).solve(problem, start)
        return PrimalDual(w / float(problem.inputs.combine(w).min()), mu)


@dataclass(frozen=True)
class MinL1Norm:
    """The interpolant of least L1-norm: ``min ‖w‖₁`` with ``<w, x_i> = y_i`` (basis pursuit).

    It is where a diagonal net of depth 2 ends in regression as λ → 0 (Lyu et al. 2024, Theorem
    3.10).

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.MinL1Norm().predict(problem)
    >>> print(found.w[:4].round(3) + 0.0)
    [1. 1. 0. 0.]
    >>> found.certificate.gap < 1e-6
    True
    """

    gap: float = 1e-7
    name: str = "min-L1-norm"

    def __post_init__(self) -> None:
        """Refuse a gap that is out of range."""
        check_positive("gap", self.gap, "try 1e-7")

    def predict(self, problem: Problem, *, near: Prediction | None = None) -> Prediction:
        """Solve the linear program.

        Parameters
        ----------
        problem : Problem
            Regression data that some weights interpolate.
        near : Prediction, optional
            A nearby predictor to start from, such as `L1Penalised`; it saves some of the work.

        Raises
        ------
        NotInterpolable
            When it is proved that no w interpolates the targets.
        NotResolved
            When neither that nor the least norm to the wanted gap is proved.
        """
        check_problem(problem)
        if not problem.targets.any():
            return replace(MinL2Norm().predict(problem), name=self.name)

        def predict(distinct: Problem, kept: np.ndarray) -> Prediction:
            start = None
            if near is not None and near.w.any():
                start = PrimalDual(near.w, near.multipliers[kept])
            return self._of_distinct(distinct, start)

        return of_distinct_samples(problem, predict)

    def end_of_flow(self, problem: Problem, *, near: Prediction | None = None) -> Prediction:
        """Return what `predict` does, and of several minimisers that at which the flow ends."""
        found = self.predict(problem, near=near)
        settled = _settled(problem, found, of_most_entropy, certificates.min_l1_norm)
        if settled.w is found.w or not settled.gap <= self.gap:
            return found
        return interpolant(self.name, problem, settled, Norm.L1)

    def _of_distinct(self, problem: Problem, start: PrimalDual | None) -> Prediction:
        # This also proves that no w interpolates, where it is so.
        with suppress(NotResolved):
            early = MinL2Norm().predict(problem)
            start = start or PrimalDual(early.w, early.multipliers)
        found = _solved(
            problem,
            lambda: self._proximal_points(problem, start),
            lambda w, mu: certificates.min_l1_norm(problem, w, mu),
            self.gap,
        )
        return interpolant(self.name, problem, found, Norm.L1)

    def _proximal_points(self, problem: Problem, start: PrimalDual | None) -> PrimalDual:
        start = start or PrimalDual(np.zeros(problem.d), problem.targets)
        start = PrimalDual(start.w, _scaled_dual(problem, start.mu))
        program = L1Program(Constraint(problem.targets, -np.inf), _certified_on_targets, self.gap)
        # Few columns interpolate nothing, and multipliers of such a program lead astray.
        w, mu = program.solve(problem, start, np.arange(problem.d))
        return PrimalDual(onto_targets(problem, w), mu)


def _solved(
    problem: Problem,
    proximal_points: Callable[[], PrimalDual],
    certify: Callable[[np.ndarray, np.ndarray], Certificate],
    gap: float,
) -> Certified:
    """Solve to the gap: as a linear program where that is fast, then exactly, or by both."""
    few = problem.inputs.nonzeros <= max(SMALL_PROGRAM, problem.n**3 / _FEW_ENTRIES)
    found = best_of(
        (lambda: vertex(problem),) if few else (proximal_points, lambda: vertex(problem)),
        certify,
        gap,
    )
    if found is not None and found.gap <= gap:
        return found
    if problem.is_classification:
        with suppress(NotResolved):
            MaxL2Margin().predict(problem)
    exact = _exact(problem, found)
    if exact is not None and exact.gap <= gap:
        return exact
    if few and exact is None:
        found = best_of((proximal_points,), certify, gap)
        if found is not None and found.gap <= gap:
            return found
    raise not_resolved("the least ‖w‖₁", exact or found, gap)


def _settled(
    problem: Problem,
    found: Prediction,
    choose: Callable[[Problem, np.ndarray, np.ndarray], np.ndarray],
    certify: Callable[[Problem, np.ndarray, np.ndarray], Certificate],
) -> Certified:
    """Choose one of the minimisers that the multipliers of `found` prove, and certify it."""
    w = choose(problem, found.w, found.multipliers)
    return Certified(w, found.multipliers, certify(problem, w, found.multipliers))


def _exact(problem: Problem, found: Certified | None) -> Certified | None:
    """Solve in exact arithmetic where the size allows it."""
    # Rational arithmetic takes a while to import, and most data do without.
    from grokflow.theory.numerics.exact_answers import least_sum

    if problem.n * problem.d > MOST_ENTRIES:
        return None
    x, equal = problem.inputs.to_array(), not problem.is_classification
    guess = (np.zeros(problem.d), np.zeros(problem.n)) if found is None else found[:2]
    exact = least_sum(x, problem.targets, *guess, equal=equal)
    return None if exact is None else Certified(*exact)


def _certified_on_targets(problem: Problem, w: np.ndarray, mu: np.ndarray) -> Certificate:
    """Certify weights that are moved onto the targets, where they nearly are."""
    miss = float(np.abs(problem.inputs.combine(w) - problem.targets).max())
    if miss > _NEAR_TARGETS * float(np.abs(problem.targets).max()):
        return Certificate(0.0, np.inf, np.inf)
    return certificates.min_l1_norm(problem, onto_targets(problem, w), mu)


def _lightly_penalised(problem: Problem) -> Prediction | None:
    """Return the rough predictor at a small fraction of the λ that makes it vanish, if any."""
    largest = reach(problem, np.full(problem.n, 1 / problem.n))
    try:
        rough = L1Penalised(Exponential(), 2 * _LIGHT_PENALTY * largest, gap=1e-3)
        return rough.predict(problem) if largest > 0 else None
    except NotConverged:
        return None


def _scaled_dual(problem: Problem, mu: np.ndarray) -> np.ndarray:
    """Scale multipliers so that ``‖Xᵀμ‖_∞ = 1``."""
    return mu / reach(problem, mu)
