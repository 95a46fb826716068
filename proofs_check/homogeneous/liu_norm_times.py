"""Liu et al. (Omnigrok): the norm falls to w_c after ln(w₀/w_c)/γ, and fitting takes no γ.

How it is measured: the flow with weight decay γ is integrated as it stands, in a linear model and
in a diagonal net of depth 2, from a smaller and a larger start, at nine γ. At the time of the law,
with the constants of these models, the norm must be the critical one: what is missing is told as a
delay in γt and extrapolated to γ = 0. That is so exactly as γ → 0, whatever the start; the law with
the norms of all weights, as it is printed, agrees with it to leading order for large starts only,
and is a false variant here. In the linear model, at the time at which the flow without decay has a
hundredth of the loss of the start, so has that with decay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

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
from grokflow.theory.diagonal.path import trace
from grokflow.theory.homogeneous.norm_times import (
    fit_loss,
    linear_norm_time,
    net_norm,
    net_norm_time,
)
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.samples import StoredTestSet

_SAMPLES, _INPUTS = 3, 6
# γ over the least curvature of the loss.
_RATIOS = np.geomspace(1e-2, 1e-4, 9)
_STARTS, _ALPHAS = (10.0, 1000.0), (4.0, 40.0)
_LEFT = 0.01
_RTOL = 1e-10
_DERIVATION = (
    extrapolated("of delays in γt")
    + ", plus the tolerance of each of the integrator's evaluations, as a delay"
)


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples, a direction of the start, and how far above its end the critical norm is."""

    x: np.ndarray
    y: np.ndarray
    direction: np.ndarray
    above: float

    @property
    def rates(self) -> np.ndarray:
        """Curvatures of the loss ``‖Xw - y‖²/n`` along the singular vectors of X."""
        return 2 * np.linalg.svd(self.x, compute_uv=False) ** 2 / len(self.y)

    @property
    def least(self) -> np.ndarray:
        """The interpolation of least norm."""
        return np.asarray(np.linalg.pinv(self.x) @ self.y)


@remembered
def inputs(laboratory: Laboratory) -> np.ndarray:
    """Draw Gaussian inputs."""
    (seed,) = laboratory.draws("inputs of norm times", 1)
    return np.random.default_rng(seed).standard_normal((_SAMPLES, _INPUTS))


def samples(laboratory: Laboratory) -> Samples:
    """Return samples of a target of two inputs, and draw the start."""
    (seed,) = laboratory.draws("samples of norm times", 1)
    rng, x = np.random.default_rng(seed), inputs(laboratory)
    direction = rng.standard_normal(x.shape[1])
    unit = direction / np.linalg.norm(direction)
    return Samples(x, x[:, 0] - x[:, 1], unit, float(rng.uniform(0.5, 1.5)))


def check(
    laboratory: Laboratory, late: float = 1.0, whole: bool = False, fitted: float = 1.0
) -> Evidence:
    """Ask for the critical norm at `late` times the law, with the `whole` norms as printed or not.

    The time of the fit is `fitted` times that without decay.
    """
    data = samples(laboratory)
    lams = _RATIOS * data.rates.min()
    return weakest(
        [
            *(_linear(data, lams, start, late, whole) for start in _STARTS),
            *(_net(data, lams, alpha, late, whole) for alpha in _ALPHAS),
            *(_fit(data, lams, start, fitted) for start in _STARTS),
        ]
    )


def _linear(data: Samples, lams: np.ndarray, length: float, late: float, whole: bool) -> Evidence:
    start, least = length * data.direction, float(np.linalg.norm(data.least))
    inside = np.linalg.pinv(data.x) @ data.x @ start
    critical = float(np.hypot(least, data.above))
    slow = linear_norm_time(float(np.linalg.norm(start - inside)), least, critical)
    if whole:
        slow = float(np.log(length / critical))
    ends, steps = _ends(_linear_field(data), start, lams, late * slow / lams)
    left = np.sum(ends**2, axis=1) - least**2
    # A change of γt by 1 divides `left` by e².
    delays = np.log(np.abs(left) / data.above**2) / 2
    return _none(delays, steps * _RTOL * critical**2 / data.above**2)


