"""What can be stated of an answer to a problem, whatever kind of problem it is."""

from __future__ import annotations

import numpy as np

from grokflow.theory.certificate import Farkas
from grokflow.theory.certified.completion import check_entries, completion_statement
from grokflow.theory.certified.kernel import kernel_statement
from grokflow.theory.certified.linear import check_table, linear_statement, refutation
from grokflow.theory.certified.statement import Statement
from grokflow.theory.completion.frobenius import MatrixPrediction
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.homogeneous.kernel_machine import KernelPrediction
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem


def check_provable(problem: object) -> None:
    """Refuse problems of whose predictors nothing can be stated, before any is computed.

    Raises
    ------
    ValueError
        Where too much would have to be checked.
    """
    if isinstance(problem, Problem | ClassesProblem):
        check_table(problem.n, problem.d)
    elif isinstance(problem, CompletionProblem):
        check_entries(problem)


def state(problem: object, answer: object) -> Statement:
    """Return what is proved of a predictor, or of data that no weights fit.

    Parameters
    ----------
    problem : Problem, CompletionProblem or ndarray
        The data; of a kernel predictor the targets alone.
    answer : Prediction, MatrixPrediction, KernelPrediction or Farkas
        The predictor, or multipliers that show that there is none.

    Raises
    ------
    ValueError
        Where nothing is proved exactly, or too much would have to be checked.
    """
    if isinstance(problem, Problem) and isinstance(answer, Prediction):
        return linear_statement(problem, answer)
    if isinstance(problem, Problem) and isinstance(answer, Farkas):
        return refutation(problem, answer.multipliers)
    if isinstance(problem, CompletionProblem) and isinstance(answer, MatrixPrediction):
        return completion_statement(problem, answer)
    if isinstance(problem, np.ndarray | list) and isinstance(answer, KernelPrediction):
        return kernel_statement(np.asarray(problem), answer)
    raise ValueError(
        f"{type(answer).__name__} of {type(problem).__name__} found, expected a Prediction or "
        "Farkas of a Problem, a MatrixPrediction of a CompletionProblem or a KernelPrediction of "
        "its targets: pass what predict was given and what it returned"
    )
