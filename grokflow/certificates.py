"""Certificate files: exact statements about predictors, and the points that prove them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from grokflow.checker.check import FAILURES, FORMAT, read, shown, verify
from grokflow.simulations.runs.files import check_suffix, write_whole
from grokflow.theory.certified.predictor import state
from grokflow.theory.objective import Provable


class Written(NamedTuple):
    """What a certificate file states of each answer, and why it states nothing of others."""

    proved: dict[str, str]
    refused: dict[str, str]


def write_certificate(file: str | Path, problem: object, **answers: object) -> None:
    """Write exact statements about predictors to a file that `check_certificate` checks.

    Each says between which bounds the minimum lies that the predictor attains, for the data as they
    are stored, with weights and multipliers that prove both in rational arithmetic.

    Parameters
    ----------
    file : str or Path
        The file, which ends in ``.json``.
    problem : Problem, CompletionProblem or ndarray
        The data; of kernel predictors the targets alone.
    **answers : Prediction, MatrixPrediction, KernelPrediction or Farkas
        Predictors of this problem, under names of your own; or the multipliers of `NotSeparable`.

    Raises
    ------
    ValueError
        Where a predictor is not that of a convex problem, nothing is proved of it, or the data are
        too many to be checked exactly.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=10, d=20, k=2, n_test=10)
    >>> late = gf.MinL1Norm().predict(problem)
    >>> gf.write_certificate("late.json", problem, late=late)
    >>> print(gf.check_certificate("late.json")["late"])
    the least ‖w‖₁ with A w = t is in [...]
    """
    path = Path(file)
    check_suffix(path, (".json",))
    if not answers:
        raise ValueError("no answer found, expected predictors by name: pass late=prediction")
    name = getattr(problem, "name", type(problem).__name__)
    found = write(path, name, {key: Provable(problem, answer) for key, answer in answers.items()})
    for key, reason in found.refused.items():
        raise ValueError(f"{key}: {reason}")


def check_certificate(file: str | Path) -> dict[str, str]:
    """Return what the statements of a certificate file prove, each checked in exact arithmetic.

    ``grokflow check FILE`` does the same, and so does the one program ``grokflow/checker/check.py``
    without the package.

    Parameters
    ----------
    file : str or Path
        What `write_certificate` or ``grokflow predict --certificate`` wrote.

    Returns
    -------
    dict of str to str
        A sentence for every statement, by its name.

    Raises
    ------
    ValueError
        For a file that is no certificate, and for a statement that its numbers do not prove.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=10, d=20, k=3, n_test=10)
    >>> gf.write_certificate("limit.json", problem, limit=gf.MaxL1Margin().predict(problem))
    >>> print(gf.check_certificate("limit.json")["limit"])
    the least ‖w‖₁ with A w ≥ t is in [...]
    """
    proved: dict[str, str] = {}
    try:
        content = read(str(file))
    except FAILURES as error:
        raise ValueError(
            f"{file} is no certificate ({shown(error)}), expected a file of "
            "gf.write_certificate: write one"
        ) from None
    try:
        for name, statement in content["statements"].items():
            proved[name] = verify(statement, content["tables"])
    except FAILURES as error:
        raise ValueError(
            f"statement {len(proved) + 1} of {file} is not proved ({shown(error)}), expected a "
            "certificate as it was written: write it again"
        ) from None
    return proved


def write(path: Path, about: str, answers: Mapping[str, Provable]) -> Written:
    """Write what is proved of the answers, unless nothing is, and say what is not."""
    tables: dict[str, str] = {}
    statements: dict[str, object] = {}
    proved: dict[str, str] = {}
    refused: dict[str, str] = {}
    for key, (problem, answer, unproved) in answers.items():
        try:
            if unproved:
                raise ValueError(unproved)
            found = state(problem, answer)
            table = json.dumps(found.table.record(), allow_nan=False)
            name = tables.setdefault(table, f"table {len(tables) + 1}")
            statement = json.loads(json.dumps(found.record(name), allow_nan=False))
            proved[key] = verify(statement, {name: json.loads(table)})
            statements[key] = statement
        except ValueError as error:
            refused[key] = " ".join(str(error).split())
    if statements:
        content = {
            "format": FORMAT,
            "about": about,
            "tables": {name: json.loads(table) for table, name in tables.items()},
            "statements": statements,
        }
        write_whole(path, lambda target: target.write_text(json.dumps(content), "utf-8"))
    return Written(proved, refused)
