"""Logistic regression with a bias where all labels are the same.

Putting all inputs on the right side is what a bias alone does, and what generalises. Gradient flow
ends in the direction of the largest margin, which has a bias alone if and only if 0 lies in the
convex hull of the samples [1]_; otherwise the weights over the bias are the point of the hull that
is nearest to 0. Of N samples of a law that is symmetric about 0, in general position, the hull
leaves 0 out with the probability of Wendel [2]_, which is ½ at N = 2d.

References
----------
.. [1] Beck, Levi and Bar-Sinai 2025, ICML, arXiv 2410.04489.
.. [2] Wendel 1962, Mathematica Scandinavica 11, 109-111.
"""

from __future__ import annotations

from math import comb

import numpy as np
from scipy.optimize import nnls


def hull_weights(x: np.ndarray) -> np.ndarray:
    """Return the multipliers μ, shape (n,), of the point ``Xᵀμ`` of the hull nearest to 0.

    Least squares of ``[Xᵀ; 1ᵀ] μ`` from (0, 1) with μ ≥ 0 has a multiple of it.
    """
    n, d = x.shape
    multipliers = nnls(np.vstack([x.T, np.ones(n)]), np.append(np.zeros(d), 1.0))[0]
    return np.asarray(multipliers / multipliers.sum())


def hull_misses_origin(n: int, d: int) -> float:
    """Return Wendel's probability that 0 is outside of the hull of n samples of d inputs."""
    return float(np.sum([comb(n - 1, k) for k in range(d)]) / 2 ** (n - 1))
