"""Tangent kernels: inner products of the gradients of a model's outputs at the initial direction.

Under A3.2, ``f(θ̄; x) = 0``, an L-homogeneous model started at ``θ = α θ̄`` is, for large α, linear
in the features ``∇f(θ̄; x)`` until the weight decay has had its time (Lyu et al. 2024, section 3).
The models of the paper have closed forms; `grokflow.theory.nets.tangent` serves any torch module.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class TangentKernel(Protocol):
    """The linearised model at θ̄, known by inner products of its features ``∇f_c(θ̄; x)``.

    Rows and columns of a kernel run over inputs and, within an input, over the `outputs`
    components of f.
    """

    @property
    def outputs(self) -> int:
        """Number C of components of f."""

    def gram(self, x: np.ndarray) -> np.ndarray:
        """Return the kernel of m inputs with themselves, shape (mC, mC)."""

    def cross(self, x_new: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the kernel between k new inputs and m inputs, shape (kC, mC)."""


@runtime_checkable
class ExactTangent(Protocol):
    """A tangent kernel that knows where its entries hold no rounding at all.

    Only there does a singular kernel prove that features are dependent: in any other the rounding
    of an entry may hide what tells them apart.
    """

    def is_exact(self, x: np.ndarray) -> bool:
        """Whether the kernel of m inputs with themselves is computed without rounding."""
