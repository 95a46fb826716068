"""The tangent kernel of a torch module, computed in blocks that fit in a stated memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from grokflow.theory.nets.homogeneity import check_zero_output, degree_of_homogeneity
from grokflow.theory.nets.jacobian_blocks import JacobianBlocks, input_tensor
from grokflow.theory.nets.module_map import ModuleMap


@dataclass(frozen=True, eq=False)
class ModuleTangent:
    """A torch module linearised at its parameters: ``K = J(x) J(x')ᵀ`` with ``J = ∂f/∂θ``.

    `module_tangent` makes it. A kernel of n rows and n' columns needs ``n/b`` blocks of the first
    Jacobian and, for each of them, all blocks of the second (half of them where both are the same),
    b rows each.

    Parameters
    ----------
    blocks : JacobianBlocks
        The gradients of the module, with the block size b.
    degree : float
        Measured degree of homogeneity L.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start = gf.modular_addition(p=5, width=8)
    >>> tangent = gf.module_tangent(start.net, start.problem.x)
    >>> print(f"degree {tangent.degree:.1f}, {tangent.outputs} outputs")
    degree 3.0, 5 outputs
    >>> tangent.gram(np.eye(10)[:2]).shape
    (10, 10)
    """

    blocks: JacobianBlocks
    degree: float

    @classmethod
    def of(cls, net: ModuleMap, x: Any, memory: int) -> ModuleTangent:
        """Linearise a net at its own parameters, see `module_tangent`."""
        inputs = input_tensor(x).to(net.theta.device)
        blocks = JacobianBlocks.of(net, inputs, memory)
        degree = degree_of_homogeneity(blocks, inputs)
        check_zero_output(blocks, inputs)
        return cls(blocks, degree)

    @property
    def net(self) -> ModuleMap:
        """The module as a function of its parameters."""
        return self.blocks.net

    @property
    def outputs(self) -> int:
        """Number C of outputs."""
        return self.blocks.outputs

    def gram(self, x: Any) -> np.ndarray:
        """Return the kernel of m inputs with themselves, shape (mC, mC)."""
        inputs = self._inputs(x)
        blocks = self.blocks.rows(len(x))
        kernel = np.empty((len(x) * self.outputs,) * 2)
        for i, rows in enumerate(blocks):
            held = self._features(inputs, rows)
            kernel[np.ix_(rows, rows)] = held @ held.T
            for columns in blocks[:i]:
                part = held @ self._features(inputs, columns).T
                kernel[np.ix_(rows, columns)] = part
                kernel[np.ix_(columns, rows)] = part.T
        return kernel

    def cross(self, x_new: Any, x: Any) -> np.ndarray:
        """Return the kernel between k new inputs and m inputs, shape (kC, mC)."""
        new, inputs = self._inputs(x_new), self._inputs(x)
        kernel = np.empty((len(x_new) * self.outputs, len(x) * self.outputs))
        for rows in self.blocks.rows(len(x_new)):
            held = self._features(new, rows)
            for columns in self.blocks.rows(len(x)):
                kernel[np.ix_(rows, columns)] = held @ self._features(inputs, columns).T
        return kernel

    def combine(self, x: Any, coefficients: np.ndarray) -> np.ndarray:
        """Return ``h = Σ coefficients ∇f``, shape (P,): the direction of a kernel predictor."""
        inputs, c = self._inputs(x), coefficients.ravel()
        parts = (c[rows] @ self._features(inputs, rows) for rows in self.blocks.rows(len(x)))
        return np.asarray(sum(parts))

    def _features(self, inputs: Tensor, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.blocks.gradients(self.net.theta, inputs, rows).cpu().numpy())

    def _inputs(self, x: Any) -> Tensor:
        return input_tensor(x).to(self.net.theta.device)


def module_tangent(module: nn.Module, x: Any, *, memory: int = 2**30) -> ModuleTangent:
    """Linearise a torch module at its parameters θ̄, after checking what the theory supposes of it.

    Assumptions are those of Lyu et al. (2024). That f is twice differentiable (Assumption 3.1) is
    not checked: nets with ReLU are taken, though the theorems leave them out.

    Parameters
    ----------
    module : nn.Module
        Maps m inputs to outputs of shape (m,) or (m, C), each input by itself: MLPs,
        convolutional nets and others without batch norm. It is evaluated in float64 on copies of
        its parameters and never changed.
    x : array-like, shape (m, ...)
        Inputs on which homogeneity and zero output are checked: an array, a tensor, or a list.
    memory : int
        Bytes that blocks of the Jacobian and the activations under them may take at any time;
        kernels, inputs and the module come on top.

    Returns
    -------
    ModuleTangent
        What `MaxKernelMargin` and `MinKernelNorm` predict from.

    Raises
    ------
    ValueError
        For a module that is not homogeneous (Assumption 3.1), not zero at θ̄ (Assumption 3.2),
        without parameters, not differentiable, random in training mode, or with NaN or infinite
        outputs.

    Examples
    --------
    What a net that starts at zero first learns of modular addition: the training set alone.

    >>> import grokflow as gf
    >>> problem = (start := gf.modular_addition(p=5, fraction=0.8, width=64)).problem
    >>> tangent = gf.module_tangent(start.net, problem.x.numpy())
    >>> found = gf.MinKernelNorm().predict(tangent, problem.x.numpy(), problem.y.numpy())
    >>> for x, y in ((problem.x, problem.y), (problem.x_test, problem.y_test)):
    ...     print(f"{(found.classes(x.numpy()) == y.numpy().argmax(1)).mean():.0%} right")
    100% right
    0% right
    """
    return ModuleTangent.of(ModuleMap.of(module), x, memory)
