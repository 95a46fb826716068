"""Certificates in exact arithmetic: bounds on an optimum in which nothing is rounded.

Each function takes the data and a floating-point answer (weights and multipliers), repairs both
until they are feasible in rational arithmetic, and evaluates weak duality there: inequalities are
met by scaling, equalities by an exact projection. Only logarithms and exponentials need balls
(arb), whose ends are rounded outwards. The solver is not trusted at all: a wrong answer gets a wide
enclosure, or is refused. Meant for small instances; the cost grows like that of exact elimination.

The problems and their duals are those of `grokflow.theory.linear.certificates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from grokflow.theory.losses import Loss
from grokflow.theory.numerics.penalised.ball_losses import ball_loss
from grokflow.theory.numerics.rational import (
    PRECISION,
    Enclosure,
    arb,
    candidates,
    ctx,
    exact,
    fmpq,
    fmpq_mat,
    fraction,
    inner,
    largest,
    matrix,
    nearest_solution,
    one_norm,
    positive_part,
    squared_norm,
    take_columns,
    total,
)


def max_l2_margin(z: np.ndarray, w: np.ndarray, multipliers: np.ndarray) -> Enclosure:
    """Enclose ``min ½‖w‖² : Zw ≥ 1``; the rows of `z`, shape (n, d), are ``y_i x_i``.

    Raises
    ------
    ValueError
        When `w` does not separate the data, so that no multiple of it is feasible.
    """
    a = matrix(z)
    upper = min(squared_norm(v) / 2 for v in _with_margin_one(a, w))
    lower = fmpq(0)
    for mu in map(positive_part, candidates(multipliers)):
        if norm := squared_norm(a.transpose() * mu):
            lower = max(lower, total(mu.entries()) ** 2 / (2 * norm))
    return _enclose(lower, upper)


def max_l1_margin(z: np.ndarray, w: np.ndarray, multipliers: np.ndarray) -> Enclosure:
    """Enclose ``min ‖w‖₁ : Zw ≥ 1``; see `max_l2_margin`."""
    a = matrix(z)
    upper = min(one_norm(v) for v in _with_margin_one(a, w))
    lower = fmpq(0)
    for mu in map(positive_part, candidates(multipliers)):
        if norm := largest(a.transpose() * mu):
            lower = max(lower, total(mu.entries()) / norm)
    return _enclose(lower, upper)


def min_l2_norm(x: np.ndarray, y: np.ndarray, w: np.ndarray, multipliers: np.ndarray) -> Enclosure:
    """Enclose ``min ½‖w‖² : Xw = y``, X of shape (n, d).

    Raises
    ------
    ValueError
        When no w interpolates the targets exactly.
    """
    a, b = matrix(x), matrix(y)
    upper = min(squared_norm(v) / 2 for v in _interpolants(a, b, w))
    lower = fmpq(0)
    for mu in candidates(multipliers):
        if norm := squared_norm(a.transpose() * mu):
            lower = max(lower, inner(b, mu) ** 2 / (2 * norm))
    return _enclose(lower, upper)


def min_l1_norm(x: np.ndarray, y: np.ndarray, w: np.ndarray, multipliers: np.ndarray) -> Enclosure:
    """Enclose ``min ‖w‖₁ : Xw = y``; see `min_l2_norm`."""
    a, b = matrix(x), matrix(y)
    upper = min(one_norm(v) for v in _interpolants(a, b, w))
    lower = fmpq(0)
    for mu in candidates(multipliers):
        if norm := largest(a.transpose() * mu):
            lower = max(lower, inner(b, mu) / norm)
    return _enclose(lower, upper)


def l1_penalised(
    x: np.ndarray,
    targets: np.ndarray,
    w: np.ndarray,
    multipliers: np.ndarray,
    loss: Loss,
    lam: float,
) -> Enclosure:
    """Enclose ``min (1/n) Σ l(q_i) + (λ/2)‖w‖₁``, q = Xw.

    For classification the rows of `x` are ``y_i x_i`` and the targets are not used. Multipliers
    outside the domain of the conjugate loss are moved to its edge, then scaled to
    ``‖Xᵀμ‖_∞ ≤ λ/2``.
    """
    ball = ball_loss(loss)
    a, b, tau = matrix(x), matrix(targets), exact(lam / 2)
    n = a.nrows()
    lower, upper = [], []
    with ctx.workprec(PRECISION):
        # The rounded weights may have outputs that are far off.
        tried = [(v, (a * v).entries()) for v in candidates(w)]
        near = [pair for pair in tried if ball.holds(pair[1])] or tried[-1:]
        for v, outputs in near:
            values = map(ball.value, map(arb, outputs), map(arb, b.entries()))
            upper.append((sum(values, arb(0)) / n + tau * one_norm(v)).upper().fmpq())
        for mu in candidates(multipliers):
            inside = [ball.clip(n * u) / n for u in mu.entries()]
            column = fmpq_mat(n, 1, inside)
            reach = largest(a.transpose() * column)
            scale = min(fmpq(1), tau / reach) if reach else fmpq(1)
            dual = [arb(n * scale * u) for u in inside]
            conjugates = map(ball.conjugate, dual, map(arb, b.entries()))
            lower.append((-sum(conjugates, arb(0)) / n).lower().fmpq())
    return _enclose(max(lower), min(upper))


@dataclass(frozen=True)
class ExactFarkas:
    """Exact proof that no w separates the data: ``μ ≥ 0, Σμ = 1, Zᵀμ = 0``."""

    multipliers: tuple[Fraction, ...]


def farkas(z: np.ndarray, multipliers: np.ndarray) -> ExactFarkas:
    """Repair multipliers, shape (n,), to an exact proof that ``Zw > 0`` has no solution.

    Those below 1e-10 of the largest are dropped, the others moved to the nearest exact solution.

    Raises
    ------
    ValueError
        When that solution does not exist or is negative somewhere: then nothing is proved.
    """
    n = len(multipliers)
    support = np.flatnonzero(multipliers > 1e-10 * multipliers.max(initial=0.0)).tolist()
    conditions = matrix(np.column_stack([z, np.ones(n)])[support].T)
    wanted = matrix(np.append(np.zeros(z.shape[1]), 1.0))
    solution = nearest_solution(conditions, wanted, matrix(multipliers[support]))
    if solution is None or min(solution.entries(), default=fmpq(-1)) < 0:
        raise ValueError(
            f"the {len(support)} positive multipliers do not repair to an exact combination "
            "Zᵀμ = 0, expected those of non-separable data: pass a Farkas certificate"
        )
    exact = dict(zip(support, map(fraction, solution.entries()), strict=True))
    return ExactFarkas(tuple(exact.get(i, Fraction(0)) for i in range(n)))


def _enclose(lower: fmpq, upper: fmpq) -> Enclosure:
    return Enclosure(fraction(lower), fraction(upper))


def _with_margin_one(a: fmpq_mat, w: np.ndarray) -> list[fmpq_mat]:
    """Return `w`, rounded and as it is, scaled to smallest margin 1."""
    pairs = [(v, min((a * v).entries())) for v in candidates(w)]
    scaled = [v / margin for v, margin in pairs if margin > 0]
    if not scaled:
        raise ValueError(
            f"the smallest margin is {float(fraction(pairs[-1][1])):.3g}, expected a positive one: "
            "pass weights that separate the data"
        )
    return scaled


def _interpolants(a: fmpq_mat, b: fmpq_mat, w: np.ndarray) -> list[fmpq_mat]:
    """Return exact solutions of ``a v = b`` near `w`: with the same zeros where possible."""
    found = [v for start in candidates(w) for v in _projections(a, b, start) if v is not None]
    if not found:
        raise ValueError(
            "no w interpolates the targets exactly, expected consistent equations: use fewer "
            "samples, or independent ones"
        )
    return found


def _projections(a: fmpq_mat, b: fmpq_mat, start: fmpq_mat) -> Iterator[fmpq_mat | None]:
    """Yield the nearest solutions to `start` among those with its zeros, and among all."""
    entries = start.entries()
    support = [j for j, value in enumerate(entries) if value != 0]
    if 0 < len(support) < len(entries):
        kept = fmpq_mat(len(support), 1, [entries[j] for j in support])
        sparse = nearest_solution(take_columns(a, support), b, kept)
        if sparse is not None:
            at = dict(zip(support, sparse.entries(), strict=True))
            yield fmpq_mat(len(entries), 1, [at.get(j, fmpq(0)) for j in range(len(entries))])
    yield nearest_solution(a, b, start)
