"""Entries that are observed together with their mirror images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.theory.completion.checks import ROUNDING


class Mirrors(NamedTuple):
    """Pairs observed with their mirrors: how many agree, how many differ, and one that does."""

    agree: int
    differ: int
    example: tuple[object, object, float, float] | None

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        return self.agree + self.differ


def compare_mirrors(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> Mirrors:
    """Compare entries off the diagonal with their mirrors; the last value of an entry counts."""
    allowed = ROUNDING * float(np.abs(values).max(initial=0.0))
    seen = dict(
        zip(zip(rows.tolist(), columns.tolist(), strict=True), values.tolist(), strict=True)
    )
    agree, differ, example = 0, 0, None
    for (i, j), value in seen.items():
        if i < j and (j, i) in seen:
            if abs(value - seen[j, i]) <= allowed:
                agree += 1
            else:
                differ += 1
                example = example or (i, j, value, seen[j, i])
    return Mirrors(agree, differ, example)
