"""What every simulation is asked for: output times, measures, and files that can be written."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from grokflow.simulations.runs.executors import dask, local
from grokflow.simulations.runs.files import check_suffix

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


# What a table shows of the measured curves, and under which head.
_HEADS = {
    "kkt_residual": "KKT",
    "kkt_bound": "KKT bound",
    "early_distance": "to early",
    "late_distance": "to late",
    "kernel_drift": "NTK drift",
    "effective_rank": "rank",
}


def heads(curves: Mapping[str, np.ndarray]) -> str:
    """Return the heads of the table's columns for what was measured."""
    return "".join(f" {head:>10}" for name, head in _HEADS.items() if name in curves)


def cells(curves: Mapping[str, np.ndarray], i: int) -> str:
    """Return the i-th row under `heads`."""
    return "".join(f" {curves[name][i]:10.3g}" for name in _HEADS if name in curves)


@contextmanager
def workers(arguments: argparse.Namespace) -> Iterator[Any]:
    """Yield the executor that ``--jobs`` or ``--dask`` asks for; None for this process."""
    with dask(arguments.dask) if arguments.dask else local(arguments.jobs) as executor:
        yield executor
