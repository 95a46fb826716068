"""Statements about kernel predictors: the least ``½ <c, K c>`` with outputs ``K c``.

The statement is about the kernel as it is stored. That it is one is proved by a factor L of it that
leaves ``K - L Lᵀ`` diagonally dominant.
"""

from __future__ import annotations

from operator import itemgetter

import numpy as np

from grokflow.theory.certified.statement import Statement, Table, column
from grokflow.theory.homogeneous.kernel_machine import KernelPrediction
from grokflow.theory.numerics.rational import (
    candidates,
    dominant,
    fmpq,
    fmpq_mat,
    inner,
    matrix,
    positive_part,
    total,
)
from grokflow.theory.objective import Condition, Norm, Objective

# Samples whose exact equations take some seconds to solve and to check.
_MOST_SAMPLES = 150
# Parts of the largest entry that are left out of a factor, tried one after the other.
_SLACKS = (1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8)


def kernel_statement(targets: np.ndarray, prediction: KernelPrediction) -> Statement:
    """State between which bounds ``½ <c, K c>`` lies that the predictor attains.

    Raises
    ------
    ValueError
        For several targets of one output, which are as many problems, and for kernels that are too
        large or too near to a singular one.
    """
    y = np.asarray(targets, dtype=np.float64).ravel()
    gram = prediction.tangent.gram(prediction.inputs)
    if gram.shape != (len(y), len(y)) or y.shape != prediction.multipliers.ravel().shape:
        raise ValueError(
            f"{len(y)} targets and a kernel of shape {gram.shape} found, expected as many: pass "
            "what predict was given, one column of targets at a time"
        )
    if len(y) > _MOST_SAMPLES:
        raise ValueError(
            f"the kernel has {len(y)} rows, expected at most {_MOST_SAMPLES} to be checked "
            "exactly: use fewer samples"
        )
    margins = prediction.margin is not None
    signs = y if margins else np.ones(len(y))
    # Both halves of a kernel that is computed may differ by rounding.
    half = np.tril(gram) * signs * signs[:, None]
    k = half + np.tril(half, -1).T
    factor = _factor(k)
    wanted = np.ones(len(y)) if margins else y
    table = Table((len(y), 1), k.tolist(), wanted)
    condition = Condition.MARGINS if margins else Condition.TARGETS
    return _proved(table, condition, k, prediction.multipliers.ravel(), factor)


def _proved(
    table: Table, condition: Condition, k: np.ndarray, multipliers: np.ndarray, factor: np.ndarray
) -> Statement:
    """Return the statement with the best multiples, or the exact solution of equations."""
    a, objective = matrix(k), Objective(Norm.KERNEL, condition)
    if condition is Condition.TARGETS:
        c = a.solve(matrix(table.targets))
        bound = inner(c, a * c) / 2
        points = column(c), column(c)
        return Statement(table, objective, *points, bound, bound, factor.tolist())
    found: list[tuple[fmpq, fmpq_mat]] = []
    duals = [(fmpq(0), fmpq_mat(a.nrows(), 1))]
    for mu in map(positive_part, candidates(multipliers)):
        outputs = a * mu
        square, margin, gain = inner(mu, outputs), min(outputs.entries()), total(mu.entries())
        if margin > 0:
            found.append((square / (2 * margin**2), mu / margin))
        if square > 0:
            duals.append((gain**2 / (2 * square), mu * (gain / square)))
    if not found:
        raise ValueError(
            "the multipliers give some sample no margin in the kernel as it is stored, expected "
            "those of a separable problem: use fewer samples"
        )
    (upper, c), (lower, mu) = min(found, key=itemgetter(0)), max(duals, key=itemgetter(0))
    return Statement(table, objective, column(mu), column(c), lower, upper, factor.tolist())


def _factor(k: np.ndarray) -> np.ndarray:
    """Return L with ``K - L Lᵀ`` diagonally dominant, exactly."""
    largest = float(np.abs(k).max(initial=0.0))
    for slack in _SLACKS:
        try:
            low = np.linalg.cholesky(k - slack * largest * np.eye(len(k)))
        except np.linalg.LinAlgError:
            continue
        if dominant(matrix(k) - matrix(low) * matrix(low).transpose()):
            return np.asarray(low)
    raise ValueError(
        "the kernel is not proved to be positive, expected independent features: drop samples "
        "that nearly depend on others"
    )
