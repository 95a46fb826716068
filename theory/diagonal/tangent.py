"""The tangent kernel of diagonal nets, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.arguments import check_number, check_whole
from grokflow.theory.numerics.rounding import products_are_exact


@dataclass(frozen=True)
class DiagonalTangent:
    """The diagonal net ``f(x) = <u^L - v^L, x>`` linearised at ``u = v = 1``.

    Its kernel is ``K(x, x') = 2L² <x, x'>``.

    Parameters
    ----------
    degree : int
        Depth L ≥ 2, the degree of homogeneity.
    outputs : int
        Number of outputs: always 1.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x = np.array([[1.0, 2.0], [2.0, -1.0]])
    >>> print(gf.DiagonalTangent(degree=3).gram(x))
    [[90.  0.]
     [ 0. 90.]]
    """

    degree: int = 2
    outputs: int = 1

    def __post_init__(self) -> None:
        """Refuse depths without features."""
        check_number("degree", self.degree)
        check_whole("degree", self.degree)
        if self.degree < 2:
            raise ValueError(
                f"depth {self.degree} found, expected 2 or more: a net of depth 1 is linear and "
                "its early and late predictors are the same"
            )

    def gram(self, x: np.ndarray) -> np.ndarray:
        """Return ``2L² X Xᵀ``; inputs of shape (m, d)."""
        return self.cross(x, x)

    def is_exact(self, x: np.ndarray) -> bool:
        """Whether the kernel is computed without rounding: for inputs of few binary digits."""
        return products_are_exact(x, x.shape[1], 2.0 * self.degree**2)

    def cross(self, x_new: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return ``2L² X_new Xᵀ``."""
        for rows in (x_new, x):
            if rows.ndim != 2 or rows.shape[1] != x.shape[-1]:
                raise ValueError(
                    f"inputs of shapes {x_new.shape} and {x.shape} found, expected (k, d) and "
                    "(m, d): reshape them"
                )
        with np.errstate(over="ignore", invalid="ignore"):  # who takes the kernel checks it
            product = x_new.astype(np.float64) @ x.astype(np.float64).T
            return np.asarray(2.0 * self.degree**2 * product)
