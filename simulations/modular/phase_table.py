"""What the cells of a phase diagram come out as, and which phase most seeds are in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grokflow.theory.modular.phases import Phase
from grokflow.theory.summary import Summarised


class PhaseOutcome(NamedTuple):
    """What a cell comes out as: accuracies and norm at the end, steps of both stages, mean IPR."""

    train: float = float("nan")
    test: float = float("nan")
    corrupted: float = float("nan")
    uncorrupted: float = float("nan")
    norm: float = float("nan")
    best_test: float = float("nan")  # the highest test accuracy on the way
    grokking: float = float("nan")
    unlearning: float = float("nan")
    ipr: float = float("nan")
    collapsed: int = 0
    phase: str = ""
    error: str = ""  # why there is no result


@dataclass(frozen=True, eq=False, repr=False)
class PhaseTable(Summarised):
    """Outcomes of all cells, as arrays with one dimension for each axis.

    Parameters
    ----------
    axes : mapping of name to values
        p, weight_decay, dropout, fraction, corruption, seed.
    outcomes : list of PhaseOutcome
        In the order of `PhaseDiagram.cells`.
    """

    axes: dict[str, tuple[float | int, ...]]
    outcomes: list[PhaseOutcome]

    def _summary(self) -> Mapping[str, object]:
        """Return how many cells there are, along which axes, and in which phases."""
        lengths = (f"{name} ({len(values)})" for name, values in self.axes.items())
        counts = Counter(item.phase for item in self.outcomes if item.phase)
        return {
            "cells": len(self.outcomes),
            "axes": ", ".join(lengths),
            "phases": ", ".join(f"{name} ({count})" for name, count in counts.items()) or "none",
            "failed": len(self.errors),
        }

    def values(self, name: str) -> np.ndarray:
        """Return one quantity of every cell."""
        shape = [len(values) for values in self.axes.values()]
        return np.array([getattr(item, name) for item in self.outcomes]).reshape(shape)

    @property
    def errors(self) -> list[str]:
        """What went wrong."""
        return [item.error for item in self.outcomes if item.error]

    def phases(self) -> np.ndarray:
        """Return the most frequent phase of the seeds, ties to the first of `Phase`, or None."""
        order = list(Phase)
        found = self.values("phase")
        flat = [_most_frequent(row, order) for row in found.reshape(-1, found.shape[-1])]
        return np.array(flat, dtype=object).reshape(found.shape[:-1])

    def agreement(self) -> np.ndarray:
        """Return the share of seeds that are in the most frequent phase."""
        words = np.vectorize(lambda item: item.value if item else "", otypes=[object])
        return np.asarray((self.values("phase") == words(self.phases())[..., None]).mean(axis=-1))


def _most_frequent(words: np.ndarray, order: list[Phase]) -> Phase | None:
    counts = Counter(str(word) for word in words if word)
    return max(order, key=lambda item: counts[item.value]) if counts else None
