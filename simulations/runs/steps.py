"""After which steps of training something is recorded."""

from __future__ import annotations

import numpy as np


def record_steps(last: int, count: int = 200) -> np.ndarray:
    """Return 0 and about `count` numbers of steps up to `last`, half of them equally spaced.

    The other half is spaced logarithmically.

    Parameters
    ----------
    last : int
        The last step.
    count : int
        How many records there are at most, beside 0.

    Examples
    --------
    >>> import grokflow as gf
    >>> print(gf.record_steps(1000, count=8))
    [   0    1   10  100  333  667 1000]
    """
    if last < 1 or count < 2:
        raise ValueError(
            f"{last} steps and {count} records found, expected at least 1 and 2: ask for more"
        )
    halves = np.geomspace(1, last, count // 2), np.linspace(0, last, count - count // 2)
    return np.unique(np.rint(np.concatenate(halves)).astype(np.int64))


def every_steps(last: int, every: int) -> np.ndarray:
    """Return 0, all multiples of `every` below `last`, and `last`.

    Parameters
    ----------
    last : int
        The last step.
    every : int
        Steps between two records.

    Examples
    --------
    >>> import grokflow as gf
    >>> print(gf.every_steps(10, every=4))
    [ 0  4  8 10]
    """
    for name, value in (("steps", last), ("every", every)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1: choose a larger {name}")
    return np.append(np.arange(0, last, every), last)
