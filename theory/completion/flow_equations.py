"""The gradient flow of matrix completion in coordinates of order one, at every scale α and λ.

The flow of ``W = UUᵀ - VVᵀ`` reads, in slow time s = λt and with ``H = A*(η)`` symmetric,

    dU/ds = H U - U,    dV/ds = -H V - V,    λN η_i / 4c_i = y_i - <A_i, W>,

c_i the counts. Three things make it hard for a general solver, and are removed here.

* From ``U = V = α I`` the difference ``UUᵀ - VVᵀ`` loses all digits near α = 1e8. In
  ``P = U + V``, ``Q = U - V`` it is ``W = (P Qᵀ + Q Pᵀ) / 2``, without cancellation.
* P falls from α to the size of ``W^½`` and Q rises to it. With ω the size of W, β = α² e^{-2s} and
  ``g = (ω² + 4β²)^½``, the scaled ``p = P g^-½`` and ``q = Q g^½ / ω`` are always of order one:

      dp/ds = (ω/g)² A*(ζ) q - (ω/g)² p,    dq/ds = A*(ζ) p - (1 + 4β²/g²) q,    η = (ω/g) ζ.

* The residual ``y - A(W)`` is as small as λ/β and decides the motion: the difference of nearly
  equal numbers. Here ζ is an unknown beside p and q, and the residual an equation with a small
  coefficient, ``ε ζ = y - A(W)``. No number in it is large, and λ → 0 is no special case.

The product ``UᵀV e^{2s}`` is constant for every start, which leaves an error check.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor
from scipy.linalg.lapack import dpotrs

from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.numerics.solver_time import SolverTime


class Factors(NamedTuple):
    """U and V, both of shape (d, d)."""

    u: np.ndarray
    v: np.ndarray


class State(NamedTuple):
    """Views of p, q of shape (d, d) and ζ of shape (m,) in one vector."""

    p: np.ndarray
    q: np.ndarray
    zeta: np.ndarray


class Coefficients(NamedTuple):
    """Coefficients of the system at one time, per unit of the solver's time τ."""

    coupling: float
    decay_p: float
    decay_q: float
    compliance: np.ndarray


