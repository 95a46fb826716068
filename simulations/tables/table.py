"""Labelled rows to train and to test on, whatever they were read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from grokflow.simulations.runs.files import write_whole
from grokflow.simulations.tables.doubts.remarks import remark_on_constants
from grokflow.theory.linear.classes.problem import ClassesProblem, numbered_classes
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.numerics.input_transform import check_changes
from grokflow.theory.numerics.sparse_matrix import is_sparse
from grokflow.theory.samples import StoredTestSet

# Largest numbers of inputs that differ by more are told.
_SIZES = 1e6
# Means of targets of so many standard deviations are told: the inverse of a simulation's tolerance.
OFFSET = 1e4


class Table(NamedTuple):
    """Labelled rows to train on and to test on.

    Parameters
    ----------
    task : Task
        Classification (labels ±1, or 0 to k - 1 for k classes) or regression.
    x, y : ndarray, shapes (n, d) and (n,)
        Training inputs, which may be a sparse array, and labels.
    x_test, y_test : ndarray, shapes (m, d) and (m,)
        Test inputs and labels.
    notes : tuple of str
        How the data were read, and what was changed.
    intercept, standardise : float and bool
        How the inputs are changed by the training rows, see `make_problem`.
    classes : tuple of str
        The names of the classes; none for real targets.
    names : tuple of str
        The names of the inputs, where they have any.
    places : ndarray of int, shape (n,)
        The places of the training rows among the rows that were read, from 0.
    marks : list of bytes, optional
        What tells the test rows apart, see `StoredTestSet`.
    """

    task: Task
    x: Any
    y: np.ndarray
    x_test: Any
    y_test: np.ndarray
    notes: tuple[str, ...] = ()
    intercept: float = 0.0
    standardise: bool = False
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    places: np.ndarray = np.empty(0, dtype=int)
    marks: list[bytes] | None = None

    def changed(self, intercept: float, standardise: bool) -> Table:
        """Return the rows with inputs that are to be changed so."""
        # Settings of the command line are numbers.
        if isinstance(standardise, Real) and standardise in (0, 1):
            standardise = bool(standardise)
        check_changes(intercept, standardise)
        constants = remark_on_constants(self.x, self.names, standardised=bool(standardise))
        notes = (*self.notes, *constants, *self._offset())
        if not standardise and not is_sparse(self.x):
            notes = (*notes, *self._sizes())
        return self._replace(notes=notes, intercept=float(intercept), standardise=standardise)

    def _sizes(self) -> Iterator[str]:
        """Say that inputs differ so much in size that the largest alone are learned in practice."""
        sizes = np.abs(self.x).max(axis=0)
        sizes = np.where(sizes > 0, sizes, np.nan)
        if np.isnan(sizes).all() or not np.nanmax(sizes) > _SIZES * np.nanmin(sizes):
            return
        ends = int(np.nanargmin(sizes)), int(np.nanargmax(sizes))
        called = [repr(self.names[i]) if self.names else f"X[:, {i}]" for i in ends]
        said = [f"{sizes[i]:.3g} in {name}" for i, name in zip(ends, called, strict=True)]
        yield (
            f"the largest numbers of inputs differ widely, from {' to '.join(said)}, and weights "
            "with them: standardise=True (--standardise) gives all inputs one size"
        )

    def _offset(self) -> Iterator[str]:
        """Say that targets have a mean beside which their spread is lost in a simulation."""
        mean, spread = float(self.y.mean()), float(self.y.std())
        if self.task is Task.REGRESSION and 0 < spread < abs(mean) / OFFSET:
            yield (
                f"the targets have mean {mean:.6g} and standard deviation {spread:.3g}, and a "
                f"simulation follows weights to {1 / OFFSET:g} of the former: subtract the mean "
                "from the targets"
            )

    def check_two_classes(self) -> None:
        """Refuse several classes where one net is to learn them."""
        if self.task is Task.CLASSIFICATION and len(self.classes) > 2:
            listed = ", ".join(self.classes[:10]) + (", ..." if len(self.classes) > 10 else "")
            raise ValueError(
                f"y has {len(self.classes)} classes ({listed}), expected 2: "
                f"positive={self.classes[0]!r} (--positive {self.classes[0]}) learns one against "
                "the rest, regression=True (--regression) reads numbers as real targets"
            )

    def problem(self, name: str, settings: Mapping[str, object]) -> Problem:
        """Build the problem of one net; ValueError for data that it does not learn."""
        self.check_two_classes()
        self._check_rows()
        return make_problem(
            name,
            self.task,
            self.x,
            self.y,
            StoredTestSet(self.x_test, self.y_test, self.marks),
            {**settings, **self._changes},
            self.notes,
            intercept=self.intercept,
            standardise=self.standardise,
            places=self._known_places,
        )

    def any_problem(self, name: str, settings: Mapping[str, object]) -> Problem | ClassesProblem:
        """Build the problem of one net, or of one for each of several classes."""
        if self.task is Task.REGRESSION or len(self.classes) < 3:
            return self.problem(name, settings)
        self._check_rows()
        return numbered_classes(
            name,
            self.classes,
            (self.x, self.y.astype(int)),
            StoredTestSet(self.x_test, self.y_test.astype(int), self.marks),
            {**settings, **self._changes},
            self.notes,
            intercept=self.intercept,
            standardise=self.standardise,
            places=self._known_places,
        )

    def _check_rows(self) -> None:
        """Refuse training rows of zeros by their place in the data, unless they are changed."""
        if self.intercept or (self.standardise and not is_sparse(self.x)):
            return
        filled = np.diff(self.x.tocsr().indptr) if is_sparse(self.x) else self.x.any(axis=1)
        empty = np.flatnonzero(filled == 0)
        if empty.size and len(self.places):
            row = int(self.places[empty[0]])
            where = f"row {row + 1}" if self.names else f"X[{row}]"
            centred = "" if is_sparse(self.x) else ", standardise=True (--standardise) centres"
            raise ValueError(
                f"{where} is 0 in all inputs (such training rows: {empty.size}), expected a "
                "nonzero input, as its output is 0 for all weights: intercept=1 (--intercept) adds "
                f"a column of ones{centred}, or drop the row"
            )

    @property
    def _known_places(self) -> np.ndarray | None:
        """The places of the training rows, where they are known."""
        return self.places if len(self.places) else None

    @property
    def _changes(self) -> dict[str, object]:
        """How the inputs are changed, where they are."""
        asked = {"intercept": self.intercept, "standardise": self.standardise}
        return {key: value for key, value in asked.items() if value}


def save_table(path: Path, table: Table) -> None:
    """Write the rows as an ``.npz`` file that `load` reads."""
    arrays: dict[str, Any] = {"y": table.y, "y_test": table.y_test}
    for name, inputs in (("X", table.x), ("X_test", table.x_test)):
        if not is_sparse(inputs):
            arrays[name] = inputs
            continue
        rows = inputs.tocsr()
        for part in ("data", "indices", "indptr", "shape"):
            arrays[f"{name}_{part}"] = getattr(rows, part)
    write_whole(path, lambda target: np.savez_compressed(target, **arrays))
