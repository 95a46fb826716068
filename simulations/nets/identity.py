"""What decides the course of a run of a net, by which its checkpoints are known."""

from __future__ import annotations

import hashlib
from enum import Enum

from torch import Tensor, nn

from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.runs.measure import Measure
from grokflow.theory.nets.problem import NetProblem


def identity(start: NetStart, measure: frozenset[Measure]) -> dict[str, object]:
    """Return what decides the course of a run besides its method, as JSON holds it."""
    problem = start.problem
    return {
        "measure": sorted(item.value for item in measure),
        "problem": {"name": problem.name, **problem.settings},
        "loss": problem.loss.name,
        "start": fingerprint(start.scaled_net(), problem),
    }


def fingerprint(net: nn.Module, problem: NetProblem) -> str:
    """Return a digest of the start and of all samples: parameters, layers and their settings."""
    digest = hashlib.sha256()
    for name, module in net.named_modules():
        digest.update(f"{name} {type(module).__qualname__} {module.extra_repr()}".encode())
        digest.update(str(_settings(module)).encode())
    tensors: list[Tensor] = [problem.x, problem.y, problem.x_test, problem.y_test]
    tensors += [tensor for _, tensor in sorted(net.state_dict().items())]
    for tensor in tensors:
        digest.update(str((tuple(tensor.shape), tensor.dtype)).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _settings(module: nn.Module) -> dict[str, object]:
    """Return what a module keeps beside its parameters: numbers, words, choices, functions."""
    kept: dict[str, object] = {}
    for name, value in sorted(vars(module).items()):
        if name != "training" and isinstance(value, bool | int | float | str | Enum):
            kept[name] = value
        elif callable(value):
            kept[name] = getattr(value, "__qualname__", type(value).__qualname__)
    return kept
