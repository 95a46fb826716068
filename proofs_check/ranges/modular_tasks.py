"""Modular arithmetic: moduli, frequencies of neurons, and tasks with wrong labels."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grokflow.proofs_check.ranges.tables import Draw
from grokflow.simulations.modular.data import CorruptedTask
from grokflow.theory.modular.operations import OPERATIONS


def moduli(largest: int = 30) -> st.SearchStrategy[int]:
    """Return a strategy of moduli from 2 on, prime or not.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.moduli(largest=7))
    ... def check_range(p):
    ...     assert 2 <= p <= 7
    >>> check_range()
    """
    return st.integers(2, largest)


def frequencies(most: int = 2, largest: int = 60) -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of frequencies of neurons, which may be equal, or multiples of p.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.frequencies(most=2))
    ... def check_number(found):
    ...     assert 1 <= len(found) <= 2
    >>> check_number()
    """
    sizes = st.integers(1, most)
    return sizes.flatmap(lambda n: arrays(np.int64, n, elements=st.integers(0, largest)))


@st.composite
def modular_tasks(draw: Draw, largest: int = 13) -> CorruptedTask:
    """Return tasks of every operation, with all labels right or up to all of them wrong.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.modular_tasks(largest=7))
    ... def check_number_of_pairs(task):
    ...     assert len(task.draw().train) <= task.p**2
    >>> check_number_of_pairs()
    """
    return CorruptedTask(
        p=draw(st.sampled_from([p for p in (2, 3, 5, 7, 11, 13) if p <= largest])),
        operation=draw(st.sampled_from(list(OPERATIONS.values()))),
        fraction=draw(st.integers(5, 7)) / 10,
        corruption=draw(st.integers(0, 10)) / 10,
        with_truth=draw(st.booleans()),
        seed=draw(st.integers(0, 2**16)),
    )
