"""What every simulation is asked for: output times, and files that can be written."""

from __future__ import annotations

import argparse

import numpy as np

from simulations.records import check_suffix

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
