"""Counting passes over a data matrix, where they happen."""

from contextlib import contextmanager

from grokflow.theory.numerics.data_matrix import DataMatrix


@contextmanager
def counted():
    """Give a list that grows by one item a pass."""
    passes, sweep = [], DataMatrix.sweep
    DataMatrix.sweep = lambda *arguments: (passes.append(1), sweep(*arguments))[1]
    try:
        yield passes
    finally:
        DataMatrix.sweep = sweep
