"""The outputs of a torch module as a function of one flat parameter vector, with its derivatives.

Products with the Jacobian ``J = ∂f/∂θ`` cost a few gradients each and need no row of J; the
double-backward trick gives ``J v``: ``Jᵀ w`` is linear in w, and its derivative in w is J.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from grokflow.theory.nets.parameters import parts_of, trainable

# Gradients computed at once stay near this size: larger allocations cost more than they save.
_CHUNK_BYTES = 2**26


@dataclass(frozen=True, eq=False)
class NetMap:
    """A module in float64 on one device; θ holds its trainable parameters, in their order.

    Parameters
    ----------
    module : nn.Module
        Maps a batch of m inputs to outputs of shape (m,) or (m, C), each input by itself.
    """

    module: nn.Module

    @classmethod
    def of(cls, module: nn.Module, device: str = "cpu") -> NetMap:
        """Copy a module to a device, in float64; the module itself is left alone."""
        return cls(copy.deepcopy(module).double().to(device))

    @cached_property
    def theta(self) -> Tensor:
        """The module's parameters, shape (P,)."""
        return torch.cat([p.detach().reshape(-1) for p in self._trained.values()])

    def outputs(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return f(θ; x), shape (m, C)."""
        with torch.no_grad():
            return self.call(theta, x)

    def call(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return f(θ; x), shape (m, C), differentiable."""
        return self.apply(self.parts(theta), x)

    def parts(self, theta: Tensor) -> dict[str, Tensor]:
        """Return θ parameter by parameter, as views."""
        return parts_of(theta, self._trained)

    def at(self, theta: Tensor) -> nn.Module:
        """Return a copy of the module with the parameters θ."""
        module = copy.deepcopy(self.module)
        named = dict(module.named_parameters())
        with torch.no_grad():
            for name, value in self.parts(theta).items():
                named[name].copy_(value)
        return module

    def apply(self, parts: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return the outputs for parameters given one by one, shape (m, C)."""
        value: Tensor = functional_call(self.module, dict(parts), (x,))
        return value.reshape(len(x), -1)

    def linearise(self, theta: Tensor, x: Tensor) -> Linearisation:
        """Evaluate at θ, keeping what products with J need."""
        return Linearisation.of(self, theta, x)

    def jacobian(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return J, shape (mC, P), rows input by input."""
        rows = vmap(jacrev(self._one), (None, 0))
        chunk = max(1, _CHUNK_BYTES // (8 * len(theta)))
        parts = [rows(theta, x[i : i + chunk]).detach() for i in range(0, len(x), chunk)]
        return torch.cat(parts).reshape(-1, len(theta))

    def _one(self, theta: Tensor, x: Tensor) -> Tensor:
        return self.call(theta, x[None])[0]

    @cached_property
    def _trained(self) -> dict[str, nn.Parameter]:
        return trainable(self.module)


@dataclass(frozen=True, eq=False)
class Linearisation:
    """Outputs at θ, and products with the Jacobian there.

    Parameters
    ----------
    theta : Tensor, shape (P,)
        Parameters.
    f : Tensor, shape (m, C)
        Outputs.
    """

    theta: Tensor
    f: Tensor
    _leaf: Tensor
    _graph: Tensor

    @classmethod
    def of(cls, net: NetMap, theta: Tensor, x: Tensor) -> Linearisation:
        """Run the forward pass and keep its graph."""
        leaf = theta.detach().clone().requires_grad_()
        graph = net.call(leaf, x)
        return cls(theta, graph.detach(), leaf, graph)

    def pull(self, w: Tensor) -> Tensor:
        """Return ``Jᵀ w``, shape (P,), for w of shape (m, C)."""
        (value,) = torch.autograd.grad(self._graph, self._leaf, w, retain_graph=True)
        return value

    def push(self, v: Tensor) -> Tensor:
        """Return ``J v``, shape (m, C), for v of shape (P,)."""
        weights, pulled = self._pulled
        (value,) = torch.autograd.grad(pulled, weights, v, retain_graph=True)
        return value

    @cached_property
    def _pulled(self) -> tuple[Tensor, Tensor]:
        weights = torch.zeros_like(self._graph, requires_grad=True)
        (pulled,) = torch.autograd.grad(self._graph, self._leaf, weights, create_graph=True)
        return weights, pulled
