"""Theorem F.5: a matrix that fits the samples to δ with no larger nuclear norm is close to X*.

It is the step from residuals to recovery in Theorem 3.12, Theorem 7 of Candès and Plan 2010: with
high probability every W with ``‖P_Ω(W - X*)‖_F ≤ δ`` and ``‖W‖_* ≤ ‖X*‖_*`` has

    ‖W - X*‖_F ≤ (4 sqrt((2+p) d/p) + 2) δ,   p = N/d².

How it is measured: the statement is about every W, so the worst is searched for, on every draw of
the samples. Close to X* these are the directions H that do not increase the nuclear norm, with
``‖P_Ω H‖`` as small as it gets: projected gradient descent on their cone, from the weakest
direction along the matrices of the rank of X*. What is compared is a W on the way, with its own
residual. The bound is some seven times what is found on most draws: it is not sharp.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.evidence.error_rates import SAMPLED
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import rate_at_most
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.ranges.reasons import LAW
from grokflow.proofs_check.scope import Scope

_D, _DRAWS, _ITERATIONS = 24, 160, 100
# With one failure among so many draws the interval is still below it.
DELTA = 0.1
_ENTRIES = round(_D * float(np.log(_D)) ** 2)
# Distance of W from X*, in units of X*: what is of second order in it must not count.
_STEP = 1e-5


class Draws(NamedTuple):
    """Matrices ``X* = x xᵀ`` of unit norm, and the samples of each."""

    x: np.ndarray
    seen: np.ndarray


def draw(laboratory: Laboratory, entries: int, coherent: bool) -> Draws:
    """Draw signs and samples; all of X* is in one entry where it is `coherent`."""
    x, seen = np.zeros((_DRAWS, _D)), np.zeros((_DRAWS, _D * _D), dtype=bool)
    x[:, 0] = 1
    for i, seed in enumerate(laboratory.draws("stable recovery", _DRAWS)):
        rng = np.random.default_rng(seed)
        if not coherent:
            x[i] = rng.choice((-1.0, 1.0), _D) / np.sqrt(_D)
        seen[i, rng.choice(_D * _D, entries, replace=False)] = True
    return Draws(x, seen.reshape(-1, _D, _D))


@remembered
def worst_ratios(laboratory: Laboratory, entries: int, coherent: bool) -> np.ndarray:
    """Return the largest ‖W - X*‖ / ‖P_Ω(W - X*)‖ that is found, for every draw."""
    x, seen = draw(laboratory, entries, coherent)
    h = np.array([weakest_tangent(*pair) for pair in zip(x, seen, strict=True)])
    found = _ratio(x, seen, h)
    for _ in range(_ITERATIONS):
        h = onto_descent_cone(h - 0.9 * seen * h, x)
        h /= np.linalg.norm(h, axis=(1, 2), keepdims=True)
        found = np.maximum(found, _ratio(x, seen, h))
    return found


def weakest_tangent(x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the unit ``x aᵀ + b xᵀ`` that the samples see least of, with ``xᵀHx ≤ 0``."""
    basis, _ = np.linalg.qr(np.column_stack([x, np.eye(len(x))]))
    basis[:, 0] = x
    outer = [np.outer(x, q) for q in basis.T] + [np.outer(q, x) for q in basis.T[1:]]
    tangents = np.array(outer)
    h = np.tensordot(np.linalg.svd(tangents[:, seen].T)[2][-1], tangents, axes=1)
    return np.asarray(-h if x @ h @ x > 0 else h)


