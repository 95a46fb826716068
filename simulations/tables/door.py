"""Where data come in: `load` for files, `as_problem` for what Python holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.simulations.tables.assembly import (
    Rows,
    joined_labels,
    rows_of_columns,
    rows_of_inputs,
    rows_of_samples,
    table_of,
)
from grokflow.simulations.tables.contents import Columns
from grokflow.simulations.tables.formats import read
from grokflow.simulations.tables.frames import columns_of_frame, is_frame, joined
from grokflow.simulations.tables.habits import samples, samples_of
from grokflow.simulations.tables.reading import Missing, Reading, reading_of
from grokflow.simulations.tables.slips import check_data_call, check_file, check_name
from grokflow.simulations.tables.table import Table
from grokflow.theory.conversion import as_array, labels_and_gaps
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.problem import Problem
from grokflow.theory.merged import rounded_vector
from grokflow.theory.pairing import check_paired


def load(
    path: str | Path,
    target: str | int | None = None,
    *,
    drop: str | Sequence[str] | None = "",
    missing: Missing | str = "refuse",
    na: str | int | float | Sequence[str | int | float] = "",
    categories: bool = False,
    decimal: str | None = None,
    regression: bool | None = None,
    positive: str | int | float | None = None,
    seed: int = 0,
    holdout: float = 0.25,
    intercept: float = 0.0,
    standardise: bool = False,
) -> Problem | ClassesProblem:
    """Read a problem from a file.

    A text file has one row a sample, fields between commas, semicolons, tabs or spaces, and a
    header; its column ``y`` (or ``target``, ``label``, ``class``) is learned, an optional column
    ``split`` holds the words train and test, and every other column is an input. Parquet and Arrow
    files are read alike. An ``.npz`` or ``.mat`` file holds ``X`` of shape (n, d) and ``y`` of
    shape (n,), and optionally ``X_test`` and ``y_test``. All of them may be compressed. Two values,
    words, and whole numbers of few values are classes: a `Problem` where there are two, a
    `ClassesProblem` where there are more. The notes of the problem say what was understood.

    Parameters
    ----------
    path : str or Path
        The file.
    target : str or int, optional
        The column that is learned, by its name or its place from 1.
    drop : str or sequence of str
        Columns that are no inputs.
    missing : str
        What becomes of rows that lack a value: ``refuse``, ``drop`` them, or fill in the ``mean``
        of the column over the training rows.
    na : str, float, or sequence of them
        Words, or numbers, that stand for no value in this file, beside ``NA``, ``?``, ``-`` and
        other usual ones.
    categories : bool
        Whether a column of words becomes an input of 0 and 1 for each of its words.
    decimal : str, optional
        The decimal mark, ``.`` or ``,``, where the file leaves it open.
    regression : bool, optional
        Whether y is a real target.
    positive : str, optional
        The class that becomes +1, against all others.
    seed : int
        Seed of the split into training and test samples, for files without a test set.
    holdout : float
        Fraction of each class that such a split keeps for testing.
    intercept : float
        Size of a column of ones that is added as the last input, 0 for none. Kernel and L1 penalty
        see it: its size is part of the model, see `make_problem`.
    standardise : bool
        Whether inputs are centred and scaled to standard deviation 1, by the training rows.

    Raises
    ------
    ValueError
        When the file cannot be read or holds something else; the message names what was expected.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> np.savez("data.npz", X=np.eye(8), y=[0, 1, 0, 1, 0, 1, 0, 1])
    >>> problem = gf.load("data.npz")
    >>> problem
    Problem(name=data, task=classification, n=6, d=8, test points=2)
    >>> problem.notes[:2]
    ('8 rows of 8 inputs', 'y read as 2 classes: 0 as -1 (4 rows), 1 as +1 (4 rows)')
    """
    reading = reading_of(
        target=target,
        drop=drop,
        missing=missing,
        na=na,
        categories=categories,
        decimal=decimal,
        regression=regression,
        positive=positive,
        seed=seed,
        holdout=holdout,
    )
    check_file(path)
    table = read_table(path, reading)
    n, d = table.x.shape
    settings = {"file": str(path), "n": n, "d": d, **_said(reading)}
    table = table.changed(intercept, standardise)
    return table.any_problem(_stem(Path(path)), settings)


def read_table(path: str | Path, reading: Reading | None = None) -> Table:
    """Read the rows of a file, as `load` does; it says what the arguments are."""
    reading = reading or Reading()
    found = read(Path(path), reading.named)
    if isinstance(found, Columns):
        return table_of(rows_of_columns(found, reading), reading)
    _check_arrays(reading, f"{path} holds arrays")
    return table_of(rows_of_samples(samples_of(found, reading)), reading)


def as_problem(
    x: Any,
    y: Any = None,
    x_test: Any = None,
    y_test: Any = None,
    *,
    name: str = "data",
    target: str | int | None = None,
    drop: str | Sequence[str] | None = "",
    missing: Missing | str = "refuse",
    na: str | int | float | Sequence[str | int | float] = "",
    categories: bool = False,
    regression: bool | None = None,
    positive: str | int | float | None = None,
    seed: int = 0,
    holdout: float = 0.25,
    intercept: float = 0.0,
    standardise: bool = False,
) -> Problem | ClassesProblem:
    """Make a problem of what Python holds, by the same rules as `load` reads files.

    Parameters
    ----------
    x : array-like, shape (n, d)
        Inputs: lists, arrays of any real type, tensors of torch, sparse matrices of scipy, or a
        data frame of pandas, polars or pyarrow, whose column `target` is learned where there is
        no `y`.
    y : array-like, shape (n,), optional
        Labels: numbers, words, booleans, a single column, or one-hot rows.
    x_test, y_test : array-like, optional
        A test set; without one, rows are held out.
    name : str
        What the problem is called in results.
    target, drop, missing, na, categories, regression, positive, seed, holdout, intercept : object
        As for `load`.
    standardise : bool
        As for `load`.

    Raises
    ------
    ValueError
        In one line, for data that cannot be read.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.as_problem([[1, 2], [3, -1], [2, 2], [0, -1]], ["yes", "no", "yes", "no"])
    >>> problem
    Problem(name=data, task=classification, n=2, d=2, test points=2)
    >>> problem.notes[1]
    'y read as 2 classes: no as -1 (2 rows), yes as +1 (2 rows)'
    """
    reading = reading_of(
        target=target,
        drop=drop,
        missing=missing,
        na=na,
        categories=categories,
        regression=regression,
        positive=positive,
        seed=seed,
        holdout=holdout,
    )
    check_data_call(x, y, x_test)
    check_paired(X=x, y=y)
    check_paired(X_test=x_test, y_test=y_test)
    if is_frame(x):
        rows = _rows_of_frame(x, y, x_test, y_test, reading)
    else:
        if y is None:
            raise ValueError("y is missing, expected a label for each row of X: give y")
        _check_arrays(reading, "X is an array", "target")
        rows = rows_of_samples(samples(x, y, x_test, y_test))
    table = table_of(rows, reading)
    n, d = table.x.shape
    table = table.changed(intercept, standardise)
    return table.any_problem(name, {"n": n, "d": d, **_said(reading)})


def _said(reading: Reading) -> dict[str, object]:
    """Return what reproduces a reading, as JSON holds it."""
    own = {
        "target": reading.target,
        "drop": ",".join(reading.drop),
        "na": ",".join(reading.na),
        "missing": None if reading.missing is Missing.REFUSE else reading.missing.value,
        "categories": reading.categories,
        "decimal": reading.decimal,
        "positive": reading.positive,
    }
    return {"seed": reading.seed} | {key: value for key, value in own.items() if value}


def _check_arrays(reading: Reading, what: str, *more: str) -> None:
    """Refuse what only columns with names can heed."""
    for name in ("drop", "na", "categories", "decimal", *more):
        if asked := getattr(reading, name):
            raise ValueError(
                f"{name} is {asked!r} and {what}, expected columns with names: leave {name} out, "
                "or give a data frame"
            )


def _stem(path: Path) -> str:
    """Return the name of a file without its endings of format and compression."""
    return (
        Path(path.stem).stem if path.suffix in (".gz", ".zst", ".bz2", ".xz", ".zip") else path.stem
    )


def _rows_of_frame(x: Any, y: Any, x_test: Any, y_test: Any, reading: Reading) -> Rows:
    """Return the rows of data frames, with labels in one of their columns or apart."""
    table, tested_from = columns_of_frame("X", x), None
    if x_test is not None:
        if not is_frame(x_test):
            raise ValueError(
                f"X_test is a {type(x_test).__name__}, expected a data frame as X is: convert it"
            )
        tested_from = table.rows
        table = joined(table, columns_of_frame("X_test", x_test))
    if y is None:
        if y_test is not None:
            raise ValueError("y_test is given without y, expected both or none: give y too")
        return replace(rows_of_columns(table, reading), tested_from=tested_from)
    if reading.target is not None:
        raise ValueError(
            f"target is {reading.target!r} and y is given too, expected one of them: leave one out"
        )
    labels, gaps = labels_and_gaps("y", y)
    rounded = rounded_vector("y", as_array("y", y).reshape(-1)) if labels.dtype.kind == "f" else ()
    if len(labels) == 1 < table.rows:
        check_name(labels[0], table.names)
    if (x_test is None) != (y_test is None):
        lacking = "y_test" if y_test is None else "X_test"
        raise ValueError(f"{lacking} is missing, expected X_test and y_test together: give both")
    if y_test is not None:
        tested, test_gaps = labels_and_gaps("y_test", y_test)
        labels, gaps = joined_labels(labels, tested), np.concatenate([gaps, test_gaps])
    rows = rows_of_inputs(table, labels, gaps, reading)
    return replace(rows, tested_from=tested_from, notes=rows.notes + rounded)
