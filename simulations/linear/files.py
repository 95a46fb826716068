"""The user's own data: ``.npz`` or CSV files with inputs, labels and an optional test set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from grokflow.simulations.runs.files import write_whole
from grokflow.theory.linear.checks import check_inputs
from grokflow.theory.linear.problem import Problem, StoredTestSet, Task, make_problem


class Table(NamedTuple):
    """Labelled rows to train on and to test on, as they stand in a file.

    Parameters
    ----------
    task : Task
        Classification (labels ±1) or regression.
    x, y : ndarray, shapes (n, d) and (n,)
        Training inputs and labels.
    x_test, y_test : ndarray, shapes (m, d) and (m,)
        Test inputs and labels.
    notes : tuple of str
        What was changed when the data were read.
    intercept, standardise : float and bool
        How the inputs are changed by the training rows, see `make_problem`.
    """

    task: Task
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    notes: tuple[str, ...] = ()
    intercept: float = 0.0
    standardise: bool = False

    def problem(self, name: str, settings: Mapping[str, object]) -> Problem:
        """Build the problem; ValueError for data that no linear model can fit."""
        test = StoredTestSet(self.x_test, self.y_test.astype(np.float64))
        asked = {"intercept": self.intercept, "standardise": self.standardise}
        changes = {key: value for key, value in asked.items() if value}
        return make_problem(
            name,
            self.task,
            self.x,
            self.y,
            test,
            {**settings, **changes},
            self.notes,
            intercept=self.intercept,
            standardise=self.standardise,
        )


def load(
    path: str | Path,
    *,
    regression: bool | None = None,
    seed: int = 0,
    holdout: float = 0.25,
    intercept: float = 0.0,
    standardise: bool = False,
) -> Problem:
    """Read a problem from a file.

    An ``.npz`` file holds ``X`` of shape (n, d) and ``y`` of shape (n,), and optionally ``X_test``
    and ``y_test``. A CSV file has one header line; the column ``y`` holds the labels, an optional
    column ``split`` the words train and test, and every other column is an input. All labels are
    numbers.

    Parameters
    ----------
    path : str or Path
        The file.
    regression : bool, optional
        Whether y is a real target. By default y is a class when it has at most two values.
    seed : int
        Seed of the split into training and test samples, for files without a test set.
    holdout : float
        Fraction of the samples that such a split keeps for testing.
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
    >>> problem.notes
    ('no test set in the file: 2 of 8 rows held out (seed 0)', 'labels 0 and 1 read as -1 and +1')
    """
    table = read_table(path, regression=regression, seed=seed, holdout=holdout)
    n, d = table.x.shape
    settings = {"file": str(path), "n": n, "d": d, "seed": seed}
    table = table._replace(intercept=intercept, standardise=bool(standardise))
    return table.problem(Path(path).stem, settings)


def read_table(
    path: str | Path, *, regression: bool | None = None, seed: int = 0, holdout: float = 0.25
) -> Table:
    """Read the rows of a file, as `load` does; it says what the arguments are."""
    path = Path(path)
    if not 0 < holdout < 1:
        raise ValueError(f"holdout is {holdout}, expected 0 < holdout < 1: try 0.25")
    arrays = _read(path)
    x, y = arrays["X"], arrays["y"]
    check_inputs(x, y)
    task = _task(y, regression)
    notes: list[str] = []
    if "X_test" in arrays and "y_test" in arrays:
        x_test, y_test = arrays["X_test"], arrays["y_test"]
        check_inputs(x_test, y_test, "X_test")
        if x_test.shape[1] != x.shape[1]:
            raise ValueError(
                f"X_test has {x_test.shape[1]} columns, expected {x.shape[1]} as in X: give both "
                "the same inputs"
            )
    else:
        order = np.random.default_rng(seed).permutation(len(y))
        held = round(holdout * len(y))
        if not 1 <= held < len(y):
            raise ValueError(
                f"holding out {holdout} of {len(y)} rows leaves {len(y) - held} to train and "
                f"{held} to test, expected one of each at least: add rows, or give X_test, y_test"
            )
        test, train = order[:held], order[held:]
        x, y, x_test, y_test = x[train], y[train], x[test], y[test]
        notes.append(f"no test set in the file: {held} of {len(order)} rows held out (seed {seed})")
    if task is Task.CLASSIFICATION:
        y, y_test, note = _signs(y, y_test)
        notes += note
    return Table(task, x, y, x_test, y_test, tuple(notes))


def save_table(path: Path, table: Table) -> None:
    """Write the rows as an ``.npz`` file that `load` reads."""
    arrays: dict[str, Any] = {
        "X": table.x, "y": table.y, "X_test": table.x_test, "y_test": table.y_test
    }  # fmt: skip
    write_whole(path, lambda target: np.savez_compressed(target, **arrays))


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the file by name."""
    readers = {".npz": _read_npz, ".csv": _read_csv}
    if path.suffix not in readers:
        raise ValueError(f"{path} has suffix {path.suffix!r}, expected .npz or .csv: convert it")
    try:
        arrays = readers[path.suffix](path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"cannot read {path} ({reason}), expected a readable {path.suffix} file: check it"
        ) from error
    if missing := {"X", "y"} - set(arrays):
        raise ValueError(
            f"{path} has no {' and no '.join(sorted(missing))}, expected X and y: add them"
        )
    return arrays


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    import pandas

    table = pandas.read_csv(path)
    if "y" not in table.columns:
        return {"X": np.zeros((0, 0))}
    inputs = table.drop(columns=["y", "split"], errors="ignore")
    bad = [str(name) for name in inputs.columns if inputs[name].dtype.kind not in "biuf"]
    if bad:
        raise ValueError(f"column {bad[0]!r} is not numeric")
    x, y = inputs.to_numpy(), table["y"].to_numpy()
    if "split" not in table.columns:
        return {"X": x, "y": y}
    test = (table["split"] == "test").to_numpy()
    return {"X": x[~test], "y": y[~test], "X_test": x[test], "y_test": y[test]}


def _task(y: np.ndarray, regression: bool | None) -> Task:
    values = np.unique(y)
    if regression is None:
        regression = len(values) > 2
    if not regression and len(values) != 2:
        raise ValueError(
            f"y has {len(values)} distinct values, expected 2 for classification: use the square "
            "loss for real targets"
        )
    return Task.REGRESSION if regression else Task.CLASSIFICATION


def _signs(y: np.ndarray, y_test: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Map two label values to -1 and +1, the smaller one to -1."""
    low, high = np.unique(y).tolist()
    if extra := set(np.unique(y_test).tolist()) - {low, high}:
        raise ValueError(
            f"y_test holds {sorted(extra)[0]}, expected {low} or {high} as in y: recode it"
        )
    note = [] if (low, high) == (-1, 1) else [f"labels {low} and {high} read as -1 and +1"]
    to_signs = [np.where(values == high, 1, -1) for values in (y, y_test)]
    return to_signs[0], to_signs[1], note
