"""The store of a scan: a file whose rows are the outcomes of its cells."""

from __future__ import annotations

from pathlib import Path

from grokflow.simulations.runs.store import Store
from grokflow.simulations.scan.outcome import CellOutcome


def scan_store(path: str | Path = ":memory:", *, resume: bool = False) -> Store:
    """Open the file that keeps the cells of scans, or by default one in memory."""
    return Store(path, resume=resume, row=CellOutcome, table="cells")
