"""Small instances that are hard for floating point, and their optima in rational numbers."""

from fractions import Fraction

import numpy as np

from grokflow.theory.numerics.exact_programs import (
    Features,
    Impossible,
    least_square_above,
    least_square_equal,
)
from grokflow.theory.numerics.rational import (
    fmpq,
    fmpq_mat,
    fraction,
    inner,
    largest,
    matrix,
    one_norm,
    squared_norm,
)
from tests.linear.rational_simplex import least_one_norm

KINDS = "gauss int sign copies near low_rank hilbert vandermonde ties one_hot".split()


def inputs_of(kind, rng, n, d):
    """Draw inputs of a kind, shape (n, d)."""
    if kind == "int":
        return rng.integers(-3, 4, (n, d)).astype(float)
    if kind == "sign":
        return rng.choice([-1.0, 1.0], (n, d))
    if kind == "hilbert":
        return 1 / (1.0 + np.arange(n)[:, None] + np.arange(d) + rng.integers(0, 2))
    if kind == "vandermonde":
        return np.vander(rng.uniform(-1, 1, n), d)
    if kind == "low_rank":
        r = int(rng.integers(1, min(n, d) + 1))
        return (rng.integers(-2, 3, (n, r)) @ rng.integers(-2, 3, (r, d))).astype(float)
    if kind == "ties":
        return rng.choice([0.0, 1.0, 2.0], (n, d))
    if kind == "one_hot":
        return np.eye(d)[rng.integers(0, d, n)] + (rng.random((n, d)) < 0.2)
    x = rng.standard_normal((n, d))
    if kind in ("copies", "near") and n > 1:
        k = int(rng.integers(1, n))
        apart = 10.0 ** -rng.integers(7, 16) if kind == "near" else 0.0
        x[:k] = x[rng.integers(k, n, k)] + apart * rng.standard_normal((k, d))
    return x


def draw(seed):
    """Return inputs (n, d), targets and labels (n,); rows, columns and all may be rescaled."""
    rng = np.random.default_rng(seed)
    n, d = (int(size) for size in rng.integers(1, 9, 2))
    x = inputs_of(KINDS[int(rng.integers(len(KINDS)))], rng, n, d)
    w = rng.integers(-2, 3, d).astype(float)
    choices = (x @ w, rng.standard_normal(n), rng.integers(-1, 2, n).astype(float), np.zeros(n))
    y = choices[rng.choice(4, p=[0.45, 0.25, 0.25, 0.05])]
    labels = np.where(x @ w > 0, 1.0, -1.0) if rng.random() < 0.7 else rng.choice([-1.0, 1.0], n)
    if rng.random() < 0.4:
        rows = 10.0 ** rng.uniform(-12, 12, n)
        x, y = x * rows[:, None], y * rows
    if rng.random() < 0.4:
        x = x * 10.0 ** rng.uniform(-12, 12, d)
    if rng.random() < 0.15:
        x = x * 10.0 ** float(rng.choice([-100, 100]))
    if rng.random() < 0.2:
        y = y * 10.0 ** rng.uniform(-12, 12)
    return x, y, labels


def draw_wide(seed, n, d):
    """Return inputs (n, d), targets and labels (n,), rows and columns over 24 orders of size."""
    rng = np.random.default_rng(seed)
    x = inputs_of(KINDS[seed % len(KINDS)], rng, n, d)
    outputs = x @ rng.integers(-2, 3, d)
    y = outputs if rng.random() < 0.5 else rng.standard_normal(n)
    rows, columns = 10.0 ** rng.uniform(-12, 12, n), 10.0 ** rng.uniform(-12, 12, d)
    return x * rows[:, None] * columns, y * rows, np.where(outputs > 0, 1.0, -1.0)


def optimum(x, targets, order, equal):
    """Return the exact optimum and weights, None where there is none.

    It is proved here, whatever found it: weights and multipliers that satisfy their constraints and
    have the same value, or multipliers that combine the rows to zero but not the targets.
    """
    a, b = matrix(x), matrix(targets)
    if order == 1:
        found = least_one_norm(a, b, equal=equal)
    else:
        features = Features(a)
        solve = least_square_equal if equal else least_square_above
        found = solve(features, b, [])
    if isinstance(found, Impossible):
        m = found.multipliers
        assert not any((a.transpose() * m).entries())
        assert inner(b, m) != 0 if equal else min(m.entries()) >= 0 and inner(b, m) > 0
        return None
    w, mu = found if order == 1 else (a.transpose() * found, found)
    miss = (a * w - b).entries()
    assert not any(miss) if equal else min(miss) >= 0 and min(mu.entries()) >= 0
    pulled = a.transpose() * mu
    if order == 1:
        assert largest(pulled) <= 1 and one_norm(w) == inner(b, mu)
        return one_norm(w), w
    value = squared_norm(w) / 2
    assert value == inner(b, mu) - squared_norm(pulled) / 2
    return value, w


def holds(certificate, value):
    """Say whether the exact optimum lies between the bounds."""
    above = np.isinf(certificate.upper) or fraction(value) <= Fraction(certificate.upper)
    return Fraction(certificate.lower) <= fraction(value) and above


def is_resolved(x, w):
    """Say whether double precision holds an answer.

    It does where rounding the exact optimal weights changes no output ``<x_i, w>`` that is not zero
    by more than 1e-8 of it, which rounding bounds by ``2⁻⁵³ Σ_j |x_ij w_j|``.
    """
    a = matrix(x)
    sizes = fmpq_mat(a.nrows(), a.ncols(), [abs(v) for v in a.entries()])
    reach = sizes * fmpq_mat(a.ncols(), 1, [abs(v) for v in w.entries()])
    pairs = zip(reach.entries(), (a * w).entries(), strict=True)
    return all(size <= abs(q) * fmpq(2**53, 10**8) for size, q in pairs if q != 0)
