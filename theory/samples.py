"""Test samples: labelled inputs by which predictors are judged, and that are only multiplied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from grokflow.theory.numerics.sparse_matrix import Table
from grokflow.theory.summary import Summarised


class Outputs(NamedTuple):
    """Outputs of shape (m, p) of p linear predictors on m test inputs, and the m labels."""

    values: np.ndarray
    labels: np.ndarray


@runtime_checkable
class TestSet(Protocol):
    """Labelled test inputs. They may be generated block by block and never stored."""

    @property
    def size(self) -> int:
        """Number of test points."""

    def outputs(self, w: np.ndarray) -> Outputs:
        """Return the outputs of the weight vectors in the columns of `w`, shape (d, p)."""


@dataclass(frozen=True, eq=False, repr=False)
class StoredTestSet(Summarised):
    """Test inputs kept in memory, with their labels; what `make_problem` takes.

    Parameters
    ----------
    inputs : array-like, shape (m, d)
        Test inputs. `make_problem` checks them, and makes arrays of what is none.
    labels : array-like, shape (m,)
        Labels ±1, the words or numbers that are the classes in training, or real targets.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> test = gf.StoredTestSet(np.eye(3), np.array([1.0, -1.0, 1.0]))
    >>> test, test.size
    (StoredTestSet(inputs=array(3, 3), labels=array(3,)), 3)
    """

    inputs: Table
    labels: Any

    @property
    def size(self) -> int:
        """Number of test points."""
        return len(self.labels)

    def outputs(self, w: np.ndarray) -> Outputs:
        """Return ``inputs @ w`` and the labels."""
        return Outputs(np.asarray(self.inputs.astype(np.float64) @ w), self.labels)
