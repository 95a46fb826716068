"""The Jacobian of a module, computed block by block within a stated memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokflow.theory.conversion import as_array
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.parameters import CHUNK_BYTES, kept_storages


class Sensitivity(NamedTuple):
    """How outputs answer to their parameters; both have shape (m, C).

    Parameters
    ----------
    radial : Tensor
        ``⟨∇f, θ⟩``, which is L f for an L-homogeneous f (Euler).
    reach : Tensor
        ``⟨|∇f|, |θ|⟩``: the change of f for relative errors of its parameters, and so the size of
        its rounding errors.
    """

    radial: Tensor
    reach: Tensor


@dataclass(frozen=True, eq=False)
class JacobianBlocks:
    """Outputs ``f_c(θ; x)`` and their gradients, rows numbered input by input.

    Parameters
    ----------
    net : ModuleMap
        The module as a function of its parameters.
    outputs : int
        The number C of outputs.
    block : int
        Rows of the Jacobian that are held at once.
    chunk : int
        Rows of the Jacobian that are computed at once.
    """

    net: ModuleMap
    outputs: int
    block: int
    chunk: int

    @classmethod
    def of(cls, net: ModuleMap, x: Tensor, memory: int) -> JacobianBlocks:
        """Check a net on its first input and choose block and chunk sizes for `memory` bytes.

        A row of the Jacobian takes 8P bytes, and kernels hold two blocks of them. While a row is
        computed it takes twice that, for moving gradients into one vector, the activations A that
        one input leaves behind, counted here, and as much again for their gradients. In all,
        ``16 P block + (16 P + 2 A) chunk`` bytes. Results, inputs, the module and single vectors
        as long as θ come on top.

        Raises
        ------
        ValueError
            For modules that fail or cannot be differentiated, and for too little memory.
        """
        if not len(x):
            raise ValueError(
                f"inputs of shape {tuple(x.shape)} found, expected at least one: add some"
            )
        # A copy, so that no more than the first input is counted.
        outputs, kept = _probe(net, x[:1].clone())
        count = len(net.theta)
        held = 16 * count
        computed = held + 2 * kept
        if memory < held + computed:
            raise ValueError(
                f"memory of {memory} bytes found, expected {held + computed} or more for one "
                f"gradient of {count} parameters: raise it"
            )
        chunk = max(1, min(memory // 4, CHUNK_BYTES) // computed)
        return cls(net, outputs, (memory - chunk * computed) // held, chunk)

    def evaluate(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return the outputs at `theta`, shape (m, C).

        Raises
        ------
        ValueError
            When an output is NaN or infinite.
        """
        values = torch.cat([self.net.outputs(theta, part) for part in torch.split(x, self.chunk)])
        wrong = torch.nonzero(~torch.isfinite(values))
        if len(wrong):
            at, which = wrong[0].tolist()
            raise ValueError(
                f"output {which} of input {at} is {float(values[at, which])}, expected a finite "
                "number: check the input and the parameters"
            )
        return values

    def rows(self, inputs: int) -> list[np.ndarray]:
        """Return the row numbers of each block of the Jacobian at so many inputs."""
        count = inputs * self.outputs
        return np.split(np.arange(count), range(self.block, count, self.block))

    def gradients(self, theta: Tensor, x: Tensor, rows: np.ndarray) -> Tensor:
        """Return the gradients of the outputs numbered `rows`, shape (len(rows), P)."""
        found = theta.new_empty((len(rows), len(theta)))
        for i in range(0, len(rows), self.chunk):
            at, which = np.divmod(rows[i : i + self.chunk], self.outputs)
            units = torch.nn.functional.one_hot(torch.from_numpy(which), self.outputs).to(theta)
            inputs = x[torch.from_numpy(at).to(x.device)]
            found[i : i + self.chunk] = self.net.gradients(theta, inputs, units)
        return found

    def sensitivity(self, theta: Tensor, x: Tensor) -> Sensitivity:
        """Return how the outputs answer to their parameters."""
        radial, reach = [], []
        for rows in self.rows(len(x)):
            block = self.gradients(theta, x, rows)
            radial.append(block @ theta)
            reach.append(block.abs_() @ theta.abs())
        shape = len(x), self.outputs
        return Sensitivity(torch.cat(radial).reshape(shape), torch.cat(reach).reshape(shape))


def input_tensor(x: Any) -> Tensor:
    """Return inputs of any kind as a tensor: integers, for embeddings, as int64, else float64."""
    x = as_array("x", x)
    return torch.from_numpy(x.astype(np.int64 if x.dtype.kind in "iu" else np.float64))


def _probe(net: ModuleMap, x: Tensor) -> tuple[int, int]:
    """Return the number of outputs, and the bytes kept for the gradient at one input."""
    theta = net.theta.clone().requires_grad_()
    try:
        with kept_storages() as kept:
            value = net.call(theta, x)
        _check_differentiable(value)
        net.gradients(net.theta, x, torch.ones_like(value))
    except (RuntimeError, TypeError, IndexError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(
            f"the module fails on an input of shape {tuple(x.shape[1:])} and type {x.dtype} "
            f"({reason}), expected one that torch.func can differentiate: give integers to "
            "embeddings, floats to all else, and no randomness"
        ) from None
    kept.pop(theta.untyped_storage().data_ptr(), None)
    return value.shape[1], sum(kept.values())


def _check_differentiable(value: Tensor) -> None:
    if not value.requires_grad or not value.is_floating_point():
        raise ValueError(
            f"the outputs, of type {value.dtype}, do not depend differentiably on the parameters, "
            "expected floats with a gradient: return them before rounding, argmax or detach"
        )
