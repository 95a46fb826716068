"""Bounds on the penalised cross-entropy in which nothing is rounded inwards."""

from __future__ import annotations

import numpy as np

from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.penalised.ball_losses import ball_loss, entropy, exponential
from grokflow.theory.numerics.rational import (
    PRECISION,
    Proof,
    arb,
    ctx,
    fmpq,
    fmpq_mat,
    largest,
    matrix,
    one_norm,
    positive_part,
    total,
)


def of_cross_entropy(
    z: fmpq_mat, w: np.ndarray, multipliers: np.ndarray, strength: fmpq, group: int
) -> Proof:
    """Prove bounds on ``min (1/n) Σ_i log(1 + Σ_c e^{-q_ic}) + strength ‖w‖₁``, q = Zw.

    The multipliers are made positive, with sums of ``1/n`` at most over the rows of a sample, and
    scaled to ``‖Zᵀμ‖_∞ ≤ strength``. See `grokflow.theory.linear.classes.softmax.certificate`.

    Parameters
    ----------
    z : fmpq_mat, shape (n (C-1), C d)
        Rows of the margins.
    w, multipliers : ndarray, shapes (C d,) and (n (C-1),)
        The answer.
    strength : fmpq
        Factor of the norm.
    group : int
        C - 1.
    """
    n, weights = z.nrows() // group, matrix(w)
    outputs = (z * weights).entries()
    if not ball_loss(LOSSES["logistic"]).holds(outputs):
        raise ValueError("margins are too low, expected those of a minimiser: pass its weights")
    pulls = n * positive_part(matrix(multipliers))
    sums = [total(part) for part in _parts(pulls.entries(), group)]
    pulls = pulls / max(fmpq(1), *sums)
    reach = largest(z.transpose() * pulls) / n
    pulls = pulls * min(fmpq(1), strength / reach) if reach else pulls
    with ctx.workprec(PRECISION):
        losses = [
            sum((exponential(-arb(q)) for q in part), arb(0)).log1p()
            for part in _parts(outputs, group)
        ]
        shares = [[*part, 1 - total(part)] for part in _parts(pulls.entries(), group)]
        entropies = [-entropy(arb(u)) for part in shares for u in part]
        upper = (sum(losses, arb(0)) / n).upper().fmpq() + strength * one_norm(weights)
        lower = (sum(entropies, arb(0)) / n).lower().fmpq()
    return Proof(weights, pulls / n, lower, upper)


def _parts(values: list[fmpq], size: int) -> list[list[fmpq]]:
    return [values[i : i + size] for i in range(0, len(values), size)]
