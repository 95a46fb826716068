"""Inputs that are the target in other units: a multiple of it plus a constant, up to rounding."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

# An input of this correlation with the target is no copy of it. Where a copy is told from such
# inputs, the one that looks like one by chance occurs in so few tables.
_CORRELATED, _CHANCE = 0.99, 1e-6
# Rows are far from the others where they are so many times the usual distance from the median.
_FAR = 20.0
# Rounding of the arithmetic, relative to the largest numbers.
_EPS = 8 * float(np.finfo(np.float64).eps)
# Inputs whose correlation is computed at once.
_BLOCK = 256
# Up to here whole numbers are numbers of double precision.
_WHOLE = 2.0**53


def affine_copies(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which inputs are ``a y + b`` in every row, up to the rounding of both.

    Where an input is rounded by t_i and the target by u_i at most, the least squares in (a, b)
    leave residuals of norm at most ``‖t‖ + |a| ‖u‖``. That is no evidence where rounding is coarse
    or rows are few. So it is also asked how often an input with a correlation of 0.99 and Gaussian
    deviations would leave as little as is left: less than once in a million tables. Where nothing
    is left over it is asked for an input that takes its values independently. All of this must hold
    without the rows that are far from the others as well, and in the units of the target, written
    to as many decimals, a copy is exact.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Inputs.
    y : ndarray, shape (n,)
        Real targets.
    """
    found = np.zeros(x.shape[1], dtype=bool)
    if len(y) < 3 or np.ptp(y) == 0:
        return found
    core = _core(y)
    for start in range(0, len(found), _BLOCK):
        block = np.asarray(x[:, start : start + _BLOCK], dtype=np.float64)
        for place in np.flatnonzero(np.abs(_correlations(block, y)) > _CORRELATED**2):
            found[start + place] = all(
                _is_copy(block[rows, place], y[rows], len(found)) for rows in (slice(None), core)
            )
    return found


def _core(y: np.ndarray) -> np.ndarray:
    """Return which rows are not far from the others: any line meets one that is."""
    away = np.abs(y - np.median(y))
    usual = float(np.median(away))
    return np.asarray(away <= _FAR * usual) if usual > 0 else np.ones(len(y), dtype=bool)


def _correlations(block: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlation of every column with the target; 0 for constant ones."""
    table, target = _centred(block), _centred(y[:, None])
    sizes = np.linalg.norm(table, axis=0) * np.linalg.norm(target)
    return np.asarray((target.T @ table)[0] / np.where(sizes > 0, sizes, np.inf))


def _centred(table: np.ndarray) -> np.ndarray:
    """Return columns about their means, in units of their largest entry."""
    size = np.abs(table).max(axis=0)
    scaled = table / np.where(size > 0, size, 1.0)
    return np.asarray(scaled - scaled.mean(axis=0))


def _is_copy(x: np.ndarray, y: np.ndarray, inputs: int) -> bool:
    """Whether an input is the target in other units, as `affine_copies` says."""
    from scipy.special import chdtr

    n, (large, size) = len(y), (np.abs(x).max(), np.abs(y).max())
    mine, theirs = _centred(x[:, None])[:, 0], _centred(y[:, None])[:, 0]
    slope = float(mine @ theirs / (theirs @ theirs))
    left = float(np.linalg.norm(mine - slope * theirs))
    arithmetic = _EPS * np.sqrt(n) * (1 + abs(slope))
    if left <= arithmetic:
        # Each of the n - 2 rows beyond two that fix a line agrees by chance once in so many times.
        return bool((n - 2) * np.log(len(np.unique(x))) >= np.log(inputs / _CHANCE))
    roundings = _roundings(x), _roundings(y)
    own, other = (np.linalg.norm(v / s) for v, s in zip(roundings, (large, size), strict=True))
    unit = abs(slope) * large / size
    uncertain = (own + abs(slope) * other) / np.linalg.norm(theirs) * large / size
    if roundings[0].min() == roundings[1].min() and abs(unit - 1) <= uncertain:
        return False
    share = float(other / np.linalg.norm(theirs))
    # The input may have been computed from the target as it is written, or before it was rounded.
    both = (own + abs(slope) * other) / (1 - share) if share < 1 else np.inf
    ordinary = float(mine @ mine) / n * (1 - _CORRELATED**2)
    by_chance = chdtr(n - 2, (left + arithmetic) ** 2 / ordinary)
    return bool(left <= both + arithmetic and by_chance <= _CHANCE / inputs)


def _roundings(values: np.ndarray) -> np.ndarray:
    """Return by how much numbers may have been rounded, as they are written.

    They may have been rounded to some step, which all of them are multiples of up to a constant,
    or to as many digits as the longest of them has.
    """
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    single = bool((short == values).all())
    written = [Decimal(str(v)).normalize().as_tuple() for v in (short if single else values)]
    last = min(int(number.exponent) for number in written if any(number.digits))
    digits = max(len(number.digits) for number in written)
    step = 10.0**last
    units = np.rint(values / step)
    if np.abs(units).max() < _WHOLE:
        step *= max(1, int(np.gcd.reduce((units - units[0]).astype(np.int64))))
    leading = np.floor(np.log10(np.where(values == 0, 10.0**last, np.abs(values))))
    by_digits = 10.0 ** (leading - digits + 1)
    in_single = np.abs(values) * 2.0**-23 if single else 0.0
    return np.asarray(np.maximum(np.maximum(step, by_digits), in_single) / 2)
