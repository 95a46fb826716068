"""Large texts of plain numbers and words, by the reader of pyarrow: the same columns in less time.

What is not plain is left to the careful reader: quotes, decimal commas, rows of unequal length.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import numpy as np

from grokflow.simulations.tables.compression import check_budget
from grokflow.simulations.tables.contents import NO_VALUE, Column
from grokflow.theory.merged import LARGEST_WHOLE

# From so many characters on the reader of pyarrow is faster, its import included; it spends a
# while on every column.
LARGE, _MOST_COLUMNS = 2**22, 2000
# Rows by which a column of few values is told.
_SAMPLE = 1000


def columns_of_large(
    text: str, names: list[str], delimiter: str, skipped: int
) -> list[Column] | None:
    """Return the columns of a text, or None where the careful reader is to read them.

    Parameters
    ----------
    text : str
        A table without comments.
    names : list of str
        Names of its columns.
    delimiter : str
        What stands between the fields.
    skipped : int
        Number of lines before the first row.
    """
    if len(names) > _MOST_COLUMNS or '"' in text or delimiter not in ",\t;|":
        return None
    csv: Any = import_module("pyarrow.csv")
    compute: Any = import_module("pyarrow.compute")
    pyarrow: Any = import_module("pyarrow")
    places = [str(place) for place in range(1, len(names) + 1)]
    check_budget(4 * len(text), "its table")
    try:
        table = csv.read_csv(
            io.BytesIO(text.encode()),
            csv.ReadOptions(column_names=places, skip_rows=skipped, use_threads=False),
            csv.ParseOptions(delimiter=delimiter, quote_char=False),
            csv.ConvertOptions(column_types=dict.fromkeys(places, pyarrow.string())),
        )
    except pyarrow.ArrowException:
        return None
    columns = []
    spaced = not text.isascii() or any(space in text for space in " \t\v\f" if space != delimiter)
    for place, (name, chunks) in enumerate(zip(names, table.columns, strict=True), 1):
        words = chunks.combine_chunks()
        words = compute.utf8_trim_whitespace(words) if spaced else words
        column = _column(name, words, place)
        if column is None:
            return None
        columns.append(column)
    if np.logical_and.reduce([column.missing for column in columns]).any():
        return None  # a row of blanks is none
    return [column for column in columns if column.name or not column.missing.all()]


def _column(name: str, words: Any, place: int) -> Column | None:
    """Return a column as numbers where they are all plain, and no two of them are one number."""
    compute: Any = import_module("pyarrow.compute")
    pyarrow: Any = import_module("pyarrow")
    missing = compute.is_in(words, value_set=pyarrow.array(sorted(NO_VALUE)))
    filled = compute.if_else(missing, "0", words)
    lacking = missing.to_numpy(zero_copy_only=False)
    try:
        numbers = compute.cast(filled, "float64").to_numpy()
    except pyarrow.ArrowException:
        numbers = np.array([np.inf])
    # Beyond 2^53 the words say what is lost.
    if np.isfinite(numbers).all() and np.abs(numbers).max(initial=0.0) < LARGEST_WHOLE:
        # Labels may be different words for one number; they have few values.
        few = len(np.unique(numbers[:_SAMPLE])) < _SAMPLE / 10
        if not few or len(np.unique(numbers)) == compute.count_distinct(filled).as_py():
            return Column(name, numbers, lacking, place)
    if compute.any(compute.match_substring(words, ",")).as_py():
        return None  # it may be a decimal mark, of which all columns know
    shared = words.dictionary_encode()
    found = shared.dictionary.to_numpy(zero_copy_only=False)
    if "+" in found.tolist():
        return None  # beside it a minus sign is a word
    return Column(name, found[shared.indices.to_numpy()], lacking, place)
