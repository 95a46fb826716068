"""The L1 linear programs by the simplex method, for badly scaled data that proximal points fail on.

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

# Nonzero entries of X above which the simplex method would take minutes.
_MOST_ENTRIES = 4_000_000
# Relative slack at which a margin counts as active.
_ACTIVE_SLACK = 1e-6


def vertex(problem: Problem) -> PrimalDual:
    """Solve ``min ‖w‖₁ : q ≥ 1`` (classification) or ``q = y`` (regression), q = Xw.

    Raises
    ------
    NotConverged
        When X is too large, or the solver fails.
    """
    if (entries := problem.inputs.nonzeros) > _MOST_ENTRIES:
        raise NotConverged(
            f"X has {entries} nonzero entries, expected at most {_MOST_ENTRIES} for the simplex "
            "method: ask for a larger gap, or scale the inputs to similar sizes"
        )
    x, y = problem.inputs.to_sparse(), problem.targets
    columns = 1 / _lengths(x)
    x = x @ diags_array(columns)
    rows = 1 / _lengths(x.T)
    size = float(np.abs(rows * y).max())
    system = diags_array(rows) @ x
    price = columns / columns.max()
    constraint = {"A_eq": hstack([system, -system]), "b_eq": rows * y / size}
    if problem.is_classification:
        constraint = {"A_ub": -constraint["A_eq"], "b_ub": -constraint["b_eq"]}
    found = linprog(np.append(price, price), **constraint, method="highs-ds")
    if found.x is None:
        raise NotConverged(
            f"the simplex method ends without an answer ({found.message}): scale the inputs to "
            "similar sizes"
        )
    w = (found.x[: problem.d] - found.x[problem.d :]) * columns * size
    marginals = -found.ineqlin.marginals if problem.is_classification else found.eqlin.marginals
    return polished_vertex(problem, PrimalDual(w, marginals * rows * columns.max()))


def polished_vertex(problem: Problem, point: PrimalDual) -> PrimalDual:
    """Solve again for a vertex: support and active samples stay, values become exact.

    The nonzero weights move onto the active constraints, the multipliers of the active samples onto
    ``(Xᵀμ)_j = sign w_j``, each by the least change.
    """
    support = np.flatnonzero(point.w)
    x = problem.inputs.take(support)
    outputs = x @ point.w[support]
    active = np.full(problem.n, True)
    if problem.is_classification:
        active = outputs <= 1 + _ACTIVE_SLACK
    w, mu = point.w.copy(), np.where(active, point.mu, 0.0)
    w[support] += lstsq(x[active], problem.targets[active] - outputs[active])[0]
    mu[active] += lstsq(x[active].T, np.sign(point.w[support]) - x.T @ mu)[0]
    return PrimalDual(w, mu)


def onto_targets(problem: Problem, w: np.ndarray) -> np.ndarray:
    """Move nonzero weights onto ``Xw = y`` by the least change, where so few reach it."""
    support = np.flatnonzero(w)
    x = problem.inputs.take(support)
    moved = w.copy()
    for _ in range(2):
        moved[support] += lstsq(x, problem.targets - x @ moved[support])[0]
    return moved


def _lengths(x: Any) -> np.ndarray:
    """Return the Euclidean lengths of the columns of a sparse array, 1 where they vanish."""
    largest = abs(x).max(axis=0).toarray().ravel()
    safe = np.where(largest > 0, largest, 1.0)
    lengths = safe * norm(x @ diags_array(1 / safe), axis=0)
    return np.asarray(np.where(largest > 0, lengths, 1.0))
