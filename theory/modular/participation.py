"""Inverse participation ratios: which neurons are periodic, and which memorise.

``IPR = Σ|x̂|⁴ / (Σ|x̂|²)²`` of a Fourier transform is one over the number of frequencies that a row
of weights takes part in. Rows are read in the order in which the operation is an addition
(`grokflow.theory.modular.operations.Operation.basis`): in any other order periodic neurons look
random.

References
----------
Doshi, Das, He, Gromov, "To grok or not to grok", ICLR 2024, arXiv 2310.13061, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.operations import Basis
from grokflow.theory.summary import Summarised

_ROUNDING = float(np.finfo(np.float32).eps)


class IprConvention(Enum):
    """Which Fourier transform the ratio is of.

    ONE_SIDED is the real transform with the constant term: a cosine gives 1, the floor is
    ``1/(⌊p/2⌋ + 1)``. FULL is the transform over all p frequencies: a cosine gives 1/2, the floor
    is 1/p, the range that the paper names.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> rule, zeros = gf.operation("addition"), np.zeros(4)
    >>> net = gf.periodic_solution(rule, 11, gf.PeriodicNeurons.aligned(zeros, zeros))
    >>> print(gf.neuron_ipr(net, rule.basis(11), gf.IprConvention.FULL).values.round(3))
    [0.5 0.5 0.5 0.5]
    """

    ONE_SIDED = "one-sided"
    FULL = "full"


def power(rows: np.ndarray, convention: IprConvention = IprConvention.ONE_SIDED) -> np.ndarray:
    """Return ``|x̂|²`` along the last axis of `rows`, each row divided by its largest entry.

    The division keeps rows that weight decay has driven near zero from underflow; rows of zeros
    stay zero.
    """
    largest = np.abs(rows).max(axis=-1, keepdims=True)
    scaled = np.divide(rows, largest, out=np.zeros(rows.shape), where=largest > 0)
    one_sided = convention is IprConvention.ONE_SIDED
    transform = np.fft.rfft(scaled) if one_sided else np.fft.fft(scaled)
    return np.asarray(np.abs(transform) ** 2)


def ratio(rows: np.ndarray, convention: IprConvention = IprConvention.ONE_SIDED) -> np.ndarray:
    """Return the inverse participation ratio of every row, NaN for rows of zeros."""
    strengths = power(rows, convention)
    total = strengths.sum(axis=-1)
    undefined = np.full(total.shape, np.nan)
    np.divide((strengths**2).sum(axis=-1), total**2, out=undefined, where=total > 0)
    return undefined


@dataclass(frozen=True, eq=False, repr=False)
class NeuronIpr(Summarised):
    """The ratio of every neuron of a net.

    Parameters
    ----------
    values : ndarray, shape (N,)
        Mean over the rows of U and V and the column of W; NaN for collapsed neurons, of which at
        least one of the three is zero, or was driven below the rounding of single precision
        relative to the largest: what is left of them is noise.
    convention : IprConvention
        What it is the ratio of.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> ipr = gf.NeuronIpr(np.array([0.1, np.nan, 0.9]), gf.IprConvention.ONE_SIDED)
    >>> ipr
    NeuronIpr(neurons=3, collapsed=1, mean=0.5, convention=one-sided)
    """

    values: np.ndarray
    convention: IprConvention

    def _summary(self) -> Mapping[str, object]:
        """Return how many neurons there are, and their mean ratio."""
        return {
            "neurons": len(self.values),
            "collapsed": self.collapsed,
            "mean": self.mean,
            "convention": self.convention,
        }

    @property
    def alive(self) -> np.ndarray:
        """Which neurons have a ratio, shape (N,)."""
        return np.asarray(~np.isnan(self.values))

    @property
    def collapsed(self) -> int:
        """The number of neurons without one."""
        return int(np.count_nonzero(~self.alive))

    @property
    def mean(self) -> float:
        """The ratio of the network, the mean over the neurons that have one; NaN for none."""
        return float(self.values[self.alive].mean()) if self.alive.any() else float("nan")

    def ascending(self) -> np.ndarray:
        """Return neurons from the lowest ratio to the highest, after the collapsed ones."""
        ranked = np.where(self.alive, self.values, -1.0)
        return np.asarray(np.argsort(ranked, kind="stable"))


class NeuronRows(NamedTuple):
    """What is transformed: rows of U and V, columns of W, in the order of a basis, each (N, P)."""

    u: np.ndarray
    v: np.ndarray
    w: np.ndarray


def neuron_rows(weights: ModularWeights, basis: Basis) -> NeuronRows:
    """Return the weights of every neuron in the order in which the operation is an addition."""
    return NeuronRows(
        weights.u[:, basis.first], weights.v[:, basis.second], weights.w[basis.outer].T
    )


def neuron_ipr(
    weights: ModularWeights,
    basis: Basis,
    convention: IprConvention = IprConvention.ONE_SIDED,
) -> NeuronIpr:
    """Return the inverse participation ratio of every neuron: 1 for a cosine, small for noise.

    It is one over the number of frequencies that a neuron's weights take part in, see
    `grokflow.theory.modular.participation`.

    Parameters
    ----------
    weights : ModularWeights
        The net.
    basis : Basis
        The order in which rows are read: ``operation(name).basis(p)``.
    convention : IprConvention
        Which Fourier transform the ratio is of.

    Returns
    -------
    NeuronIpr
        With NaN for collapsed neurons.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> rule, zeros = gf.operation("addition"), np.zeros(4)
    >>> net = gf.periodic_solution(rule, 11, gf.PeriodicNeurons.aligned(zeros, zeros))
    >>> print(gf.neuron_ipr(net, rule.basis(11)).values.round(3))
    [1. 1. 1. 1.]
    """
    rows = neuron_rows(weights, basis)
    values = np.mean([ratio(part, convention) for part in rows], axis=0)
    sizes = np.stack([np.abs(part).max(axis=1) for part in rows])
    collapsed = (sizes <= _ROUNDING * sizes.max(axis=1, keepdims=True)).any(axis=0)
    return NeuronIpr(np.where(collapsed, np.nan, values), convention)
