"""Gradients of one number for each sample, kept as factors where a layer is a matrix.

A weight that meets each sample once, as ``z_i = W a_i``, has the gradient ``b_i a_iᵀ`` with
``b_i = ∂/∂z_i``. One backward pass gives b for all samples, since each output depends on one
sample alone, and inner products of gradients of two samples are ``<a_i, a_j> <b_i, b_j>``: the
NTK Gram matrix costs ``(mC)²`` times the widths of the layers instead of the number of parameters.
What is used otherwise (convolutions, powers of weights, shared weights) is differentiated sample
by sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.parameters import CHUNK_BYTES

# Of the gradient of a layer, summed in another order.
_ROUNDING_ERROR = 1e-8


class Layer(NamedTuple):
    """A parameter at its only use, ``z = a Wᵀ``, or ``z = a W`` where rows of W are gathered.

    Shapes are (m, inputs) and (m, outputs).
    """

    name: str
    gathered: bool
    a: Tensor
    z: Tensor


class SampleGradients(NamedTuple):
    """Gradients of one number for each of m samples.

    Parameters
    ----------
    signals : list of Tensor, shapes (m, outputs)
        The factors b, layer by layer.
    rows : Tensor, shape (m, Q)
        Gradients in the parameters of no layer.
    """

    signals: list[Tensor]
    rows: Tensor


@dataclass(frozen=True, eq=False)
class FactoredJacobian:
    """The Jacobian of all outputs at θ, known by gradients of their combinations.

    Parameters
    ----------
    f : Tensor, shape (m, C)
        Outputs, with their graph.
    layers : list of Layer
        Parameters that act as matrices.
    rest : tuple of str
        Names of all others.
    """

    net: ModuleMap
    x: Tensor
    parts: Mapping[str, Tensor]
    f: Tensor
    layers: list[Layer]
    kernels: list[Tensor]
    rest: tuple[str, ...]

    @classmethod
    def of(
        cls, net: ModuleMap, theta: Tensor, x: Tensor, factored: bool = True
    ) -> FactoredJacobian:
        """Run the forward pass and note where each parameter is used.

        Unless `factored`, everything is differentiated sample by sample.
        """
        parts = net.parts(theta.detach().clone().requires_grad_())
        taps = _Taps(parts, len(x))
        with taps:
            f = net.apply(parts, x)
        alone = [name for name in parts if factored and taps.used_once_as_matrix(name)]
        rest = tuple(name for name in parts if taps.uses[name] and name not in alone)
        layers = [taps.layers[name] for name in alone]
        kernels = [layer.a @ layer.a.T for layer in layers]
        fixed = {name: part.detach() for name, part in parts.items()}
        return cls(net, x, fixed, f, layers, kernels, rest)

    @property
    def width(self) -> int:
        """How many numbers per sample the gradients of one combination take."""
        return sum(layer.z.shape[1] for layer in self.layers) + self._rest_size

    def gradients(self, v: Tensor) -> SampleGradients:
        """Return the gradients of ``Σ_c v_ic f_ic``, for v of shape (m, C)."""
        zs = [layer.z for layer in self.layers]
        signals = (
            torch.autograd.grad(
                self.f, zs, v, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            if zs
            else ()
        )
        return SampleGradients(list(signals), self._rows(v))

    def inner(self, p: SampleGradients, q: SampleGradients) -> Tensor:
        """Return the inner products of the gradients of all pairs of samples, shape (m, m)."""
        total = p.rows @ q.rows.T
        for kernel, b, c in zip(self.kernels, p.signals, q.signals, strict=True):
            total.addcmul_(kernel, b @ c.T)
        return total

    def same_sample(self, p: SampleGradients, q: SampleGradients) -> Tensor:
        """Return those of each sample with itself, shape (m,)."""
        total = (p.rows * q.rows).sum(dim=1)
        for kernel, b, c in zip(self.kernels, p.signals, q.signals, strict=True):
            total += kernel.diagonal() * (b * c).sum(dim=1)
        return total

    def outputs(self, transform: Callable[[Tensor], Tensor]) -> list[SampleGradients]:
        """Return the gradients of ``Tᵀf``, output by output; `transform` maps v to T v."""
        units = torch.eye(self.f.shape[1], dtype=self.f.dtype, device=self.f.device)
        return [self.gradients(transform(unit.expand_as(self.f).clone())) for unit in units]

    def gram(self, transform: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the Gram matrix of ``Tᵀf``, shape (Cm, Cm), rows output by output."""
        m, c = self.f.shape
        held = self.outputs(transform)
        total = self.f.new_empty((c, m, c, m))
        for i, p in enumerate(held):
            for j, q in enumerate(held[: i + 1]):
                total[i, :, j] = self.inner(p, q)
                if i != j:
                    total[j, :, i] = total[i, :, j].T
        return total.view(c * m, c * m)

    @property
    def _rest_size(self) -> int:
        return sum(self.parts[name].numel() for name in self.rest)

    def _rows(self, v: Tensor) -> Tensor:
        if not self.rest:
            return v.new_zeros((len(v), 0))
        chosen = {name: self.parts[name] for name in self.rest}
        one = vmap(grad(partial(_combined, self.net, self.parts)), (None, 0, 0))
        chunk = max(1, CHUNK_BYTES // (8 * self._rest_size))
        blocks = []
        for i in range(0, len(v), chunk):
            found = one(chosen, self.x[i : i + chunk], v[i : i + chunk])
            blocks.append(torch.cat([g.flatten(1) for g in found.values()], dim=1))
        return torch.cat(blocks)


def is_factored(net: ModuleMap, theta: Tensor, x: Tensor) -> bool:
    """Return whether the factors found are gradients, and of one sample each.

    They are not where the module mixes samples on the way, or uses a parameter unseen.
    """
    at, found = net.linearise(theta, x), FactoredJacobian.of(net, theta, x)
    v = torch.randn(at.f.shape, generator=torch.Generator().manual_seed(0)).to(at.f)
    v[::2] = 0
    pulled = net.parts(at.pull(v))
    for layer, b in zip(found.layers, found.gradients(v).signals, strict=True):
        wanted, sums = pulled[layer.name], b.T @ layer.a
        if layer.gathered:
            sums = sums.T
        if b[::2].any() or (sums.view_as(wanted) - wanted).norm() > _ROUNDING_ERROR * wanted.norm():
            return False
    return True


def _combined(
    net: ModuleMap, fixed: Mapping[str, Tensor], chosen: Mapping[str, Tensor], x: Tensor, v: Tensor
) -> Tensor:
    return net.apply({**fixed, **chosen}, x[None])[0] @ v


class _Taps(TorchFunctionMode):
    """Watches a forward pass for the uses of each parameter."""

    def __init__(self, parts: Mapping[str, Tensor], m: int) -> None:
        super().__init__()
        self.names = {id(part): name for name, part in parts.items()}
        self.m = m
        self.uses: Counter[str] = Counter()
        self.layers: dict[str, Layer] = {}

    def used_once_as_matrix(self, name: str) -> bool:
        """Whether the parameter is used once, as a matrix."""
        return self.uses[name] == 1 and name in self.layers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run any function of torch, and note the parameters that it takes."""
        value = func(*args, **(kwargs or {}))
        given = [self.names[id(t)] for t in tree_leaves((args, kwargs)) if id(t) in self.names]
        if not given or not isinstance(value, Tensor):
            # Reading a shape is no use; lists of views are.
            self.uses.update(given * (2 * isinstance(value, tuple | list)))
            return value
        self.uses.update(given)
        if value.ndim == 2 and len(value) == self.m:
            self._note_layer(func, args, kwargs or {}, value)
            # What is done in place to the value must not reach the one that is kept.
            return value.clone()
        return value

    def _note_layer(self, func: Any, args: Any, kwargs: Any, z: Tensor) -> None:
        """Keep a layer where `func` is one."""
        if func is functional.linear and len(args) >= 2:
            a, weight = args[:2]
            bias = args[2] if len(args) > 2 else kwargs.get("bias")
            if id(bias) in self.names:
                self._add_layer(self.names[id(bias)], False, z.new_ones((self.m, 1)), z)
        elif func is Tensor.__getitem__:
            (weight, a) = args
        elif func is functional.embedding:
            (a, weight) = args[:2]
        else:
            return
        if id(weight) not in self.names or not isinstance(a, Tensor):
            return
        if not a.is_floating_point():
            if a.dtype != torch.int64 or a.shape != (self.m,) or weight.ndim != 2:
                return
            a = functional.one_hot(a % len(weight), len(weight)).to(z)
        self._add_layer(self.names[id(weight)], func is not functional.linear, a.detach(), z)

    def _add_layer(self, name: str, gathered: bool, a: Tensor, z: Tensor) -> None:
        self.layers[name] = Layer(name, gathered, a, z)
