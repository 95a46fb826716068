"""A statement of a certificate file: data, a bounded minimum, and the points that prove the bounds.

A double is written as a JSON number, which is read back as the same double; any other rational
number as "p/q".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grokflow.theory.numerics.rational import fmpq, fmpq_mat, fraction
from grokflow.theory.objective import Condition, Objective

# Whole numbers with more digits are written in base 16, which takes no time to read.
_LONG = 10**18


@dataclass(frozen=True, eq=False)
class Table:
    """Rows A and targets t, as the checker reads them.

    Parameters
    ----------
    shape : tuple of int
        Shape of the unknown; (d, 1) for weights of d inputs.
    rows : sequence
        A row of all numbers, or a mapping of places to the numbers that are not zero, for each
        sample.
    targets : ndarray, shape (n,)
        Targets.
    counts : ndarray of int, shape (n,), or None
        How often every sample is counted; once each for None.
    group : int
        How many rows belong to one sample.
    """

    shape: tuple[int, int]
    rows: Sequence[Sequence[float] | Mapping[int, float]]
    targets: np.ndarray
    counts: np.ndarray | None = None
    group: int = 1

    def record(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        counts = {} if self.counts is None else {"counts": self.counts.tolist()}
        return {
            "shape": list(self.shape),
            "rows": list(self.rows),
            "targets": self.targets.tolist(),
            **counts,
            "group": self.group,
        }


@dataclass(frozen=True, eq=False)
class Statement:
    """That a minimum lies between two bounds, or that nothing meets a condition.

    Parameters
    ----------
    table : Table
        The data.
    objective : Objective
        What is minimised.
    dual : list
        Multipliers of the rows, as JSON holds them.
    primal : list or mapping
        The weights, or the factors of a matrix and what is left, as JSON holds them.
    lower, upper : fmpq or None
        The bounds; None where nothing meets the condition.
    factor : list of list of float
        For the nuclear norm: L, which shows that the multipliers are held.
    """

    table: Table
    objective: Objective
    dual: list[object]
    primal: Any = None
    lower: fmpq | None = None
    upper: fmpq | None = None
    factor: list[list[float]] | None = None

    def record(self, table: str) -> dict[str, object]:
        """Return it as JSON holds it, with the name of its table."""
        data = self.objective.data
        return {
            "table": table,
            "norm": self.objective.norm.value,
            "strength": self.objective.strength,
            "data": data.value if isinstance(data, Condition) else data.name,
            "primal": self.primal,
            "dual": self.dual,
            "lower": None if self.lower is None else written(self.lower),
            "upper": None if self.upper is None else written(self.upper),
        } | ({"factor": self.factor} if self.factor is not None else {})


def written(value: fmpq) -> object:
    """Return a rational number as JSON holds it."""
    exact = fraction(value)
    near = float(exact) if abs(exact) < 2**1000 else 0.0
    if exact == near:
        return near
    top, below = (str(x) if abs(x) < _LONG else hex(x) for x in exact.as_integer_ratio())
    return f"{top}/{below}"


def column(values: fmpq_mat | Iterable[fmpq]) -> list[object]:
    """Return rational numbers as JSON holds them."""
    return [written(x) for x in (values.entries() if isinstance(values, fmpq_mat) else values)]
