"""The L1 linear programs at a vertex, for sparse or badly scaled data.

Columns and rows are scaled to unit length first, and the vertex is solved for again at the end, so
that neither the tolerances of the solver nor the scales of the data are left in the answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import lstsq
from scipy.optimize import linprog
from scipy.sparse import diags_array, hstack
from scipy.sparse.linalg import norm

from grokflow.theory.linear.prediction import PrimalDual
from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.newton import NotConverged

# Nonzero entries of X up to which the simplex method takes a tenth of a second. Its steps grow in
# number and in length with the samples. An interior point needs some twenty steps of any size, and
# then moves to a vertex.
SMALL_PROGRAM = 30_000
# Nonzero entries of X above which the interior point would take minutes.
_MOST_ENTRIES = 4_000_000
# Relative slack at which a margin counts as active.
_ACTIVE_SLACK = 1e-6


def vertex(problem: Problem, equal: np.ndarray | None = None) -> PrimalDual:
    """Solve ``min ‖w‖₁ : q ≥ y`` (classification) or ``q = y`` (regression), q = Xw.

    Parameters
    ----------
    problem : Problem
        The data; for classification y is 1.
    equal : ndarray of bool, shape (n,), optional
        Of which samples outputs equal y, where the task does not say it of all alike.

    Raises
    ------
    NotConverged
        When X is too large, or the solver fails.
    """
    if (entries := problem.inputs.nonzeros) > _MOST_ENTRIES:
        raise NotConverged(
            f"X has {entries} nonzero entries, expected at most {_MOST_ENTRIES} for a linear "
            "program: ask for a larger gap, or scale the inputs to similar sizes"
        )
    x, y = problem.inputs.to_sparse(), problem.targets
    columns = 1 / _lengths(x)
    x = x @ diags_array(columns)
    rows = 1 / _lengths(x.T)
    size = float(np.abs(rows * y).max())
    system = diags_array(rows) @ x
    price = columns / columns.max()
    equal = np.full(problem.n, not problem.is_classification) if equal is None else equal
    both, wanted = hstack([system, -system], format="csr"), rows * y / size
    constraint = {"A_eq": both[equal], "b_eq": wanted[equal]} if equal.any() else {}
    if not equal.all():
        constraint |= {"A_ub": -both[~equal], "b_ub": -wanted[~equal]}
    method: Any = "highs-ds" if entries <= SMALL_PROGRAM else "highs-ipm"
    found = linprog(np.append(price, price), **constraint, method=method)
    if found.x is None:
        raise NotConverged(
            f"the linear program ends without an answer ({found.message}): scale the inputs to "
            "similar sizes"
        )
    # The solver leaves parts that should be zero below it, which have the wrong sign.
    positive, negative = np.split(np.maximum(found.x, 0), 2)
    w = (positive - negative) * columns * size
    marginals = np.empty(problem.n)
    marginals[equal], marginals[~equal] = found.eqlin.marginals, -found.ineqlin.marginals
    return polished_vertex(problem, PrimalDual(w, marginals * rows * columns.max()), equal)


def polished_vertex(problem: Problem, point: PrimalDual, equal: np.ndarray) -> PrimalDual:
    """Solve again for a vertex: support and active samples stay, values become exact.

    The nonzero weights move onto the active constraints, the multipliers of the active samples onto
    ``(Xᵀμ)_j = sign w_j``, each by the least change.
    """
    support = np.flatnonzero(point.w)
    x = problem.inputs.take(support)
    outputs = x @ point.w[support]
    active = equal | (outputs <= problem.targets + _ACTIVE_SLACK)
    w, mu = point.w.copy(), np.where(active, point.mu, 0.0)
    w[support] += _least_change(x[active], problem.targets[active] - outputs[active])
    mu[active] += _least_change(x[active].T, np.sign(point.w[support]) - x.T @ mu)
    return PrimalDual(w, mu)


def onto_targets(problem: Problem, w: np.ndarray) -> np.ndarray:
    """Move nonzero weights onto ``Xw = y`` by the least change, where so few reach it."""
    support = np.flatnonzero(w)
    x = problem.inputs.take(support)
    moved = w.copy()
    for _ in range(2):
        moved[support] += _least_change(x, problem.targets - x @ moved[support])
    return moved


def _least_change(matrix: np.ndarray, miss: np.ndarray) -> np.ndarray:
    """Return the shortest vector that `matrix` takes to `miss`, or nearest to it."""
    # Householder's method with pivoting takes a third of the time of singular values.
    return np.asarray(lstsq(matrix, miss, lapack_driver="gelsy")[0])


def _lengths(x: Any) -> np.ndarray:
    """Return the Euclidean lengths of the columns of a sparse array, 1 where they vanish."""
    largest = abs(x).max(axis=0).toarray().ravel()
    safe = np.where(largest > 0, largest, 1.0)
    lengths = safe * norm(x @ diags_array(1 / safe), axis=0)
    return np.asarray(np.where(largest > 0, lengths, 1.0))
