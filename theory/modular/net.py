"""Two-layer nets on pairs of residues, ``f(m, n) = W norm(φ(U e_m + V e_n))``.

References
----------
Doshi, Das, He, Gromov, "To grok or not to grok", ICLR 2024, arXiv 2310.13061.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class ModularActivation(Enum):
    """What a hidden unit does to its input.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> for activation in gf.ModularActivation:
    ...     print(activation.value, activation(np.array([-2.0, 3.0])))
    quadratic [4. 9.]
    relu [0. 3.]
    cubic [-8. 27.]
    quartic [16. 81.]
    """

    QUADRATIC = "quadratic"
    RELU = "relu"
    CUBIC = "cubic"
    QUARTIC = "quartic"

    @property
    def degree(self) -> int:
        """The degree of homogeneity."""
        return _DEGREES[self]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs of units with inputs `x`."""
        return np.maximum(x, 0) if self is ModularActivation.RELU else x**self.degree


_DEGREES = {
    ModularActivation.QUADRATIC: 2,
    ModularActivation.RELU: 1,
    ModularActivation.CUBIC: 3,
    ModularActivation.QUARTIC: 4,
}


class NormKind(Enum):
    """Over what hidden outputs are normalised: the batch, neuron by neuron, or the layer.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell = gf.ModularCell(data=gf.CorruptedTask(p=7).draw())
    >>> training = gf.ModularTraining(width=16, normalisation=gf.NormKind.BATCH)
    >>> print(training.run(cell, np.array([1])).weights.normalisation.kind.value)
    batch
    """

    BATCH = "batch"
    LAYER = "layer"


@dataclass(frozen=True, eq=False)
class Normalisation:
    """``γ (h - mean) / sqrt(variance + epsilon) + β``, after the activation.

    Parameters
    ----------
    kind : NormKind
        The batch, with running mean and variance here, or the layer.
    gamma, beta : ndarray, shape (N,)
        Factor and shift of every neuron.
    mean, variance : ndarray or None, shape (N,)
        Running statistics of BatchNorm; None for LayerNorm.
    epsilon : float
        Keeps the quotient finite.
    """

    kind: NormKind
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray | None = None
    variance: np.ndarray | None = None
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        """Refuse a normalisation over the batch without its statistics."""
        running = self.mean is not None and self.variance is not None
        if running != (self.kind is NormKind.BATCH):
            raise ValueError(
                f"running statistics are {'given' if running else 'missing'} for "
                f"{self.kind.value}, expected with batch only: change the kind"
            )

    def __call__(self, h: np.ndarray) -> np.ndarray:
        """Return normalised hidden outputs, shape (m, N), as in evaluation."""
        mean, variance = self.mean, self.variance
        if mean is None or variance is None:
            mean, variance = h.mean(axis=1, keepdims=True), h.var(axis=1, keepdims=True)
        return np.asarray((h - mean) / np.sqrt(variance + self.epsilon) * self.gamma + self.beta)


@dataclass(frozen=True, eq=False)
class ModularWeights:
    """A net of N neurons on pairs of residues mod p.

    Parameters
    ----------
    u, v : ndarray, shape (N, p)
        Input weights: column m of `u` and column n of `v` are what neuron k sees of (m, n).
    w : ndarray, shape (p, N)
        Output weights.
    activation : ModularActivation
        φ.
    normalisation : Normalisation or None
        What follows φ.
    prefactor : float
        Factor on the outputs; ``1 / (2pN)`` in Gromov's parametrisation.
    """

    u: np.ndarray
    v: np.ndarray
    w: np.ndarray
    activation: ModularActivation = ModularActivation.QUADRATIC
    normalisation: Normalisation | None = None
    prefactor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit."""
        width, p = self.u.shape
        if width < 1 or self.v.shape != (width, p) or self.w.shape != (p, width):
            raise ValueError(
                f"shapes {self.u.shape}, {self.v.shape}, {self.w.shape} of u, v, w found, expected "
                "(N, p), (N, p), (p, N) with N at least 1: transpose, or choose a larger width"
            )

    @property
    def width(self) -> int:
        """The number of neurons N."""
        return int(self.u.shape[0])

    @property
    def p(self) -> int:
        """The modulus."""
        return int(self.u.shape[1])

    def activated(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return what the neurons give out on pairs, shape (m, N), before normalisation."""
        return self.activation(self.u.T[first] + self.v.T[second])

    def hidden(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return what the neurons give out on pairs, shape (m, N), normalised."""
        h = self.activated(first, second)
        return h if self.normalisation is None else self.normalisation(h)

    def outputs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the logits of pairs, shape (m, p)."""
        return np.asarray(self.prefactor * (self.hidden(first, second) @ self.w.T))