def _net(data: Samples, lams: np.ndarray, alpha: float, late: float, whole: bool) -> Evidence:
    test = StoredTestSet(data.x, data.y)
    problem = make_problem("norms", Task.REGRESSION, data.x, data.y, test)
    log_scales = np.log(data.above) + np.array([0.01, 0.0, -0.01])
    weights = trace(problem, log_scales, tolerance=1e-12).weights.T
    norms = [net_norm(w, scale) for w, scale in zip(weights, np.exp(log_scales), strict=True)]
    slow = net_norm_time(alpha, float(np.exp(log_scales[1])))
    if whole:
        slow = float(np.log(alpha * np.sqrt(2 * data.x.shape[1]) / norms[1]))
    start = np.full(2 * data.x.shape[1], alpha)
    ends, steps = _ends(_net_field(data), start, lams, late * slow / lams)
    # log uv falls by 2 in a unit of γt; between the outer scales it falls by 0.02.
    slope = np.log(norms[0] / norms[2]) / 0.01
    return _none(np.log(np.linalg.norm(ends, axis=1) / norms[1]) / slope, steps * _RTOL / slope)


def _fit(data: Samples, lams: np.ndarray, length: float, late: float) -> Evidence:
    start = length * data.direction
    left = np.linalg.svd(data.x)[0].T @ (data.x @ start - data.y)
    time = brentq(lambda t: fit_loss(left, data.rates, t) - _LEFT, 0, 10 / data.rates.min())
    ends, steps = _ends(_linear_field(data), start, lams, np.full(len(lams), late * time))
    losses = np.sum((ends @ data.x.T - data.y) ** 2, axis=1) / (left @ left)
    return _none(np.log(losses / _LEFT) / 2, steps * _RTOL / np.sqrt(_LEFT))


def _none(delays: np.ndarray, missed: float) -> Evidence:
    """Ask that a delay vanish as γ → 0."""
    limit = extrapolate(delays, powers(_RATIOS))
    return Evidence(abs(limit.value), limit.halfwidth + missed, _DERIVATION, resolution=0.05)


Field = Callable[[np.ndarray], np.ndarray]


def _linear_field(data: Samples) -> Field:
    return lambda w: -2 / len(data.y) * ((data.x @ w - data.y) @ data.x)


def _net_field(data: Samples) -> Field:
    def field(theta: np.ndarray) -> np.ndarray:
        u, v = np.split(theta, 2)
        pull = 4 / len(data.y) * ((data.x @ (u**2 - v**2) - data.y) @ data.x)
        return np.concatenate([-pull * u, pull * v])

    return field


def _ends(
    field: Field, start: np.ndarray, lams: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return the weights at each time of the flow with each decay, and the most evaluations."""
    ends, counts = [], []
    for lam, time in zip(lams.tolist(), times.tolist(), strict=True):

        def decayed(t: float, theta: np.ndarray, lam: float = lam) -> np.ndarray:
            return np.asarray(field(theta) - lam * theta)

        atol = 1e-3 * _RTOL
        found = solve_ivp(decayed, (0, time), start, "LSODA", rtol=_RTOL, atol=atol)
        ends.append(found.y[:, -1])
        counts.append(int(found.nfev))
    return np.array(ends), max(counts)


CLAIM = Claim(
    label="omnigrok",
    statement="as γ → 0 the norm is w_c at γt = ln(w₀/w_c), with w₀ and w_c the lengths of what "
    "the samples do not hold: of w outside their span in a linear model, √(uv) in a diagonal net; "
    "the time of the fit has no γ",
    hypotheses=(
        f"linear model and diagonal net of depth 2, square loss, {_SAMPLES} Gaussian samples of "
        f"{_INPUTS} inputs",
        f"‖w₀‖ = {_STARTS[0]:g} and {_STARTS[1]:g}, u = v = {_ALPHAS[0]:g} and {_ALPHAS[1]:g}; γ "
        "from 1e-2 to 1e-4 of the least curvature of the loss",
        "time of the fit: a hundredth of the first loss, in the linear model",
    ),
    source="Liu, Michaud and Tegmark 2023, Omnigrok (arXiv 2210.01117), who have the norms of all "
    "weights, which is true to leading order in ln w₀; the constants are ours",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("the norms of all weights, as printed", partial(check, whole=True)),
        Broken("γt larger by a twentieth", partial(check, late=1.05)),
        Broken("a time of the fit longer by a twentieth", partial(check, fitted=1.05)),
    ),
    formulas=(linear_norm_time, net_norm, net_norm_time, fit_loss),
    # Fewer samples than inputs, all of them independent.
    for_every=(
        ForEvery(
            inputs, partial(strategies.tables, max_n=3, max_d=6, min_d=4, decades=0, general=True)
        ),
    ),
    error_rate=EXTRAPOLATED,
    scope=Scope((), "linear model, diagonal net", ("square",), (1, 2)),
)
