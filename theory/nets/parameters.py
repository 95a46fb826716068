"""The parameters of a torch module in one vector, and the memory that its gradients take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

# Gradients computed at once stay near this size: larger allocations cost more than they save.
CHUNK_BYTES = 2**26


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that make up θ, in their order."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def parts_of(theta: Tensor, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return θ parameter by parameter, as views."""
    pieces = torch.split(theta, [p.numel() for p in parameters.values()])
    return {
        name: piece.view(p.shape)
        for piece, (name, p) in zip(pieces, parameters.items(), strict=True)
    }


@contextmanager
def kept_storages() -> Iterator[dict[int, int]]:
    """Yield the bytes of every storage, by its address, that graphs built meanwhile keep.

    Storage that is freed lends its address to the next: look while the graphs are alive.
    """
    kept: dict[int, int] = {}
    with torch.autograd.graph.saved_tensors_hooks(partial(_note_storage, kept), _unchanged):
        yield kept


def _note_storage(kept: dict[int, int], tensor: Tensor) -> Tensor:
    """Note the memory of a tensor that a forward pass keeps, once however often it is kept."""
    storage = tensor.untyped_storage()
    kept[storage.data_ptr()] = storage.nbytes()
    return tensor


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor
