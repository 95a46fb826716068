"""The six phases of training on corrupted labels, by the accuracies at its end.

References
----------
Doshi, Das, He, Gromov, "To grok or not to grok", ICLR 2024, arXiv 2310.13061, section 3.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

# What counts as accurate, and how far above 1 - ξ the training accuracy may lie after inversion.
ACCURATE = 0.9
INVERSION_MARGIN = 0.05
# Share of the norm at the time of grokking below which weights have collapsed.
COLLAPSED = 0.5


class Phase(Enum):
    """How memorising and generalising end."""

    COEXISTENCE = "coexistence"
    PARTIAL_INVERSION = "partial inversion"
    FULL_INVERSION = "full inversion"
    MEMORIZATION = "memorization"
    FORGETTING = "forgetting"
    CONFUSION = "confusion"


def phase(train: np.ndarray, test: np.ndarray, norm: np.ndarray, corruption: float) -> Phase:
    """Return the phase at the end of a record, the first row of the table that applies.

    1. Coexistence: test ≥ 0.9, train ≥ 0.9;
    2. Partial Inversion: test ≥ 0.9, 1.05 - ξ ≤ train < 0.9;
    3. Full Inversion: test ≥ 0.9, train < 1.05 - ξ;
    4. Memorization: test < 0.9, train ≥ 0.9;
    5. Forgetting: both below, but test was ≥ 0.9 earlier, and the norm has fallen below half of
       what it was when it last was;
    6. Confusion: both below.

    For ξ ≤ 0.15 rows 1 and 3 overlap (with all corrupted labels ignored, train is 1 - ξ + ξ/p,
    which passes 0.9 there), and row 2 is empty: Coexistence then comes first.

    Parameters
    ----------
    train, test, norm : ndarray, shape (k,)
        Accuracies as fractions and ``‖(U, V, W)‖``, recorded from the start to the end of training.
    corruption : float
        ξ.
    """
    _check(train, test, norm, corruption)
    if test[-1] >= ACCURATE:
        if train[-1] >= ACCURATE:
            return Phase.COEXISTENCE
        full = train[-1] < 1 + INVERSION_MARGIN - corruption
        return Phase.FULL_INVERSION if full else Phase.PARTIAL_INVERSION
    if train[-1] >= ACCURATE:
        return Phase.MEMORIZATION
    grokked = np.flatnonzero(test >= ACCURATE)
    if grokked.size and norm[-1] < COLLAPSED * norm[grokked[-1]]:
        return Phase.FORGETTING
    return Phase.CONFUSION


def inverted_accuracy(corruption: float, p: int) -> float:
    """Return ``(1 - ξ) + ξ/p``, the training accuracy of a net that ignores corrupted labels.

    A corrupted label is drawn from all p classes, the true one included.
    """
    return 1 - corruption + corruption / p


def _check(train: np.ndarray, test: np.ndarray, norm: np.ndarray, corruption: float) -> None:
    if not len(train) == len(test) == len(norm) >= 1:
        raise ValueError(
            f"records of {len(train)}, {len(test)} and {len(norm)} steps found, expected as many "
            "of each and at least one: record all three"
        )
    if not 0 <= corruption <= 1:
        raise ValueError(f"corruption is {corruption}, expected 0 to 1: choose another corruption")
