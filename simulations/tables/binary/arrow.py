"""Tables of pyarrow: Parquet and Arrow files, and what pandas and polars hand over."""

from __future__ import annotations

import io
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from grokflow.simulations.tables.compression import Unreadable, check_budget
from grokflow.simulations.tables.contents import Column, Columns, lacks_value


def read_parquet(source: str, data: bytes) -> Columns:
    """Return the columns of a Parquet file."""
    pyarrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        sizes = file.metadata
        check_budget(16 * sizes.num_rows * sizes.num_columns, "its table")
        return columns_of(source, file.read())
    except (pyarrow.ArrowException, OSError, OverflowError, MemoryError) as error:
        raise Unreadable(f"it is no readable Parquet file: {_first_line(error)}") from None


def read_arrow(source: str, data: bytes) -> Columns:
    """Return the columns of an Arrow file, also called Feather, or of an Arrow stream."""
    pyarrow: Any = import_module("pyarrow")
    buffer = pyarrow.py_buffer(data)
    try:
        kind = pyarrow.ipc.open_file if data.startswith(b"ARROW1") else pyarrow.ipc.open_stream
        table = kind(buffer).read_all()
        table.validate(full=True)
        return columns_of(source, table)
    except (pyarrow.ArrowException, OSError, OverflowError, MemoryError) as error:
        raise Unreadable(f"it is no readable Arrow file: {_first_line(error)}") from None


def columns_of(source: str, table: Any) -> Columns:
    """Return the columns of a table of pyarrow.

    Parameters
    ----------
    source : str
        What messages call it.
    table : pyarrow.Table
        The table.
    """
    check_budget(16 * table.num_rows * table.num_columns, "its table")
    metadata = getattr(table.schema, "pandas_metadata", None) or {}
    index = {name for name in metadata.get("index_columns", ()) if isinstance(name, str)}
    told = metadata.get("columns", ())
    # Parquet keeps numbers that name categories as numbers.
    categories = {part["name"] for part in told if part.get("pandas_type") == "categorical"}
    columns = []
    for place, (name, values) in enumerate(zip(table.column_names, table.columns, strict=True), 1):
        # The index that pandas stores may have no name for which anybody would ask.
        shown = "" if name.startswith("__index_level_") else name
        column = _column(shown, values, place, name in categories)
        columns.append(replace(column, is_index=name in index or name != shown))
    return Columns(source, tuple(columns))


def _column(name: str, column: Any, place: int, is_category: bool) -> Column:
    """Return one column; what is neither number, truth nor time is words."""
    pyarrow: Any = import_module("pyarrow")
    types: Any = import_module("pyarrow.types")
    kind = column.type
    if types.is_dictionary(kind):
        is_category = True
        chunks = column.chunks if hasattr(column, "chunks") else [column]
        column = pyarrow.chunked_array([_decoded(chunk) for chunk in chunks])
    if is_category and (types.is_integer(column.type) or types.is_floating(column.type)):
        # Numbers that name categories say nothing of how far these are apart.
        column = column.cast(pyarrow.string())
    kind = column.type
    values = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    missing = values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
    if types.is_null(kind):
        return Column(name, np.full(len(missing), np.nan), missing, place)
    exact = None
    if types.is_decimal(kind):
        exact = np.array([str(item) for item in values.to_pylist()], dtype=object)
        values, kind = values.cast("float64"), pyarrow.float64()
    if any(test(kind) for test in (types.is_floating, types.is_integer, types.is_boolean)):
        nothing = False if types.is_boolean(kind) else 0
        filled = values.fill_null(nothing) if values.null_count else values
        return Column(name, filled.to_numpy(zero_copy_only=False), missing, place, words=exact)
    if types.is_temporal(kind):
        return Column(name, np.zeros(len(missing), dtype="datetime64[s]"), missing, place)
    # Lists and the like are words too, so that they are named, and can be left out.
    stripped = ["" if word is None else str(word).strip() for word in values.to_pylist()]
    words = np.empty(len(missing), dtype=object)
    words[:] = stripped
    return Column(name, words, missing | lacks_value(stripped), place, is_category=is_category)


def _decoded(chunk: Any) -> Any:
    """Return the values of categories; pyarrow does not decode the words of polars."""
    pyarrow: Any = import_module("pyarrow")
    names = chunk.dictionary
    if str(names.type) == "string_view":
        names = names.cast(pyarrow.large_string())
    return names.take(chunk.indices)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
