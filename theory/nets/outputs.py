"""A module's outputs at fixed inputs, as functions of its parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.nets.flat_module import FlatModule
from grokflow.theory.summary import Summarised


@dataclass(frozen=True, eq=False, repr=False)
class ModuleOutputs(Summarised):
    """The outputs of a torch module at fixed inputs, as functions of its parameters.

    `SlowManifold` follows it. The whole Jacobian of mC rows is kept in memory.

    Parameters
    ----------
    flat : FlatModule
        The module as a function of its parameters: ``module_tangent(module, x).flat``.
    x : ndarray, shape (m, ...)
        Inputs.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> from torch.nn import Linear
    >>> x = np.array([[1.0, 2.0], [2.0, -1.0]])
    >>> tangent = gf.module_tangent(gf.Symmetrised(Linear(2, 1, bias=False)), x)
    >>> print(gf.ModuleOutputs(tangent.flat, x).outputs(np.array([1.0, 0.0, 0.0, 0.0])).round(2))
    [0.71 1.41]
    """

    flat: FlatModule
    x: np.ndarray

    def outputs(self, theta: np.ndarray) -> np.ndarray:
        """Return the outputs, shape (mC,), input by input."""
        return self.flat.evaluate(theta, self.x).ravel()

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Return their gradients, shape (mC, P)."""
        rows = np.arange(len(self.x) * self.flat.outputs)
        return np.asarray(self.flat.jacobian(theta, self.x, rows).numpy())
