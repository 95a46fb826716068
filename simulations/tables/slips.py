"""Calls that are meant as another one: they are refused with the call that is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def check_data_call(x: Any, y: Any, x_test: Any) -> None:
    """Refuse files, names and bundles where inputs and labels are expected.

    Parameters
    ----------
    x, y, x_test : object
        What `grokflow.as_problem` was given.

    Raises
    ------
    ValueError
        In one line, with the call that takes them.
    """
    if isinstance(x, str | Path):
        raise ValueError(f"X is the text {str(x)!r}, expected inputs: gf.load({str(x)!r}) reads it")
    if isinstance(x, Mapping):
        bundled = hasattr(x, "data") and hasattr(x, "target")
        remedy = "gf.as_problem(X.data, X.target)" if bundled else "give pandas.DataFrame(X)"
        raise ValueError(f"X is a {type(x).__name__}, expected an array or a data frame: {remedy}")
    if y is None and isinstance(x, tuple) and len(x) == 2 and np.ndim(x[1]) == 1:
        raise ValueError("X is a pair, expected inputs alone: gf.as_problem(*X) takes labels apart")
    if np.isscalar(y):
        check_name(y, getattr(x, "column_names", getattr(x, "columns", ())))
    if len(getattr(x_test, "shape", (1, 1))) < 2 or np.isscalar(x_test):
        raise ValueError(
            f"X_test is a {type(x_test).__name__}, expected rows of inputs: the order is "
            "gf.as_problem(X, y, X_test, y_test)"
        )


def check_name(name: object, columns: Iterable[object]) -> None:
    """Refuse the name of a column where labels are expected; other words are no labels either."""
    if name in list(columns):
        raise ValueError(
            f"y is {name!r}, the name of a column, expected a label for each row: "
            f"gf.as_problem(X, target={name!r}) learns it"
        )


def check_file(path: object) -> None:
    """Refuse data where the name of a file is expected."""
    if not isinstance(path, str | Path):
        raise ValueError(
            f"the path is a {type(path).__name__}, expected the name of a file: gf.as_problem "
            "takes data that Python holds"
        )
