"""A torch module as a function of one parameter vector, differentiated within a stated memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from grokflow.theory.nets.parameters import kept_storages, parts_of, trainable

# Gradients computed at once stay near this size: larger allocations cost more than they save.
_CHUNK_BYTES = 2**26


@dataclass(frozen=True, eq=False)
class FlatModule:
    """The outputs ``f_c(θ; x)`` of a module, in float64, rows numbered input by input.

    The module itself is never changed. Its trainable parameters, in the order of
    ``named_parameters``, make up θ; all else is fixed. Inputs are arrays: of integers for
    embeddings (passed as int64), of floats for all else (passed as float64).

    Parameters
    ----------
    module : nn.Module
        Maps a batch of m inputs to outputs of shape (m,) or (m, C), each input by itself.
    outputs : int
        The number C of outputs.
    block : int
        Rows of the Jacobian that are held at once.
    chunk : int
        Rows of the Jacobian that are computed at once.
    """

    module: nn.Module
    outputs: int
    block: int
    chunk: int

    @classmethod
    def of(cls, module: nn.Module, x: np.ndarray, memory: int) -> FlatModule:
        """Check a module on its first input and choose block and chunk sizes for `memory` bytes.

        A row of the Jacobian takes 8P bytes, and kernels hold two blocks of them. While a row is
        computed it takes twice that, for moving gradients into one vector, the activations A that
        one input leaves behind, counted here, and as much again for their gradients. In all,
        ``16 P block + (16 P + 2 A) chunk`` bytes. Results, inputs and the module come on top.

        Raises
        ------
        ValueError
            For modules without parameters, with dropout or batch norm in training mode, or that
            fail, and for too little memory.
        """
        check_module(module)
        _check_place(module)
        if not len(x):
            raise ValueError(f"inputs of shape {x.shape} found, expected at least one: add some")
        flat = cls(module, 1, 1, 1)
        value, kept = flat._probe(x)
        held = 16 * flat.theta.size
        computed = held + 2 * kept
        if memory < held + computed:
            raise ValueError(
                f"memory of {memory} bytes found, expected {held + computed} or more for one "
                f"gradient of {flat.theta.size} parameters: raise it"
            )
        chunk = max(1, min(memory // 4, _CHUNK_BYTES) // computed)
        return cls(module, value.shape[1], (memory - chunk * computed) // held, chunk)

    def _probe(self, x: np.ndarray) -> tuple[Tensor, int]:
        """Return the first output, shape (1, C), and the bytes kept for its gradient."""
        parameters = torch.from_numpy(self.theta).requires_grad_()
        try:
            with kept_storages() as kept:
                value = self._call(parameters, _tensor(x[:1]))
            _check_output(value)
            one = FlatModule(self.module, value.shape[1], 1, 1)
            one.jacobian(self.theta, x, np.zeros(1, dtype=int))
        except (RuntimeError, TypeError, IndexError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise ValueError(
                f"the module fails on an input of shape {x.shape[1:]} and type {x.dtype} ({reason})"
                ", expected one that torch.func can differentiate: give integers to embeddings, "
                "floats to all else, and no randomness"
            ) from None
        kept.pop(parameters.untyped_storage().data_ptr(), None)
        return value, sum(kept.values())

    @cached_property
    def theta(self) -> np.ndarray:
        """The module's parameters, shape (P,)."""
        return np.concatenate(self.pieces)

    @property
    def pieces(self) -> list[np.ndarray]:
        """The module's parameters tensor by tensor, each flat."""
        return [p.detach().double().numpy().ravel() for p in self._trained.values()]

    def evaluate(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the outputs at `theta`, shape (m, C).

        Raises
        ------
        ValueError
            When an output is NaN or infinite.
        """
        parameters = torch.from_numpy(theta)
        starts = range(0, len(x), self.chunk)
        with torch.no_grad():
            parts = [self._call(parameters, _tensor(x[i : i + self.chunk])) for i in starts]
        values = torch.cat(parts).numpy()
        if not np.isfinite(values).all():
            at, which = np.argwhere(~np.isfinite(values))[0]
            raise ValueError(
                f"output {which} of input {at} is {values[at, which]}, expected a finite number: "
                "check the input and the parameters"
            )
        return np.asarray(values)

    def rows(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the row numbers of each block of the Jacobian at the inputs `x`."""
        count = len(x) * self.outputs
        return np.split(np.arange(count), range(self.block, count, self.block))

    def jacobian(self, theta: np.ndarray, x: np.ndarray, rows: np.ndarray) -> Tensor:
        """Return the gradients of the outputs numbered `rows`, shape (len(rows), P)."""
        jacobian = torch.empty((len(rows), theta.size), dtype=torch.float64)
        for i in range(0, len(rows), self.chunk):
            jacobian[i : i + self.chunk] = self._gradients(theta, x, rows[i : i + self.chunk])
        return jacobian

    def _gradients(self, theta: np.ndarray, x: np.ndarray, rows: np.ndarray) -> Tensor:
        inputs, which = np.divmod(rows, self.outputs)
        chosen = torch.nn.functional.one_hot(torch.from_numpy(which), self.outputs).double()
        gradients = vmap(grad(self._chosen_output), (None, 0, 0))
        result: Tensor = gradients(torch.from_numpy(theta), _tensor(x[inputs]), chosen)
        return result

    def sensitivity(self, theta: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ``⟨∇f, θ⟩`` and ``⟨|∇f|, |θ|⟩``, each (m, C).

        The first is L f for an L-homogeneous f (Euler); the second is how far f moves, in
        relative errors of its parameters, and so the size of its rounding errors.
        """
        parts = [self._sensitivity(theta, x, rows) for rows in self.rows(x)]
        radial, reach = np.concatenate(parts, axis=1).reshape(2, len(x), self.outputs)
        return radial, reach

    def _sensitivity(self, theta: np.ndarray, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        block = self.jacobian(theta, x, rows).numpy()
        return np.stack([block @ theta, np.abs(block, out=block) @ np.abs(theta)])

    def _chosen_output(self, theta: Tensor, x: Tensor, chosen: Tensor) -> Tensor:
        return self._call(theta, x[None])[0] @ chosen

    def _call(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return the outputs of the module with parameters `theta`, shape (m, C)."""
        named = parts_of(theta, self._trained)
        value = functional_call(self.module, {**self._fixed, **named}, (x,))
        if not isinstance(value, Tensor) or value.ndim not in (1, 2) or len(value) != len(x):
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(
                f"the module returns {shape} for {len(x)} inputs, expected a tensor of shape "
                f"({len(x)},) or ({len(x)}, C): reshape its output"
            )
        return value.reshape(len(x), -1)

    @cached_property
    def _trained(self) -> dict[str, nn.Parameter]:
        return trainable(self.module)

    @cached_property
    def _fixed(self) -> dict[str, Tensor]:
        frozen = {n: p for n, p in self.module.named_parameters() if not p.requires_grad}
        named = {**frozen, **dict(self.module.named_buffers())}
        return {n: t.detach().double() if t.is_floating_point() else t for n, t in named.items()}


def _tensor(x: np.ndarray) -> Tensor:
    """Return an array as int64 or float64."""
    return torch.from_numpy(x.astype(np.int64 if x.dtype.kind in "iu" else np.float64))


def check_module(module: nn.Module) -> None:
    """Refuse modules without parameters, and those whose outputs depend on chance or the batch."""
    if not any(p.requires_grad for p in module.parameters()):
        raise ValueError(
            "the module has no trainable parameters, expected some: its tangent kernel is zero"
        )
    for name, part in module.named_modules():
        if part.training and isinstance(part, _BatchNorm | _DropoutNd):
            raise ValueError(
                f"{name or 'the module'} is a {type(part).__name__} in training mode, expected "
                "outputs that depend on one input and on no chance: call module.eval()"
            )


def _check_place(module: nn.Module) -> None:
    if any(p.is_complex() or p.device.type != "cpu" for p in module.parameters()):
        raise ValueError(
            "the module has complex parameters, or is not on the CPU, expected real ones there: "
            "call module.cpu()"
        )


def _check_output(value: Tensor) -> None:
    if not value.requires_grad or not value.is_floating_point():
        raise ValueError(
            f"the outputs, of type {value.dtype}, do not depend differentiably on the parameters, "
            "expected floats with a gradient: return them before rounding, argmax or detach"
        )
