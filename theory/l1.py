"""Late predictors of the depth-2 diagonal net: L1 margins, L1 interpolation, L1 penalties.

Corollary 3.7 of Lyu et al. (2024): after the transition the weights head for the max-L1-margin
direction, because ``min_{u²-v²=w} ‖u‖² + ‖v‖² = ‖w‖₁``; at finite λ for the minimiser of
``(1/n) Σ l + (λ/2)‖w‖₁``.

All of them are solved on a working set of columns (Massias, Gramfort and Salmon 2018), which grows
by the columns whose correlation with the multipliers exceeds the penalty: few of many columns carry
weight, so most of the work never sees the others. Inside it proximal points on w: the subproblem
``min Φ(Xw) + τ‖w‖₁ + (1/2σ)‖w - w_k‖²`` has a dual in n unknowns whose Hessian involves only the
active columns (semismooth Newton, Li, Sun and Toh 2018). Growing σ makes the outer iteration
superlinear, finite for the linear programs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from theory import certificates
from theory.certificates import Certificate
from theory.dual import Conjugate, Dual, Linear, OfLoss
from theory.l2 import MaxL2Margin, MinL2Norm
from theory.losses import Exponential, Loss
from theory.newton import NotConverged, minimise
from theory.predictors import Prediction, normalised_margin
from theory.problems import Problem

_OUTER_STEPS = 40
_WORKING_SET = 64
_LIGHT = 1e-4


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
        moved = self.center[columns] + self.sigma * xi
        return moved - np.clip(moved, -self.sigma, self.sigma)

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``Σ S(w_k + σ ξ)² / 2σ``."""
        w = self.weights(xi, columns)
        return float(w @ w) / (2 * self.sigma)

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return σ on the active columns and 0 elsewhere (an element of the Clarke derivative)."""
        return np.asarray(self.sigma * (self.weights(xi, columns) != 0))


class Point(NamedTuple):
    """Weights of shape (d,) and multipliers of shape (n,)."""

    w: np.ndarray
    mu: np.ndarray


@dataclass(frozen=True, eq=False)
class _Program:
    """``min Φ(Xw) + ‖w‖₁`` for any choice of columns: the conjugate of Φ, and the certificate."""

    data: Conjugate
    certify: Callable[[Problem, np.ndarray, np.ndarray], Certificate]
    gap: float

    def solve(self, problem: Problem, start: Point) -> Point:
        """Solve on a growing working set, until no column outside matters.

        A column outside whose correlation exceeds 1 by ε costs a relative gap of ε at most, for
        dividing the multipliers by 1 + ε makes them feasible.
        """
        w, mu = start
        outside = np.abs(problem.inputs.correlate(mu))
        columns = np.flatnonzero(w)
        while True:
            outside[columns] = 0
            wanted = max(_WORKING_SET, 2 * np.count_nonzero(w))
            found = np.argpartition(-outside, min(wanted, problem.d) - 1)[:wanted]
            columns = np.union1d(columns, found[outside[found] > 0])
            part, inside = problem, np.arange(problem.d)
            if 2 * len(columns) < problem.d:
                part = replace(problem, inputs=problem.inputs.restricted(columns))
                inside = columns
            w_inside, mu = _proximal_points(part, self, Point(w[inside], mu))
            w = np.zeros(problem.d)
            w[inside] = w_inside
            if part is problem:
                return Point(w, mu)
            outside = np.abs(problem.inputs.correlate(mu))
            outside[columns] = 0
            if outside.max() <= 1 + self.gap / 2:
                return Point(w, mu)


def _proximal_points(problem: Problem, program: _Program, start: Point) -> Point:
    """Iterate proximal steps on w and μ until half the certified relative gap is met."""
    sigma = float(problem.targets @ start.mu) / 20
    potential = SoftThreshold(start.w, sigma)
    ridge = 1e-2 * sigma * problem.inputs.mean_square
    dual = Dual(problem, program.data, potential, ridge, start.mu)
    mu = start.mu
    for outer in range(_OUTER_STEPS):
        # The certificate judges the answer: a subproblem solved roughly costs only another step.
        tolerance = max(1e-2 * 0.1**outer, 1e-10)
        found = minimise(
            dual, mu, tolerance=tolerance, lower=program.data.lower, max_steps=100, strict=False
        )
        mu = found.x
        w = dual.potential.weights(problem.inputs.correlate(mu))
        certificate = program.certify(problem, w, mu)
        if max(certificate.gap, certificate.infeasibility) <= program.gap / 2:
            return Point(w, mu)
        # A subproblem that did not converge was too stiff: a shorter step is always solvable.
        sigma *= 3 if found.residual <= max(tolerance, 1e-7) else 0.1
        potential = SoftThreshold(w, sigma)
        dual = replace(dual, potential=potential, center=mu, ridge=dual.ridge / 3)
    raise NotConverged(
        f"the L1 predictor has relative gap {certificate.gap:.1e} after {_OUTER_STEPS} proximal "
        f"steps, expected {program.gap / 2:.1e}: ask for a larger gap"
    )


@dataclass(frozen=True)
class MaxL1Margin:
    """``min ‖w‖₁ : y_i <w, x_i> ≥ 1``, the late predictor of Corollary 3.7.

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.
    """

    gap: float = 1e-7
    name: str = "max-L1-margin"

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
            With a Farkas certificate, when no w has a positive margin.
        """
        near = near or _lightly_penalised(problem, Exponential())
        least = float(problem.inputs.combine(near.w).min())
        if least > 0:
            start = Point(near.w / least, _scaled_dual(problem, near.multipliers))
        else:
            early = MaxL2Margin().predict(problem)
            start = Point(early.w, _scaled_dual(problem, early.multipliers))
        program = _Program(Linear(problem.targets, 0.0), certificates.max_l1_margin, self.gap)
        w, mu = program.solve(problem, start)
        w = w / float(problem.inputs.combine(w).min())
        certificate = certificates.max_l1_margin(problem, w, mu)
        return Prediction(self.name, w, mu, normalised_margin(problem, w, 1), certificate)


