"""Proximal points for the nuclear norm over symmetric matrices, in the dual of the measurements.

One proximal step minimises ``Φ(A(W)) + ‖W‖_* + (1/2σ)‖W - W_k‖²``; its dual in the m measurements
has singular value thresholding as derivative. The Hessian is applied, never formed: eigenvectors of
the few active eigenvalues are enough, and conjugate gradients solve the Newton step (semismooth
Newton and conjugate gradients: Jiang, Sun and Toh 2014). Some steps of Douglas-Rachford splitting
start it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.completion.checks import check_size
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.spaces.protocol import Shrunk
from grokflow.theory.numerics.newton import NotConverged

_OUTER_STEPS = 40
_NEWTON_STEPS = 30
_CONJUGATE_STEPS = 50
# Splitting ends when the measurements are met to this fraction of the largest value: by then the
# rank is nearly right and Newton's method is faster.
_START_STEPS = 30
_START_ACCURACY = 3e-2
# The proximal term on the multipliers, relative to that on W.
_RIDGE = 1e-2

Certify = Callable[[np.ndarray, np.ndarray], Certificate]


class Iterate(NamedTuple):
    """A matrix and multipliers of shape (m,)."""

    w: np.ndarray
    mu: np.ndarray


@dataclass
class ProximalWork:
    """What a solution cost.

    Parameters
    ----------
    decompositions : int
        Eigendecompositions of d×d matrices, certificates not included.
    products : int
        Products with the Hessian.
    """

    decompositions: int = 0
    products: int = 0


class Solution(NamedTuple):
    """A matrix and multipliers of shape (m,) that are certified, and their cost."""

    w: np.ndarray
    mu: np.ndarray
    work: ProximalWork


@dataclass(frozen=True, eq=False)
class _Dual:
    """The dual of one proximal step on W and μ, as a function of μ.

    ``‖S_σ(W_k + σ A*μ)‖²/2σ - yᵀμ + ½ Σ D_i μ_i² + ½ Σ ρ_i (μ_i - μ_ki)²``; the compliance D is
    zero for equality constraints and ``λ N / 4c_i`` at finite λ, where the objective is divided by
    λ/2.
    """

    problem: CompletionProblem
    compliance: np.ndarray
    ridge: np.ndarray
    center: Iterate
    sigma: float
    work: ProximalWork

    def at(self, mu: np.ndarray) -> _Point:
        """Evaluate the dual, its gradient and the W that belongs to it."""
        self.work.decompositions += 1
        pulled = self.center.w + self.sigma * self.problem.measurements.adjoint(mu)
        shrunk = self.problem.space.shrunk(pulled, self.sigma)
        gradient = self._gradient(mu, shrunk)
        residual = float(np.abs(gradient).max() / np.abs(self.problem.values).max())
        return _Point(mu, shrunk, self._value(mu, shrunk), gradient, residual)

    def _value(self, mu: np.ndarray, shrunk: Shrunk) -> float:
        quadratic = self.compliance @ mu**2 + self.ridge @ (mu - self.center.mu) ** 2
        return shrunk.value - float(self.problem.values @ mu) + float(quadratic) / 2

    def _gradient(self, mu: np.ndarray, shrunk: Shrunk) -> np.ndarray:
        pull = self.compliance * mu + self.ridge * (mu - self.center.mu)
        miss = self.problem.measurements.apply(shrunk.matrix) - self.problem.values
        return np.asarray(miss + pull)

    def newton_step(self, at: _Point, accuracy: float) -> np.ndarray:
        """Solve the Newton system by conjugate gradients with a diagonal preconditioner."""
        size = self.problem.measurements.norms**2
        diagonal = self.compliance + self.ridge
        inverse = 1 / (size * self.sigma + diagonal)
        x = np.zeros_like(at.mu)
        r = -at.gradient
        z = inverse * r
        p, rz = z, float(r @ z)
        goal = accuracy**2 * rz
        for _ in range(_CONJUGATE_STEPS):
            if rz <= goal:
                break
            self.work.products += 1
            hp = self._product(at, p) + diagonal * p
            length = rz / float(p @ hp)
            x, r = x + length * p, r - length * hp
            z = inverse * r
            rz, last = float(r @ z), rz
            p = z + rz / last * p
        return x

    def _product(self, at: _Point, p: np.ndarray) -> np.ndarray:
        measurements = self.problem.measurements
        change = at.shrunk.derivative(measurements.adjoint(p))
        return np.asarray(self.sigma * measurements.apply(change))


@dataclass(frozen=True, eq=False)
class _Point:
    """The dual at μ; `residual` is the largest derivative over the largest value of y."""

    mu: np.ndarray
    shrunk: Shrunk
    value: float
    gradient: np.ndarray
    residual: float


def _minimise(dual: _Dual, start: np.ndarray, tolerance: float) -> _Point:
    """Minimise one dual by Newton steps with backtracking; `tolerance` is relative to y."""
    at = dual.at(start)
    for _ in range(_NEWTON_STEPS):
        if at.residual <= tolerance:
            break
        step = dual.newton_step(at, min(0.1, at.residual))
        slope = float(at.gradient @ step)
        for length in 0.5 ** np.arange(20):
            new = dual.at(at.mu + length * step)
            if new.value <= at.value + 1e-4 * length * slope + 1e-13 * abs(at.value):
                break
        at = new
    return at


def _split(dual: _Dual) -> Iterate:
    """Return W and μ after some steps of Douglas-Rachford splitting.

    They alternate between thresholding and the nearest matrix that meets the measurements.
    """
    measurements, sigma = dual.problem.measurements, dual.sigma
    shift = dual.compliance / sigma
    z = measurements.adjoint(measurements.solve_gram(dual.problem.values, shift))
    size = _START_ACCURACY * float(np.abs(dual.problem.values).max())
    for _ in range(_START_STEPS):
        dual.work.decompositions += 1
        w = dual.problem.space.shrunk(z, sigma).matrix
        miss = dual.problem.values - measurements.apply(2 * w - z)
        mu = measurements.solve_gram(miss, shift)
        residual = measurements.apply(w) - dual.problem.values + shift * mu
        if np.abs(residual).max() <= size:
            break
        z = w + measurements.adjoint(mu)
    return Iterate(w, mu / sigma)


def proximal_points(
    problem: CompletionProblem,
    compliance: np.ndarray,
    certify: Certify,
    *,
    near: Iterate | None,
    gap: float,
    interrupt: Callable[[], None],
) -> Solution:
    """Iterate proximal steps until the certified relative gap is met.

    Parameters
    ----------
    problem : CompletionProblem
        Measurements and values.
    compliance : ndarray, shape (m,)
        D of the data term's conjugate ``-yᵀμ + ½ Σ D_i μ_i²``; zeros for equality constraints.
    certify : callable
        Judges (W, μ).
    near : Iterate or None
        Where to start.
    gap : float
        Certified relative gap, and infeasibility, at which to stop.
    interrupt : callable
        Called at every step; it may raise an exception to stop.

    Raises
    ------
    NotConverged
        When the gap is not met.
    """
    check_size(problem.space.shape)
    spread = problem.measurements.adjoint(problem.values / problem.measurements.norms**2)
    sigma = problem.space.operator_norm(spread)
    at = Iterate(np.zeros(problem.space.shape), np.zeros(len(problem.values)))
    work = ProximalWork()
    if sigma == 0:
        return Solution(*at, work)
    ridge = _RIDGE * sigma * problem.measurements.norms**2
    at = near or _split(_Dual(problem, compliance, ridge, at, sigma, work))
    for outer in range(_OUTER_STEPS):
        interrupt()
        dual = _Dual(problem, compliance, ridge, at, sigma, work)
        # The certificate judges the answer: a subproblem solved roughly costs only another step.
        tolerance = max(1e-2 * 0.1**outer, 1e-11)
        found = _minimise(dual, at.mu, tolerance)
        at = Iterate(found.shrunk.matrix, found.mu)
        certificate = certify(*at)
        if max(certificate.gap, certificate.infeasibility) <= gap:
            return Solution(*at, work)
        # A subproblem that did not converge was too stiff: a shorter step is always solvable.
        sigma *= 3 if found.residual <= max(tolerance, 1e-7) else 0.1
        ridge = ridge / 3
    remedy = "ask for a larger gap"
    if certificate.gap == np.inf:
        remedy = "scale the measurements to similar sizes, or leave out some that others combine to"
    raise NotConverged(
        f"the nuclear-norm predictor has relative gap {certificate.gap:.1e} after {_OUTER_STEPS} "
        f"proximal steps, expected {gap:.1e}: {remedy}"
    )
