"""Late predictors of a block form are those of its block: ‖W‖_* is twice ‖A‖_*.

The symmetric problem is free to put something on the diagonal blocks. It gains nothing: with
``J = diag(I, -I)`` the mean of W and -JWJ has the same block and no larger norm, and
``‖[[0, A], [Aᵀ, 0]]‖_* = 2 ‖A‖_*``. So at λ → 0 the flow ends at the least ``‖A‖_*`` among the
matrices with the observed entries, and at finite λ at the minimiser of
``(1/N) Σ (A_ab - y)² + λ ‖A‖_*``, the penalty of ``(λ/2) (‖P‖² + ‖Q‖²)``.

How it is measured: the certified bounds of the symmetric problem of size u + i, which knows of no
blocks, against the goal that is printed here, evaluated by singular values at the answer of the
solver for blocks.
"""

from __future__ import annotations

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
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.nuclear import MinNuclearNorm, NuclearPenalised
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.spaces.block_entries import BlockEntries

_SHAPE, _SEEN, _LAM, _GAP = (6, 9), 30, 0.05, 1e-8

DERIVATION = (
    "the certified relative gaps of both answers: each value is within its gap of the optimum; "
    "what the printed goal misses of the observed entries is charged with the multipliers"
)


@remembered
def seen(laboratory: Laboratory) -> CompletionProblem:
    """Draw entries of a 6×9 matrix of full rank."""
    rng, (u, i) = np.random.default_rng([laboratory.seed, 317]), _SHAPE
    truth = rng.standard_normal((u, i))
    rows, columns = np.divmod(rng.choice(u * i, _SEEN, replace=False), i)
    return make_entries_problem("block", _SHAPE, rows, columns, truth[rows, columns])


def samples_of(block: CompletionProblem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns and values of the entries, each as often as it was sampled."""
    entries = block.measurements
    assert isinstance(entries, BlockEntries)
    rows, columns, values = (
        np.repeat(each, block.counts) for each in (entries.rows, entries.columns, block.values)
    )
    return rows, columns, values


def block_form(block: CompletionProblem) -> CompletionProblem:
    """Return the same samples as entries of a symmetric matrix, off its diagonal blocks."""
    rows, columns, values = samples_of(block)
    u, i = block.space.shape
    return make_entries_problem("block form", u + i, rows, u + columns, values)


def norm_of_whole(norm: float) -> float:
    """Return the least nuclear norm of W for the nuclear norm of the least block, 2 ‖A‖_*."""
    return 2 * norm


def penalised_goal(loss: float, norm: float, lam: float) -> float:
    """Return the goal ``(1/N) Σ (A_ab - y)² + λ ‖A‖_*`` of the end of the flow."""
    return loss + lam * norm


def check(laboratory: Laboratory, factor: float = 1.0) -> Evidence:
    """Compare both optima, for `factor` times the nuclear norm of the block."""
    block = seen(laboratory)
    whole = block_form(block)
    parts = []
    for predictor in (MinNuclearNorm(_GAP), NuclearPenalised(_LAM, _GAP)):
        a, bounds = predictor.predict(block), predictor.predict(whole).certificate
        norm = factor * float(np.linalg.svd(a.matrix, compute_uv=False).sum())
        goal = norm_of_whole(norm)
        charge = 0.0
        if isinstance(predictor, NuclearPenalised):
            goal = penalised_goal(block.loss(a.matrix), norm, _LAM)
        else:
            charge = float(np.abs(block.residuals(a.matrix)) @ np.abs(a.multipliers))
        allowed = a.certificate.gap + bounds.gap + charge / goal
        distance = abs(goal - bounds.upper) / bounds.upper
        parts.append(Evidence(distance, allowed, DERIVATION, resolution=1e-3))
    return weakest(parts)


CLAIM = Claim(
    label="block-form-norm",
    statement="the least nuclear norm of a symmetric W with given entries off its diagonal blocks "
    "is 2 ‖A‖_* of the least block, and the penalty of the flow's end at λ is λ ‖A‖_*",
    hypotheses=(
        "30 entries of a Gaussian 6×9 matrix, as entries of a symmetric 15×15 one",
        "equality, and the penalised problem at λ = 0.05",
    ),
    source="grokflow: ‖(W - JWJ)/2‖_* ≤ ‖W‖_*; Srebro, Rennie and Jaakkola 2004 for factors",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope((), "rectangular matrix completion", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(norm_of_whole, penalised_goal),
    broken=(Broken("‖W‖_* = 1.9 ‖A‖_*", partial(check, factor=0.95)),),
    for_every=(ForEvery(seen, strategies.ratings),),
)
