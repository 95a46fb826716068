"""Das et al.: with more samples on one side, the bias delays generalisation by a time ~ 1/γ².

How it is measured: the flow of all weights and the bias under the sum of logistic losses, from 0,
on samples at the distance γ from the best plane and, in pairs, on opposite sides of its normal. The
bias is followed while ``e^{-m}`` falls, m the margin, and extrapolated to 0; there are samples
farther from the plane as well, in other numbers, which must not matter then. Without these, the
time at which test inputs nearer to the plane are all right, over that of the law, is extrapolated
to γ = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import expit

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
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated, local_slopes
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.homogeneous.bias_times import bias_time, last_bias, margin_at, time_integral

_INPUTS = 4
_GAMMA, _GAMMAS = 0.3, np.geomspace(0.15, 0.015, 9)
_STEP = float(np.log(_GAMMAS[0] / _GAMMAS[1]))
_LEFT = np.geomspace(1e-2, 1e-5, 9)
# How far the test inputs are from the plane, over γ.
_SHARES = (0.5, 0.25)
_RTOL = 1e-10
_LIMITS = extrapolated("in e^-m of the bias, and in γ² of the time over its law and its slope")
_DERIVATION = _LIMITS + ", plus the tolerance of each of the integrator's evaluations"

# Of a bias, the counts of the larger and the smaller side, and γ.
TimeLaw = Callable[[float, int, int, float], float]


@dataclass(frozen=True, eq=False)
class Sides:
    """Samples on two sides of a plane.

    Parameters
    ----------
    y : ndarray, shape (n,)
        1 on the larger side, -1 on the other.
    normal : ndarray, shape (d,)
        Of the plane.
    along : ndarray, shape (n, d)
        The part of each sample along the plane, in pairs of opposite ones.
    far : ndarray, shape (n,)
        Distances from the plane, over γ.
    """

    y: np.ndarray
    normal: np.ndarray
    along: np.ndarray
    far: np.ndarray

    def inputs(self, gamma: float) -> np.ndarray:
        """Return the samples, shape (n, d)."""
        return np.asarray(gamma * (self.far * self.y)[:, None] * self.normal + self.along)

    def counts(self, every: bool = False) -> tuple[int, int]:
        """Return how many samples are nearest to the plane on each side, or how many in all."""
        held = self.y[(self.far == 1) | every]
        return int((held > 0).sum()), int((held < 0).sum())


@remembered
def support(laboratory: Laboratory, larger: int) -> np.ndarray:
    """Draw how many samples are nearest on each side, so many times as many or more on one."""
    (seed,) = laboratory.draws(f"support vectors, {larger} times more", 1)
    rng = np.random.default_rng(seed)
    few = 2 * int(rng.integers(2, 6))
    return np.array([larger * few + 2 * int(rng.integers(few // 2)), few])


@remembered
def sides(laboratory: Laboratory, larger: int, farther: bool) -> Sides:
    """Draw samples in these numbers, with `farther` ones or not."""
    (seed,) = laboratory.draws(f"two sides, {larger} times more, {farther}", 1)
    rng = np.random.default_rng(seed)
    many, few = support(laboratory, larger).tolist()
    sizes = [(1.0, many, few)]
    if farther:
        # In other proportions, and at whole multiples of γ: their pulls are powers of e^-m.
        sizes += [(2.0, 2 * few, 8 * few), (3.0, few, 4 * few)]
    y = np.concatenate([np.repeat([1.0, -1.0], counts) for _, *counts in sizes])
    far = np.concatenate([np.full(sum(counts), multiple) for multiple, *counts in sizes])
    frame = np.linalg.qr(rng.standard_normal((_INPUTS, _INPUTS)))[0]
    half = rng.standard_normal((len(y) // 2, _INPUTS - 1)) @ frame[:, 1:].T
    return Sides(y, frame[:, 0], np.stack([half, -half], axis=1).reshape(-1, _INPUTS), far)


def check(laboratory: Laboratory, factor: float = 1.0, every: bool = False) -> Evidence:
    """Compare the last bias with so many times its formula, and the times with their law.

    With `every` sample counted in the formula of the bias, or only the nearest.
    """
    data = sides(laboratory, 9, True)
    weights, count = _followed(data, _GAMMA, _LEFT)
    left = np.exp(-_GAMMA * weights[:, :-1] @ data.normal)
    limit = extrapolate(weights[:, -1], powers(left))
    expected = factor * last_bias(*data.counts(every))
    tolerance = count * _RTOL * float(np.abs(weights[:, -1]).max())
    allowed = limit.halfwidth + tolerance
    bias = Evidence(abs(limit.value - expected), allowed, _DERIVATION, resolution=0.05)
    return weakest([bias, check_times(laboratory)])


def check_times(
    laboratory: Laboratory, law: TimeLaw = bias_time, farther: bool = False
) -> Evidence:
    """Compare the times at which test inputs are right with a law, at two ratios of the sides."""
    parts = []
    for larger in (3, 12):
        times, count = _times(laboratory, larger, farther)
        data = sides(laboratory, larger, farther)
        counts = data.counts()
        for share, found in zip(_SHARES, times.T, strict=True):
            bias = _general(share, counts[0] / counts[1])
            laws = np.array([law(bias, *counts, gamma) for gamma in _GAMMAS.tolist()])
            logs = np.log(found / laws)
            slopes = local_slopes(np.log(_GAMMAS), logs)
            parts += [
                _none(logs, _GAMMAS, count * _RTOL),
                _none(slopes.values, np.exp(slopes.at), count * _RTOL / _STEP),
            ]
    return weakest(parts)


def _none(values: np.ndarray, gammas: np.ndarray, missed: float) -> Evidence:
    """Ask that values vanish as γ → 0."""
    limit = extrapolate(values, powers(gammas**2))
    return Evidence(abs(limit.value), limit.halfwidth + missed, _DERIVATION, resolution=0.05)


def _general(share: float, ratio: float) -> float:
    """Return the bias at which it is the share of the margin, as γ → 0."""
    least = np.log(ratio) / 2
    excess = brentq(
        lambda excess: least + excess - share * margin_at(least + excess, ratio),
        *(1e-12 * least, least),
        xtol=1e-14,
    )
    return float(least + excess)


@remembered
def _times(laboratory: Laboratory, larger: int, farther: bool) -> tuple[np.ndarray, int]:
    """Return when the test inputs of each share are right for each γ, and the most evaluations."""
    data = sides(laboratory, larger, farther)
    found, counts = [], []
    for gamma in _GAMMAS.tolist():
        events = [partial(_right, share=share, gamma=gamma, data=data) for share in _SHARES]
        run = _flow(data, gamma, events)
        found.append([float(at[0]) for at in run.t_events])
        counts.append(int(run.nfev))
    return np.array(found), max(counts)


def _right(t: float, theta: np.ndarray, share: float, gamma: float, data: Sides) -> float:
    """Return by how much test inputs at a share of γ are right; the flow begins at 0."""
    return float(share * gamma * (theta[:-1] @ data.normal) - abs(theta[-1]))


def _followed(data: Sides, gamma: float, left: np.ndarray) -> tuple[np.ndarray, int]:
    """Return weights and bias when ``e^-m`` has fallen to each value, and the evaluations."""

    def fallen(t: float, theta: np.ndarray, level: float) -> float:
        return float(gamma * (theta[:-1] @ data.normal) + np.log(level))

    run = _flow(data, gamma, [partial(fallen, level=level) for level in left.tolist()])
    return np.array([at[0] for at in run.y_events]), int(run.nfev)


def _flow(data: Sides, gamma: float, events: list[Any]) -> Any:
    """Follow weights and bias from 0 until the last event happens."""
    x = data.inputs(gamma)

    def field(t: float, theta: np.ndarray) -> np.ndarray:
        pull = data.y * expit(-data.y * (x @ theta[:-1] + theta[-1]))
        return np.append(pull @ x, pull.sum())

    for event in events:
        event.direction = 1
    events[-1].terminal = True
    start = np.zeros(_INPUTS + 1)
    span = (0, 1e9 / gamma**2)
    return solve_ivp(field, span, start, "LSODA", rtol=_RTOL, atol=1e-3 * _RTOL, events=events)


def _without_gamma(bias: float, positive: int, negative: int, gamma: float) -> float:
    """Return the law without γ^-2."""
    return bias_time(bias, positive, negative, 1.0)


def _without_ratio(bias: float, positive: int, negative: int, gamma: float) -> float:
    """Return the law at the ratio of 3, with only the root of n₊n₋ for the counts."""
    scale = np.sqrt(3 / (positive * negative))
    share = bias / margin_at(bias, positive / negative)
    return float(scale * bias_time(_general(share, 3.0), 3, 1, gamma))


def _counts() -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of even numbers of samples on both sides, the larger number first."""
    sizes = st.tuples(st.integers(1, 20), st.integers(1, 6))
    return sizes.map(lambda pair: 2 * np.array([pair[0] + pair[1], pair[1]]))


