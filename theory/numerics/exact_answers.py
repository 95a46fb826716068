"""Answers of least norm that are certified in rational arithmetic, for small or stubborn data.

Where floating point does not decide, the problem is solved exactly (`exact_programs`), and the
exact answer rounded. The bounds are those of the rounded weights: scaled until they satisfy the
inequalities exactly, or with the exact distance to an interpolant. Above a size that takes seconds
there is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.numerics.exact_programs import (
    Features,
    Impossible,
    Optimum,
    Vertex,
    least_square_above,
    least_square_equal,
    optimal_vertex,
)
from grokflow.theory.numerics.hard_margin import independent_rows
from grokflow.theory.numerics.precise_simplex import find_vertex
from grokflow.theory.numerics.rational import (
    double_above,
    double_below,
    doubles,
    fmpq,
    fmpq_mat,
    inner,
    largest,
    matrix,
    one_norm,
    sqrt_above,
    squared_norm,
)
from grokflow.theory.numerics.rounding import half_square_above, norm_above, up

# Largest r² max(n, d) of systems with r independent rows: about a second, or ten for the simplex
# method.
_MOST_FOR_SYSTEMS = 6_000_000
# Margin of rounded weights, relative to the one wanted, below which they are moved away from the
# constraints: it costs twice as much in the bound, a fifth of the gap that predictors promise.
_NEARLY = fmpq(1) - fmpq(1, 10**8)


class Rounded(NamedTuple):
    """The exact optimum rounded to doubles: weights (d,), multipliers (n,), and its bounds."""

    w: np.ndarray
    mu: np.ndarray
    certificate: Certificate


@dataclass(frozen=True, eq=False)
class Refuted:
    """Multipliers (n,) near exact ones which prove that nothing satisfies the constraints."""

    multipliers: np.ndarray


def least_square(
    x: np.ndarray, targets: np.ndarray, guess: np.ndarray, *, equal: bool
) -> Rounded | Refuted | None:
    """Minimise ``½‖w‖²`` where ``Xw = t``, or ``Xw ≥ t`` for positive t, exactly.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Features; for inequalities times the labels.
    targets : ndarray, shape (n,)
        t.
    guess : ndarray, shape (n,)
        Multipliers, positive for active inequalities; they only save time.
    equal : bool
        Equalities or inequalities.

    Returns
    -------
    Rounded, Refuted or None
        None where the size forbids an answer.
    """
    if system_size(x) > _MOST_FOR_SYSTEMS:
        return None
    a, b = matrix(x), matrix(targets)
    features = Features(a)
    if equal:
        mu = least_square_equal(features, b, independent_rows(x))
    else:
        mu = least_square_above(features, b, np.flatnonzero(guess > 0).tolist())
    if isinstance(mu, Impossible):
        return _refuted(mu)
    found = Optimum(a.transpose() * mu, mu)
    pulled = squared_norm(found.w)
    lower = inner(b, found.mu) ** 2 / (2 * pulled) if pulled else fmpq(0)
    w = doubles(found.w)
    if not np.isfinite(w).all():
        return None
    if not equal and not _margin(a, b, w) >= _NEARLY:
        active = [i for i, m in enumerate(mu.entries()) if m > 0]
        raised = least_square_above(features, _raised(a, b, found.w), active)
        w = w if isinstance(raised, Impossible) else doubles(a.transpose() * raised)
    if equal:
        distance = norm_above(_differences(found.w, w))
        upper = half_square_above(up(norm_above(w) + distance))
        return _rounded(found, w, lower, upper, 0.0)
    margin = _margin(a, b, w)
    upper = double_above(squared_norm(matrix(w)) / (2 * margin**2)) if margin > 0 else inf
    return _rounded(found, w, lower, upper, _change(margin))


def kernel_least_square(
    gram: np.ndarray, targets: np.ndarray, guess: np.ndarray, *, equal: bool
) -> Rounded | Refuted | None:
    """Minimise ``½ cᵀKc`` where ``Kc = t``, or ``Kc ≥ t`` for positive t, exactly.

    The kernel of shape (n, n) is taken as it is: where an entry was rounded, what is proved of it
    is not proved of the features. The weights returned are the multipliers.
    """
    if system_size(gram) > _MOST_FOR_SYSTEMS:
        return None
    k, b = matrix(gram), matrix(targets)
    features = Features(k, is_kernel=True)
    if equal:
        mu = least_square_equal(features, b, [])
    else:
        mu = least_square_above(features, b, np.flatnonzero(guess > 0).tolist())
    if isinstance(mu, Impossible):
        return _refuted(mu)
    square, rounded = inner(mu, k * mu), matrix(doubles(mu))
    lower = inner(b, mu) ** 2 / (2 * square) if square > 0 else fmpq(0)
    size = sqrt_above(inner(rounded, k * rounded))
    if equal:
        miss = mu - rounded
        upper = double_above((size + sqrt_above(inner(miss, k * miss))) ** 2 / 2)
        return _rounded(Optimum(mu, mu), doubles(mu), lower, upper, 0.0)
    margin = _margin(k, b, doubles(mu))
    upper = double_above(size**2 / (2 * margin**2)) if margin > 0 else inf
    return _rounded(Optimum(mu, mu), doubles(mu), lower, upper, _change(margin))


def least_sum(
    x: np.ndarray, targets: np.ndarray, w: np.ndarray, mu: np.ndarray, *, equal: bool
) -> Rounded | None:
    """Minimise ``‖w‖₁`` where ``Xw = t``, or ``Xw ≥ t`` for positive t, exactly.

    `w` and `mu` are a guess, at best an optimal vertex. None where nothing satisfies the
    constraints, and where the size forbids an answer.
    """
    if system_size(x) > _MOST_FOR_SYSTEMS:
        return None
    a, b = matrix(x), matrix(targets)
    rows = range(len(x)) if equal else np.flatnonzero(mu > 0).tolist()
    columns = np.flatnonzero(w)
    guess = Vertex(list(rows), columns.tolist(), np.sign(w[columns]).astype(int).tolist())
    found = optimal_vertex(a, b, guess, equal=equal) or _optimum(x, a, b, equal=equal)
    if found is None:
        return None
    lower = inner(b, found.mu) / max(largest(a.transpose() * found.mu), fmpq(1))
    w = doubles(found.w)
    if not np.isfinite(w).all():
        return None
    if not equal and not _margin(a, b, w) >= _NEARLY:
        raised = _optimum(x, a, _raised(a, b, found.w), equal=False)
        w = w if raised is None else doubles(raised.w)
    if equal:
        upper = double_above(one_norm(matrix(w)) + one_norm(found.w - matrix(w)))
        return _rounded(found, w, lower, upper, 0.0)
    margin = _margin(a, b, w)
    upper = double_above(one_norm(matrix(w)) / margin) if margin > 0 else inf
    return _rounded(found, w, lower, upper, _change(margin))


def _optimum(x: np.ndarray, a: fmpq_mat, b: fmpq_mat, *, equal: bool) -> Optimum | None:
    """Return the exact optimum of the L1 problem; x are the doubles of A."""
    vertex = find_vertex(x, b, equal=equal)
    return None if vertex is None else optimal_vertex(a, b, vertex, equal=equal)


def _refuted(impossible: Impossible) -> Refuted:
    """Return the multipliers over the largest, so that none overflows where rows differ in size."""
    multipliers = impossible.multipliers
    return Refuted(doubles(multipliers / largest(multipliers)))


def _rounded(
    found: Optimum, w: np.ndarray, lower: fmpq, upper: float, infeasibility: float
) -> Rounded:
    certificate = Certificate(max(double_below(lower), 0.0), upper, infeasibility)
    return Rounded(w, doubles(found.mu), certificate)


def _margin(a: fmpq_mat, b: fmpq_mat, w: np.ndarray) -> fmpq:
    """Return the largest multiple of the constraints that the weights satisfy."""
    pairs = zip((a * matrix(w)).entries(), b.entries(), strict=True)
    return min(output / target for output, target in pairs)


def _raised(a: fmpq_mat, b: fmpq_mat, w: fmpq_mat) -> fmpq_mat:
    """Return constraints that keep weights above the given ones when they are rounded.

    Rounding changes an output by at most ``2⁻⁵³ Σ_j |x_ij w_j|``. Where a row is long, the others
    hardly notice that it is asked for twice as much more.
    """
    sizes = _absolute(a) * _absolute(w)
    return b + sizes * fmpq(1, 2**52)


def _absolute(a: fmpq_mat) -> fmpq_mat:
    return fmpq_mat(a.nrows(), a.ncols(), [abs(x) for x in a.entries()])


def _change(margin: fmpq) -> float:
    return double_above(abs(1 / margin - 1)) if margin > 0 else inf


def _differences(exact: fmpq_mat, near: np.ndarray) -> np.ndarray:
    """Return doubles that are not below the distances between the entries."""
    return np.array([double_above(abs(x)) for x in (exact - matrix(near)).entries()])


def system_size(x: np.ndarray) -> int:
    """Return ``r² max(n, d)`` with r = min(n, d), in which the work of exact systems is counted."""
    few, many = sorted(x.shape)
    return int(few * few * many)
