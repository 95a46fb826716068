"""Beck et al.: with one label, logistic regression generalises where 0 is in the hull of the data.

How the limit is measured: the gradient flow of the weights and the bias from 0, with the bias for
the time, as it grows where the weights are pulled: ``dw/db = Σ q_i x_i / Σ q_i``, q the pulls of
the samples. It is followed until b = 1e5, where losses are far below the smallest number, and
``w/b`` is extrapolated to b = ∞.

How the probability is measured: a symmetric law has every sign of every sample alike. So all signs
of drawn samples are taken in turn, and for each it is proved that the hull holds 0, by multipliers
in exact arithmetic, or that it does not, by weights with positive margins on all. Wendel's formula
is that share exactly, whatever the samples, if they are in general position.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations, product

import numpy as np
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import log_expit, softmax

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
from grokflow.theory.linear.classes.one_label import hull_misses_origin, hull_weights
from grokflow.theory.linear.exact import farkas

_BIASES = np.geomspace(1e2, 1e5, 9)
_RTOL = 1e-10
# How far 0 is from the border of the hull: nearer, the way to the end is longer.
_CLEAR = 0.25
# Least singular value of d samples of length 1 that count as independent.
_INDEPENDENT = 1e-6
_DERIVATION = (
    extrapolated("in 1/b of the weights over the bias")
    + ", plus the tolerance of each of the integrator's evaluations"
)
# Samples and inputs: at N = 2d, on both sides of it, and where next to none or all are separable.
_SIZES = ((4, 2), (6, 3), (8, 4), (7, 2), (7, 5))
_COUNTED = "shares of 2^N signs are whole multiples of 2^-N, each proved; half of that"


@remembered
def samples(laboratory: Laboratory, holds: bool) -> np.ndarray:
    """Draw Gaussian samples of a hull that holds 0, or of one that does not, by a distance."""
    (seed,) = laboratory.draws(f"one label, 0 in the hull: {holds}", 1)
    rng = np.random.default_rng(seed)
    while True:
        x = rng.standard_normal((8, 4))
        if _clearly(x, holds):
            return x


def _clearly(x: np.ndarray, holds: bool) -> bool:
    """Return whether the hull holds 0 and its neighbours, or is as far from it."""
    if not holds:
        return bool(np.linalg.norm(hull_weights(x) @ x) > _CLEAR)
    steps = _CLEAR * np.eye(x.shape[1])
    return all(_holds_origin(x - step) for step in (*steps, *-steps))


def check(laboratory: Laboratory, factor: float = 1.0, mean: bool = False) -> Evidence:
    """Compare the limit of the weights over the bias with so many times the point of the hull.

    That nearest to 0, or the mean of the samples.
    """
    parts = []
    for holds in (True, False):
        x = samples(laboratory, holds)
        if not _clearly(x, holds):
            raise ValueError(f"0 is nearer than {_CLEAR:g} to the border of the hull: draw anew")
        point = factor * (x.mean(axis=0) if mean else hull_weights(x) @ x)
        ratios, count = _followed(laboratory, holds)
        for values, expected in zip(ratios.T, point.tolist(), strict=True):
            limit = extrapolate(values, powers(1 / _BIASES))
            allowed = limit.halfwidth + count * _RTOL * float(np.abs(ratios).max())
            miss = abs(limit.value - expected)
            parts.append(Evidence(miss, allowed, _DERIVATION, resolution=0.01))
    return weakest(parts)


def check_zero(laboratory: Laboratory) -> Evidence:
    """Claim that the bias alone is left where the hull does not hold 0."""
    ratios, count = _followed(laboratory, False)
    limits = [extrapolate(values, powers(1 / _BIASES)) for values in ratios.T]
    missed = count * _RTOL * float(np.abs(ratios).max())
    return weakest(
        [Evidence(abs(item.value), item.halfwidth + missed, _DERIVATION) for item in limits]
    )


@remembered
def _followed(laboratory: Laboratory, holds: bool) -> tuple[np.ndarray, int]:
    """Return the weights over the bias at each bias, and the number of evaluations."""
    x = samples(laboratory, holds)

    def field(bias: float, w: np.ndarray) -> np.ndarray:
        return np.asarray(softmax(log_expit(-(x @ w + bias))) @ x)

    found = solve_ivp(
        field, (0, _BIASES[-1]), np.zeros(x.shape[1]), "LSODA", _BIASES, rtol=_RTOL, atol=_RTOL
    )
    return (found.y / _BIASES).T, int(found.nfev)


def check_signs(
    laboratory: Laboratory, more_samples: int = 0, more_inputs: int = 0, copies: bool = False
) -> Evidence:
    """Compare the shares of signs with Wendel's formula at so many more samples or inputs.

    One of the samples may be a multiple of another.
    """
    parts = []
    for n, d in _SIZES:
        missed = _shares(laboratory, n, d, copies)
        wanted = hull_misses_origin(n + more_samples, d + more_inputs)
        parts.append(Evidence(abs(missed - wanted), 0.5 / 2**n, _COUNTED, resolution=1 / 2**n))
    return weakest(parts)


@remembered
def unsigned(laboratory: Laboratory, n: int, d: int) -> np.ndarray:
    """Draw n Gaussian samples of d inputs, whose signs are taken in turn."""
    (seed,) = laboratory.draws(f"{n} samples of {d} inputs", 1)
    return np.random.default_rng(seed).standard_normal((n, d))


@remembered
def _shares(laboratory: Laboratory, n: int, d: int, copies: bool) -> float:
    """Return the share of signs of drawn samples whose hull leaves 0 out."""
    x = unsigned(laboratory, n, d).copy()
    if copies:
        x[-1] = 2 * x[0]
    elif not _in_general_position(x):
        raise ValueError("some samples depend on each other, expected general position: draw anew")
    # Turning all samples round leaves the answer: the first keeps its sign.
    signs = [(1.0, *rest) for rest in product((1.0, -1.0), repeat=n - 1)]
    return float(np.mean([not _holds_origin(np.array(sign)[:, None] * x) for sign in signs]))


def _in_general_position(x: np.ndarray) -> bool:
    """Return whether every d samples, each of length 1, are well beyond rounding independent."""
    lengths = np.linalg.norm(x, axis=1)
    if not lengths.all():
        return False
    units = x / lengths[:, None]
    few = [units[list(chosen)] for chosen in combinations(range(len(x)), x.shape[1])]
    return bool(np.linalg.svd(np.array(few), compute_uv=False).min() > _INDEPENDENT)


def _holds_origin(x: np.ndarray) -> bool:
    """Return whether the hull of the samples holds 0, which is proved either way."""
    multipliers = hull_weights(x)
    w = multipliers @ x
    rounding = len(w) ** 2 * np.finfo(np.float64).eps * np.abs(x) @ np.abs(w)
    if (x @ w > rounding).all():
        return False
    farkas(x, multipliers)  # raises an error where the multipliers prove nothing
    return True


def _around() -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of samples whose hull holds 0: those of a cross are among them."""
    return strategies.tables(max_d=4, decades=0).map(
        lambda x: np.vstack([x, np.eye(x.shape[1]), -np.eye(x.shape[1])])
    )


