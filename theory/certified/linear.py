"""Statements about linear predictors: margins, norms, penalised and least losses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grokflow.theory.certified.statement import Statement, Table, column, written
from grokflow.theory.linear.classes.exact import of_cross_entropy
from grokflow.theory.linear.classes.margins import ClassMargins
from grokflow.theory.linear.exact import farkas, of_loss, of_margins, of_targets
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.exact_answers import system_size
from grokflow.theory.numerics.rational import (
    Proof,
    exact,
    fmpq,
    fmpq_mat,
    inner,
    matrix,
    nearest_solution,
)
from grokflow.theory.objective import Condition, Norm, Objective

# Numbers in a table, and r² max(n, d) of a system of r equations, that take some seconds to check.
_MOST_NUMBERS = 300_000
_MOST_FOR_SYSTEMS = 6_000_000
# Part of its size by which a bound is moved outwards where logarithms and exponentials are rounded:
# those who check it round as well.
_SPARE = fmpq(1, 2**64)


def linear_statement(problem: Problem, prediction: Prediction) -> Statement:
    """State between which bounds the minimum lies that the predictor attains.

    Raises
    ------
    ValueError
        Where no such statement can be proved exactly, or it is too large to be checked.
    """
    objective = _objective(prediction)
    a, table = _table(problem, objective)
    _check_system(problem, objective)
    proof = _proof(a, table, _multipliers(problem, prediction), prediction.w, objective)
    lower, upper = proof.lower, proof.upper
    if objective.data not in (*Condition, LOSSES["square"]):
        lower, upper = lower - abs(lower) * _SPARE, upper + abs(upper) * _SPARE
    points = column(proof.dual), column(proof.primal)
    return Statement(table, objective, *points, lower, upper)


def refutation(problem: Problem, multipliers: np.ndarray) -> Statement:
    """State that no weights classify all samples, or fit all targets.

    The multipliers are moved to the nearest ones that combine the rows to zero exactly.

    Raises
    ------
    ValueError
        Where these prove nothing.
    """
    condition = Condition.MARGINS if problem.is_classification else Condition.TARGETS
    objective = Objective(Norm.L1, condition)
    a, table = _table(problem, objective)
    _check_system(problem, replace(objective, data=Condition.TARGETS))
    if problem.is_classification:
        exactly = farkas(problem.inputs.to_array(), multipliers).multipliers
        return Statement(table, objective, [written(fmpq(*x.as_integer_ratio())) for x in exactly])
    mu = nearest_solution(a.transpose(), fmpq_mat(a.ncols(), 1), matrix(multipliers))
    assert mu is not None  # zero is a solution
    gain = inner(matrix(table.targets), mu)
    if not gain:
        raise ValueError(
            "the multipliers do not repair to an exact combination of the rows that vanishes while "
            "that of the targets does not, expected those of targets that no weights fit: take "
            "the certificate of the least loss"
        )
    return Statement(table, objective, column(mu if gain > 0 else -mu))


def _objective(prediction: Prediction) -> Objective:
    if prediction.objective is None:
        raise ValueError(
            f"{prediction.name} is not the minimiser of a convex problem of the data alone, "
            "expected one that is: of depth 2, and of classes that are separable or overlap"
        )
    return prediction.objective


def _table(problem: Problem, objective: Objective) -> tuple[fmpq_mat, Table]:
    """Return the rows exactly, and as the file holds them."""
    check_table(problem.n, problem.d)
    x = problem.inputs.to_array()
    margins = objective.data is Condition.MARGINS
    targets = np.ones(problem.n) if margins else problem.targets
    group = 1
    if isinstance(problem.inputs, ClassMargins) and not isinstance(objective.data, Condition):
        group = problem.inputs.count - 1
    return matrix(x), Table((problem.d, 1), x.tolist(), targets, group=group)


def check_table(n: int, d: int) -> None:
    """Refuse tables that take minutes to check exactly."""
    if n * d > _MOST_NUMBERS:
        raise ValueError(
            f"the table has {n} rows of {d} numbers, expected at most {_MOST_NUMBERS} numbers to "
            "be checked exactly: use fewer rows or columns"
        )


def _check_system(problem: Problem, objective: Objective) -> None:
    """Refuse equations that take minutes to solve exactly."""
    solved = objective.data is Condition.TARGETS or not objective.strength
    size = system_size(np.empty((problem.n, problem.d)))
    if solved and size > _MOST_FOR_SYSTEMS:
        raise ValueError(
            f"exact equations of {problem.n} rows and {problem.d} columns take minutes, expected "
            f"min(rows, columns)² max(rows, columns) up to {_MOST_FOR_SYSTEMS}: use fewer rows"
        )


def _multipliers(problem: Problem, prediction: Prediction) -> np.ndarray:
    """Return one multiplier for each sample, also where there is one for each independent row."""
    mu = prediction.multipliers
    return mu if len(mu) == problem.n else problem.row_space.multipliers(mu)


def _proof(a: fmpq_mat, table: Table, mu: np.ndarray, w: np.ndarray, objective: Objective) -> Proof:
    if objective.data is Condition.MARGINS:
        return of_margins(a, w, mu, objective.norm)
    if objective.data is Condition.TARGETS:
        return of_targets(a, matrix(table.targets), w, mu, objective.norm)
    if table.group > 1:
        return of_cross_entropy(a, w, mu, exact(objective.strength), table.group)
    return of_loss(a, matrix(table.targets), w, mu, objective)
