"""The margins of several classes as a data matrix that keeps the inputs it is made of.

The margin ``q_ic = <w_{y_i} - w_c, x_i>`` of sample i over another class c has a row with ``x_i``
at the weights of its own class, ``-x_i`` at those of c and zeros elsewhere. Products with these
rows are products with the inputs, class by class, at a fraction of the cost of a matrix of n (C-1)
rows and C d columns: outputs of all classes are ``X Wᵀ``, and of ``Σ_i x_i x_iᵀ ⊗ A_i``, with C × C
matrices A_i, every pair of classes has a block of d × d.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from grokflow.theory.numerics.data_matrix import DataMatrix, Kernel, Matrix, Potential, Samples
from grokflow.theory.numerics.sparse_matrix import Products


class _Rows(NamedTuple):
    """The rows in which the weights of one class occur: their numbers, samples and signs."""

    number: np.ndarray
    sample: np.ndarray
    sign: np.ndarray


@dataclass(frozen=True, eq=False)
class ClassMargins(Products, DataMatrix):
    """The matrix of all margins, n (C-1) rows of C d columns, class by class.

    `class_margins` makes it.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        The inputs.
    labels : ndarray of int, shape (n,)
        The class of every sample.
    """

    x: np.ndarray = field(kw_only=True)
    labels: np.ndarray = field(kw_only=True)

    @property
    def count(self) -> int:
        """The number of classes C."""
        return int(self.shape[1] // self.x.shape[1])

    @cached_property
    def others(self) -> np.ndarray:
        """The classes of the margins of every sample, in the order of the rows, shape (n, C-1)."""
        return other_classes(self.labels, self.count)

    def combine(self, w: np.ndarray) -> np.ndarray:
        """Return the margins of weights of shape (C d,) or (C d, p)."""
        outputs = self.x @ w.reshape(self.count, self.x.shape[1], -1)
        sample = np.arange(len(self.x))
        margins = outputs[self.labels, sample][:, None] - outputs[self.others, sample[:, None]]
        return np.asarray(margins.reshape(self.shape[0], *w.shape[1:]))

    def correlate(self, nu: np.ndarray) -> np.ndarray:
        """Return ``Zᵀν`` of shape (C d,), or ``ν Z`` of shape (m, C d) for several ν."""
        pulls = nu.reshape(-1, *self.others.shape)
        by_class = np.zeros((len(pulls), len(self.x), self.count))
        sample = np.arange(len(self.x))
        by_class[:, sample[:, None], self.others] = -pulls
        by_class[:, sample, self.labels] = pulls.sum(axis=2)
        return np.asarray((by_class.swapaxes(1, 2) @ self.x).reshape(*nu.shape[:-1], -1))

    def active(self, nu: Samples, potential: Potential) -> Matrix | None:
        """Return F with ``F Fᵀ`` the curvature, or None where it has more columns than rows.

        The curvature itself is found from blocks of the inputs, without F.
        """
        scale = np.sqrt(potential.curvature(self.correlate(nu)))
        active = scale > 0
        if int(active.sum()) > self.shape[0]:
            return None
        table = self._table if active.all() else self._table[:, active]
        return np.asarray(table * scale[active])

    def weighted_gram(self, weights: np.ndarray) -> Kernel:
        """Return ``Z diag(weights) Zᵀ``: Gram matrices of the inputs, one a class, with signs."""
        gram = np.zeros((self.shape[0], self.shape[0]))
        for rows, scale in zip(self._rows, weights.reshape(self.count, -1), strict=True):
            block = (self.x * scale) @ self.x.T
            signed = block[np.ix_(rows.sample, rows.sample)] * rows.sign * rows.sign[:, None]
            gram[np.ix_(rows.number, rows.number)] += signed
        return gram

    @cached_property
    def _table(self) -> Matrix:
        return self.to_array()

    @cached_property
    def _rows(self) -> list[_Rows]:
        own = np.broadcast_to(self.labels[:, None], self.others.shape).ravel()
        other = self.others.ravel()
        found = []
        for label in range(self.count):
            number = np.flatnonzero((own == label) | (other == label))
            sign = np.where(own[number] == label, 1.0, -1.0)
            found.append(_Rows(number, number // (self.count - 1), sign))
        return found


def class_margins(x: np.ndarray, labels: np.ndarray, count: int) -> ClassMargins:
    """Return the matrix of the margins of samples with inputs x over the other of `count` classes.

    Examples
    --------
    >>> import numpy as np
    >>> from grokflow.theory.linear.classes.margins import class_margins
    >>> print(class_margins(np.array([[5.0], [7.0]]), np.array([0, 2]), 3).to_array())
    [[ 5. -5.  0.]
     [ 5.  0. -5.]
     [-7.  0.  7.]
     [ 0. -7.  7.]]
    """
    n, d = x.shape
    others = other_classes(labels, count)
    design = np.zeros((n, count - 1, count, d))
    sample, place = np.arange(n)[:, None], np.arange(count - 1)[None, :]
    design[sample, place, labels[:, None]] = x[:, None]
    design[sample, place, others] = -x[:, None]
    stored = DataMatrix.from_array(design.reshape(n * (count - 1), count * d))
    return ClassMargins(stored.blocks, stored.width, stored.threads, x=x, labels=labels)


def other_classes(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the classes other than its own of every sample, increasing, shape (n, C-1)."""
    every = np.arange(count - 1)[None, :]
    return np.asarray(every + (every >= labels[:, None]))


def class_blocks(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``Σ_i x_i x_iᵀ ⊗ A_i`` in the order class by class, shape (C d, C d).

    Parameters
    ----------
    x : ndarray, shape (n, d)
        The inputs.
    weights : ndarray, shape (n, C, C)
        A_i, symmetric.
    """
    d, count = x.shape[1], weights.shape[1]
    blocks = np.empty((count, d, count, d))
    for c in range(count):
        for e in range(c + 1):
            block = (x.T * weights[:, c, e]) @ x
            blocks[c, :, e] = block
            blocks[e, :, c] = block.T
    return blocks.reshape(count * d, count * d)
