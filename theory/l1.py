"""Late predictors of the depth-2 diagonal net: L1 margins, L1 interpolation, L1 penalties.

Corollary 3.7 of Lyu et al. (2024): after the transition the weights head for the max-L1-margin
direction, because ``min_{u²-v²=w} ‖u‖² + ‖v‖² = ‖w‖₁``; at finite λ for the minimiser of
``(1/n) Σ l + (λ/2)‖w‖₁``.

All of them are solved by proximal points on w: the subproblem
``min Φ(Xw) + τ‖w‖₁ + (1/2σ)‖w - w_k‖²`` has a dual in n unknowns whose gradient is one pass over
the data and whose Hessian involves only the active columns (semismooth Newton, Li, Sun and Toh
2018). Doubling σ makes the outer iteration superlinear, finite for the linear programs.
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
from theory.losses import Loss
from theory.newton import NotConverged, minimise
from theory.predictors import Prediction, normalised_margin
from theory.problems import Problem

_OUTER_STEPS = 40


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


class Start(NamedTuple):
    """Where proximal points begin: weights of shape (d,) and multipliers of shape (n,)."""

    w: np.ndarray
    mu: np.ndarray


def _proximal_points(
    problem: Problem,
    data: Conjugate,
    start: Start,
    certify: Callable[[np.ndarray, np.ndarray], Certificate],
    *,
    gap: float,
    interrupt: Callable[[], None],
) -> tuple[np.ndarray, np.ndarray]:
    """Iterate proximal steps on w and μ until the certified relative gap is met."""
    sigma = float(problem.targets @ start.mu) / 20
    mean_square = np.trace(problem.inputs.gram) / problem.n / problem.d
    potential = SoftThreshold(start.w, sigma)
    dual = Dual(problem, data, potential, 1e-2 * sigma * mean_square, start.mu)
    mu = start.mu
    for outer in range(_OUTER_STEPS):
        # The certificate judges the answer: a subproblem solved roughly costs only another step.
        tolerance = max(1e-2 * 0.1**outer, 1e-10)
        found = minimise(
            dual,
            mu,
            tolerance=tolerance,
            lower=data.lower,
            max_steps=100,
            strict=False,
            interrupt=interrupt,
        )
        mu = found.x
        w = dual.potential.weights(problem.inputs.correlate(mu))
        certificate = certify(w, mu)
        if max(certificate.gap, certificate.infeasibility) <= gap:
            return w, mu
        # A subproblem that did not converge was too stiff: a shorter step is always solvable.
        sigma *= 3 if found.residual <= max(tolerance, 1e-7) else 0.1
        potential = SoftThreshold(w, sigma)
        dual = replace(dual, potential=potential, center=mu, ridge=dual.ridge / 3)
    raise NotConverged(
        f"the L1 predictor has relative gap {certify(w, mu).gap:.1e} after {_OUTER_STEPS} proximal "
        f"steps, expected {gap:.1e}: ask for a larger gap"
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

    def predict(
        self,
        problem: Problem,
        *,
        near: Prediction | None = None,
        interrupt: Callable[[], None] = lambda: None,
    ) -> Prediction:
        """Solve the linear program.

        Parameters
        ----------
        problem : Problem
            Separable classification data.
        near : Prediction, optional
            A nearby predictor to start from, such as `L1Penalised`; it saves most of the work.
        interrupt : callable
            Called once a step; may raise to stop.

        Raises
        ------
        NotSeparable
            With a Farkas certificate, when no w has a positive margin.
        """
        least = 0.0 if near is None else float(problem.inputs.combine(near.w).min())
        if near is not None and least > 0:
            start = Start(near.w / least, _scaled_dual(problem, near.multipliers))
        else:
            mu = MaxL2Margin().predict(problem).multipliers
            start = Start(np.zeros(problem.d), _scaled_dual(problem, mu))

        def certify(w: np.ndarray, mu: np.ndarray) -> Certificate:
            return certificates.max_l1_margin(problem, w, mu)

        w, mu = _proximal_points(
            problem,
            Linear(problem.targets, 0.0),
            start,
            certify,
            gap=self.gap,
            interrupt=interrupt,
        )
        w = w / float(problem.inputs.combine(w).min())
        margin = normalised_margin(problem, w, 1)
        return Prediction(self.name, w, mu, margin, certify(w, mu))


@dataclass(frozen=True)
class MinL1Norm:
    """``min ‖w‖₁ : <w, x_i> = y_i`` (basis pursuit), the late predictor for regression."""

    gap: float = 1e-7
    name: str = "min-L1-norm"

    def predict(
        self,
        problem: Problem,
        *,
        near: Prediction | None = None,
        interrupt: Callable[[], None] = lambda: None,
    ) -> Prediction:
        """Solve the linear program; ValueError when no w interpolates.

        `near` is a nearby predictor to start from, such as `L1Penalised`.
        """
        l2 = MinL2Norm().predict(problem)
        if near is not None and near.w.any():
            start = Start(near.w, _scaled_dual(problem, near.multipliers))
        else:
            start = Start(np.zeros(problem.d), _scaled_dual(problem, l2.multipliers))

        def certify(w: np.ndarray, mu: np.ndarray) -> Certificate:
            return certificates.min_l1_norm(problem, w, mu)

        w, mu = _proximal_points(
            problem,
            Linear(problem.targets, -np.inf),
            start,
            certify,
            gap=self.gap,
            interrupt=interrupt,
        )
        return Prediction(self.name, w, mu, None, certify(w, mu))


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

    def predict(
        self, problem: Problem, *, interrupt: Callable[[], None] = lambda: None
    ) -> Prediction:
        """Solve the penalised problem; it has a solution for any data."""
        tau = self.lam / 2
        pull = self.loss.descent(np.zeros(problem.n), problem.targets) / problem.n
        reach = float(np.abs(problem.inputs.correlate(pull)).max())
        mu_start = pull / max(reach, tau) if reach > 0 else pull
        start = Start(np.zeros(problem.d), mu_start)

        def certify(w: np.ndarray, mu: np.ndarray) -> Certificate:
            return certificates.l1_penalised(problem, w, tau * mu, self.loss, self.lam)

        w, mu = _proximal_points(
            problem,
            OfLoss(self.loss, problem.targets, tau),
            start,
            certify,
            gap=self.gap,
            interrupt=interrupt,
        )
        margin = normalised_margin(problem, w, 1)
        return Prediction(self.name, w, tau * mu, margin, certify(w, mu))


def _scaled_dual(problem: Problem, mu: np.ndarray) -> np.ndarray:
    """Scale multipliers so that ``‖Xᵀμ‖_∞ = 1``."""
    return mu / float(np.abs(problem.inputs.correlate(mu)).max())
