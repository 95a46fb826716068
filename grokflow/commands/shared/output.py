"""What commands share: files that can be written, and who computes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grokflow.simulations.runs.executors import dask, local_workers
from grokflow.simulations.runs.files import check_suffix

_SUFFIXES = {
    "json": (".json",),
    "certificate": (".json",),
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


def check_resumed(file: str | Path | None, option: str = "--out") -> None:
    """Refuse to go on with a store that was not named, or does not exist."""
    if not file:
        raise ValueError(
            f"--resume without {option}, expected the file to go on with: add {option} FILE"
        )
    if not Path(file).exists():
        raise ValueError(
            f"{file} does not exist, expected the file to go on with: check its name, or leave "
            "--resume out to begin it"
        )


@contextmanager
def workers(arguments: argparse.Namespace) -> Iterator[Any]:
    """Yield the executor that ``--jobs`` or ``--dask`` asks for; None for this process."""
    with dask(arguments.dask) if arguments.dask else local_workers(arguments.jobs) as executor:
        yield executor