def onto_descent_cone(h: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Project onto ``xᵀHx + ‖H_⊥‖_* ≤ 0``, the directions in which ‖X* + H‖_* does not grow.

    H_⊥ is H outside the rows and columns of X*. The projection lowers xᵀHx and the singular values
    of H_⊥ by the same t, at which the sum is zero.
    """
    outer = x[:, :, None] * x[:, None, :]
    aside = np.eye(x.shape[1]) - outer
    beyond = aside @ h @ aside
    left, s, right = np.linalg.svd(beyond)
    a = np.einsum("mi,mij,mj->m", x, h, x)
    counts = np.arange(2, s.shape[1] + 2)
    levels = (a[:, None] + np.cumsum(s, axis=1)) / counts
    t = np.maximum(np.maximum(a, levels.max(axis=1)), 0)[:, None]
    shrunk = (left * np.maximum(s - t, 0)[:, None, :]) @ right
    return np.asarray(h - beyond + shrunk - t[:, :, None] * outer)


def _ratio(x: np.ndarray, seen: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the ratio of a W in direction H, scaled to the nuclear norm of X* where above it."""
    truth = x[:, :, None] * x[:, None, :]
    w = truth + _STEP * h
    norms = np.linalg.svd(w, compute_uv=False).sum(axis=1)
    off = w / np.maximum(norms, 1)[:, None, None] - truth
    residual = np.linalg.norm(seen * off, axis=(1, 2))
    tiny = np.finfo(np.float64).tiny
    return np.asarray(np.linalg.norm(off, axis=(1, 2)) / np.maximum(residual, tiny))


def bound(entries: int) -> float:
    """Return ``4 sqrt((2+p) d/p) + 2``."""
    p = entries / _D**2
    return float(4 * np.sqrt((2 + p) * _D / p) + 2)


def check(
    laboratory: Laboratory,
    factor: float = 1.0,
    entries: int = _ENTRIES,
    coherent: bool = False,
) -> Evidence:
    """Count the draws on which some W is farther than `factor` times the bound."""
    ratios = worst_ratios(laboratory, entries, coherent)
    return judge_samples(rate_at_most(ratios > factor * bound(entries), DELTA))


def check_larger(laboratory: Laboratory, room: float) -> Evidence:
    """Count the draws on which W = X* and `room` in an entry that is not seen is too far off.

    The nuclear norm of W is larger by that share at most.
    """
    _, seen = draw(laboratory, _ENTRIES, coherent=False)
    off = room * np.eye(_D * _D)[np.argmin(seen.reshape(_DRAWS, -1), axis=1)].reshape(seen.shape)
    residuals = np.linalg.norm(seen * off, axis=(1, 2))
    farther = np.linalg.norm(off, axis=(1, 2)) > bound(_ENTRIES) * residuals
    return judge_samples(rate_at_most(farther, DELTA))


CLAIM = Claim(
    label="thm-f.5",
    statement="with high probability every W with ‖P_Ω(W - X*)‖_F ≤ δ and ‖W‖_* ≤ ‖X*‖_* has "
    "‖W - X*‖_F ≤ (4 √((2+p)d/p) + 2) δ, p = N/d²",
    hypotheses=(
        f"d = {_D}, X* = x xᵀ with x of signs (rank 1, μ = 1), N = d log² d = {_ENTRIES} entries",
        f"the worst W that is found on each of {_DRAWS} draws, at a failure rate of {DELTA}",
    ),
    source="Lyu et al. 2024, Theorem F.5 (Candès and Plan 2010, Theorem 7)",
    kind=StatementKind.PROBABILITY,
    error_rate=SAMPLED,
    scope=Scope(("Theorem F.5",), "matrix completion", ("square",), (2,)),
    no_range=LAW,
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(bound,),
    equivalent={"bound": "the bound is seven times what is found on most draws"},
    broken=(
        Broken(
            "2d - 2 entries, one fewer than X* has unknowns", partial(check, entries=2 * _D - 2)
        ),
        Broken("all of X* in one entry, μ = d", partial(check, coherent=True)),
        Broken("‖W‖_* larger by a thousandth", partial(check_larger, room=1e-3)),
        Broken("an eighth of the bound", partial(check, factor=1 / 8)),
    ),
)
