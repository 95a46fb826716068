"""Statements about matrices: least norms with given entries, and the nuclear-penalised minimum.

The nuclear norm of ``W = L Rᵀ + S`` is at most ``½ (‖L‖² + ‖R‖²) + Σ |S_ij|``, whatever L, R and S
are. Factors come from singular values in floating point, and S puts the observed entries right.
Multipliers with ``‖M‖₂ ≤ s``, M their adjoint, are shown by a factor L of ``s² I - MᵀM - L Lᵀ``
that leaves a diagonally dominant matrix.

A block form has twice the norms of its block: statements are about the block, with strengths twice
as large.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from grokflow.theory.certified.statement import Statement, Table, column, written
from grokflow.theory.completion.frobenius import MatrixPrediction
from grokflow.theory.completion.measurements import Entries
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.spaces.block_entries import BlockEntries
from grokflow.theory.numerics.rational import (
    dominant,
    exact,
    fmpq,
    fmpq_mat,
    inner,
    matrix,
    squared_norm,
    total,
)
from grokflow.theory.objective import Condition, Norm, Objective

# Work min(u, i)² max(u, i) of the products of a u×i matrix that take some seconds to check.
_MOST_WORK = 30_000_000
# Singular values below this part of the largest are left to the entries.
_LEAST_SINGULAR = 1e-15
# Parts of a bound that are given away for a factor that proves it, tried one after the other.
_SLACKS = (1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8)


class _Answer(NamedTuple):
    """Weights as JSON holds them, their observed entries, and a number not below their norm."""

    primal: object
    outputs: fmpq_mat
    size: fmpq


@dataclass(frozen=True, eq=False)
class _Observed:
    """Observed entries of a matrix of any shape."""

    shape: tuple[int, int]
    rows: np.ndarray
    columns: np.ndarray
    symmetric: bool

    @classmethod
    def of(cls, problem: CompletionProblem) -> _Observed:
        held = check_entries(problem)
        symmetric = isinstance(held, Entries)
        return cls(problem.space.shape, held.rows, held.columns, symmetric)

    def measures(self) -> list[dict[int, float]]:
        """Return the places that each measurement reads, in a matrix written row after row."""
        width, pairs = self.shape[1], zip(self.rows.tolist(), self.columns.tolist(), strict=True)
        if not self.symmetric:
            return [{i * width + j: 1.0} for i, j in pairs]
        half = [({i * width + j, j * width + i}) for i, j in pairs]
        return [dict.fromkeys(sorted(places), 1.0 / len(places)) for places in half]

    def apply(self, w: fmpq_mat) -> fmpq_mat:
        """Return what is measured."""
        flat = w.entries()
        found = [
            total(fmpq(*x.as_integer_ratio()) * flat[p] for p, x in row.items())
            for row in self.measures()
        ]
        return fmpq_mat(len(found), 1, found)

    def adjoint(self, mu: np.ndarray) -> np.ndarray:
        """Return the matrix that multipliers pull with; halves of doubles are doubles."""
        out = np.zeros(self.shape)
        for row, m in zip(self.measures(), mu.tolist(), strict=True):
            for place, x in row.items():
                out.ravel()[place] += x * m
        return out


def check_entries(problem: CompletionProblem) -> Entries | BlockEntries:
    """Return what is observed, and refuse sums of entries and matrices that take minutes."""
    held, (rows, columns) = problem.measurements, problem.space.shape
    if not isinstance(held, Entries | BlockEntries):
        raise ValueError(
            "measurements are sums of entries, expected single entries, which are put right "
            "exactly: certify a problem of entries"
        )
    if min(rows, columns) ** 2 * max(rows, columns) > _MOST_WORK:
        raise ValueError(
            f"the matrix is {rows} × {columns}, expected min(rows, columns)² max(rows, "
            f"columns) up to {_MOST_WORK} to be checked exactly: use fewer rows or columns"
        )
    return held


def completion_statement(problem: CompletionProblem, prediction: MatrixPrediction) -> Statement:
    """State between which bounds the minimum lies that the matrix attains.

    Raises
    ------
    ValueError
        Where no such statement can be proved exactly, or it is too large to be checked.
    """
    if prediction.objective is None:
        raise ValueError(f"{prediction.name} has no objective, expected one: take a gf predictor")
    observed = _Observed.of(problem)
    objective = prediction.objective
    if not observed.symmetric:
        objective = replace(objective, strength=2 * objective.strength)
    counts = None if isinstance(objective.data, Condition) else problem.counts
    table = Table(observed.shape, observed.measures(), problem.values, counts)
    if objective.norm is Norm.L2:
        return _least_square(table, observed, objective)
    return _least_nuclear(table, observed, objective, problem, prediction)


def _least_square(table: Table, observed: _Observed, objective: Objective) -> Statement:
    """State the least Frobenius norm, of the matrix that is zero where nothing is observed."""
    w = [0.0] * (table.shape[0] * table.shape[1])
    values, strength = matrix(table.targets).entries(), exact(objective.strength)
    dual, size = [], fmpq(0)
    for row, value, target in zip(table.rows, values, table.targets.tolist(), strict=True):
        assert isinstance(row, dict)
        for place in row:
            w[place] = target
        dual.append(strength * len(row) * value)
        size += strength * len(row) * value**2 / 2
    return Statement(table, objective, column(dual), w, size, size)


def _least_nuclear(
    table: Table,
    observed: _Observed,
    objective: Objective,
    problem: CompletionProblem,
    prediction: MatrixPrediction,
) -> Statement:
    """State the least nuclear norm, or the least loss with it as a penalty."""
    strength, values = exact(objective.strength), matrix(table.targets)
    fits = isinstance(objective.data, Condition)
    near = problem.measurements.put_in(prediction.matrix, problem.values) if fits else None
    start = prediction.matrix if near is None else near
    answer = _with_factors(observed, start, values if fits else None)
    upper, counts = strength * answer.size, table.counts
    mu, factor = _held(observed, prediction.multipliers, objective.strength, shrink_only=not fits)
    lower = inner(values, matrix(mu))
    if counts is not None:
        weights = [fmpq(int(c), int(counts.sum())) for c in counts]
        miss = (answer.outputs - values).entries()
        upper += total(p * x**2 for p, x in zip(weights, miss, strict=True))
        lower -= total(x**2 / (4 * p) for p, x in zip(weights, matrix(mu).entries(), strict=True))
    return Statement(table, objective, mu.tolist(), answer.primal, lower, upper, factor.tolist())


def _with_factors(observed: _Observed, w: np.ndarray, values: fmpq_mat | None) -> _Answer:
    """Return a matrix near `w` as factors, with these observed entries if there are any."""
    left, singular, right = np.linalg.svd(w, full_matrices=False)
    kept = singular > _LEAST_SINGULAR * singular.max(initial=0.0)
    root = np.sqrt(singular[kept])
    first, second = left[:, kept] * root, right[kept].T * root
    product = matrix(first) * matrix(second).transpose()
    size = (squared_norm(matrix(first)) + squared_norm(matrix(second))) / 2
    rest: dict[int, object] = {}
    outputs = observed.apply(product)
    if values is not None:
        for row, miss in zip(observed.measures(), (values - outputs).entries(), strict=True):
            rest |= dict.fromkeys(row, written(miss))
            size += len(row) * abs(miss)
        outputs = values
    primal = {"left": first.tolist(), "right": second.tolist(), "rest": rest}
    return _Answer(primal, outputs, size)


def _held(
    observed: _Observed, multipliers: np.ndarray, strength: float, *, shrink_only: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Scale multipliers until their adjoint has a spectral norm of at most the strength.

    Returns them with the factor that shows it.
    """
    pulled = observed.adjoint(multipliers)
    reach = float(np.linalg.norm(pulled, 2))
    for slack in _SLACKS:
        scale = (1 - slack) * strength / reach if reach else 1.0
        mu = multipliers * (min(scale, 1.0) if shrink_only else scale)
        m = observed.adjoint(mu)
        m = m.T if m.shape[0] < m.shape[1] else m
        rest = (1 - slack) * strength**2 * np.eye(m.shape[1]) - m.T @ m
        try:
            factor = np.linalg.cholesky(rest)
        except np.linalg.LinAlgError:
            continue
        room, low = exact(strength) ** 2 * matrix(np.eye(m.shape[1])), matrix(factor)
        if dominant(room - matrix(m).transpose() * matrix(m) - low * low.transpose()):
            return mu, factor
    raise ValueError(
        f"the multipliers are not proved to be held to {_SLACKS[-1]:g}, expected those of a "
        "matrix of moderate condition: use fewer rows or columns"
    )
