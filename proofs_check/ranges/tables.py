"""Tables of inputs: of signs, of few or of many numbers, with copies, ties and other units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

# What hypothesis calls DrawFn; a plain callable, because DrawFn has no runtime check.
Draw = Callable[..., Any]

# Whole numbers lead to ties, fractions hardly ever. All numbers have few binary digits, so that
# products with weights of few digits are exact: targets that can be fitted are fitted exactly.
_KINDS = {
    "signs": st.sampled_from([1.0, -1.0]),
    "few": st.integers(-3, 3).map(float),
    "many": st.integers(-3072, 3072).map(lambda whole: whole / 1024),
}


@st.composite
def tables(
    draw: Draw,
    max_n: int = 6,
    max_d: int = 8,
    min_n: int = 1,
    min_d: int = 1,
    decades: int = 12,
    general: bool = False,
) -> np.ndarray:
    """Return a table of n samples of d inputs.

    Parameters
    ----------
    max_n, max_d : int
        The most samples and inputs.
    min_n, min_d : int
        The fewest.
    decades : int
        By how many decades the sizes of inputs, or of samples, differ at most.
    general : bool
        Whether samples and inputs are all different and the rank is full, up to scales: then there
        are no copies of samples or inputs, and no table of smaller rank.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.tables(max_n=3, max_d=5, decades=0))
    ... def check_sizes(x):
    ...     assert abs(x).max() <= 27 and x.shape <= (3, 5)
    >>> check_sizes()
    """
    shape = draw(st.integers(min_n, max_n)), draw(st.integers(min_d, max_d))
    if general:
        x = draw(numbers(shape, "many"))
        # Added to the diagonal, this makes the rank full whatever was drawn.
        x[np.diag_indices(min(shape))] += 3.5 * max(shape)
    else:
        x = _degenerate(draw, draw(numbers(shape, draw(st.sampled_from(sorted(_KINDS))))))
    return _scaled(draw, x, decades)


def numbers(shape: tuple[int, ...], kind: str = "few") -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of arrays of signs, of a few whole numbers, or of many different ones."""
    return arrays(np.float64, shape, elements=_KINDS[kind], fill=st.nothing())


def _degenerate(draw: Draw, x: np.ndarray) -> np.ndarray:
    """Return a table with copies, or of smaller rank, or as it is."""
    n, d = x.shape
    change = draw(st.sampled_from(["none", "none", "samples", "inputs", "nearly", "rank"]))
    if change == "samples":
        return np.asarray(x[draw(_places(n))])
    if change == "inputs":
        return np.asarray(x[:, draw(_places(d))])
    if change == "nearly":
        return np.asarray(x[:, draw(_places(d))] * (1 + 2.0**-20 * np.arange(d)))
    if change == "rank":
        rank = draw(st.integers(1, min(n, d)))
        return np.asarray(draw(numbers((n, rank))) @ draw(numbers((rank, d))))
    return x


def _places(count: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.int64, count, elements=st.integers(0, count - 1), fill=st.nothing())


def _scaled(draw: Draw, x: np.ndarray, decades: int) -> np.ndarray:
    """Return a table with other units for inputs, or for samples, or for neither."""
    axis = draw(st.sampled_from([None, 0, 1])) if decades else None
    if axis is None:
        return x
    half = int(decades * np.log2(10) / 2)
    powers = draw(arrays(np.int64, x.shape[axis], elements=st.integers(-half, half)))
    units = 2.0**powers
    return np.asarray(x * (units[:, None] if axis == 0 else units))
