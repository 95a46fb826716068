"""Notsawo et al., for matrices: a penalty on the nuclear norm finds low rank in a time ~ 1/β.

How it is measured: as the claim `l1-delay` does, by proximal steps, which shrink singular values
and know nothing of the zero-loss set. Where one direction alone is not measured, and has neither
rows nor columns in common with the truth, the nuclear norm falls evenly along it and the bound is
attained; where a quarter of the directions is not measured it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

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
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import Limit, extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.homogeneous.sparse_times import l1_steps

_SIZE, _HELD = 4, 12
_LR, _BETAS = 0.5, np.geomspace(2e-2, 1e-3, 9)


@dataclass(frozen=True, eq=False)
class Measured:
    """Orthonormal measurements, the truth of rank 1, and the fit from which the way begins."""

    rows: np.ndarray
    truth: np.ndarray
    fit: np.ndarray


@remembered
def direction(laboratory: Laboratory) -> np.ndarray:
    """Draw the direction that is not measured, beyond the row and the column of the truth."""
    (seed,) = laboratory.draws("a direction of matrices", 1)
    return np.random.default_rng(seed).standard_normal((_SIZE - 1, _SIZE - 1))


@remembered
def on_a_line(laboratory: Laboratory) -> Measured:
    """Draw a truth of which all but one direction, apart from its rows and columns, is measured."""
    left, right, _ = _frames(laboratory, "a line of matrices")
    truth = 2 * np.outer(left[:, 0], right[:, 0])
    unseen = left[:, 1:] @ direction(laboratory) @ right[:, 1:].T
    unseen /= np.linalg.norm(unseen)
    rows = np.linalg.svd(unseen.ravel()[None])[2][1:]
    return Measured(rows, truth, truth + 2 * unseen)


@remembered
def in_a_space(laboratory: Laboratory) -> Measured:
    """Draw measurements of which the truth has the least nuclear norm, by its certificate."""
    left, right, rng = _frames(laboratory, "a space of matrices")
    truth = 2 * np.outer(left[:, 0], right[:, 0])
    inside = np.array([np.outer(a, b) for a in left.T for b in right.T]).reshape(-1, _SIZE**2)
    # The truth's rows and columns; the norm has a slope along them, and ends beyond them.
    shared = inside[[i * _SIZE + j for i in range(_SIZE) for j in range(_SIZE) if 0 in (i, j)]]
    while True:
        rows = np.linalg.qr(rng.standard_normal((_SIZE**2, _HELD)))[0].T
        wanted = shared @ (truth / 2).ravel()
        dual = rows.T @ np.linalg.lstsq(shared @ rows.T, wanted, rcond=None)[0]
        beyond = left[:, 1:].T @ dual.reshape(_SIZE, _SIZE) @ right[:, 1:]
        if np.linalg.norm(beyond, 2) < 0.9:
            fit = rows.T @ (rows @ truth.ravel())
            return Measured(rows, truth, fit.reshape(_SIZE, _SIZE))


def _frames(
    laboratory: Laboratory, name: str
) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    (seed,) = laboratory.draws(name, 1)
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((_SIZE, _SIZE)))[0] for _ in range(2))
    return left, right, rng


def check(laboratory: Laboratory, factor: float = 1.0, spectral: bool = False) -> Evidence:
    """Compare the time with `factor` times its bound, by distances in the spectral norm or not."""
    line = _share(on_a_line(laboratory), spectral)
    space = _share(in_a_space(laboratory), spectral)
    derivation = extrapolated("of the logarithm of the time over its bound")
    below = space.value - np.log(factor)
    # An inequality that holds by more than the interval is decided, however wide that is.
    decided = np.inf if below < -space.halfwidth else 0.05
    return weakest(
        [
            Evidence(abs(line.value - np.log(factor)), line.halfwidth, derivation, resolution=0.05),
            Evidence(below, space.halfwidth, derivation, resolution=decided),
        ]
    )


def _share(data: Measured, spectral: bool) -> Limit:
    """Return the limit β → 0 of the time at which half of the excess is left, over the bound.

    It is that of the logarithm, which tells a wrong power of β from a wide interval.
    """
    distance = float(np.linalg.norm(data.fit - data.truth, 2 if spectral else "fro"))
    least = float(np.linalg.norm(data.truth, "nuc"))
    gap = (float(np.linalg.norm(data.fit, "nuc")) - least) / 2
    shares = [
        _steps_down(data, beta, least + gap) / l1_steps(distance, gap, _LR, beta)
        for beta in (gap * _BETAS).tolist()
    ]
    return extrapolate(np.log(shares), powers(_BETAS))


def _steps_down(data: Measured, beta: float, level: float) -> float:
    """Return when proximal steps bring the nuclear norm to the level, between two steps."""
    pull, w, steps = _LR * data.rows.T @ data.rows, data.fit, 0
    norm = before = float(np.linalg.norm(w, "nuc"))
    while norm > level:
        before = norm
        moved = w.ravel() - pull @ (w - data.truth).ravel()
        left, values, right = np.linalg.svd(moved.reshape(_SIZE, _SIZE))
        values = np.maximum(values - _LR * beta, 0.0)
        w, norm = left * values @ right, float(values.sum())
        steps += 1
    return steps - (level - norm) / (before - norm)


CLAIM = Claim(
    label="nuclear-delay",
    statement="with a penalty β‖W‖_*, β → 0, the nuclear norm is within η of the least one after "
    "‖Ŵ - W*‖_F²/(4αβη) steps α from the fit Ŵ, and where it falls evenly not before",
    hypotheses=(
        f"linear measurements of a {_SIZE} × {_SIZE} matrix of rank 1 that the nuclear norm finds, "
        f"orthonormal; all directions but one, or {_HELD} of them",
        f"proximal steps of α = {_LR:g}; β from {_BETAS[0]:g} to {_BETAS[-1]:g} of η",
        "η half of the excess of the nuclear norm",
    ),
    source="Notsawo, Dumas and Rabusseau 2025 (arXiv 2506.05718): the order of αβΔt; the constant "
    "is that of Taylor, Hendrickx and Glineur 2017",
    kind=StatementKind.LIMIT,
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(l1_steps,),
    for_every=(
        ForEvery(direction, partial(strategies.tables, _SIZE - 1, _SIZE - 1, _SIZE - 1, _SIZE - 1)),
    ),
    broken=(
        Broken("a tenth fewer steps", partial(check, factor=0.9)),
        Broken("a tenth more steps where it falls evenly", partial(check, factor=1.1)),
        Broken("the spectral norm for the length", partial(check, spectral=True)),
    ),
    error_rate=EXTRAPOLATED,
    scope=Scope((), "linear measurements of a matrix", ("square",), (1,)),
)
