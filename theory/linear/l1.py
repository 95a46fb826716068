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
from functools import cached_property

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.linear import certificates
from grokflow.theory.linear.dual import Conjugate, Constraint, Dual, OfLoss
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.prediction import Prediction, PrimalDual, normalised_margin
from grokflow.theory.linear.problem import Problem
from grokflow.theory.linear.simplex import vertex
from grokflow.theory.linear.soft_threshold import SoftThreshold
from grokflow.theory.losses import Exponential, Loss
from grokflow.theory.numerics.newton import NotConverged, minimise

_OUTER_STEPS = 60
_INNER_STEPS = 60

# Columns to begin with, and the gap on them at which the others are first looked at.
_MINIMUM_COLUMNS = 64
_FIRST_GAP = 1e-2

# Fraction of the strength at which the penalised predictor vanishes that starts a linear program.
_LIGHT_PENALTY = 1e-4

# Losses of targets balance residuals of this size, relative to them, against the penalty.
_SQUARE_RESIDUAL = 4e-15


@dataclass(frozen=True, eq=False)
class _Program:
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
        """
        w, mu = start
        working = _WorkingSet(problem, np.flatnonzero(w) if columns is None else columns)
        working = working.widened(mu, 0.0)
        sigma = float(problem.targets @ mu) / 20
        ridge = 1e-2 * sigma * working.part.inputs.mean_square
        gap, look, age = np.inf, _FIRST_GAP, 0
        for _ in range(_OUTER_STEPS):
            # The certificate judges the answer: a rough subproblem costs only another step.
            tolerance = max(1e-2 * 0.1**age, 1e-10)
            step = self._step(working.part, working.inside(w, mu), sigma, ridge, tolerance)
            age, ridge = age + 1, ridge / 3
            if step is None:
                # The subproblem was too stiff: a shorter step is always solvable.
                sigma /= 10
                continue
            w, mu = working.spread(step.w), step.mu
            last, gap = gap, self._gap(working.part, step)
            # Where no progress is made the columns may not suffice for any answer.
            if gap <= max(look, self.gap / 2) or not gap < 0.9 * last:
                wider = working.widened(mu, 1 + max(gap if gap < 1 else 0.0, self.gap) / 2)
                if len(wider.columns) > len(working.columns):
                    working, look, gap, age = wider, np.inf, np.inf, 0
                    continue
                if gap <= self.gap / 2:
                    return PrimalDual(w, mu)
                look = gap / 10
            sigma *= 3
        raise NotConverged(
            f"the L1 predictor has relative gap {gap:.1e} after {_OUTER_STEPS} proximal "
            f"steps, expected {self.gap / 2:.1e}: ask for a larger gap"
        )

    def solve_with_fallback(
        self, problem: Problem, start: PrimalDual, columns: np.ndarray | None = None
    ) -> PrimalDual:
        """Solve a linear program: by the simplex method where proximal points do not end."""
        try:
            return self.solve(problem, start, columns)
        except NotConverged:
            point = vertex(problem)
            if (gap := self._gap(problem, point)) > self.gap:
                raise NotConverged(
                    f"the L1 predictor has relative gap {gap:.1e} at a vertex, expected "
                    f"{self.gap:.1e}: ask for a larger gap, or scale the inputs to similar sizes"
                ) from None
            return point

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
        near = near or _lightly_penalised(problem)
        least = 0.0 if near is None else float(problem.inputs.combine(near.w).min())
        if near is not None and least > 0:
            start = PrimalDual(near.w / least, _scaled_dual(problem, near.multipliers))
        else:
            early = MaxL2Margin().predict(problem)
            start = PrimalDual(np.zeros(problem.d), _scaled_dual(problem, early.multipliers))
        data = Constraint(problem.targets, 0.0, unit=float(start.mu.max()))
        program = _Program(data, certificates.max_l1_margin, self.gap)
        w, mu = program.solve_with_fallback(problem, start)
        w = w / float(problem.inputs.combine(w).min())
        certificate = certificates.max_l1_margin(problem, w, mu)
        return Prediction(self.name, w, mu, normalised_margin(problem, w, 1), certificate)


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
            When no w interpolates the targets.
        """
        early = MinL2Norm().predict(problem)
        if near is not None and near.w.any():
            start = PrimalDual(near.w, _scaled_dual(problem, near.multipliers))
        else:
            start = PrimalDual(np.zeros(problem.d), _scaled_dual(problem, early.multipliers))
        program = _Program(Constraint(problem.targets, -np.inf), certificates.min_l1_norm, self.gap)
        # Few columns interpolate nothing, and multipliers of such a program lead astray.
        w, mu = program.solve_with_fallback(problem, start, np.arange(problem.d))
        return Prediction(self.name, w, mu, None, certificates.min_l1_norm(problem, w, mu))


@dataclass(frozen=True)
class L1Penalised:
    """The minimiser of ``(1/n) Σ l(q_i) + (λ/2) ‖w‖₁``: where the flow at weight decay λ ends.

    The penalty of the weights ``w = u² - v²`` of a diagonal net is that of ``(λ/2) ‖(u, v)‖²``.

    Parameters
    ----------
    loss : Loss
        Loss l of the flow.
    lam : float
        Weight decay λ of the flow; the L1 strength is half of it.
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> for lam in (1.0, 0.1):
    ...     found = gf.L1Penalised(gf.LOSSES["square"], lam).predict(problem)
    ...     print(found.w[:4].round(2) + 0.0)
    [0.84 0.88 0.   0.  ]
    [0.98 0.99 0.   0.  ]
    """

    loss: Loss
    lam: float
    gap: float = 1e-7
    name: str = "L1-penalised"

    def predict(self, problem: Problem) -> Prediction:
        """Solve the penalised problem; it has a solution for any data."""
        tau = self.lam / 2
        pull = self.loss.descent(np.zeros(problem.n), problem.targets) / problem.n
        reach = _reach(problem, pull)
        if not self.loss.acts_on_margins and tau < _SQUARE_RESIDUAL * reach:
            raise ValueError(
                f"lam is {self.lam:.3g}, expected at least {2 * _SQUARE_RESIDUAL * reach:.3g} for "
                "these data: below it the residuals are lost in rounding, use min-L1-norm"
            )
        start = PrimalDual(np.zeros(problem.d), pull / max(reach, tau))
        program = _Program(OfLoss(self.loss, problem.targets, tau), self._certify, self.gap)
        w, mu = program.solve(problem, start)
        margin = normalised_margin(problem, w, 1)
        return Prediction(self.name, w, tau * mu, margin, self._certify(problem, w, mu))

    def _certify(self, problem: Problem, w: np.ndarray, mu: np.ndarray) -> Certificate:
        """Certify w and the multipliers ``τμ``."""
        return certificates.l1_penalised(problem, w, self.lam / 2 * mu, self.loss, self.lam)


def _lightly_penalised(problem: Problem) -> Prediction | None:
    """Return the rough predictor at a small fraction of the λ that makes it vanish, if any."""
    reach = _reach(problem, np.full(problem.n, 1 / problem.n))
    try:
        rough = L1Penalised(Exponential(), 2 * _LIGHT_PENALTY * reach, gap=1e-3)
        return rough.predict(problem) if reach > 0 else None
    except NotConverged:
        return None


def _scaled_dual(problem: Problem, mu: np.ndarray) -> np.ndarray:
    """Scale multipliers so that ``‖Xᵀμ‖_∞ = 1``."""
    return mu / _reach(problem, mu)


def _reach(problem: Problem, mu: np.ndarray) -> float:
    return float(np.abs(problem.inputs.correlate(mu)).max())
