"""Scales of the start, weight decays, and weight decays that depend on the scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import strategies as st


def scales(decades: int = 100) -> st.SearchStrategy[float]:
    """Return a strategy of scales α of the start, from 1 up to so many decades.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.scales(decades=12))
    ... def check_range(alpha):
    ...     assert 1 <= alpha <= 1e12
    >>> check_range()
    """
    return st.integers(0, 10 * decades).map(lambda tenths: 10.0 ** (tenths / 10))


def decays(decades: int = 12) -> st.SearchStrategy[float]:
    """Return a strategy of weight decays λ, from 1 down to so many decades.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.decays(decades=12))
    ... def check_range(lam):
    ...     assert 1e-12 <= lam <= 1
    >>> check_range()
    """
    return st.integers(0, 10 * decades).map(lambda tenths: 10.0 ** (-tenths / 10))


def schedules(largest_power: float = 2.0) -> st.SearchStrategy[Callable[[float], float]]:
    """Return a strategy of the weight decays λ(α) of limits α → ∞: powers of 1/α.

    Examples
    --------
    >>> from hypothesis import given
    >>> import grokflow as gf
    >>> @given(gf.strategies.schedules())
    ... def check_that_it_falls(lam):
    ...     assert lam(1e8) < lam(1e4) < 1
    >>> check_that_it_falls()
    """
    powers = st.integers(1, round(20 * largest_power)).map(lambda twentieths: twentieths / 20)
    return powers.map(lambda power: partial(_power, power=power))


def _power(alpha: float, power: float) -> float:
    return float(alpha**-power)
