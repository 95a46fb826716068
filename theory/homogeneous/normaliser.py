"""The kernel regime of Theorem 3.4: NTK features at the start, and the normaliser Z(α)."""

from __future__ import annotations

from enum import Enum

import numpy as np


class Normaliser(Enum):
    """The two forms of Z(α) in Theorem 3.4: as printed, and as its proof (Lemma C.9) gives it."""

    PRINTED = "printed"
    CORRECTED = "corrected"


def log_normaliser(
    form: Normaliser, *, alpha: float, lam: float, c: float, degree: int = 2
) -> float:
    """Return ``γ Z(α)``: ``log(α^c / λ)`` as printed, ``log(α^{2(L-1)c} / λ)`` as proved.

    Parameters
    ----------
    form : Normaliser
        Which of the two.
    alpha, lam : float
        Initial scale and weight decay.
    c : float
        The constant of the time window.
    degree : int
        Degree of homogeneity L.
    """
    power = c if form is Normaliser.PRINTED else 2 * (degree - 1) * c
    return float(power * np.log(alpha) - np.log(lam))
