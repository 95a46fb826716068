"""The six phases of training on corrupted labels, by the accuracies at its end.

References
----------
Doshi, Das, He, Gromov, "To grok or not to grok", ICLR 2024, arXiv 2310.13061, section 3.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

# What counts as accurate, and how far above 1 - ξ the training accuracy may lie after inversion.
HIGH_ACCURACY = 0.9
INVERSION_MARGIN = 0.05
# Share of the norm at the time of grokking below which weights have collapsed.
COLLAPSED_NORM_SHARE = 0.5


class Phase(Enum):
    """How memorising and generalising end, when some training labels are wrong.

    COEXISTENCE means that the net is right on test pairs and has all labels, right or wrong;
    PARTIAL_INVERSION and FULL_INVERSION that it is right on test pairs and has unlearned some or
    all wrong labels; MEMORIZATION that it has the labels and does not generalise; FORGETTING that
    it did generalise until its weights collapsed; CONFUSION that it does neither. `phase` has the
    numbers.

    Examples
    --------
    >>> import grokflow as gf
    >>> gf.Phase("full inversion")
    <Phase.FULL_INVERSION: 'full inversion'>
    >>> len(gf.Phase)
    6
    """

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
    5. Forgetting: test < 0.9, train < 0.9, but test was ≥ 0.9 before, and since the last record at
       which it was, the norm has fallen to less than half;
    6. Confusion: test < 0.9, train < 0.9 otherwise.

    For ξ ≤ 0.15 row 2 is empty and rows 1 and 3 overlap: a net that ignores all corrupted labels
    has training accuracy 1 - ξ + ξ/p, which is above 0.9 there. Coexistence then comes first.

    Parameters
    ----------
    train, test, norm : ndarray, shape (k,)
        Accuracies as fractions and the norm ``‖(U, V, W)‖`` of all weights, recorded from the
        start to the end of training.
    corruption : float
        Fraction ξ of training pairs with a random label.

    Raises
    ------
    ValueError
        For records of different lengths or without entries, and for a ξ outside 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> train, test = np.array([0.1, 1.0, 0.7]), np.array([0.1, 0.2, 1.0])
    >>> gf.phase(train, test, norm=np.array([10.0, 20.0, 15.0]), corruption=0.3)
    <Phase.FULL_INVERSION: 'full inversion'>
    """
    _check(train, test, norm, corruption)
    if test[-1] >= HIGH_ACCURACY:
        if train[-1] >= HIGH_ACCURACY:
            return Phase.COEXISTENCE
        full = train[-1] < 1 + INVERSION_MARGIN - corruption
        return Phase.FULL_INVERSION if full else Phase.PARTIAL_INVERSION
    if train[-1] >= HIGH_ACCURACY:
        return Phase.MEMORIZATION
    grokked = np.flatnonzero(test >= HIGH_ACCURACY)
    if grokked.size and norm[-1] < COLLAPSED_NORM_SHARE * norm[grokked[-1]]:
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