@dataclass(frozen=True, eq=False)
class CompletionSystem:
    """The implicit system ``F(τ, y, dy/dτ) = 0`` for ``y = (p, q, ζ ds/dτ)``.

    Parameters
    ----------
    problem : CompletionProblem
        Measurements, values and counts.
    alpha : float
        Scale of the start; β = α² e^{-2s}.
    lam : float
        Weight decay λ.
    """

    problem: CompletionProblem
    alpha: float
    lam: float

    @cached_property
    def omega(self) -> float:
        """Size ω of W: the largest eigenvalue of the early predictor."""
        early = MinFrobeniusNorm().predict(self.problem).matrix
        return self.problem.space.operator_norm(early) or 1.0

    @cached_property
    def stiffness(self) -> np.ndarray:
        """Factors ``4c_i / λN`` between a residual and its pull η, shape (m,)."""
        return np.asarray(4 * self.problem.weights / self.lam)

    @cached_property
    def clock(self) -> SolverTime:
        """The solver's time; the transient is that of the stiffest single measurement."""
        pull = float((self.stiffness * self.problem.measurements.norms**2).max())
        return SolverTime(-float(np.log(4) + 2 * np.log(self.alpha) + np.log(pull)))

    def beta(self, s: float) -> float:
        """Return ``β = α² e^{-2s}``."""
        return self.alpha**2 * math.exp(-2 * s)

    def metric_size(self, s: float) -> float:
        """Return ``g = (ω² + 4β²)^½``, the size of ``UUᵀ + VVᵀ``."""
        return math.hypot(self.omega, 2 * self.beta(s))

    def coefficients(self, tau: float) -> Coefficients:
        """Return the coefficients at the solver's time τ."""
        return _coefficients(self, tau)

    def split(self, y: np.ndarray) -> State:
        """Return views of the parts of a state, a rate, or a residual."""
        d = self.problem.d
        both = y[: 2 * d * d].reshape(2, d, d)
        return State(both[0], both[1], y[2 * d * d :])

    def matrix(self, y: np.ndarray) -> np.ndarray:
        """Return W, the same at every time."""
        p, q, _ = self.split(y)
        return self.problem.space.stored(self._product(p, q))

    def pull(self, zeta: np.ndarray) -> np.ndarray:
        """Return ``A*(ζ)``, shape (d, d)."""
        return self.problem.space.embed(self.problem.measurements.adjoint(zeta))

    def _product(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        half = self.omega / 2 * (a @ b.T)
        return np.asarray(half + half.T)

    def _measured(self, product: np.ndarray) -> np.ndarray:
        """Return the measured values of ``ω/2 (product + productᵀ)``."""
        half = self.omega / 2 * product
        return self.problem.measurements.apply(self.problem.space.stored(half + half.T))

    def change(self, p: np.ndarray, q: np.ndarray, xp: np.ndarray, xq: np.ndarray) -> np.ndarray:
        """Return by how much the measured values change when p and q move by `xp` and `xq`."""
        return self._measured(xp @ q.T + p @ xq.T)

    def factors(self, s: float, y: np.ndarray) -> Factors:
        """Return U and V."""
        p, q, _ = self.split(y)
        root = np.sqrt(self.metric_size(s))
        big, small = root * p, self.omega / root * q
        return Factors((big + small) / 2, (big - small) / 2)

    def start(self, sum_of_factors: np.ndarray, difference: np.ndarray) -> np.ndarray:
        """Return the state at time 0 with ``U + V`` and ``U - V`` as given."""
        root = np.sqrt(self.metric_size(0.0))
        p, q = sum_of_factors / root, difference * root / self.omega
        measured = self._measured(p @ q.T)
        zeta = (self.problem.values - measured) / self.coefficients(0.0).compliance
        return np.concatenate([p.ravel(), q.ravel(), zeta])

    def rate(self, tau: float, y: np.ndarray) -> np.ndarray:
        """Return dy/dτ where the system is at rest in its last equation, as at the start."""
        p, q, zeta = self.split(y)
        at, h = self.coefficients(tau), self.pull(zeta)
        dp, dq = at.coupling * (h @ q) - at.decay_p * p, h @ p - at.decay_q * q
        change = self.change(p, q, dp, dq)
        return np.concatenate([dp.ravel(), dq.ravel(), -change / at.compliance])

    def defect(self, tau: float, y: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Return F, which the flow keeps at zero."""
        p, q, zeta = self.split(y)
        dp, dq, _ = self.split(rate)
        at, h = self.coefficients(tau), self.pull(zeta)
        miss = self._measured(p @ q.T) - self.problem.values
        return np.concatenate(
            [
                (dp - at.coupling * (h @ q) + at.decay_p * p).ravel(),
                (dq - h @ p + at.decay_q * q).ravel(),
                at.compliance * zeta + miss,
            ]
        )

    def defect_product(
        self, tau: float, y: np.ndarray, x: np.ndarray, rate_weight: float
    ) -> np.ndarray:
        """Return ``(∂F/∂y + c ∂F/∂(dy/dτ)) x`` with c = `rate_weight`."""
        p, q, zeta = self.split(y)
        xp, xq, xz = self.split(x)
        at, h, dh = self.coefficients(tau), self.pull(zeta), self.pull(xz)
        return np.concatenate(
            [
                ((rate_weight + at.decay_p) * xp - at.coupling * (dh @ q + h @ xq)).ravel(),
                ((rate_weight + at.decay_q) * xq - dh @ p - h @ xp).ravel(),
                at.compliance * xz + self.change(p, q, xp, xq),
            ]
        )

    def simplified(self, tau: float, y: np.ndarray, rate_weight: float) -> SimplifiedNewton:
        """Factor the matrix of `defect_product` without the terms in ζ, which are not stiff."""
        p, q, _ = (part.copy() for part in self.split(y))
        at = self.coefficients(tau)
        a, b = rate_weight + at.decay_p, rate_weight + at.decay_q
        kernel = self.problem.measurements.metric_gram(at.coupling / a * (q @ q.T) + p @ p.T / b)
        kernel = self.omega / 2 * kernel
        kernel[np.diag_indices_from(kernel)] += at.compliance
        scale = 1 / np.sqrt(np.diagonal(kernel))
        kernel *= np.outer(scale, scale)
        # Measurements that depend on each other leave rounding as λ → 0: lift it.
        kernel[np.diag_indices_from(kernel)] += 1e-15 * len(kernel)
        factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)[0]
        return SimplifiedNewton(self, p, q, at.coupling, a, b, factor, scale)


@lru_cache(maxsize=4)
def _coefficients(system: CompletionSystem, tau: float) -> Coefficients:
    """Return the coefficients; a step asks for those of one time about five times."""
    at = system.clock.at(tau)
    g = system.metric_size(at.s)
    falling, kernel = (system.omega / g) ** 2, (2 * system.beta(at.s) / g) ** 2
    # g grows like α² where the pace falls like λ/α²: only their product is a double
    compliance = system.omega * math.exp(-math.log(g) - at.log_pace) / system.stiffness
    pace = at.pace
    return Coefficients(falling, pace * falling, pace * (1 + kernel), np.asarray(compliance))


@dataclass(frozen=True, eq=False)
class SimplifiedNewton:
    """Newton's matrix without the terms in ζ, eliminated to one m×m Cholesky factor.

    The m unknowns left are the ζ; their matrix is the Gram matrix of the measurements in the
    metric ``UUᵀ + VVᵀ``, scaled, plus the compliance.
    """

    system: CompletionSystem
    p: np.ndarray
    q: np.ndarray
    coupling: float
    a: float
    b: float
    factor: np.ndarray
    scale: np.ndarray

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """Return x with ``matrix @ x = rhs``."""
        bp, bq, bz = self.system.split(rhs)
        bp, bq = bp / self.a, bq / self.b
        left = bz - self.system.change(self.p, self.q, bp, bq)
        # `scipy.linalg.cho_solve` takes longer to check its arguments than this takes to solve
        zeta = self.scale * dpotrs(self.factor, self.scale * left, lower=True)[0]
        h = self.system.pull(zeta)
        p, q = bp + self.coupling / self.a * (h @ self.q), bq + h @ self.p / self.b
        return np.concatenate([p.ravel(), q.ravel(), zeta])
