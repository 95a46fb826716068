"""What a simulation can be asked to measure along the way, and the measuring of exact flows.

Nets are measured while they are followed, by `grokflow.simulations.nets.measuring`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TypeAlias


class Measure(Enum):
    """Quantities beyond losses, errors, norm and margin; each of them costs more than a step.

    KKT is the residual of (R1) or (R2) with the best multipliers, KKT_BOUND an upper bound on it
    for the price of one gradient. EARLY and LATE are relative distances to the two predictors: of
    weights, matrices, or outputs on the test set. DRIFT is the relative change of the empirical
    tangent kernel beyond its decay by weight decay alone. RANK is the effective rank of the
    matrices of a model.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.DiagonalStart(gf.sparse_regression(n=20, d=50, k=2, n_test=100), alpha=1e4)
    >>> flow = gf.DiagonalFlow(lam=1e-4, loss=gf.LOSSES["square"])
    >>> found = flow.run(start, np.array([0.0, 5, 20]), measure=frozenset({gf.Measure.LATE}))
    >>> print(found.measured["late_distance"].round(2))
    [1.  0.6 0. ]
    """

    KKT = "kkt"
    KKT_BOUND = "kkt-bound"
    EARLY = "early"
    LATE = "late"
    DRIFT = "drift"
    RANK = "rank"


# What a caller may ask for: measures or their names, one or several.
Measures: TypeAlias = Measure | str | Iterable[Measure | str]

# What compares with predictors, and takes a forecast.
PREDICTED = frozenset({Measure.EARLY, Measure.LATE})


def measures(names: Measures) -> frozenset[Measure]:
    """Return measures that are given as such or by their names, one or several.

    ``all`` stands for all of them.
    """
    known = [measure.value for measure in Measure]
    chosen: set[Measure] = set()
    if isinstance(names, (Measure, str)) or not isinstance(names, Iterable):
        names = [names]
    for name in names:
        if isinstance(name, Measure):
            chosen.add(name)
        elif name == "all":
            chosen |= set(Measure)
        elif name in known:
            chosen.add(Measure(name))
        else:
            raise ValueError(f"measure is {name!r}, expected {', '.join(known)} or all: pick some")
    return frozenset(chosen)
