"""The order of a distance in λ: slopes of its logarithm in log λ, extrapolated to λ = 0."""

from __future__ import annotations

import numpy as np

from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.extrapolation import (
    Limit,
    carried,
    extrapolate,
    extrapolated,
)

DERIVATION = extrapolated("of the slope") + ", plus what the errors of the distances change in it"


def order_in(lams: np.ndarray, distances: np.ndarray, off: float = 0.0) -> Limit:
    """Return the power of λ in distances at falling λ, whose corrections are powers of λ.

    Parameters
    ----------
    lams, distances : ndarray, shape (m,)
        At least seven values of λ, and the distance at each.
    off : float
        What every distance may be wrong by. To first order the slopes are linear in these errors.
    """
    steps = -np.diff(np.log(lams))
    terms = powers(np.sqrt(lams[1:] * lams[:-1]))
    limit = extrapolate(-np.diff(np.log(distances)) / steps, terms)
    relative = off / distances
    wrong = (relative[1:] + relative[:-1]) / steps
    return Limit(limit.value, limit.halfwidth + carried(wrong, terms))
