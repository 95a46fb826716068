"""What simulations are asked for: output times, files that can be written, and processes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from simulations.records import check_suffix
from simulations.scan_executors import dask, local

_SUFFIXES = {
    "json": (".json",),
    "plot": (".png", ".svg", ".pdf"),
    "out": (".npz", ".csv", ".nc"),
}


def check_outputs(
    arguments: argparse.Namespace, options: tuple[str, ...] = ("json", "plot", "out")
) -> None:
    """Refuse files that could not be written, before the work starts."""
    for option in options:
        if path := getattr(arguments, option):
            check_suffix(path, _SUFFIXES[option])


def output_times(alpha: float, predicted: float, arguments: argparse.Namespace) -> np.ndarray:
    """Return output times: a fifth of them logarithmic while the data are fitted, then linear.

    The default end is ten beyond log α or the predicted transition (NaN where there is none),
    whichever is later.
    """
    until, points = arguments.until, arguments.points
    if until is None:
        until = float(np.nanmax([np.log(alpha), predicted, 0.0])) + 10
    early = points // 5
    first = until / (points - early)
    head = np.geomspace(1e-7 * first, first, early, endpoint=False)
    return np.concatenate([head, np.linspace(first, until, points - early)])


@contextmanager
def workers(arguments: argparse.Namespace) -> Iterator[Any]:
    """Yield the executor that ``--jobs`` or ``--dask`` asks for; None for this process."""
    with dask(arguments.dask) if arguments.dask else local(arguments.jobs) as executor:
        yield executor
