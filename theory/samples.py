"""Test samples: labelled inputs by which predictors are judged, and that are only multiplied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from grokflow.theory.numerics.sparse_matrix import Table, is_sparse
from grokflow.theory.summary import Summarised

# Samples of which copies are looked for at once.
_BLOCK = 4096


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
    marks : list of bytes, optional
        What tells the samples apart, as `fingerprints` has it, where that is known already.

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
    marks: list[bytes] | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return the samples; what tells them apart is found from them."""
        return {"inputs": self.inputs, "labels": self.labels}

    @property
    def size(self) -> int:
        """Number of test points."""
        try:
            return len(self.labels)
        except (TypeError, RuntimeError):  # a sparse column, or what `make_problem` refuses
            return int(self.labels.shape[0]) if is_sparse(self.labels) else 0

    @cached_property
    def alike(self) -> np.ndarray | None:
        """The number of the first sample that each is a copy of; None where all differ."""
        first: dict[bytes, int] = {}
        marks = self.marks or fingerprints(self.inputs, np.asarray(self.labels))
        found = np.array([first.setdefault(mark, i) for i, mark in enumerate(marks)])
        return None if len(first) == len(found) else found

    def outputs(self, w: np.ndarray) -> Outputs:
        """Return ``inputs @ w`` and the labels."""
        return Outputs(np.asarray(self.inputs.astype(np.float64) @ w), self.labels)


def copies_among(test: TestSet) -> np.ndarray | None:
    """Return which test samples are copies, see `StoredTestSet.alike`; None where it is not known.

    Parameters
    ----------
    test : TestSet
        Whatever predictors are judged on; what is drawn has no copies.
    """
    return getattr(test, "alike", None)


def fingerprints(inputs: Table, labels: np.ndarray) -> Iterator[bytes]:
    """Yield what tells labelled samples apart: equal for copies, and for nothing else in practice.

    Parameters
    ----------
    inputs : array or sparse array, shape (m, d)
        Inputs; 0 and -0 are one number.
    labels : ndarray, shape (m,)
        Their labels.
    """
    rows = _sparse_rows if is_sparse(inputs) else _dense_rows
    for start in range(0, len(labels), _BLOCK):
        part = slice(start, start + _BLOCK)
        for row, label in zip(rows(inputs[part]), _dense_rows(labels[part, None]), strict=True):
            yield blake2b(row + label, digest_size=16).digest()


def _dense_rows(rows: np.ndarray) -> list[bytes]:
    """Return the bytes of every row."""
    plain = np.ascontiguousarray(rows.astype(np.float64) + 0.0)
    found: list[bytes] = plain.view(f"V{plain.itemsize * plain.shape[1]}").ravel().tolist()
    return found


def _sparse_rows(inputs: Any) -> list[bytes]:
    """Return where the entries of each row stand that are not zero, and what they are."""
    rows = inputs.tocsr(copy=True)
    rows.eliminate_zeros()
    rows.sort_indices()
    parts = [slice(*ends) for ends in pairwise(rows.indptr.tolist())]
    return [
        rows.indices[part].tobytes() + rows.data[part].astype(np.float64).tobytes()
        for part in parts
    ]
