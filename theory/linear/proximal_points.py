"""Proximal points on the weights: how every predictor with an L1 norm is found.

It is solved on a working set of columns (Massias, Gramfort and Salmon 2018), which grows
by the columns whose correlation with the multipliers exceeds the penalty: few of many columns carry
weight, so most of the work never sees the others. Inside it proximal points on w: the subproblem
``min Φ(Xw) + τ‖w‖₁ + (1/2σ)‖w - w_k‖²`` has a dual in n unknowns whose Hessian involves only the
active columns (semismooth Newton, Li, Sun and Toh 2018). Growing σ makes the outer iteration
superlinear, finite for the linear programs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.linear.dual import Conjugate, Dual
from grokflow.theory.linear.prediction import PrimalDual
from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.newton import NotConverged, minimise

_OUTER_STEPS = 60
_INNER_STEPS = 60
# Steps without a smaller gap, beyond those with one, after which rounding is the limit.
_IDLE_STEPS = 8

# Columns to begin with, and the gap on them at which the others are first looked at.
_MINIMUM_COLUMNS = 64
_FIRST_GAP = 1e-2


@dataclass(frozen=True, eq=False)
class L1Program:
    """``min Φ(Xw) + ‖w‖₁`` for any choice of columns: the conjugate of Φ, and the certificate."""

    data: Conjugate
    certify: Callable[[Problem, np.ndarray, np.ndarray], Certificate]
    gap: float

    def solve(
        self, problem: Problem, start: PrimalDual, columns: np.ndarray | None = None
    ) -> PrimalDual:
        """Iterate proximal steps on w and μ until half the gap is certified on the working set.

        The other half is for the columns outside: one whose correlation exceeds 1 by ε costs a
        relative gap of ε at most, for dividing the multipliers by 1 + ε makes them feasible.

        Raises
        ------
        NotConverged
            When it is not.
        """
        point, gap = self.approach(problem, start, columns)
        if not gap <= self.gap / 2:
            raise NotConverged(
                f"the L1 predictor has relative gap {gap:.1e} after {_OUTER_STEPS} proximal "
                f"steps, expected {self.gap / 2:.1e}: ask for a larger gap"
            )
        return point

    def approach(
        self, problem: Problem, start: PrimalDual, columns: np.ndarray | None = None
    ) -> tuple[PrimalDual, float]:
        """Iterate as `solve` does, and return what is reached with its gap on the working set."""
        w, mu = start
        working = _WorkingSet(problem, np.flatnonzero(w) if columns is None else columns)
        working = working.widened(mu, 0.0)
        sigma = float(problem.targets @ mu) / 20
        ridge = 1e-2 * sigma * working.part.inputs.mean_square
        gap, look, age, idle = np.inf, _FIRST_GAP, 0, 0
        for _ in range(_OUTER_STEPS):
            if idle > _IDLE_STEPS:
                break
            # The certificate judges the answer: a rough subproblem costs only another step.
            tolerance = max(1e-2 * 0.1**age, 1e-10)
            step = self._step(working.part, working.inside(w, mu), sigma, ridge, tolerance)
            age, ridge = age + 1, ridge / 3
            if step is None:
                # The subproblem was too stiff: a shorter step is always solvable.
                sigma, idle = sigma / 10, idle + 1
                continue
            w, mu = working.spread(step.w), step.mu
            last, gap = gap, self._gap(working.part, step)
            idle = idle + 1 if not gap < 0.9 * last else max(idle - 1, 0)
            # Where no progress is made the columns may not suffice for any answer.
            if gap <= max(look, self.gap / 2) or not gap < 0.9 * last:
                wider = working.widened(mu, 1 + max(gap if gap < 1 else 0.0, self.gap) / 2)
                if len(wider.columns) > len(working.columns):
                    working, look, gap, age, idle = wider, np.inf, np.inf, 0, 0
                    continue
                if gap <= self.gap / 2:
                    break
                look = gap / 10
            sigma *= 3
        return PrimalDual(w, mu), gap

    def _gap(self, part: Problem, point: PrimalDual) -> float:
        certificate = self.certify(part, point.w, point.mu)
        return max(certificate.gap, certificate.infeasibility)

    def _step(
        self, part: Problem, center: PrimalDual, sigma: float, ridge: float, tolerance: float
    ) -> PrimalDual | None:
        """Return the proximal point of `center`, or None where Newton's method does not end."""
        potential = SoftThreshold(center.w, sigma)
        found = minimise(
            Dual(part, self.data, potential, ridge, center.mu),
            center.mu,
            tolerance=tolerance,
            lower=self.data.lower,
            upper=self.data.upper,
            max_steps=_INNER_STEPS,
            strict=False,
        )
        if not found.residual <= max(tolerance, 1e-7):
            return None
        return PrimalDual(potential.weights(part.inputs.correlate(found.x)), found.x)


@dataclass(frozen=True, eq=False)
class _WorkingSet:
    """A selection of columns of a problem, increasing indices of shape (k,)."""

    problem: Problem
    columns: np.ndarray

    @cached_property
    def part(self) -> Problem:
        """The problem with these columns alone."""
        return replace(self.problem, inputs=self.problem.inputs.restricted(self.columns))

    def inside(self, w: np.ndarray, mu: np.ndarray) -> PrimalDual:
        """Return the weights of these columns, and the multipliers."""
        return PrimalDual(w[self.columns], mu)

    def spread(self, w: np.ndarray) -> np.ndarray:
        """Return weights of shape (d,), zero outside."""
        full = np.zeros(self.problem.d)
        full[self.columns] = w
        return full

    def widened(self, mu: np.ndarray, level: float) -> _WorkingSet:
        """Add up to as many columns, those that correlate most with μ, at a level at least."""
        outside = np.abs(self.problem.inputs.correlate(mu))
        outside[self.columns] = -1
        most = min(max(_MINIMUM_COLUMNS, len(self.columns)), self.problem.d)
        found = np.argpartition(-outside, most - 1)[:most]
        columns = np.union1d(self.columns, found[outside[found] >= level])
        return _WorkingSet(self.problem, columns)


@dataclass(frozen=True, eq=False)
class SoftThreshold:
    """The potential of a proximal L1 step: ``φ'(c) = S_σ(w_k + σ c)``, the new weights.

    Parameters
    ----------
    center : ndarray, shape (d,)
        The proximal centre w_k.
    sigma : float
        Proximal step length.
    """

    center: np.ndarray
    sigma: float

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return the soft-thresholded step."""
        step = self.center[columns] + self.sigma * xi
        return step - np.clip(step, -self.sigma, self.sigma)

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``Σ S(w_k + σ ξ)² / 2σ``."""
        w = self.weights(xi, columns)
        return float(w @ w) / (2 * self.sigma)

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return σ on the active columns and 0 elsewhere (an element of the Clarke derivative)."""
        return np.asarray(self.sigma * (self.weights(xi, columns) != 0))


def reach(problem: Problem, mu: np.ndarray) -> float:
    """Return ``‖Xᵀμ‖_∞``."""
    return float(np.abs(problem.inputs.correlate(mu)).max())
