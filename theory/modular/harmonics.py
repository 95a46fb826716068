"""Frequencies and phases of trained neurons, to hold against the closed form.

Weights are read in the order in which the operation is an addition, as in
`grokflow.theory.modular.participation`. The constant term is left out: it is no frequency.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.modular.closed_form import PeriodicNeurons
from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.operations import Basis
from grokflow.theory.modular.participation import neuron_rows, power


@dataclass(frozen=True, eq=False)
class Harmonics:
    """The two strongest frequencies of the rows of U and V and the columns of W.

    Arrays have shape (3, N) where nothing else is said.

    Parameters
    ----------
    frequencies : ndarray of int
        The dominant one, at least 1; 0 for collapsed neurons.
    phases : ndarray
        Of the cosine with the dominant frequency, in radians.
    share : ndarray
        Of the power without the constant term, what the dominant frequency has.
    secondary : ndarray of int
        The frequency that comes next.
    secondary_share : ndarray
        Its share.
    lengths : ndarray of int, shape (3, 1)
        Number of coordinates of each part.
    """

    frequencies: np.ndarray
    phases: np.ndarray
    share: np.ndarray
    secondary: np.ndarray
    secondary_share: np.ndarray
    lengths: np.ndarray

    @property
    def frequencies_agree(self) -> np.ndarray:
        """Which neurons have one dominant frequency for U, V and W, shape (N,)."""
        first = self.frequencies[0]
        return np.asarray((first > 0) & (self.frequencies == first).all(axis=0))

    def neurons(self, chosen: np.ndarray | None = None) -> PeriodicNeurons:
        """Return the neurons that `agree`, or of them those in the mask `chosen`."""
        kept = self.frequencies_agree if chosen is None else self.frequencies_agree & chosen
        return PeriodicNeurons(self.frequencies[0][kept], *self.phases[:, kept])

    @property
    def doubled(self) -> np.ndarray:
        """Whether the secondary frequency is twice the dominant one, as the square makes it."""
        twice = 2 * self.frequencies % self.lengths
        return np.asarray(np.minimum(twice, self.lengths - twice) == self.secondary)


def harmonics(weights: ModularWeights, basis: Basis) -> Harmonics:
    """Return the strongest frequencies of every neuron."""
    rows = neuron_rows(weights, basis)
    parts = [_strongest(part) for part in rows]
    lengths = np.array([[part.shape[1]] for part in rows])
    frequencies, phases, share, secondary, secondary_share = map(np.stack, zip(*parts, strict=True))
    return Harmonics(frequencies, phases, share, secondary, secondary_share, lengths)


def _strongest(rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the fields of `Harmonics` for the rows of one matrix."""
    strengths = power(rows)[:, 1:]
    order = np.argsort(-strengths, axis=1, kind="stable")[:, :2]
    index = np.arange(len(rows))
    total = strengths.sum(axis=1)
    alive = total > 0
    share = strengths[index[:, None], order] / np.where(alive, total, 1)[:, None]
    first, second = (np.where(alive, order[:, i] + 1, 0) for i in (0, 1))
    phases = np.angle(np.fft.rfft(rows)[index, first])
    return first, phases, share[:, 0], second, share[:, 1]
