"""What this package writes as JSON itself, told by its keys, and which command reads it."""

from __future__ import annotations

import json
from typing import Any

# Keys that a file has, and what it is then; the first that fits decides.
_READ: dict[tuple[str, ...], str] = {
    ("format", "statements"): "a certificate, which grokflow check FILE checks",
    ("claim", "instances"): "a problem of grokflow falsify, which grokflow falsify --replay FILE "
    "judges again",
}
_RESULTS: dict[tuple[str, ...], str] = {
    ("early", "late", "path"): "a forecast of grokflow predict",
    ("transition", "solver"): "a simulation of grokflow simulate",
    ("claims", "summary"): "the verdicts of grokflow verify",
    ("mutants", "versions"): "the mutants of grokflow verify",
    ("cells", "fit"): "a scan of grokflow scan",
    ("cases", "families"): "a search of grokflow misgrok",
    ("n_over_d", "predicted"): "a map of grokflow misgrok",
    ("ipr", "step"): "a training of grokflow modular train",
    ("ipr", "split"): "neurons of grokflow modular analyse",
    ("low_first", "high_first"): "a study of grokflow modular prune",
    ("dimensions", "majority"): "a diagram of grokflow modular phases",
}


def own_result(text: str) -> str | None:
    """Return what a file of this package is and what reads it, or None for any other text."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for keys, what in _READ.items():
        if content.keys() >= set(keys):
            return f"it is {what}"
    for keys, what in _RESULTS.items():
        if content.keys() >= set(keys):
            return f"it is {what}, expected data: {_data_of(content)}"
    return None


def _data_of(content: dict[str, Any]) -> str:
    """Say which data a result was made from, where it says so."""
    problem = content.get("problem")
    file = problem.get("file") if isinstance(problem, dict) else None
    return f"give {file!r}, from which it was made" if file else "give a table"
