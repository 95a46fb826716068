"""Certificates in exact arithmetic: bounds on an optimum in which nothing is rounded.

Each function takes the data and a floating-point answer (weights and multipliers), repairs both
until they are feasible in rational arithmetic, and evaluates weak duality there: inequalities are
met by scaling, equalities by an exact projection. Only logarithms and exponentials need balls
(arb), whose ends are rounded outwards. The solver is not trusted at all: a wrong answer gets a wide
enclosure, or is refused. Meant for small instances; the cost grows like that of exact elimination.

The problems and their duals are those of `grokflow.theory.linear.certificates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from operator import itemgetter

import numpy as np

from grokflow.theory.losses import Loss
from grokflow.theory.numerics.penalised.ball_losses import ball_loss
from grokflow.theory.numerics.rational import (
    PRECISION,
    Enclosure,
    Proof,
    arb,
    candidates,
    ctx,
    doubles,
    exact,
    fmpq,
    fmpq_mat,
    fraction,
    independent_rows,
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
from grokflow.theory.objective import Condition, Norm, Objective

# By what factor pulls may be too large for multipliers to be made smaller alone: that costs less
# than the gap that predictors promise. And r² n of the equations that move them: about a second.
_BY_LITTLE, _MOST_MOVED = fmpq(1) + fmpq(1, 10**9), 1_000_000


def max_l2_margin(z: np.ndarray, w: np.ndarray, multipliers: np.ndarray) -> Enclosure:
    """Enclose ``min ½‖w‖² : Zw ≥ 1``; the rows of `z`, shape (n, d), are ``y_i x_i``.

    Raises
    ------
    ValueError
        When `w` does not separate the data, so that no multiple of it is feasible.
    """
    return of_margins(matrix(z), w, multipliers, Norm.L2).enclosure


def max_l1_margin(z: np.ndarray, w: np.ndarray, multipliers: np.ndarray) -> Enclosure:
    """Enclose ``min ‖w‖₁ : Zw ≥ 1``; see `max_l2_margin`."""
    return of_margins(matrix(z), w, multipliers, Norm.L1).enclosure


def min_l2_norm(x: np.ndarray, y: np.ndarray, w: np.ndarray, multipliers: np.ndarray) -> Enclosure:
    """Enclose ``min ½‖w‖² : Xw = y``, X of shape (n, d).

    Raises
    ------
    ValueError
        When no w interpolates the targets exactly.
    """
    return of_targets(matrix(x), matrix(y), w, multipliers, Norm.L2).enclosure


def min_l1_norm(x: np.ndarray, y: np.ndarray, w: np.ndarray, multipliers: np.ndarray) -> Enclosure:
    """Enclose ``min ‖w‖₁ : Xw = y``; see `min_l2_norm`."""
    return of_targets(matrix(x), matrix(y), w, multipliers, Norm.L1).enclosure


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
    objective = Objective(Norm.L1, loss, lam / 2)
    return of_loss(matrix(x), matrix(targets), w, multipliers, objective).enclosure


def of_margins(a: fmpq_mat, w: np.ndarray, multipliers: np.ndarray, norm: Norm) -> Proof:
    """Prove bounds on the least norm with ``Aw ≥ 1``."""
    primal = min(_with_margin_one(a, w), key=partial(_size, norm))
    ones = fmpq_mat(a.nrows(), 1, [1] * a.nrows())
    return _with_best_multiple(a, ones, primal, map(positive_part, candidates(multipliers)), norm)


def of_targets(
    a: fmpq_mat, b: fmpq_mat, w: np.ndarray, multipliers: np.ndarray, norm: Norm
) -> Proof:
    """Prove bounds on the least norm with ``Aw = b``."""
    primal = min(_interpolants(a, b, w), key=partial(_size, norm))
    return _with_best_multiple(a, b, primal, candidates(multipliers), norm)


def _with_best_multiple(
    a: fmpq_mat, b: fmpq_mat, primal: fmpq_mat, duals: Iterable[fmpq_mat], norm: Norm
) -> Proof:
    """Return the multiple of one of the multipliers that shows most."""
    found = Proof(primal, fmpq_mat(a.nrows(), 1), fmpq(0), _size(norm, primal))
    for mu in duals:
        pulled = a.transpose() * mu
        reach = squared_norm(pulled) if norm is Norm.L2 else largest(pulled)
        if reach:
            scale = inner(b, mu) / reach if norm is Norm.L2 else 1 / reach
            lower = scale * inner(b, mu) - (scale**2 * reach / 2 if norm is Norm.L2 else 0)
            if lower > found.lower:
                found = found._replace(dual=scale * mu, lower=lower)
    return found


def of_loss(
    a: fmpq_mat, b: fmpq_mat, w: np.ndarray, multipliers: np.ndarray, objective: Objective
) -> Proof:
    """Prove bounds on the least mean loss plus penalty."""
    assert not isinstance(objective.data, Condition)
    loss = objective.data
    ball = ball_loss(loss)
    n, strength, norm = a.nrows(), exact(objective.strength), objective.norm
    with ctx.workprec(PRECISION):
        # The rounded weights may have outputs that are far off.
        tried = [(v, (a * v).entries()) for v in candidates(w)]
        near = [pair for pair in tried if ball.holds(pair[1])] or tried[-1:]
        uppers = []
        for v, outputs in near:
            values = map(ball.value, map(arb, outputs), map(arb, b.entries()))
            uppers.append((_upper(values) / n + strength * _size(norm, v), v))
        lowers = []
        for mu in candidates(multipliers):
            inside = fmpq_mat(n, 1, [ball.clip(n * u) / n for u in mu.entries()])
            if not strength:
                curvature = loss.curvature(doubles(a * matrix(w)), doubles(b))
                inside = _balanced(a, inside, matrix(curvature))
                if list(map(ball.clip, (n * inside).entries())) != (n * inside).entries():
                    continue
            for dual, cost in _held(a, inside, objective):
                if list(map(ball.clip, (n * dual).entries())) != (n * dual).entries():
                    continue
                values = map(ball.conjugate, map(arb, (n * dual).entries()), map(arb, b.entries()))
                lowers.append((-_upper(values) / n - cost, dual))
    if not lowers:
        raise ValueError(
            "the pulls at the least loss are not balanced exactly by pulls that the loss has, "
            "expected those of a minimum that double precision resolves: use fewer columns"
        )
    (upper, primal), (lower, dual) = min(uppers, key=itemgetter(0)), max(lowers, key=itemgetter(0))
    return Proof(primal, dual, lower, upper)


def _upper(values: Iterable[arb]) -> fmpq:
    return sum(values, arb(0)).upper().fmpq()


def _held(a: fmpq_mat, mu: fmpq_mat, objective: Objective) -> Iterator[tuple[fmpq_mat, fmpq]]:
    """Yield multipliers near `mu` that the norm holds against, and what that costs.

    Under the L1-norm they are all made smaller. A large input, whose pull has more rounding than
    the norm, would make them smaller by much: they are also moved first, so that the pulls which
    are too large are as large as they may be.
    """
    strength, pulled = exact(objective.strength), a.transpose() * mu
    if not strength:
        yield mu, fmpq(0)
        return
    if objective.norm is Norm.L2:
        yield mu, squared_norm(pulled) / (2 * strength)
        return
    yield _made_smaller(a, mu, strength), fmpq(0)
    beyond = [j for j, pull in enumerate(pulled.entries()) if abs(pull) > strength]
    if largest(pulled) > strength * _BY_LITTLE and len(beyond) ** 2 * a.nrows() <= _MOST_MOVED:
        ends = [strength if pulled[j, 0] > 0 else -strength for j in beyond]
        columns = take_columns(a, beyond).transpose()
        moved = nearest_solution(columns, fmpq_mat(len(beyond), 1, ends), mu)
        if moved is not None:
            yield _made_smaller(a, moved, strength), fmpq(0)


def _made_smaller(a: fmpq_mat, mu: fmpq_mat, strength: fmpq) -> fmpq_mat:
    """Return the multiple of multipliers, at most themselves, that the L1-norm holds."""
    reach = largest(a.transpose() * mu)
    return mu * min(fmpq(1), strength / reach) if reach else mu


def _balanced(a: fmpq_mat, mu: fmpq_mat, weights: fmpq_mat) -> fmpq_mat:
    """Return multipliers near `mu` with ``Aᵀμ = 0``, moved in proportion to the weights.

    With the curvature of the loss as weights it is a step of Newton's method, and hardly moves
    small pulls.
    """
    columns = take_columns(a, independent_rows(a.transpose()))
    weighted = fmpq_mat(columns)
    for i, weight in enumerate(weights.entries()):
        for j in range(columns.ncols()):
            weighted[i, j] *= weight
    try:
        step = (columns.transpose() * weighted).solve(columns.transpose() * mu)
    except ZeroDivisionError:
        raise ValueError(
            "the least loss has no curvature in some direction, expected some in each: use fewer "
            "columns"
        ) from None
    return mu - weighted * step


def _size(norm: Norm, w: fmpq_mat) -> fmpq:
    return squared_norm(w) / 2 if norm is Norm.L2 else one_norm(w)


@dataclass(frozen=True)
class ExactFarkas:
    """Exact proof that no w separates the data: ``μ ≥ 0, Σμ = 1, Zᵀμ = 0``."""

    multipliers: tuple[Fraction, ...]


def farkas(z: np.ndarray, multipliers: np.ndarray) -> ExactFarkas:
    """Repair multipliers, shape (n,), to an exact proof that ``Zw > 0`` has no solution.

    Any positive multiple of them is as good. Those below 1e-10 of the largest are dropped, the
    others moved to the nearest exact solution.

    Raises
    ------
    ValueError
        For a negative multiplier, for none that is positive, and when that solution does not exist
        or is negative somewhere: then nothing is proved.
    """
    mu = _shares(matrix(multipliers).entries(), len(z))
    support = [i for i, share in enumerate(mu) if share]
    conditions = matrix(np.column_stack([z, np.ones(len(z))])[support].T)
    wanted = matrix(np.append(np.zeros(np.shape(z)[1]), 1.0))
    near = fmpq_mat(len(support), 1, [mu[i] for i in support])
    solution = nearest_solution(conditions, wanted, near)
    if solution is None or min(solution.entries()) < 0:
        raise ValueError(
            f"the {len(support)} positive multipliers, found in double precision, are near no "
            "exact combination Zᵀμ = 0, expected those of non-separable data: they may be right up "
            "to rounding, which proves nothing exactly"
        )
    exact = dict(zip(support, map(fraction, solution.entries()), strict=True))
    return ExactFarkas(tuple(exact.get(i, Fraction(0)) for i in range(len(z))))


def _shares(multipliers: list[fmpq], n: int) -> list[fmpq]:
    """Return what each multiplier is of the sum, 0 for those that are only rounding."""
    if len(multipliers) != n:
        raise ValueError(
            f"{len(multipliers)} multipliers found, expected one for each of the {n} rows of z: "
            "pass them in the order of the rows"
        )
    rounding = max(map(abs, multipliers), default=fmpq(0)) / 10**10
    for i, value in enumerate(multipliers):
        if value < -rounding:
            raise ValueError(
                f"multiplier {i} is {float(fraction(value)):.3g}, expected none below 0: pass "
                "those of non-separable data"
            )
    kept = [value if value > rounding else fmpq(0) for value in multipliers]
    whole = total(kept)
    if not whole:
        raise ValueError(
            f"none of the {n} multipliers is positive, expected some: pass those of "
            "non-separable data"
        )
    return [value / whole for value in kept]


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
