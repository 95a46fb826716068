"""The table of a scan: for pandas, xarray, CSV, Parquet and netCDF."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grokflow.simulations.runs.code import code_version
from grokflow.simulations.runs.files import check_suffix, write_whole
from grokflow.simulations.scan.cells import Cell, Value
from grokflow.simulations.scan.outcome import CellOutcome
from grokflow.theory.summary import Summarised

if TYPE_CHECKING:
    import pandas
    import xarray

# Always dimensions of the labelled data; other settings are when they have several values.
_DIMENSIONS = ("alpha", "lam", "p", "seed")
SUFFIXES = (".csv", ".parquet", ".nc")

Row = tuple[Mapping[str, Value], Cell, CellOutcome]


class Audit(NamedTuple):
    """Cells found by the shift law and simulated too: how many, and how far apart in λt*."""

    cells: int
    largest: float
    stated: float
    holds: bool


@dataclass(frozen=True, eq=False, repr=False)
class ScanTable(Summarised):
    """Outcomes of the cells of a scan, in the order of its axes.

    Parameters
    ----------
    axes : mapping of name to values
        The axes of the scan.
    columns : mapping of name to ndarray
        The settings of every cell, and the fields of `CellOutcome`, with one entry for each cell.

    Examples
    --------
    >>> import grokflow as gf
    >>> sizes = {"n": 20, "d": 50, "k": 2, "n_test": 100}
    >>> scan = gf.Scan.over("sparse-regression", alpha=[1e3, 1e4], lam=1e-4, **sizes)
    >>> table = scan.run()
    >>> table
    ScanTable(cells=2, axes=alpha (2), transitions=2, failed=0)
    >>> table.to_xarray()["lambda_t"].dims
    ('alpha', 'lam', 'seed')
    """

    axes: Mapping[str, tuple[Value, ...]]
    columns: Mapping[str, np.ndarray]

    def _summary(self) -> Mapping[str, object]:
        """Return the values that are shown."""
        sizes = {name: len(values) for name, values in self.axes.items() if len(values) > 1}
        return {
            "cells": len(self),
            "axes": " × ".join(f"{name} ({size})" for name, size in sizes.items()) or "none",
            "transitions": int(self.good.sum()),
            "failed": int((self["error"] != "").sum()),
        }

    @classmethod
    def of(cls, axes: Mapping[str, tuple[Value, ...]], rows: Sequence[Row]) -> ScanTable:
        """Collect rows of settings, cells and outcomes."""
        model = ("alpha", "lam", "seed", "depth", "loss", "method")
        names = [*model, *(name for name in axes if name not in model)]
        columns = {}
        for name in names:
            own = [getattr(cell, name) if name in model else point[name] for point, cell, _ in rows]
            columns[name] = _column(own)
        for i, name in enumerate(CellOutcome._fields):
            columns[name] = _column([outcome[i] for *_, outcome in rows])
        return cls(axes, columns)

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.columns["alpha"])

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column."""
        return self.columns[name]

    def where(self, chosen: np.ndarray) -> ScanTable:
        """Return the rows chosen by a mask or by indices."""
        return ScanTable(self.axes, {name: item[chosen] for name, item in self.columns.items()})

    @cached_property
    def good(self) -> np.ndarray:
        """Which cells have a transition, shape (cells,)."""
        return np.asarray(np.isfinite(self["lambda_t"]))

    @property
    def failed(self) -> list[str]:
        """The distinct messages of cells without a result."""
        return sorted(set(self["error"][self["error"] != ""].tolist()))

    @property
    def no_forecast(self) -> list[str]:
        """The distinct reasons why cells have no forecast."""
        return sorted(set(self["no_forecast"][self["no_forecast"] != ""].tolist()))

    @property
    def no_time(self) -> list[str]:
        """The distinct reasons why forecasts of cells have no time."""
        return sorted(set(self["no_time"][self["no_time"] != ""].tolist()))

    def audit(self) -> Audit:
        """Compare the shift law with the simulation, where a cell has both."""
        both = np.isfinite(self["shifted"]) & self["simulated"]
        off = np.abs(self["lambda_t"] - self["shifted"])[both]
        stated = self["stated"][both]
        if not off.size:
            return Audit(0, np.nan, np.nan, True)
        return Audit(off.size, float(off.max()), float(stated.max()), bool((off <= stated).all()))

    def to_pandas(self) -> pandas.DataFrame:
        """Return one row for each cell."""
        import pandas

        return pandas.DataFrame(dict(self.columns))

    def to_xarray(self) -> xarray.Dataset:
        """Return labelled dimensions: α, λ (or p), seed, and every axis of several values."""
        import xarray

        names = [n for n, v in self.axes.items() if n in _DIMENSIONS or len(v) > 1]
        shape = [len(self.axes[name]) for name in names]
        places = np.ravel_multi_index(tuple(self._places(name) for name in names), shape)
        variables: dict[str, Any] = {}
        for name, column in self.columns.items():
            if name not in names:
                variables[name] = (names, _filled(column, places, shape))
        fixed = {name: values[0] for name, values in self.axes.items() if name not in names}
        attributes = {"settings": json.dumps(fixed), "versions": code_version()}
        coordinates: dict[str, Any] = {name: list(self.axes[name]) for name in names}
        return xarray.Dataset(variables, coordinates, attributes)

    def _places(self, name: str) -> np.ndarray:
        """Return the index along an axis of every row."""
        where = {value: i for i, value in enumerate(self.axes[name])}
        return np.array([where[value] for value in self[name].tolist()], dtype=int)

    def write(self, path: str | Path) -> None:
        """Write ``.csv``, ``.parquet`` or ``.nc``, whole or not at all."""
        path = Path(path)
        writers: dict[str, Callable[[Path], object]] = {
            ".csv": lambda target: self.to_pandas().to_csv(target, index=False),
            ".parquet": lambda target: self.to_pandas().to_parquet(target, index=False),
            ".nc": lambda target: self.to_xarray().to_netcdf(target, engine="scipy"),
        }
        check_table(path)
        write_whole(path, partial(writers[path.suffix]))


def check_table(path: Path) -> None:
    """Refuse a file that no table could be written to."""
    check_suffix(path, SUFFIXES)


def _column(values: list[Any]) -> np.ndarray:
    """Return numbers as numbers and words as objects."""
    words = any(isinstance(value, str) for value in values)
    return np.array(values, dtype=object if words else None)


def _filled(column: np.ndarray, places: np.ndarray, shape: list[int]) -> np.ndarray:
    """Return the column on the grid, with NaN, "" or 0 where there is no row."""
    empty: Any = {"O": "", "f": np.nan}.get(column.dtype.kind, 0)
    full = np.full(int(np.prod(shape)), empty, dtype=column.dtype)
    full[places] = column
    return np.asarray(full.reshape(shape))
