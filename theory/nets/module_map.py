"""The outputs of a torch module as a function of one parameter vector, with its derivatives.

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
from torch.func import functional_call, grad, jacrev, vmap
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from grokflow.theory.nets.parameters import CHUNK_BYTES, parts_of, trainable


@dataclass(frozen=True, eq=False)
class ModuleMap:
    """A module in float64 on one device; θ holds its trainable parameters, in their order.

    All else in the module is fixed. Inputs are tensors on the same device: int64 for embeddings,
    float64 for all else.

    Parameters
    ----------
    module : nn.Module
        Maps a batch of m inputs to outputs of shape (m,) or (m, C), each input by itself.
    """

    module: nn.Module

    @classmethod
    def of(cls, module: nn.Module, device: str | torch.device = "cpu") -> ModuleMap:
        """Check a module and copy it to a device, in float64; the module itself is left alone.

        Raises
        ------
        ValueError
            For modules without parameters, with complex ones or ones without numbers, or with
            dropout or batch norm in training mode.
        """
        _check_parameters(module)
        _check_no_chance(module)
        return cls(copy.deepcopy(module).double().to(device))

    @cached_property
    def theta(self) -> Tensor:
        """The module's parameters, shape (P,)."""
        return torch.cat([p.detach().reshape(-1) for p in self._trained.values()])

    def on(self, device: str | torch.device) -> ModuleMap:
        """Return the same map on a device."""
        here = self.theta.device == torch.device(device)
        return self if here else ModuleMap.of(self.module, device)

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
        """Return the outputs for parameters given one by one, shape (m, C).

        Raises
        ------
        ValueError
            For outputs of another shape than (m,) or (m, C).
        """
        value: Tensor = functional_call(self.module, dict(parts), (x,))
        if not isinstance(value, Tensor) or value.ndim not in (1, 2) or len(value) != len(x):
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(
                f"the module returns {shape} for {len(x)} inputs, expected a tensor of shape "
                f"({len(x)},) or ({len(x)}, C): reshape its output"
            )
        return value.reshape(len(x), -1)

    def linearise(self, theta: Tensor, x: Tensor) -> Linearisation:
        """Evaluate at θ, keeping what products with J need."""
        return Linearisation.of(self, theta, x)

    def jacobian(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return J, shape (mC, P), rows input by input."""
        rows = vmap(jacrev(self._outputs_of_one), (None, 0))
        chunk = max(1, CHUNK_BYTES // (8 * len(theta)))
        parts = [rows(theta, x[i : i + chunk]).detach() for i in range(0, len(x), chunk)]
        return torch.cat(parts).reshape(-1, len(theta))

    def gradients(self, theta: Tensor, x: Tensor, weights: Tensor) -> Tensor:
        """Return ``Σ_c weights_ic ∇f_c(θ; x_i)`` for each of m inputs, shape (m, P)."""
        rows = vmap(grad(self._combined_output), (None, 0, 0))
        result: Tensor = rows(theta, x, weights)
        return result

    def _outputs_of_one(self, theta: Tensor, x: Tensor) -> Tensor:
        return self.call(theta, x[None])[0]

    def _combined_output(self, theta: Tensor, x: Tensor, weights: Tensor) -> Tensor:
        return self._outputs_of_one(theta, x) @ weights

    @cached_property
    def _trained(self) -> dict[str, nn.Parameter]:
        return trainable(self.module)


def _check_parameters(module: nn.Module) -> None:
    """Refuse modules whose parameters make up no real vector."""
    if not trainable(module):
        raise ValueError(
            "the module has no trainable parameters, expected some: its tangent kernel is zero"
        )
    for name, parameter in module.named_parameters():
        if parameter.is_complex() or parameter.is_meta:
            kind = "complex" if parameter.is_complex() else "without numbers (on the meta device)"
            raise ValueError(
                f"the parameter {name} is {kind}, expected real numbers: split complex ones into "
                "real and imaginary parts, and initialise all"
            )


def _check_no_chance(module: nn.Module) -> None:
    """Refuse modules whose outputs depend on chance or on the rest of the batch."""
    for name, part in module.named_modules():
        if part.training and isinstance(part, _BatchNorm | _DropoutNd):
            raise ValueError(
                f"{name or 'the module'} is a {type(part).__name__} in training mode, expected "
                "outputs that depend on one input and on no chance: call module.eval()"
            )


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
    def of(cls, net: ModuleMap, theta: Tensor, x: Tensor) -> Linearisation:
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
        weights, pulled = self._pull_graph
        (value,) = torch.autograd.grad(pulled, weights, v, retain_graph=True)
        return value

    @cached_property
    def _pull_graph(self) -> tuple[Tensor, Tensor]:
        weights = torch.zeros_like(self._graph, requires_grad=True)
        (pulled,) = torch.autograd.grad(self._graph, self._leaf, weights, create_graph=True)
        return weights, pulled
