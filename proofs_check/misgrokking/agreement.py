"""How often the predictors and the flow say the same of a problem."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.simulations.misgrokking.phase_map import PhaseMap
from grokflow.theory.transition.intervals import clopper_pearson
from grokflow.theory.transition.scores import Kind


class Agreement(NamedTuple):
    """The fraction of cells whose kinds agree, with its 95 % interval (Clopper-Pearson).

    ``opposed`` counts the cells where one side says grokking and the other misgrokking; the other
    disagreements are about what is large enough to be seen.
    """

    rate: float
    low: float
    high: float
    cells: int
    opposed: int


def agreement(phases: PhaseMap) -> Agreement:
    """Compare what both maps say is seen, cell by cell, where both are known."""
    known = np.isfinite(phases.predicted.mean) & np.isfinite(phases.simulated.mean)
    if not known.any():
        raise ValueError("no cell of the map was reached, expected one at least: run it longer")
    said, done = phases.predicted.seen[known], phases.simulated.seen[known]
    same = int(np.count_nonzero(said == done))
    seen = (said != Kind.NEITHER) & (done != Kind.NEITHER)
    opposed = int(np.count_nonzero((said != done) & seen))
    low, high = clopper_pearson(same, len(said))
    return Agreement(same / len(said), low, high, len(said), opposed)
