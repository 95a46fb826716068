"""The store of a scan: a file whose rows are the outcomes of its cells."""

from __future__ import annotations

from pathlib import Path

from grokflow.simulations.runs.store import Store
from grokflow.simulations.scan.outcome import CellOutcome


def scan_store(path: str | Path = ":memory:", *, resume: bool = False) -> Store:
    """Open the file that keeps the cells of scans, or by default a store in memory.

    Parameters
    ----------
    path : str or Path
        The file.
    resume : bool
        Whether the file may hold cells already, which are then not computed again.

    Returns
    -------
    Store
        It is closed at the end of a ``with`` block.

    Examples
    --------
    >>> import grokflow as gf
    >>> sizes = {"n": 20, "d": 50, "k": 2, "n_test": 100}
    >>> scan = gf.Scan.over("sparse-regression", alpha=[1e3, 1e4], lam=1e-4, **sizes)
    >>> with gf.scan_store("scan.db", resume=True) as store:
    ...     _ = scan.run(store)
    ...     print(len(store), "cells")
    2 cells
    """
    return Store(path, resume=resume, row=CellOutcome, table="cells")
