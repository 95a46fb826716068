"""The tangent kernel of symmetric factorisations, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.numerics.rounding import products_are_exact


@dataclass(frozen=True)
class FactorisationTangent:
    """The factorisation ``f(A) = <UUᵀ - VVᵀ, A>`` linearised at ``U = V = I``.

    With ``∂f/∂U = A + Aᵀ = -∂f/∂V`` the kernel is ``K(A, B) = 4 (<A, B> + <A, Bᵀ>)``; between
    entries, ``K_(ij)(kl) = 4 (δ_ik δ_jl + δ_il δ_jk)``, which is 8 on the diagonal of W. An entry
    and its mirror image have the same features: both among the samples make K singular, a case that
    Assumption 3.8 excludes and Corollary 3.11 of Lyu et al. (2024) does not.

    Inputs are index pairs of integers, shape (m, 2), or measurement matrices, shape (m, d, d).

    Parameters
    ----------
    dimension : int
        Number d of rows of W.
    degree : int
        Degree of homogeneity: always 2.
    outputs : int
        Number of outputs: always 1.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> entries = np.array([[0, 0], [0, 1], [1, 0]])
    >>> print(gf.FactorisationTangent(dimension=2).gram(entries))
    [[8. 0. 0.]
     [0. 4. 4.]
     [0. 4. 4.]]
    """

    dimension: int
    degree: int = 2
    outputs: int = 1

    def gram(self, x: np.ndarray) -> np.ndarray:
        """Return the kernel of the measurements with themselves."""
        return self.cross(x, x)

    def is_exact(self, x: np.ndarray) -> bool:
        """Whether the kernel is computed without rounding: entries, or matrices of few digits."""
        # A matrix and its transpose add up to entries of twice the size.
        return x.ndim == 2 or products_are_exact(x, x[0].size, 8.0)

    def cross(self, x_new: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the kernel between two lists of measurements of one kind."""
        if x_new.ndim != x.ndim:
            raise ValueError(
                f"measurements of shapes {x_new.shape} and {x.shape} found, expected index pairs "
                "or matrices in both: write pairs (i, j) as matrices with a one at (i, j)"
            )
        self._check(x_new)
        self._check(x)
        if x.ndim == 2:
            rows, columns = (x_new[:, None, k] == x[None, :, k] for k in (0, 1))
            swapped, back = (x_new[:, None, k] == x[None, :, 1 - k] for k in (0, 1))
            return np.asarray(4.0 * (rows & columns) + 4.0 * (swapped & back))
        flat = x_new.reshape(len(x_new), -1).astype(np.float64)
        mirrored = x + x.transpose(0, 2, 1)
        return np.asarray(4.0 * (flat @ mirrored.reshape(len(x), -1).astype(np.float64).T))

    def _check(self, x: np.ndarray) -> None:
        d = self.dimension
        if x.ndim == 3:
            if x.shape[1:] != (d, d):
                raise ValueError(
                    f"measurements of shape {x.shape} found, expected (m, {d}, {d}): give d x d "
                    "matrices"
                )
        elif x.ndim != 2 or x.shape[1] != 2 or x.dtype.kind not in "iu":
            raise ValueError(
                f"measurements of shape {x.shape} and type {x.dtype} found, expected integer "
                f"index pairs (m, 2) or matrices (m, {d}, {d}): convert them"
            )
        elif len(x) and not (x.min() >= 0 and x.max() < d):
            raise ValueError(
                f"indices from {x.min()} to {x.max()} found, expected 0 to {d - 1}: give the "
                "size of the matrix, or drop them"
            )
