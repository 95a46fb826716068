"""Exact enclosures of the smallest nuclear norm of a symmetric matrix with given entries.

Norms of exact matrices are bounded through an approximate eigendecomposition in floating point,
``M = V Λ Vᵀ + R`` with R exact: whatever V and Λ are,

    ``‖M‖_* ≤ Σ |λ_i| ‖v_i‖² + √d ‖R‖_F``  and  ``‖M‖₂ ≤ max|λ_i| (1 + ‖VᵀV - I‖_F) + ‖R‖_F``,

by the triangle inequality. A bad decomposition only makes the bounds larger. The problems are those
of Figure 3 of Lyu et al. (2024): entries (i, j) of a symmetric matrix are observed, and
``sym(E_ij) = (E_ij + E_ji)/2`` measures them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.numerics.rational import (
    Enclosure,
    candidates,
    fmpq,
    fmpq_mat,
    fraction,
    inner,
    matrix,
    sqrt_above,
    squared_norm,
    total,
)


@dataclass(frozen=True, eq=False)
class ObservedEntries:
    """Entries of a symmetric matrix of shape (d, d).

    Parameters
    ----------
    d : int
        Rows of the matrix.
    rows, columns : ndarray of int, shape (N,)
        Which entries are observed.
    values : ndarray, shape (N,)
        Their values.
    """

    d: int
    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @property
    def entries(self) -> list[tuple[int, int]]:
        """The observed places as pairs."""
        return list(zip(self.rows.tolist(), self.columns.tolist(), strict=True))

    def adjoint(self, multipliers: fmpq_mat) -> fmpq_mat:
        """Return ``Σ μ_m sym(E_m)``, the adjoint of observing."""
        out = fmpq_mat(self.d, self.d)
        for (i, j), mu in zip(self.entries, multipliers.entries(), strict=True):
            out[i, j] += mu / 2
            out[j, i] += mu / 2
        return out

    def of(self, w: fmpq_mat) -> fmpq_mat:
        """Return the observed entries of `w` as a column."""
        return fmpq_mat(len(self.values), 1, [w[i, j] for i, j in self.entries])


def min_nuclear_norm(
    observed: ObservedEntries, w: np.ndarray, multipliers: np.ndarray
) -> Enclosure:
    """Enclose ``min ‖W‖_*`` over symmetric W with the observed entries.

    `w` of shape (d, d) is made symmetric and given the observed entries; the dual
    ``max Σ μ_m x_m : ‖Σ μ_m sym(E_m)‖₂ ≤ 1`` is scaled to feasibility.

    Raises
    ------
    ValueError
        When one entry is observed with two values.
    """
    x = matrix(observed.values)
    upper = min(nuclear_norm_above(_with_entries(observed, v)) for v in candidates(w))
    lower = fmpq(0)
    for mu in candidates(multipliers):
        if reach := spectral_norm_above(observed.adjoint(mu)):
            lower = max(lower, inner(x, mu) / reach)
    return Enclosure(fraction(lower), fraction(upper))


def nuclear_penalised(
    observed: ObservedEntries, w: np.ndarray, multipliers: np.ndarray, lam: float
) -> Enclosure:
    """Enclose ``min (1/N) Σ (W_m - x_m)² + (λ/2)‖W‖_*`` over symmetric W.

    The dual is ``max Σ μ_m x_m - (N/4) Σ μ_m² : ‖Σ μ_m sym(E_m)‖₂ ≤ λ/2``, with
    ``μ_m = (2/N)(x_m - W_m)`` at the optimum; the multipliers are scaled to its best feasible
    multiple.
    """
    x, tau = matrix(observed.values), matrix(np.array([lam / 2]))[0, 0]
    n = x.nrows()
    upper, lower = [], [fmpq(0)]
    for v in map(_symmetric, candidates(w)):
        miss = squared_norm(observed.of(v) - x)
        upper.append(miss / n + tau * nuclear_norm_above(v))
    for mu in candidates(multipliers):
        reach = spectral_norm_above(observed.adjoint(mu))
        gain, cost = inner(x, mu), fmpq(n, 4) * squared_norm(mu)
        if reach and cost and gain > 0:
            scale = min(tau / reach, gain / (2 * cost))
            lower.append(scale * gain - scale**2 * cost)
    return Enclosure(fraction(max(lower)), fraction(min(upper)))


def nuclear_norm_above(m: fmpq_mat) -> fmpq:
    """Return an upper bound on ``‖M‖_*`` of an exact symmetric matrix."""
    values, vectors, rest = _decompose(m)
    parts = [
        abs(values[i]) * total(vectors[j, i] ** 2 for j in range(m.nrows()))
        for i in range(m.nrows())
    ]
    return total(parts) + sqrt_above(m.nrows() * squared_norm(rest))


def spectral_norm_above(m: fmpq_mat) -> fmpq:
    """Return an upper bound on ``‖M‖₂`` of an exact symmetric matrix."""
    values, vectors, rest = _decompose(m)
    d = m.nrows()
    skew = vectors.transpose() * vectors - matrix(np.eye(d))
    return max(map(abs, values)) * (1 + sqrt_above(squared_norm(skew))) + sqrt_above(
        squared_norm(rest)
    )


def _decompose(m: fmpq_mat) -> tuple[list[fmpq], fmpq_mat, fmpq_mat]:
    """Return Λ, V and ``R = M - V Λ Vᵀ``, exact for an eigendecomposition found in floats."""
    d = m.nrows()
    floats = np.array([float(fraction(x)) for x in m.entries()]).reshape(d, d)
    values, vectors = map(matrix, np.linalg.eigh(floats))
    diagonal = fmpq_mat(d, d)
    for i, value in enumerate(values.entries()):
        diagonal[i, i] = value
    return values.entries(), vectors, m - vectors * diagonal * vectors.transpose()


def _symmetric(w: fmpq_mat) -> fmpq_mat:
    return (w + w.transpose()) / 2


def _with_entries(observed: ObservedEntries, w: fmpq_mat) -> fmpq_mat:
    """Return the symmetric part of `w` with the observed entries put in."""
    out = _symmetric(w)
    for (i, j), value in zip(observed.entries, matrix(observed.values).entries(), strict=True):
        out[i, j] = out[j, i] = value
    if observed.of(out) != matrix(observed.values):
        raise ValueError(
            "an entry is observed with two values, expected one for each pair (i, j) and (j, i): "
            "use the penalised problem"
        )
    return out
