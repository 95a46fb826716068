"""A module's outputs at fixed inputs, as functions of its parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.nets.flat_module import FlatModule
from grokflow.theory.summary import Summarised


@dataclass(frozen=True, eq=False, repr=False)
class ModuleOutputs(Summarised):
    """A module's outputs at fixed inputs, as functions of its parameters.

    The numpy side of a module for `grokflow.theory.homogeneous.slow_manifold`; the whole Jacobian
    of mC rows is kept.

    Parameters
    ----------
    flat : FlatModule
        The module as a function of its parameters.
    x : ndarray, shape (m, ...)
        Inputs.
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