@dataclass(frozen=True)
class MinL1Norm:
    """``min ‖w‖₁ : <w, x_i> = y_i`` (basis pursuit), the late predictor for regression.

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.
    """

    gap: float = 1e-7
    name: str = "min-L1-norm"

    def predict(self, problem: Problem, *, near: Prediction | None = None) -> Prediction:
        """Solve the linear program; ValueError when no w interpolates.

        `near` is a nearby predictor to start from, such as `L1Penalised`.
        """
        early = MinL2Norm().predict(problem)
        multipliers = near.multipliers if near is not None and near.w.any() else early.multipliers
        # Every column is in the support of the early predictor, so some weights on it interpolate.
        start = Point(early.w, _scaled_dual(problem, multipliers))
        program = _Program(Linear(problem.targets, -np.inf), certificates.min_l1_norm, self.gap)
        w, mu = program.solve(problem, start)
        return Prediction(self.name, w, mu, None, certificates.min_l1_norm(problem, w, mu))


@dataclass(frozen=True)
class L1Penalised:
    """``min (1/n) Σ l(q_i) + (λ/2)‖w‖₁``: where the flow at weight decay λ ends.

    Parameters
    ----------
    loss : Loss
        Loss of the flow.
    lam : float
        Weight decay of the flow; the L1 strength is half of it.
    gap : float
        Certified relative duality gap at which to stop.
    """

    loss: Loss
    lam: float
    gap: float = 1e-7
    name: str = "L1-penalised"

    def predict(self, problem: Problem) -> Prediction:
        """Solve the penalised problem; it has a solution for any data."""
        tau = self.lam / 2
        pull = self.loss.descent(np.zeros(problem.n), problem.targets) / problem.n
        start = Point(np.zeros(problem.d), pull / max(_reach(problem, pull), tau))
        program = _Program(OfLoss(self.loss, problem.targets, tau), self._certify, self.gap)
        w, mu = program.solve(problem, start)
        margin = normalised_margin(problem, w, 1)
        return Prediction(self.name, w, tau * mu, margin, self._certify(problem, w, mu))

    def _certify(self, problem: Problem, w: np.ndarray, mu: np.ndarray) -> Certificate:
        """Certify w and the multipliers ``τμ``."""
        return certificates.l1_penalised(problem, w, self.lam / 2 * mu, self.loss, self.lam)


def _lightly_penalised(problem: Problem, loss: Loss) -> Prediction:
    """Return the rough penalised predictor at a small fraction of the λ at which it vanishes."""
    pull = loss.descent(np.zeros(problem.n), problem.targets) / problem.n
    return L1Penalised(loss, _LIGHT * _reach(problem, pull), gap=1e-3).predict(problem)


def _scaled_dual(problem: Problem, mu: np.ndarray) -> np.ndarray:
    """Scale multipliers so that ``‖Xᵀμ‖_∞ = 1``."""
    return mu / _reach(problem, mu)


def _reach(problem: Problem, mu: np.ndarray) -> float:
    return float(np.abs(problem.inputs.correlate(mu)).max())
