"""Boursier et al.: from any start the flow has a fast phase without decay, then a slow one.

The claim `slow-limit` starts on the zero-loss set. Here the start misses it. For λ → 0 at a fixed
start the flow is, at a fixed time, that without decay, to O(λ), which ends at a point Φ of the set;
in slow time λt it is on the path that leaves from Φ, to O(λ). The two meet at slow time -λ log λ:
there θ is off Φ by ``-λt PΦ`` to leading order, the drift along the set. At t = -2 log(λ)/κ what
the fast phase leaves, ``e^{-κt}``, is far below λ.

How it is measured: a two-layer quadratic net on three samples, integrated as it stands. Orders are
slopes of log distances in log λ, extrapolated to λ = 0; the drift at the junction is extrapolated
in 1/t, with t = -2 log(λ)/κ. The path on the set and the flows share no solver.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from hypothesis import strategies as st
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
from grokflow.proofs_check.evidence.corrections import order_in_lam, powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.evidence.orders import order_in
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.ranges.tables import numbers
from grokflow.proofs_check.scope import Scope
from grokflow.theory.homogeneous.slow_manifold import SlowManifold

_SAMPLES, _INPUTS, _WIDTH = 3, 3, 4
# How far from the set the start is, over its own length.
_MISSED = 0.3
_SLOW = np.array([0.25, 0.5, 1.0, 2.0])
# Times of the fast phase, and λ, in units of the least curvature κ of the loss across the set.
_FAST = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
_RATIOS, _JUNCTIONS = np.geomspace(0.02, 2e-4, 9), np.geomspace(1e-5, 1e-8, 9)
# Singular values of J in this proportion are of full rank; at smaller ones the times are too long.
_FULL_RANK = 1e-3
_RTOL, _PATH_RTOL, _LANDED = 1e-12, 1e-9, 60.0
_DERIVATION = (
    extrapolated("of slopes and of the drift")
    + ", plus what the tolerances of flow and path change in them"
)


@dataclass(frozen=True, eq=False)
class QuadraticNet:
    """``f_i = Σ_k a_k ⟨w_k, x_i⟩²`` with θ = (a, w), its targets, and a start."""

    x: np.ndarray
    targets: np.ndarray
    start: np.ndarray

    def outputs(self, theta: np.ndarray) -> np.ndarray:
        """Return f on the samples."""
        a, w = theta[:_WIDTH], theta[_WIDTH:].reshape(_WIDTH, -1)
        return np.asarray((self.x @ w.T) ** 2 @ a)

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Return the derivatives of f in θ."""
        a, w = theta[:_WIDTH], theta[_WIDTH:].reshape(_WIDTH, -1)
        hidden = self.x @ w.T
        inner = (2 * a * hidden)[:, :, None] * self.x[:, None, :]
        return np.hstack([hidden**2, inner.reshape(len(self.x), -1)])

    def curvature(self, theta: np.ndarray) -> float:
        """Return the least curvature of the loss across the set."""
        values = np.linalg.svd(self.jacobian(theta), compute_uv=False)
        if not values[-1] > _FULL_RANK * values[0]:
            raise ValueError(
                f"singular values of J from {values[0]:.2g} to {values[-1]:.2g} found, expected "
                f"them within a factor of {1 / _FULL_RANK:g}: draw anew"
            )
        return float(2 / len(self.x) * values[-1] ** 2)

    def flow(self, lam: float, times: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return θ at the times of the flow with decay."""

        def field(t: float, theta: np.ndarray) -> np.ndarray:
            pull = 2 / len(self.x) * (self.outputs(theta) - self.targets)
            return np.asarray(-pull @ self.jacobian(theta) - lam * theta)

        span = (0.0, float(times[-1]))
        found = solve_ivp(field, span, start, "LSODA", times, rtol=_RTOL, atol=1e-2 * _RTOL)
        return np.asarray(found.y.T)

    def landing(self) -> np.ndarray:
        """Return where the flow without decay ends."""
        theta = self.start
        # Its end is known better than the curvature there, by which it is waited for.
        for _ in range(2):
            theta = self.flow(0.0, np.array([_LANDED / self.curvature(theta)]), theta)[-1]
        return theta


@dataclass(frozen=True, eq=False)
class Phases:
    """A net, where its flow without decay ends, and its flows with decay in both phases."""

    net: QuadraticNet
    landing: np.ndarray
    unit: float
    fast: np.ndarray
    slow: np.ndarray


def _draw(laboratory: Laboratory) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw normal inputs, a start, and the way from it to the targets."""
    (seed,) = laboratory.draws("two phases", 1)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((_SAMPLES, _INPUTS))
    start, way = rng.standard_normal((2, _WIDTH * (1 + _INPUTS)))
    return x, start, way


@remembered
def inputs(laboratory: Laboratory) -> np.ndarray:
    """Draw the inputs of the samples."""
    return _draw(laboratory)[0]


@remembered
def first(laboratory: Laboratory) -> np.ndarray:
    """Draw the start θ = (a, w)."""
    return _draw(laboratory)[1]


@remembered
def phases(laboratory: Laboratory) -> Phases:
    """Give a net targets that its start misses, and integrate its flows."""
    x, start, way = inputs(laboratory), first(laboratory), _draw(laboratory)[2]
    net = QuadraticNet(x, np.zeros(len(x)), start)
    there = start + _MISSED * np.linalg.norm(start) / np.linalg.norm(way) * way
    net = QuadraticNet(x, net.outputs(there), start)
    landing = net.landing()
    path = SlowManifold(rtol=_PATH_RTOL).predict(net, net.targets, landing, _SLOW).theta
    unit = min(net.curvature(theta) for theta in (landing, *path))
    lams = (_RATIOS * unit).tolist()
    fast = np.array([net.flow(lam, _FAST / unit, start) for lam in lams])
    slow = np.array([net.flow(lam, _SLOW / lam, start) for lam in lams])
    return Phases(net, landing, unit, fast, slow)


def check(
    laboratory: Laboratory,
    order: float = 1.0,
    factor: float = 1.0,
    speed: float = 1.0,
    drift: float = 1.0,
) -> Evidence:
    """Measure both orders in λ, and the drift at the junction.

    The flow without decay leaves from `factor` times the start, the path goes at `speed` times λt.
    """
    found = phases(laboratory)
    net = found.net
    without = net.flow(0.0, _FAST / found.unit, factor * net.start)
    path = SlowManifold(rtol=_PATH_RTOL).predict(net, net.targets, found.landing, speed * _SLOW)
    return weakest(
        [
            _order(found.fast - without, order, _RTOL * np.linalg.norm(without)),
            _order(found.slow - path.theta, order, _PATH_RTOL * np.linalg.norm(path.theta)),
            _junction(found, drift),
        ]
    )


def _order(apart: np.ndarray, order: float, tolerance: float | np.floating) -> Evidence:
    """Ask that distances, over all times, have this order in λ."""
    distances = np.linalg.norm(apart.reshape(len(_RATIOS), -1), axis=1)
    limit = order_in(_RATIOS, distances)
    # Both sides are off by the tolerance of θ, at both ends of an interval of λ.
    off = 4 * float(tolerance) / float(distances.min())
    missed = off / float(np.log(_RATIOS[0] / _RATIOS[1]))
    excess = abs(limit.value - order * order_in_lam())
    return Evidence(excess, limit.halfwidth + missed, _DERIVATION, resolution=0.1)


def drift_rate() -> float:
    """Return how fast θ drifts along the set where the phases meet, in units of -PΦ a slow time."""
    return 1.0


def _junction(found: Phases, drift: float) -> Evidence:
    """Ask that θ be off Φ by ``-drift λt PΦ`` where the phases meet."""
    net, landing = found.net, found.landing
    kappa = net.curvature(landing)
    lams = _JUNCTIONS * kappa
    times = -2 * np.log(_JUNCTIONS) / kappa
    ends = np.array(
        [net.flow(lam, np.array([t]), net.start)[0] for lam, t in zip(lams, times, strict=True)]
    )
    jacobian = net.jacobian(landing)
    along = landing - np.linalg.pinv(jacobian) @ (jacobian @ landing)
    # The drift in units of what is expected, along it: 1 in the limit.
    shares = (landing - ends) @ along / (lams * times * (along @ along))
    limit = extrapolate(shares, powers(1 / (kappa * times)))
    shortest = float((lams * times).min() * np.linalg.norm(along))
    missed = 2 * _RTOL * float(np.linalg.norm(landing)) / shortest
    excess = abs(limit.value - drift * drift_rate())
    return Evidence(excess, limit.halfwidth + missed, _DERIVATION, resolution=0.1)


def _tables() -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of inputs, half of them in general position: others may determine no J."""
    sizes = _SAMPLES, _INPUTS, 1, _INPUTS, 1
    return strategies.tables(*sizes, general=True) | strategies.tables(*sizes)


CLAIM = Claim(
    label="two-phases",
    statement="as λ → 0 the flow is within O(λ) of that without decay at fixed times, and at fixed "
    "slow times within O(λ) of the path on the zero-loss set from its end Φ; where they meet, at "
    "slow time -λ log λ, θ is Φ - λt PΦ to leading order",
    hypotheses=(
        "two-layer quadratic net, square loss, three samples; J of full rank on the path",
        f"a start from which a step of {_MISSED:g} of its length leads to the targets",
        "λ from 2e-2 to 2e-4 of the least curvature κ of the loss across the set, at the junction "
        "from 1e-5 to 1e-8; times to 4/κ, slow times ¼ to 2, and the junction at -2 log(λ)/κ",
    ),
    source="Boursier, Pesme and Dragomir 2025 (arXiv 2505.20172); orders and drift are ours",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(order_in_lam, drift_rate),
    for_every=(
        ForEvery(inputs, _tables),
        ForEvery(first, partial(numbers, (_WIDTH * (1 + _INPUTS),))),
    ),
    broken=(
        Broken("within O(λ^1.1)", partial(check, order=1.1)),
        Broken("the flow without decay from a start longer by 1/50", partial(check, factor=1.02)),
        Broken("the path at 1.1 times its speed", partial(check, speed=1.1)),
        Broken("a drift larger by a tenth where they meet", partial(check, drift=1.1)),
    ),
    error_rate=EXTRAPOLATED,
    scope=Scope((), "two-layer quadratic net", ("square",), (3,)),
)