CLAIM = Claim(
    label="bias-delay",
    statement="with n₊ and n₋ support vectors on the margin planes the bias of a linear classifier "
    "tends to ½ log(n₊/n₋), and test inputs nearer to the plane are right after a time that is, "
    "as γ → 0, a function of n₊/n₋ over γ² √(n₊n₋); with that function",
    hypotheses=(
        f"gradient flow from 0 of the sum of logistic losses, {_INPUTS} inputs and a bias; samples "
        "in pairs of opposite sides of the normal, so that the weights stay along it",
        f"bias: n₊/n₋ from 9 to 10, γ = {_GAMMA:g}, and samples at 2γ and 3γ in other numbers",
        f"times: n₊/n₋ from 3 to 4 and 12 to 13, γ from {_GAMMAS[0]:g} to {_GAMMAS[-1]:g}, no "
        f"other samples; test inputs at {_SHARES[0]:g}γ and {_SHARES[1]:g}γ",
    ),
    source="Das, Vedantam and Lakshminarayanan 2026 (arXiv 2602.08302), of whom we have read the "
    "abstract: that imbalance and the bias set the time; its function is ours",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("a bias larger by a tenth", partial(check, factor=1.1)),
        Broken("every sample counted for the bias", partial(check, every=True)),
        Broken("a time without γ^-2", partial(check_times, law=_without_gamma)),
        Broken("√(n₊n₋) alone for the counts", partial(check_times, law=_without_ratio)),
        Broken("samples beyond the margin planes", partial(check_times, farther=True)),
    ),
    formulas=(last_bias, bias_time, margin_at, time_integral),
    for_every=tuple(ForEvery(support, _counts, (larger,)) for larger in (9, 3, 12)),
    error_rate=EXTRAPOLATED,
    scope=Scope((), "linear model with a bias", ("logistic",), (1,)),
)
