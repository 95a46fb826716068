"""Musat: as λ → 0 the flow hugs the zero-loss set and moves on it down the norm of the weights.

How it is measured: his toy ``y = w₁x₁ + w₂x₂`` from (-1, 1), and ``y = w₁w₂`` from a start that is
drawn, each with one sample and a start that fits it. The flow with decay is integrated as it
stands, at nine λ; at four slow times the weights, and the misfit over λ, are extrapolated to λ = 0
and compared with closed forms that know nothing of the integration. The misfit says how closely
the set is hugged: its limit over λ is a number, neither 0 nor infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.integrate import solve_ivp

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    ForEvery,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.homogeneous.zero_loss_paths import (
    hyperbola_path,
    line_path,
    misfit_per_decay,
)

_TIMES = np.array([0.5, 1.0, 2.0, 4.0])
# λ over the curvature of the loss across the set, 2 ‖∇f‖², at the start.
_RATIOS = np.geomspace(0.02, 2e-4, 9)
_RTOL, _ATOL = 1e-11, 1e-13
_DERIVATION = (
    extrapolated("of weights and of misfits over λ")
    + ", plus the tolerance of each of the integrator's evaluations, over λ for misfits"
)


@dataclass(frozen=True, eq=False)
class Toy:
    """One sample, the start that fits it, and which of the two models it is put to."""

    x: np.ndarray
    start: np.ndarray
    product: bool

    def output(self, theta: np.ndarray) -> float:
        """Return f."""
        return float(theta[0] * theta[1] if self.product else theta @ self.x)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """Return the gradient of f in the weights."""
        return theta[::-1] if self.product else self.x

    def path(self, s: np.ndarray) -> np.ndarray:
        """Return the weights on the zero-loss set in closed form."""
        if self.product:
            return hyperbola_path(self.start, s)
        return line_path(self.x, self.start, s)


@remembered
def sample(laboratory: Laboratory) -> np.ndarray:
    """Draw the sample of the sum, shape (1, 2)."""
    (seed,) = laboratory.draws("sample of a toy", 1)
    rng = np.random.default_rng(seed)
    # Neither along the start, which would be at its end, nor across it, where all misfits vanish.
    angle = rng.uniform(-0.35, 0.4)
    return rng.uniform(0.7, 1.5) * np.array([[np.cos(angle), np.sin(angle)]])


@remembered
def start_of_product(laboratory: Laboratory) -> np.ndarray:
    """Draw the start of the product, shape (1, 2)."""
    (seed,) = laboratory.draws("start of a toy", 1)
    return np.random.default_rng(seed).uniform((1.5, 0.3), (3, 0.9))[None]


def toys(laboratory: Laboratory) -> list[Toy]:
    """Return both toys."""
    (x,), (start,) = sample(laboratory), start_of_product(laboratory)
    return [Toy(x, np.array([-1.0, 1.0]), False), Toy(x, start, True)]


def check(
    laboratory: Laboratory,
    speed: float = 1.0,
    misfit: float = 1.0,
    off: float = 0.0,
    second: float = 1.0,
) -> Evidence:
    """Compare limits of the flow with the path at `speed` times λt, and `misfit` times its misfit.

    The flow starts a part `off` away from the set, and its second weight decays `second` times λ.
    """
    decays = np.array([1.0, second])
    return weakest([_one(toy, speed, misfit, off, decays) for toy in toys(laboratory)])


def _one(toy: Toy, speed: float, misfit: float, off: float, decays: np.ndarray) -> Evidence:
    across = 2 * float(np.sum(toy.gradient(toy.start) ** 2))
    lams = _RATIOS * across
    start = toy.start + off * toy.gradient(toy.start)
    runs = [_flow(toy, start, lam, decays) for lam in lams.tolist()]
    weights = np.array([theta for theta, _ in runs])
    outputs = np.array([[toy.output(at) for at in theta] for theta, _ in runs])
    misfits = (outputs - toy.output(toy.start)) / lams[:, None]
    path = Toy(toy.x, start, toy.product).path(speed * _TIMES)
    held = np.array([misfit * misfit_per_decay(at, toy.gradient(at)) for at in path])
    size = float(np.linalg.norm(start))
    steep = max(float(np.linalg.norm(toy.gradient(at))) for at in (*path, start))
    missed = max(count for _, count in runs) * _RTOL * size
    return weakest(
        [
            *_limits(weights.reshape(len(lams), -1), path.ravel(), size, missed),
            *_limits(misfits, held, np.abs(held).max(), missed * steep / lams[-1]),
        ]
    )


def _limits(values: np.ndarray, wanted: np.ndarray, size: float, missed: float) -> list[Evidence]:
    found = [extrapolate(column, powers(_RATIOS)) for column in values.T]
    return [
        Evidence(
            abs(limit.value - value) / size,
            (limit.halfwidth + missed) / size,
            _DERIVATION,
            resolution=0.02,
        )
        for limit, value in zip(found, wanted.tolist(), strict=True)
    ]


def _flow(toy: Toy, start: np.ndarray, lam: float, decays: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the weights at the slow times, and how often the integrator looked at the field."""
    target = toy.output(toy.start)

    def field(s: float, theta: np.ndarray) -> np.ndarray:
        pull = 2 * (toy.output(theta) - target) / lam
        return np.asarray(-pull * toy.gradient(theta) - decays * theta)

    found = solve_ivp(field, (0, _TIMES[-1]), start, "LSODA", t_eval=_TIMES, rtol=_RTOL, atol=_ATOL)
    return found.y.T, int(found.nfev)


_PAIRS = partial(strategies.tables, max_n=1, max_d=2, min_d=2, decades=0)

CLAIM = Claim(
    label="musat",
    statement="as λ → 0 the weights are at slow time λt where dθ/ds = -Pθ, P along the zero-loss "
    "set, has brought them, and the misfit over λ tends to -⟨∇f, θ⟩ / (2 ‖∇f‖²)",
    hypotheses=(
        "one sample, two weights: y = w₁x₁ + w₂x₂ from (-1, 1), and y = w₁w₂ from a start drawn",
        "square loss; the start fits the sample",
        "λ from 2e-2 to 2e-4 of the curvature of the loss across the set; slow times ½ to 4",
    ),
    source="Musat 2025 (arXiv 2511.01938); the misfit and the second toy are ours",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("the path at 1.1 times its speed", partial(check, speed=1.1)),
        Broken("a misfit larger by a tenth", partial(check, misfit=1.1)),
        Broken("a start that misses the sample by a tenth", partial(check, off=0.1)),
        Broken("the second weight decays a tenth more slowly", partial(check, second=0.9)),
    ),
    formulas=(line_path, hyperbola_path, misfit_per_decay),
    for_every=(ForEvery(sample, _PAIRS), ForEvery(start_of_product, _PAIRS)),
    error_rate=EXTRAPOLATED,
    scope=Scope((), "two weights", ("square",), (1, 2)),
)
