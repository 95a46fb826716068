"""Descent with label noise on diagonal nets, beside the slow flow that noise drives it along.

A step η on targets that noise moves by ±1 multiplies u_j and v_j by 1 ∓ p_j, where p_j has mean
square ``16 η² m_j/n`` once the net fits, with m_j the mean square of input j. So u_j v_j falls by
``1 - p_j²`` a step, while Xw = y is kept: after τη^-2 steps, η → 0, the weights are

    w_j(τ) = 2 c_j sinh((Xᵀν)_j),   c_j = α² e^{-16 m_j τ/n},   ν such that Xw = y.

They move from where descent without noise ends to the interpolation of least ``Σ m_j |w_j|``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize

from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.simulations.diagonal.label_noise import mean_weights

# Step sizes: each is half of the one before.
LRS = (0.04, 0.02, 0.01)
_SAMPLES = 6
# Mean squares of the inputs, of which the first is the target.
MEAN_SQUARES = np.linspace(1.5, 0.75, 12)
SCALES = (0.5, 0.65)
DRAWS, _REPLICAS = 32, 32
# The slow flow has arrived when the slowest c_j has fallen by this logarithm.
_ARRIVED = 12.5
# Half-width of the difference quotient in log τ, whose square is far below what noise lets see.
_QUOTIENT = 0.02


@dataclass(frozen=True, eq=False)
class SlowFlow:
    """The slow flow of one net.

    Parameters
    ----------
    x, y : ndarray, shapes (n, d), (n,)
        Samples.
    alpha : float
        Scale of the start, u = v = α.
    mean_squares : ndarray, shape (d,)
        m_j.
    """

    x: np.ndarray
    y: np.ndarray
    alpha: float
    mean_squares: np.ndarray

    @property
    def log_decay(self) -> np.ndarray:
        """How fast log c_j falls in τ."""
        return slow_decay(self.mean_squares, len(self.x))

    def weights(self, tau: float) -> np.ndarray:
        """Return w(τ), by minimising ``Σ 2 c_j cosh((Xᵀν)_j) - y·ν`` over ν."""
        c = 2 * self.alpha**2 * np.exp(-self.log_decay * tau)

        def value(nu: np.ndarray) -> float:
            return float((c * np.cosh(nu @ self.x)).sum() - self.y @ nu)

        def slope(nu: np.ndarray) -> np.ndarray:
            return np.asarray(self.x @ (c * np.sinh(nu @ self.x)) - self.y)

        def curvature(nu: np.ndarray) -> np.ndarray:
            return np.asarray((self.x * (c * np.cosh(nu @ self.x))) @ self.x.T)

        start = np.zeros(len(self.x))
        found = minimize(value, start, jac=slope, hess=curvature, method="trust-exact", tol=1e-10)
        return np.asarray(c * np.sinh(found.x @ self.x))


def slow_decay(mean_squares: np.ndarray, n: int) -> np.ndarray:
    """Return ``16 m_j / n``: how fast log c_j falls in τ."""
    return 16 * mean_squares / n


class Halfway(NamedTuple):
    """When the slow flow is halfway, and how its way is measured.

    Parameters
    ----------
    tau : float
        τ at which half of the way is done.
    first, last : ndarray, shape (d,)
        Weights at the start and at the end of the way.
    speed : float
        Share of the way per unit of log τ, at halfway.
    """

    tau: float
    first: np.ndarray
    last: np.ndarray
    speed: float

    def share(self, w: np.ndarray) -> float:
        """Return which share of the way has been done at w."""
        way = self.last - self.first
        return float((w - self.first) @ way / (way @ way))


def halfway(flow: SlowFlow) -> Halfway:
    """Find when the slow flow is halfway."""
    last = _ARRIVED / float(flow.log_decay.min())
    way = Halfway(np.nan, flow.weights(0.0), flow.weights(last), np.nan)

    def share(log_tau: float) -> float:
        return way.share(flow.weights(float(np.exp(log_tau))))

    at = brentq(lambda log_tau: share(log_tau) - 0.5, np.log(last) - 12, np.log(last), xtol=1e-6)
    speed = (share(at + _QUOTIENT) - share(at - _QUOTIENT)) / (2 * _QUOTIENT)
    return way._replace(tau=float(np.exp(at)), speed=float(speed))


@remembered
def halfways(laboratory: Laboratory) -> list[tuple[SlowFlow, Halfway]]:
    """Draw Gaussian samples, scaled to the mean squares, and take both scales in turn."""
    found = []
    for i, seed in enumerate(laboratory.draws("label noise", DRAWS)):
        drawn = np.random.default_rng(seed).standard_normal((_SAMPLES, len(MEAN_SQUARES)))
        x = drawn * np.sqrt(MEAN_SQUARES / (drawn**2).mean(axis=0))
        flow = SlowFlow(x, x[:, 0], SCALES[i % len(SCALES)], MEAN_SQUARES)
        found.append((flow, halfway(flow)))
    return found


class StepCount(NamedTuple):
    """After ``multiple · τ½ η^-exponent`` steps one looks at the weights."""

    exponent: float
    multiple: float = 1.0


@remembered
def shares(
    laboratory: Laboratory, counts: tuple[StepCount, ...], noise: float = 1.0
) -> dict[StepCount, np.ndarray]:
    """Return which share of its way descent has done after so many steps.

    Weights are means over independent runs; shares have the shape (draws, step sizes).
    """
    found = {count: np.zeros((DRAWS, len(LRS))) for count in counts}
    seeds = laboratory.draws("noise on labels", DRAWS)
    for i, (flow, way) in enumerate(halfways(laboratory)):
        laboratory.progress("label noise", i / DRAWS)
        for j, lr in enumerate(LRS):
            steps = [round(count.multiple * way.tau * lr**-count.exponent) for count in counts]
            wanted, position = np.unique(steps, return_inverse=True)
            w = mean_weights(
                flow.x,
                flow.y,
                wanted,
                np.random.default_rng((seeds[i], j)),
                lr=lr,
                alpha=flow.alpha,
                noise=noise,
                replicas=_REPLICAS if noise else 1,
            )
            for count, k in zip(counts, position, strict=True):
                found[count][i, j] = way.share(w[k])
    return found
