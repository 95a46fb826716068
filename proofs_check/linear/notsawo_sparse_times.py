"""Notsawo et al.: an L1 penalty finds sparse weights in a time ~ 1/β, weight decay never does.

How it is measured: a linear model on fewer samples than inputs, of a truth with two weights.

With the penalty ``β‖a‖₁``: proximal steps, which know nothing of the zero-loss set, from the fit of
least L2 norm; the step at which half of the excess of the L1 norm is left, times αβ, extrapolated
to β = 0. With one sample fewer than inputs the fits are a line on which the L1 norm falls evenly,
and the bound is attained; with half as many it holds.

With weight decay: descent, from starts of several scales and two strengths. The least error of all
steps is compared with what of the truth no multiple of the start makes up for outside of the span
of the samples. That is attained, but for what decay leaves inside of it, when the start has shrunk
to the right size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

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
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED, NO_CHANCE
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.homogeneous.sparse_times import l1_steps, least_decay_error

_INPUTS = 12
_LINE, _HALF = 11, 6
_LR, _BETAS = 0.5, np.geomspace(2e-2, 5e-4, 9)
# Weight decay over the curvature of the loss, which is the same for all orthonormal samples.
_DECAYS, _SCALES = (1e-2, 1e-3), (0.0, 3.0, 100.0)
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Sparse:
    """Orthonormal samples of sparse weights, and the direction of a start."""

    x: np.ndarray
    truth: np.ndarray
    direction: np.ndarray

    @property
    def fit(self) -> np.ndarray:
        """The interpolation of least L2 norm."""
        return np.asarray(self.x.T @ (self.x @ self.truth))

    @property
    def span(self) -> np.ndarray:
        """The projection on the span of the samples."""
        return np.asarray(self.x.T @ self.x)


@remembered
def inputs(laboratory: Laboratory, samples: int) -> np.ndarray:
    """Draw samples of which the interpolation of least L1 norm is the truth."""
    (seed,) = laboratory.draws(f"{samples} samples of sparse weights", 1)
    rng = np.random.default_rng(seed)
    while True:
        x = rng.standard_normal((samples, _INPUTS))
        if _finds(_orthonormal(x)):
            return x


def _orthonormal(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.qr(x.T)[0].T)


def _truth(d: int) -> np.ndarray:
    truth = np.zeros(d)
    truth[:2] = 2.0, -1.5
    return truth


def _finds(x: np.ndarray) -> bool:
    """Return whether the least L1 norm is at the truth, by its certificate."""
    truth = _truth(x.shape[1])
    # Signs of the truth, made up for at the other inputs with less than 1: ‖·‖₁ rises from it.
    pull = x.T @ np.linalg.lstsq(x[:, :2].T, np.sign(truth[:2]), rcond=None)[0]
    fit = x.T @ (x @ truth)
    found = np.abs(pull[:2] - np.sign(truth[:2])).max() < 1e-9 and np.abs(pull[2:]).max() < 0.9
    return bool(found and (fit[:2] * truth[:2] > 0).all())


@remembered
def sparse(laboratory: Laboratory, samples: int) -> Sparse:
    """Return the samples, orthonormal, with the truth and the direction of a start."""
    (seed,) = laboratory.draws(f"a start beside {samples} samples", 1)
    x = _orthonormal(inputs(laboratory, samples))
    if not _finds(x):
        raise ValueError("the least L1 norm is not seen to be at the truth, expected it: draw anew")
    if samples == _LINE and len(x) != x.shape[1] - 1:
        raise ValueError(f"{len(x)} samples of {x.shape[1]} inputs do not leave a line: draw anew")
    truth = _truth(x.shape[1])
    lost = truth - x.T @ (x @ truth)
    drawn = np.random.default_rng(seed).standard_normal(len(truth))
    direction = drawn / np.linalg.norm(drawn) + lost / np.linalg.norm(lost)
    return Sparse(x, truth, direction)


def check_l1(laboratory: Laboratory, factor: float = 1.0, norm: float = 2.0) -> Evidence:
    """Compare the time of an L1 penalty with `factor` times its bound, by distances in a norm."""
    line, half = (_times(sparse(laboratory, samples), norm) for samples in (_LINE, _HALF))
    on_line, with_half = (
        extrapolate(times.taken / times.bounds, powers(_BETAS)) for times in (line, half)
    )
    orders = np.diff(np.log(line.taken)) / np.diff(np.log(line.bounds))
    order = extrapolate(orders, powers(np.sqrt(_BETAS[1:] * _BETAS[:-1])))
    derivation = extrapolated("of the time over its bound, and of its order in that")
    below = with_half.value - factor
    # An inequality that holds by more than the interval is decided, however wide that is.
    decided = np.inf if below < -with_half.halfwidth else 0.05
    return weakest(
        [
            Evidence(abs(on_line.value - factor), on_line.halfwidth, derivation, resolution=0.05),
            Evidence(abs(order.value - 1), order.halfwidth, derivation, resolution=0.05),
            Evidence(below, with_half.halfwidth, derivation, resolution=decided),
        ]
    )


class Times(NamedTuple):
    """Steps until half of the excess of the L1 norm is left, beside their bounds."""

    taken: np.ndarray
    bounds: np.ndarray


def _times(data: Sparse, norm: float) -> Times:
    distance = float(np.linalg.norm(data.fit - data.truth, norm))
    least = float(np.abs(data.truth).sum())
    gap = (float(np.abs(data.fit).sum()) - least) / 2
    betas = (gap * _BETAS).tolist()
    return Times(
        np.array([_steps_down(data, beta, least + gap) for beta in betas]),
        np.array([l1_steps(distance, gap, _LR, beta) for beta in betas]),
    )


def _steps_down(data: Sparse, beta: float, level: float) -> float:
    """Return when proximal steps from the fit bring the L1 norm to the level, between two steps."""
    a, before, steps = data.fit, np.inf, 0
    y = data.x @ data.truth
    while (norm := float(np.abs(a).sum())) > level:
        before = norm
        moved = a - _LR * data.x.T @ (data.x @ a - y)
        a = np.sign(moved) * np.maximum(np.abs(moved) - _LR * beta, 0.0)
        steps += 1
    return steps - (level - norm) / (before - norm)


def check_decay(laboratory: Laboratory, factor: float = 1.0, end: bool = False) -> Evidence:
    """Compare the least error under decay with `factor` times its bound, or that of the `end`."""
    data = sparse(laboratory, _HALF)
    lost = data.truth - data.fit
    outside = data.direction - data.span @ data.direction
    parts = []
    for lam, scale in product(_DECAYS, _SCALES):
        least = _least_error(data, lam, scale)
        bound = factor * least_decay_error(0 * lost if end else scale * outside, lost)
        # Inside of the span decay leaves this; between two steps the right size may be missed.
        left = np.hypot(lam * np.linalg.norm(data.fit), _LR * lam * np.linalg.norm(lost))
        room = len(lost) ** 2 * _EPS * max(scale, 1.0) / (_LR * lam)
        above = float(np.hypot(bound, left) - bound) + room
        parts += [_excess(bound - least, room, bound), _excess(least - bound, above, bound)]
    return weakest(parts)


def _excess(excess: float, allowed: float, bound: float) -> Evidence:
    derivation = (
        "a rounding of each product of a step, added up over the steps that decay remembers; where "
        "the bound is attained, what decay leaves inside of the span and between two steps"
    )
    return Evidence(excess / bound, allowed / bound, derivation, resolution=0.02)


def check_without(laboratory: Laboratory, net: bool) -> Evidence:
    """Claim the bound of decay for a penalty on the L1 norm, or for decay in a net of depth 2."""
    data = sparse(laboratory, _HALF)
    bound = least_decay_error(0 * data.truth, data.truth - data.fit)
    least = _least_net_error(data) if net else _least_l1_error(data)
    return _excess(bound - least, len(data.truth) ** 2 * _EPS / _DECAYS[-1], bound)


def _least_error(data: Sparse, lam: float, scale: float) -> float:
    """Return the least error of all steps of descent with decay."""
    a, pull = scale * data.direction, _LR * data.span
    target, kept = pull @ data.truth, 1 - _LR * lam
    errors = []
    # The start shrinks to a thousandth of what it may make up for, however small that is.
    lost = float(np.linalg.norm(data.truth - data.fit))
    for _ in range(int(np.log(1e3 * max(scale / lost, 1.0)) / (_LR * lam))):
        a = kept * a - pull @ a + target
        errors.append(a - data.truth)
    return float(np.linalg.norm(errors, axis=1).min())


def _least_l1_error(data: Sparse) -> float:
    """Return the error of proximal steps after the bound for a twentieth of the L1 norm."""
    beta, a = float(_BETAS[-1]), data.fit
    y = data.x @ data.truth
    distance, gap = np.linalg.norm(data.fit - data.truth), np.abs(data.fit).sum()
    for _ in range(int(l1_steps(float(distance), 0.05 * float(gap), _LR, beta))):
        moved = a - _LR * data.x.T @ (data.x @ a - y)
        a = np.sign(moved) * np.maximum(np.abs(moved) - _LR * beta, 0.0)
    return float(np.linalg.norm(a - data.truth))


def _least_net_error(data: Sparse) -> float:
    """Return the error at which the flow of ``u² - v²`` with decay ends, from u = v = 1."""
    lam = _DECAYS[-1]

    def field(t: float, theta: np.ndarray) -> np.ndarray:
        u, v = np.split(theta, 2)
        pull = 2 * data.span @ (u**2 - v**2 - data.truth)
        return np.concatenate([-(pull + lam) * u, (pull - lam) * v])

    found = solve_ivp(
        field, (0, 8 / lam), np.ones(2 * len(data.truth)), "LSODA", rtol=1e-8, atol=1e-10
    )
    u, v = np.split(found.y[:, -1], 2)
    return float(np.linalg.norm(u**2 - v**2 - data.truth))


_SOURCE = "Notsawo, Dumas and Rabusseau 2025 (arXiv 2506.05718)"
_DATA = f"{_INPUTS} inputs, a truth of two weights that L1 finds, orthonormal samples"

_HALF_OF_THEM = ForEvery(
    inputs, partial(strategies.tables, _HALF, _INPUTS, _HALF, _INPUTS, general=True), (_HALF,)
)

L1_DELAY = Claim(
    label="l1-delay",
    statement="with a penalty β‖a‖₁, β → 0, the L1 norm is within η of the least one after "
    "‖â - a*‖²/(4αβη) steps α from the fit â, and on a line not before",
    hypotheses=(
        f"linear model, {_DATA}, {_LINE} or {_HALF} of them",
        f"proximal steps of α = {_LR:g}; β from {_BETAS[0]:g} to {_BETAS[-1]:g} of η",
        "η half of the excess of the L1 norm, where the bound is attained on a line",
    ),
    source=_SOURCE + ": the order of αβΔt; the constant is that of Taylor, Hendrickx and Glineur "
    "2017",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=check_l1,
    broken=(
        Broken("a tenth fewer steps", partial(check_l1, factor=0.9)),
        Broken("a tenth more steps on a line", partial(check_l1, factor=1.1)),
        Broken("the largest entry of â - a* for its length", partial(check_l1, norm=np.inf)),
    ),
    formulas=(l1_steps,),
    for_every=(
        ForEvery(
            inputs,
            partial(strategies.tables, _LINE, _INPUTS, _LINE, _INPUTS, decades=0, general=True),
            (_LINE,),
        ),
        _HALF_OF_THEM,
    ),
    error_rate=EXTRAPOLATED,
    scope=Scope((), "linear model", ("square",), (1,)),
)

DECAY = Claim(
    label="decay-not-sparse",
    statement="under weight decay a linear model never comes nearer to sparse weights than what of "
    "them is outside of the span of the samples, less what a multiple of the start makes up for",
    hypotheses=(
        f"linear model, {_DATA}, {_HALF} of them; gradient descent with weight decay",
        f"scales of the start {', '.join(f'{scale:g}' for scale in _SCALES)}, λ = {_DECAYS[0]:g} "
        f"and {_DECAYS[1]:g} of the curvature; every step",
    ),
    source=_SOURCE + ", Theorem 3.6, which is about the end; ours for every step",
    kind=StatementKind.INEQUALITY,
    expected=Verdict.SUPPORTED,
    check=check_decay,
    broken=(
        Broken("a twentieth farther", partial(check_decay, factor=1.05)),
        Broken("all of that part, whatever the start", partial(check_decay, end=True)),
        Broken("with an L1 penalty", partial(check_without, net=False)),
        Broken("in a net of depth 2", partial(check_without, net=True)),
    ),
    formulas=(least_decay_error,),
    for_every=(_HALF_OF_THEM,),
    error_rate=NO_CHANCE,
    scope=Scope((), "linear model", ("square",), (1,)),
)
