"""How many bytes the flow of a net needs, before they are allocated."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.parameters import kept_storages
from grokflow.theory.nets.sample_gradients import FactoredJacobian

# Vectors as long as θ that a solver holds at once: stages and updates, or a Krylov space of 20.
_VECTORS = 40


class NetMemory(NamedTuple):
    """Bytes for the parts of a solver.

    Parameters
    ----------
    products : int
        Activations of all samples at two points, and vectors.
    layers : int
        Gradients of one combination of the outputs, by layers, and their inner products.
    gram : int
        The Gram matrix of all mC outputs with its factor, and the gradients behind it.
    block : int
        One block of a preconditioner with its factor.
    """

    products: int
    layers: int
    gram: int
    block: int

    @classmethod
    def of(cls, net: ModuleMap, theta: Tensor, x: Tensor) -> NetMemory:
        """Estimate from the first two samples."""
        m, one = len(x), FactoredJacobian.of(net, theta, x[:1])
        rows = m * one.f.shape[1]
        kept = [_kept(net, theta, x[:count]) for count in (1, 2)]
        activations = kept[1] - kept[0] if m > 1 else kept[0]
        inputs = sum(layer.a.shape[1] for layer in one.layers)
        return cls(
            2 * m * activations + 8 * _VECTORS * (len(theta) + rows),
            8 * m * ((len(one.layers) + 2) * m + inputs + 3 * one.width),
            16 * rows**2 + 8 * rows * one.width,
            16 * m**2,
        )


def _kept(net: ModuleMap, theta: Tensor, x: Tensor) -> int:
    """Return the bytes kept for products with J."""
    with kept_storages() as kept:
        at = net.linearise(theta, x)
        at.push(theta)
        return sum(kept.values())
