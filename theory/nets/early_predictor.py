"""The early predictor of a net for every loss: a direction h in the space of its parameters.

Theorems 3.4 and 3.9 of Lyu et al. (2024) treat one output. Several outputs of a net share their
parameters, and one vector h serves all of them: for the square loss the shortest one that meets
every target, for cross-entropy the shortest one with margin 1 of each class over all others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokflow.theory.homogeneous.certified_multipliers import margin_multipliers
from grokflow.theory.homogeneous.kernel_machine import MaxKernelMargin, MinKernelNorm
from grokflow.theory.nets.losses import TargetForm
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.tangent import ModuleTangent


def early_direction(net: ModuleMap, problem: NetProblem, memory: int = 2**30) -> Tensor:
    """Return h, shape (P,): the predictor is ``⟨∇f(θ̄; x), h⟩`` at the parameters θ̄ of `net`.

    Parameters
    ----------
    net : ModuleMap
        A homogeneous net that starts with output 0 (A3.1, A3.2).
    problem : NetProblem
        Training set and loss.
    memory : int
        Bytes for gradients; the kernel of mC rows comes on top.

    Raises
    ------
    ValueError
        For nets that violate the hypotheses.
    NoPredictor
        When no h meets the targets, or has a margin.
    """
    x, y = problem.x.cpu().numpy(), problem.y.cpu().numpy()
    tangent = ModuleTangent.of(net.on("cpu"), x, memory)
    match problem.loss.target_form:
        case TargetForm.CLASSES:
            coefficients = _multi_class(tangent, x, y)
        case TargetForm.VALUES:
            targets = y[:, 0] if tangent.outputs == 1 else y
            coefficients = MinKernelNorm().predict(tangent, x, targets).coefficients
        case TargetForm.SIGNS:
            coefficients = MaxKernelMargin().predict(tangent, x, y).coefficients
    h = torch.from_numpy(tangent.combine(x, coefficients))
    return h.to(problem.x.device)


class _Pairs(NamedTuple):
    """Rows of a kernel: the class of every sample, and each of the others."""

    own: np.ndarray
    other: np.ndarray


def _multi_class(tangent: ModuleTangent, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Solve ``min ½‖h‖² : ⟨∇f_y - ∇f_j, h⟩ ≥ 1`` for every j ≠ y; coefficients (m, C)."""
    m, c = len(y), tangent.outputs
    rows = np.arange(m * c).reshape(m, c)
    others = np.ones((m, c), dtype=bool)
    others[np.arange(m), y] = False
    pairs = _Pairs(np.repeat(rows[np.arange(m), y], c - 1), rows[others])
    kernel = tangent.gram(x)
    half = kernel[pairs.own] - kernel[pairs.other]
    gram = half[:, pairs.own] - half[:, pairs.other]
    found = margin_multipliers(gram, np.ones(len(gram)), rows="gradients ∇f_y - ∇f_j")
    coefficients = np.zeros(m * c)
    np.add.at(coefficients, pairs.own, found.multipliers)
    np.add.at(coefficients, pairs.other, -found.multipliers)
    return coefficients
