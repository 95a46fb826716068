"""Equations 23, 24 and 33: the gradient of the mean loss has the 1/n of the mean.

``∇𝓛 = (1/n) Σ ℓ'(f_i; y_i) ∇f_i``, which the paper prints without 1/n. How it is measured: beside
central differences of 𝓛 itself, for outputs ``⟨u^L - v^L, x⟩`` at random u and v, with the
exponential and the square loss at L = 2, 3, 4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np

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
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope

_SAMPLES, _INPUTS = 5, 7
_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)
_DERIVATION = (
    "the change when the differences take twice the step, three times what their own error is, "
    "plus their rounding: that of each output by its terms, and eight roundings of 𝓛, over the step"
)
_EPS = float(np.finfo(np.float64).eps)


def exponential_slopes(f: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ``ℓ'(f; y)`` of ``ℓ = e^{-yf}``."""
    return np.asarray(-y * np.exp(-y * f))


def square_slopes(f: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ``ℓ'(f; y)`` of ``ℓ = (f - y)²``."""
    return np.asarray(2 * (f - y))


def gradients(x: np.ndarray, theta: np.ndarray, degree: int, power: int | float = 1) -> np.ndarray:
    """Return ``∇f = L (u^{L-1} x, -v^{L-1} x)`` of every input."""
    u, v = np.split(theta ** (degree - power), 2)
    return np.asarray(degree * np.hstack([x * u, -x * v]))


def mean_of(pulls: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return ``(1/n) Σ ℓ'_i ∇f_i``."""
    return np.asarray(pulls @ features / len(pulls))


@remembered
def inputs(laboratory: Laboratory) -> np.ndarray:
    """Draw five samples of seven normal inputs."""
    (seed,) = laboratory.draws("inputs of the mean loss", 1)
    return np.random.default_rng(seed).standard_normal((_SAMPLES, _INPUTS))


def check(
    laboratory: Laboratory, mean: bool = True, slope: float = 1.0, power: int = 1
) -> Evidence:
    """Compare with the gradient of the sum, `slope` times ℓ' of the square, or ``u^{L-power}``."""
    (seed,) = laboratory.draws("gradients of the mean loss", 1)
    rng = np.random.default_rng(seed)
    x, parts = inputs(laboratory), []
    n, d = x.shape
    for degree, tailed in product((2, 3, 4), (True, False)):
        y = rng.choice([-1.0, 1.0], n) if tailed else rng.standard_normal(n)
        theta = rng.uniform(0.5, 1.5, 2 * d)
        loss = partial(_mean_loss, x, y, degree, tailed)
        f = x @ (theta[:d] ** degree - theta[d:] ** degree)
        pulls = exponential_slopes(f, y) if tailed else slope * square_slopes(f, y)
        features = gradients(x, theta, degree, power)
        claimed = mean_of(pulls, features) * (1 if mean else n)
        found, coarse = (_differences(loss, theta, k * _STEP) for k in (1, 2))
        size = float(np.abs(found).max())
        outputs = _EPS * (d + degree) * (np.abs(x) @ (theta[:d] ** degree + theta[d:] ** degree))
        rounding = float(np.abs(pulls) @ outputs) / n + 8 * _EPS * loss(theta)
        allowed = float(np.abs(found - coarse).max()) + rounding / _STEP
        miss = float(np.abs(found - claimed).max())
        parts.append(Evidence(miss / size, allowed / size, _DERIVATION, resolution=0.01))
    return weakest(parts)


def _mean_loss(x: np.ndarray, y: np.ndarray, degree: int, tailed: bool, theta: np.ndarray) -> float:
    u, v = np.split(theta**degree, 2)
    f = x @ (u - v)
    return float((np.exp(-y * f) if tailed else (f - y) ** 2).mean())


def _differences(loss: Callable[[np.ndarray], float], theta: np.ndarray, step: float) -> np.ndarray:
    """Return central differences."""
    moves = step * np.eye(len(theta))
    return np.array([loss(theta + move) - loss(theta - move) for move in moves]) / (2 * step)


_HYPOTHESES = (
    "diagonal nets of degree L = 2, 3, 4 at random parameters",
    "exponential loss, and (f - y)²",
)
_MODEL = ("diagonal net", ("exponential", "square"), (2, 3, 4))

CLAIM = Claim(
    label="eq-23-24-33",
    statement="the gradient of the mean loss is (1/n) Σ ℓ'(f_i; y_i) ∇f_i",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, equations 23, 24 and 33 with the 1/n of the mean",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Equations 23, 24 and 33",), *_MODEL),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(exponential_slopes, square_slopes, gradients, mean_of),
    broken=(
        Broken("Σ ℓ' ∇f_i, as printed", partial(check, mean=False)),
        Broken("the derivative of ½ (f - y)²", partial(check, slope=0.5)),
        Broken("u^{L-2} for u^{L-1} in ∇f_i", partial(check, power=2)),
    ),
    for_every=(ForEvery(inputs, partial(strategies.tables, max_n=5, max_d=7, decades=2)),),
)

PRINTED = Claim(
    label="eq-23-24-33-printed",
    statement="the gradient of the mean loss is Σ ℓ'(f_i; y_i) ∇f_i",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, equations 23, 24 and 33 as printed (v2)",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Equations 23, 24 and 33",), *_MODEL),
    expected=Verdict.REFUTED,
    check=partial(check, mean=False),
    broken=(Broken("with the derivative of ½ (f - y)²", partial(check, mean=False, slope=0.5)),),
)
