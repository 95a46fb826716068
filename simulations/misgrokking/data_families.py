"""The user's own data as a family: every subsample of a file is a problem."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.simulations.completion.data import holds_entries, load_entries
from grokflow.simulations.misgrokking.families import Family, Instance, Settings
from grokflow.simulations.misgrokking.ranges import Choice, Largest, Range, Seed, Whole
from grokflow.simulations.runs.files import write_whole
from grokflow.simulations.tables.door import read_table
from grokflow.simulations.tables.reading import Reading
from grokflow.simulations.tables.table import Table, save_table
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.measurements import Entries
from grokflow.theory.completion.problem import CompletionProblem, TestEntries
from grokflow.theory.completion.spaces.block_entries import BlockEntries
from grokflow.theory.linear.problem import Task


def data_family(
    path: str | Path,
    *,
    intercept: float = 0.0,
    standardise: bool = False,
    reading: Reading | None = None,
) -> Family:
    """Return the family of all subsamples of a data file: of rows and inputs, or of entries.

    Parameters
    ----------
    path : str or Path
        A file that `load` or `load_entries` reads.
    intercept, standardise : float and bool
        How the inputs of every subsample are changed by its training rows, as for `load`.
    reading : Reading, optional
        How the file is read; by default as `load` reads it.

    Returns
    -------
    Family
        For `find_misgrokking`.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> np.savez("mine.npz", X=np.eye(6), y=[-1, 1, -1, 1, -1, 1])
    >>> family = gf.data_family("mine.npz")
    >>> family.summary, sorted(family.ranges)
    ('rows of mine.npz', ['d', 'depth', 'n', 'seed'])
    """
    path = Path(path)
    changes = {"intercept": intercept, "standardise": standardise}
    if holds_entries(path):
        if asked := [name for name, value in changes.items() if value]:
            raise ValueError(f"{path} holds entries, expected no {asked[0]}: leave it out")
        whole = load_entries(path)
        ranges: dict[str, Range] = {"n": Whole(1, len(whole.values)), "seed": Seed()}
        return Family(path.stem, f"observed entries of {path}", ranges, partial(_entries, path))
    whole_table = _read(path, reading)
    whole_table.check_two_classes()
    n, d = whole_table.x.shape
    ranges = {"n": Whole(2, n), "d": Largest(1, d), "depth": Choice((2, 3)), "seed": Seed()}
    return Family(path.stem, f"rows of {path}", ranges, partial(_subsample, path, changes, reading))


@lru_cache(maxsize=1)
def _read(path: Path, reading: Reading | None) -> Table:
    return read_table(path, reading)


def _subsample(
    path: Path, changes: dict[str, Any], reading: Reading | None, settings: Settings
) -> Table:
    """Draw rows, and inputs where not all are wanted; the test rows stay."""
    table, rng = _read(path, reading), np.random.default_rng(int(settings["seed"]))
    rows = np.sort(rng.permutation(len(table.y))[: int(settings["n"])])
    columns = np.sort(rng.permutation(table.x.shape[1])[: int(settings["d"])])
    x, y = table.x[np.ix_(rows, columns)], table.y[rows]
    if table.task is Task.CLASSIFICATION and len(np.unique(y)) < 2:
        raise ValueError("all sampled labels are equal, expected both classes: sample more rows")
    return Table(table.task, x, y, table.x_test[:, columns], table.y_test, **changes)


def _entries(path: Path, settings: Settings) -> CompletionProblem:
    """Draw observed entries; the test entries stay."""
    whole = load_entries(path)
    assert isinstance(whole.measurements, Entries | BlockEntries)
    rng = np.random.default_rng(int(settings["seed"]))
    kept = np.sort(rng.permutation(len(whole.values))[: int(settings["n"])])
    found = TestEntries(
        whole.measurements.rows[kept], whole.measurements.columns[kept], whole.values[kept]
    )
    shape = whole.d if whole.space.square else whole.space.shape
    return make_entries_problem(path.stem, shape, *found, whole.test, settings)


def save_instance(path: Path, instance: Instance) -> None:
    """Write data as an ``.npz`` file that ``grokflow simulate`` reads."""
    if isinstance(instance, Table):
        save_table(path, instance)
        return
    arrays = _arrays(instance)
    write_whole(path, lambda target: np.savez_compressed(target, **arrays))


def _arrays(problem: CompletionProblem) -> dict[str, Any]:
    """Return the arrays of a file that `load_entries` reads as this problem."""
    assert isinstance(problem.measurements, Entries | BlockEntries)
    test = problem.test
    size = {"d": problem.d} if problem.space.square else {"shape": problem.space.shape}
    return {
        "i": problem.measurements.rows,
        "j": problem.measurements.columns,
        "value": problem.values,
        **size,
        "i_test": test.rows,
        "j_test": test.columns,
        "value_test": test.values,
    }
