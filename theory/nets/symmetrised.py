"""The difference of two copies of a net, whose outputs are 0 at the start (A3.2)."""

from __future__ import annotations

import copy

import numpy as np
from torch import Tensor, nn


class Symmetrised(nn.Module):
    """``(f(θ₁; x) - f(θ₂; x)) / √2`` with ``θ₁ = θ₂`` at the start: zero there, same kernel.

    The gradients are ``(∇f, -∇f)/√2``, so the tangent kernel and the degree of homogeneity are
    those of `module`, and A3.2 holds for every input (Chizat, Oyallon, Bach 2019). Outputs at
    ``αθ̄ + α^{1-L} h`` are linear in h to ``O(α^{-2L})``, where other models reach ``O(α^{-L})``:
    for h a combination of the gradients, terms of even order cancel.

    Parameters
    ----------
    module : nn.Module
        The module, copied twice.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.first = copy.deepcopy(module)
        self.second = copy.deepcopy(module)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for a batch."""
        difference: Tensor = (self.first(x) - self.second(x)) / np.sqrt(2)
        return difference
