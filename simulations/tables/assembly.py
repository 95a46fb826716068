"""From columns or arrays to a table: rows that lack a value, the split, what y is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from grokflow.simulations.tables.contents import Column, Columns, without_values
from grokflow.simulations.tables.doubts.gaps import filled
from grokflow.simulations.tables.doubts.remarks import (
    remarks_on,
    remarks_on_contradictions,
    remarks_on_copies,
    remarks_on_sentinels,
)
from grokflow.simulations.tables.doubts.rounding import remark_on_rounding
from grokflow.simulations.tables.doubts.words import check_repeats, remarks_on_spelling
from grokflow.simulations.tables.entry_names import or_matrix
from grokflow.simulations.tables.habits import Samples
from grokflow.simulations.tables.reading import Missing, Reading
from grokflow.simulations.tables.roles import roles_of, without_index
from grokflow.simulations.tables.splits import Split, held_out, marked, remark_on_seed
from grokflow.simulations.tables.table import Table
from grokflow.simulations.tables.text.marks import decimal_mark, remarks_on_marks
from grokflow.simulations.tables.values import (
    check_labels,
    holds_times,
    holds_truth,
    matrix_of,
    numbers_of,
)
from grokflow.theory.labels import Labels, kept_apart, name_of, read_labels
from grokflow.theory.linear.problem import Task
from grokflow.theory.samples import fingerprints


@dataclass(frozen=True, eq=False)
class Rows:
    """All rows, those of a test set last.

    Parameters
    ----------
    x : ndarray, shape (rows, d)
        Inputs, NaN where there is no value; or a sparse array.
    y : ndarray, shape (rows,)
        Labels, numbers or words.
    unlabelled : ndarray of bool, shape (rows,)
        Where there is no label.
    names, columns : tuple of str
        Names of the inputs, and of the columns that they were made from; none for arrays.
    target : str
        What messages call the labels.
    split : Column or None
        What marks training and test rows.
    tested_from : int or None
        Where the rows of a separate test set begin.
    notes : tuple of str
        What was said so far.
    words : mapping
        What stands in the columns of words, by their names.
    """

    x: Any
    y: np.ndarray
    unlabelled: np.ndarray
    names: tuple[str, ...] = ()
    target: str = "y"
    split: Column | None = None
    tested_from: int | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    words: Mapping[str, np.ndarray] = field(default_factory=dict)


def rows_of_columns(table: Columns, reading: Reading) -> Rows:
    """Return the rows of a table that has a target among its columns."""
    table = without_values(table, reading.na)
    roles = roles_of(table, reading)
    decimal = decimal_mark(table.columns, reading.decimal, semicolons=table.semicolons)
    x, names, notes, columns = matrix_of(roles.inputs, decimal, reading)
    y, merged = _labels_of(roles.target, decimal, reading)
    thousands = remarks_on_marks([roles.target], decimal)
    said = (*table.notes, *roles.notes, *notes, *merged, *thousands)
    if decimal == ",":
        said = (*said, "numbers have a decimal comma")
    target = roles.target
    called = "y" if target.name == "y" else target.label
    words = {column.name: column.values for column in roles.inputs if column.holds_words}
    return Rows(
        *(x, y, target.missing, names, called, roles.split),
        notes=said,
        columns=columns,
        words=words,
    )


def rows_of_inputs(table: Columns, y: np.ndarray, unlabelled: np.ndarray, reading: Reading) -> Rows:
    """Return the rows of a table whose labels stand apart."""
    table = without_values(table, reading.na)
    columns, said = without_index(table, reading)
    decimal = decimal_mark(table.columns, reading.decimal, semicolons=table.semicolons)
    x, names, notes, sources = matrix_of(columns, decimal, reading)
    if len(y) != len(x):
        raise ValueError(
            f"y has shape {y.shape}, expected ({len(x)},) to match the rows of X: give one label "
            "for each row"
        )
    said = (*table.notes, *said, *notes)
    return Rows(x, y, unlabelled, names, notes=said, columns=sources)


def rows_of_samples(found: Samples) -> Rows:
    """Return the rows of arrays, those of a test set last."""
    if found.x_test is None or found.y_test is None:
        return Rows(found.x, found.y, found.unlabelled, notes=found.notes)
    x = _stacked(found.x, found.x_test)
    y = joined_labels(found.y, found.y_test)
    return Rows(x, y, found.unlabelled, tested_from=len(found.y), notes=found.notes)


def _stacked(x: Any, x_test: Any) -> Any:
    """Return training and test inputs as one table, sparse where one of them is."""
    if not (hasattr(x, "tocsr") or hasattr(x_test, "tocsr")):
        return np.concatenate([x, x_test])
    from scipy import sparse

    both = [sparse.csr_array(x), sparse.csr_array(x_test)]
    return sparse.csr_array(sparse.vstack(both, "csr"))


def joined_labels(y: np.ndarray, y_test: np.ndarray) -> np.ndarray:
    """Return the labels of training and test rows; numbers are words where the others are."""
    parts = [y, y_test]
    if "O" in (y.dtype.kind, y_test.dtype.kind):
        parts = [
            np.array([name_of(item) for item in part.tolist()], dtype=object) for part in parts
        ]
    return np.concatenate(parts)


def table_of(rows: Rows, reading: Reading) -> Table:
    """Return the table of rows: those without a value treated as asked, split, labels read.

    Raises
    ------
    ValueError
        In one line that names column and row.
    """
    lacking = rows.unlabelled | _lacking(rows.x)
    notes = list(rows.notes)
    if lacking.any():
        _check_gaps(rows, lacking, reading)
    kept = ~lacking if reading.missing is Missing.DROP else np.ones(len(rows.y), dtype=bool)
    if not kept.any():
        raise ValueError("every row lacks a value, expected some that do not: drop a column")
    if not kept.all():
        notes.append(f"left out: {int(lacking.sum())} of {len(kept)} rows, which lack a value")
    parts = _parts(rows, kept, reading)
    labels, train, test = parts.labels, rows.x[parts.train], rows.x[parts.test]
    if reading.missing is Missing.MEAN and lacking.any():
        train, test = filled(train, test, rows.columns, notes)
    size = f"{len(kept)} rows of {rows.x.shape[1]} inputs"
    remarks = remarks_on(train, parts.y, rows.names, rows.columns, regression=labels.regression)
    both = _stacked(train, test), np.concatenate([parts.y, parts.y_test])
    doubtful = remarks_on_sentinels(*both, rows.names, labels.classes)
    marks = list(fingerprints(test, parts.y_test))
    copies = [*remarks_on_copies(fingerprints(train, parts.y), marks)]
    if labels.classes:
        copies += remarks_on_contradictions(*both)
        copies += remarks_on_spelling(rows.y[kept], rows.target)
    return Table(
        Task.REGRESSION if labels.regression else Task.CLASSIFICATION,
        train,
        parts.y,
        test,
        parts.y_test,
        (size, *labels.notes, *parts.notes, *notes, *remarks, *doubtful, *copies),
        classes=labels.classes,
        names=rows.names,
        places=parts.train,
        marks=marks,
    )


class _Parts(NamedTuple):
    """Labels, those of both parts as numbers, the places of both parts among all rows, notes."""

    labels: Labels
    y: np.ndarray
    y_test: np.ndarray
    train: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...]


def _parts(rows: Rows, kept: np.ndarray, reading: Reading) -> _Parts:
    """Read the labels, and split the rows that are kept as the data say or as is drawn."""
    own = _split(rows, kept)
    labels = read_labels(
        rows.y[kept if own is None else own.train],
        None if own is None else rows.y[own.test],
        regression=reading.regression,
        positive=reading.positive,
        what=rows.target,
    )
    if own is not None:
        _check_not_drawn(reading)
        assert labels.y_test is not None
        places = np.flatnonzero(own.train), np.flatnonzero(own.test)
        notes = (*own.notes, *remark_on_seed(reading.seed))
        return _Parts(labels, labels.y, labels.y_test, *places, notes)
    classes = None if labels.regression else labels.y
    if classes is not None:
        check_repeats(rows.y[kept].tolist(), classes.tolist(), rows.target)
    drawn = held_out(classes, len(labels.y), reading.holdout, reading.seed)
    y, y_test = labels.y[drawn.train], labels.y[drawn.test]
    left = np.flatnonzero(kept)
    return _Parts(labels, y, y_test, left[drawn.train], left[drawn.test], drawn.notes)


def _check_not_drawn(reading: Reading) -> None:
    """Refuse a share of test rows where the data say which these are."""
    if reading.holdout != Reading.holdout:
        raise ValueError(
            f"holdout is {reading.holdout:g} and the data have test rows of their own, expected "
            "one of them: leave holdout out, or take the test rows out of the data"
        )


class _Labels(NamedTuple):
    """Labels, numbers or words, and what is to be said of them."""

    values: np.ndarray
    notes: tuple[str, ...] = ()


def _labels_of(column: Column, decimal: str, reading: Reading) -> _Labels:
    """Return the labels of a column: numbers, or words."""
    if holds_times(column):
        raise ValueError(
            f"{column.label} holds dates or times, expected labels: name another with "
            "target='NAME' (--target NAME)"
        )
    if column.missing.all():
        raise ValueError(f"{column.label} has no values, expected labels: fill them in")
    numbers = None if holds_truth(column) else numbers_of(column, decimal)
    if numbers is None:
        if column.holds_words:
            check_labels(column, decimal, regression=reading.regression is True)
        words = np.empty(len(column.values), dtype=object)
        words[:] = [str(word) for word in column.values]
        return _Labels(words)
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        raise ValueError(
            f"{column.label} is {numbers[infinite[0]]} in row {infinite[0] + 1}, expected finite "
            "numbers: mend the row"
        )
    named = _Labels(numbers) if reading.regression else _told_apart(column, numbers)
    if named.values.dtype.kind == "O":
        return named
    said = remark_on_rounding(column, numbers)
    return named._replace(notes=(*named.notes, said)) if said else named


def _told_apart(column: Column, numbers: np.ndarray) -> _Labels:
    """Return numbers; or the words that they are written as, where two of these are one number."""
    present = ~column.missing
    words = (column.values if column.words is None else column.words)[present]
    found = kept_apart(words, numbers[present])
    if found is None:
        return _Labels(numbers)
    alike = f"{column.label}: {found.example[0]} and {found.example[1]} are one number"
    if not found.are_names:
        return _Labels(numbers, (f"{alike} and so the same label",))
    names = np.full(len(numbers), "", dtype=object)
    names[present] = [str(word) for word in words.tolist()]
    return _Labels(names, (f"{alike} in double precision, and kept apart as names",))


def _lacking(x: Any) -> np.ndarray:
    """Return where a row has no value for some input; sparse arrays have them all."""
    if hasattr(x, "tocsr"):
        return np.zeros(x.shape[0], dtype=bool)
    return np.asarray(np.isnan(x).any(axis=1))


def _check_gaps(rows: Rows, lacking: np.ndarray, reading: Reading) -> None:
    """Refuse rows that lack a value, unless the user says what becomes of them."""
    if reading.missing is Missing.DROP:
        return
    if reading.missing is Missing.MEAN and not rows.unlabelled.any():
        return
    row = int(np.flatnonzero(rows.unlabelled if rows.unlabelled.any() else lacking)[0])
    remedy = "missing='drop' (--missing drop) leaves such rows out"
    share = float(np.isnan(rows.x).mean())
    matrix = or_matrix(len(rows.y), rows.x.shape[1] + 1, share) if rows.names else ""
    after = row - (rows.tested_from or 0)
    tested = rows.tested_from is not None and after >= 0
    place, part = (after, "_test") if tested else (row, "")
    if rows.unlabelled[row]:
        where = f"{rows.target} has no value in row {row + 1}"
        if not rows.names:
            where = f"y{part}[{place}] has no value"
        raise ValueError(
            f"{where} ({int(rows.unlabelled.sum())} missing), expected a label: {remedy}{matrix}"
        )
    column = int(np.flatnonzero(np.isnan(rows.x[row]))[0])
    count = f"rows that lack a value: {int(lacking.sum())} of {len(lacking)}"
    if rows.names:
        name = rows.columns[column]
        where = f"column {name!r} has no value in row {row + 1}"
        word = str(rows.words[name][row]) if name in rows.words else ""
        is_words, asked = rows.columns.count(name) > 1, ",".join(reading.na).split(",")
        if is_words and word not in ("", *asked):
            where += f", where {word!r} is read as none and is to be renamed if it is a word"
    else:
        where = f"X{part}[{place}, {column}] is nan"
    raise ValueError(
        f"{where} ({count}), expected a number: {remedy}, missing='mean' (--missing mean) fills in "
        f"the mean of the column{matrix}"
    )


def _split(rows: Rows, kept: np.ndarray) -> Split | None:
    """Return the split that the data have, among the rows that are kept; None where they do not."""
    if rows.tested_from is not None:
        test = np.arange(len(kept)) >= rows.tested_from
        found = Split(~test, test, ())
    elif rows.split is not None:
        found = marked(rows.split)
    else:
        return None
    train, test = found.train & kept, found.test & kept
    if not (train.any() and test.any()):
        lacking = "test" if train.any() else "train"
        raise ValueError(f"no row is left to {lacking} on, expected some: add rows without gaps")
    return Split(train, test, found.notes)
