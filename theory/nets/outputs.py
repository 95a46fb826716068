"""A module's outputs at fixed inputs, as functions of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from grokflow.theory.nets.jacobian_blocks import JacobianBlocks, input_tensor
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.summary import Summarised


@dataclass(frozen=True, eq=False, repr=False)
class ModuleOutputs(Summarised):
    """The outputs of a torch module at fixed inputs, as functions of its parameters.

    `SlowManifold` follows it. The whole Jacobian of mC rows is kept in memory.

    Parameters
    ----------
    net : ModuleMap
        The module as a function of its parameters: ``module_tangent(module, x).net``.
    x : ndarray, shape (m, ...)
        Inputs.
    memory : int
        Bytes that the gradients under way may take, beside the Jacobian itself.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> from torch.nn import Linear
    >>> x = np.array([[1.0, 2.0], [2.0, -1.0]])
    >>> tangent = gf.module_tangent(gf.Symmetrised(Linear(2, 1, bias=False)), x)
    >>> print(gf.ModuleOutputs(tangent.net, x).outputs(np.array([1.0, 0.0, 0.0, 0.0])).round(2))
    [0.71 1.41]
    """

    net: ModuleMap
    x: np.ndarray
    memory: int = 2**30

    @property
    def theta(self) -> np.ndarray:
        """The module's own parameters, shape (P,)."""
        return np.asarray(self.net.theta.numpy())

    def outputs(self, theta: np.ndarray) -> np.ndarray:
        """Return the outputs, shape (mC,), input by input."""
        values = self._blocks.evaluate(torch.from_numpy(theta), input_tensor(self.x))
        return np.asarray(values.numpy().ravel())

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Return their gradients, shape (mC, P)."""
        rows = np.arange(len(self.x) * self._blocks.outputs)
        found = self._blocks.gradients(torch.from_numpy(theta), input_tensor(self.x), rows)
        return np.asarray(found.numpy())

    @cached_property
    def _blocks(self) -> JacobianBlocks:
        return JacobianBlocks.of(self.net, input_tensor(self.x), self.memory)
