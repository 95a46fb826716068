"""What can be measured of any model along its training, in numbers alone.

The models add what is their own: `grokflow.theory.nets.state`, `grokflow.theory.diagonal.state` and
`grokflow.theory.completion.state`.
"""

from __future__ import annotations

import numpy as np


def relative_distance(found: np.ndarray, predicted: np.ndarray, normalised: bool) -> float:
    """Return ``‖f - g‖ / ‖g‖``, NaN for g = 0; with `normalised` of the directions only.

    Theorems 3.4 and 3.5 are about directions (classification), 3.9 and 3.10 about values.
    """
    f, g = (np.asarray(a, dtype=np.float64).ravel() for a in (found, predicted))
    if normalised:
        f, g = (a / (np.linalg.norm(a) or 1.0) for a in (f, g))
    return float(np.linalg.norm(f - g) / size) if (size := np.linalg.norm(g)) else float("nan")


def effective_rank(singular_values: np.ndarray) -> float:
    """Return the exponential of the entropy of the shares of singular values [1]_; 0 if all are 0.

    References
    ----------
    .. [1] Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    total = float(singular_values.sum())
    if total == 0:
        return 0.0
    shares = singular_values[singular_values > 0] / total
    return float(np.exp(-(shares @ np.log(shares))))