def _aside() -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of samples whose hull leaves 0 out: the first inputs are positive."""
    return strategies.tables(max_d=4, decades=0).map(
        lambda x: np.hstack([0.5 + np.abs(x[:, :1]), x[:, 1:]])
    )


def _on_a_curve(n: int, d: int) -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of samples ``(t^{d-1}, …, t, 1)``: different t are in general position."""
    eighths = st.lists(st.integers(-20, 20), min_size=n, max_size=n, unique=True)
    return eighths.map(lambda t: np.vander(np.array(t) / 8, d))


_SOURCE = (
    "Beck, Levi and Bar-Sinai 2025 (arXiv 2410.04489), of whom we have read the abstract: that the "
    "data must not be separable from 0"
)

LIMIT = Claim(
    label="one-label",
    statement="with one label the flow of logistic regression ends with w/b at the point of the "
    "convex hull of the data that is nearest to 0: the bias alone is left, and every input is on "
    "the right side, if and only if the hull holds 0",
    hypotheses=(
        "gradient flow from 0 with a bias, 8 Gaussian samples of 4 inputs",
        f"one draw with 0 in the hull and one without, {_CLEAR:g} from its border or more",
    ),
    source=_SOURCE + "; the nearest point is that of the largest margin (Soudry et al. 2018)",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("a tenth farther than the nearest point", partial(check, factor=1.1)),
        Broken("the mean of the samples", partial(check, mean=True)),
        Broken("the bias alone where the hull leaves 0 out", check_zero),
    ),
    formulas=(hull_weights,),
    for_every=(ForEvery(samples, _around, (True,)), ForEvery(samples, _aside, (False,))),
    error_rate=EXTRAPOLATED,
    scope=Scope((), "linear model with a bias", ("logistic",), (1,)),
)

SIGNS = Claim(
    label="one-label-rate",
    statement="the hull of N samples of d inputs in general position, of a law that is symmetric "
    "about 0, leaves 0 out with probability 2^(1-N) Σ_{k<d} C(N-1, k): ½ at N = 2d",
    hypotheses=(
        "all signs of Gaussian samples, N and d = " + ", ".join(f"{n} and {d}" for n, d in _SIZES),
    ),
    source=_SOURCE + ", and their threshold d/N = ½; Wendel 1962 for the probability",
    kind=StatementKind.EQUALITY,
    expected=Verdict.SUPPORTED,
    check=check_signs,
    broken=(
        Broken("one sample more in the formula", partial(check_signs, more_samples=1)),
        Broken("the bias counted as an input", partial(check_signs, more_inputs=1)),
        Broken("one sample a multiple of another", partial(check_signs, copies=True)),
    ),
    formulas=(hull_misses_origin,),
    for_every=tuple(ForEvery(unsigned, partial(_on_a_curve, n, d), (n, d)) for n, d in _SIZES),
    error_rate=NO_CHANCE,
    scope=Scope((), "linear model with a bias", ("logistic",), (1,)),
)
