"""Inputs as the net sees them: standardised, with a column of ones, and the way back.

Everything is computed from the training rows; test rows are changed by the same numbers. Both
changes are part of the model. A column of size b makes the kernel grow by b² and lets the L1
penalty see the intercept as a weight of size ``intercept / b``: the larger the column, the earlier
and the more freely it is learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from grokflow.theory.arguments import check_flag, check_number, check_range
from grokflow.theory.numerics.rounding import power_of_two
from grokflow.theory.summary import Summarised

# What is said of inputs of unlike sizes.
_STANDARDISE = "standardise the inputs with standardise=True (--standardise)"
# Sizes of the column of ones whose square is a double.
_INTERCEPT_RANGE = (1e-100, 1e100)


def check_changes(intercept: float, standardise: bool) -> None:
    """Refuse what is no size of a column of ones, and what is neither True nor False."""
    check_flag("standardise", standardise)
    check_number("intercept", intercept)
    if intercept:
        check_range("intercept", intercept, _INTERCEPT_RANGE)


def standardising(transform: InputTransform | None) -> str:
    """Return the advice to standardise the inputs, which is empty where they are standardised.

    Parameters
    ----------
    transform : InputTransform or None
        How the inputs of the problem were made.
    """
    return "" if transform is not None and transform.scale is not None else _STANDARDISE


class AffineWeights(NamedTuple):
    """A linear predictor ``<weights, x> + intercept`` in the user's units.

    Parameters
    ----------
    weights : ndarray, shape (d,) or (d, p)
        One weight for each input of the user's table.
    intercept : float or ndarray, shape (p,)
        What is added; 0 without an intercept and without standardising.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> transform = gf.InputTransform.fit(np.array([[1.0], [3.0]]), standardise=True, intercept=1.0)
    >>> print(*transform.in_user_units(np.array([2.0, 5.0])))
    [2.] 1.0
    """

    weights: np.ndarray
    intercept: float | np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class InputTransform(Summarised):
    """Inputs are centred and scaled column by column, and a column of ones may be added.

    `fit` makes one from training rows.

    Parameters
    ----------
    centre, scale : ndarray, shape (d,), or None
        What is subtracted from every column, and by what it is then divided: infinity for a column
        that is constant in training. None for nothing.
    intercept : float
        Size of the column that is added as the last one; 0 for none.
    notes : tuple of str
        What is done, in words.
    rest : ndarray, shape (d,), or None
        The part of the mean that `centre`, rounded to a double, leaves. It is subtracted after it.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> x = np.array([[1.0, 200.0], [3.0, 600.0]])
    >>> transform = gf.InputTransform.fit(x, standardise=True, intercept=1.0)
    >>> print(transform.apply(x))
    [[-1. -1.  1.]
     [ 1.  1.  1.]]
    """

    centre: np.ndarray | None
    scale: np.ndarray | None
    intercept: float = 0.0
    notes: tuple[str, ...] = ()
    rest: np.ndarray | None = None

    def _summary(self) -> Mapping[str, object]:
        """Return what is done."""
        return {"standardise": self.scale is not None, "intercept": self.intercept}

    @classmethod
    def fit(cls, x: Any, *, standardise: bool = False, intercept: float = 0.0) -> InputTransform:
        """Return the transform of training rows.

        Parameters
        ----------
        x : ndarray or scipy sparse array, shape (n, d)
            Training rows. Sparse ones stay sparse: they are scaled to a root mean square of 1 and
            not centred.
        standardise : bool
            Whether columns are centred and scaled to a standard deviation of 1.
        intercept : float
            Size of the column of ones; 0 for none.
        """
        check_changes(intercept, standardise)
        centre, rest, scale, notes = _statistics(x) if standardise else (None, None, None, [])
        if intercept:
            notes = [
                *notes,
                f"intercept: a column of {intercept:g} is the last input, which kernel and L1 "
                "penalty see: its size is part of the model",
            ]
        return cls(centre, scale, float(intercept), tuple(notes), rest)

    def apply(self, x: Any) -> Any:
        """Return rows of shape (m, d) as the net sees them: (m, d + 1) with an intercept."""
        changed = x
        if self.scale is not None:
            changed = _standardised(x, self.centre, self.rest, self.scale)
        if not self.intercept:
            return changed
        if _is_dense(x):
            return np.column_stack([changed, np.full(len(x), self.intercept)])
        from scipy.sparse import csr_array, hstack

        column = csr_array(np.full((x.shape[0], 1), self.intercept))
        return hstack([changed, column], format="csr")

    def in_user_units(self, w: np.ndarray) -> AffineWeights:
        """Return weights of the net, shape (d,) or (d, p), as weights of the user's inputs."""
        last = w[-1] * self.intercept if self.intercept else 0.0 * w[0]
        weights = w[:-1] if self.intercept else w
        if self.scale is not None:
            with np.errstate(over="ignore"):
                weights = (weights.T / self.scale).T
            if not np.isfinite(weights).all():
                j = int(np.argwhere(~np.isfinite(weights))[0][0])
                raise ValueError(
                    f"the weight of input {j} is {weights[j]} in its own units, expected a finite "
                    f"number: rescale column {j}, whose standard deviation is {self.scale[j]:.3g}"
                )
            if self.centre is not None:
                last = last - self.centre @ weights
            if self.rest is not None:
                last = last - self.rest @ weights
        return AffineWeights(weights, last)


def _is_dense(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def _standardised(
    x: Any, centre: np.ndarray | None, rest: np.ndarray | None, scale: np.ndarray
) -> Any:
    """Return columns less their centre over their scale, also where a difference overflows."""
    if not _is_dense(x):
        return _scaled(x, scale)
    if centre is None:
        return x / scale
    # Exact, and then no difference of large numbers leaves the doubles.
    unit = power_of_two(scale)
    apart = x / unit - centre / unit
    return (apart if rest is None else apart - rest / unit) / (scale / unit)


def _scaled(x: Any, scale: np.ndarray) -> Any:
    """Return a sparse table with its columns divided: the inverse of a tiny scale is infinite."""
    changed = x.tocsr(copy=True).astype(np.float64)
    changed.data /= scale[changed.indices]
    return changed


def _statistics(
    x: Any,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray, list[str]]:
    """Return centre, what it leaves of the mean, scale, and what there is to say of them."""
    n = x.shape[0]
    if not _is_dense(x):
        # Divided by the largest entry first, so that no square leaves the doubles.
        largest = np.asarray(abs(x).max(axis=0).todense(), dtype=np.float64).ravel()
        safe = np.where(largest > 0, largest, 1.0)
        squares = np.asarray((_scaled(x, safe) ** 2).sum(axis=0)).ravel()
        scale = np.where(largest > 0, safe * np.sqrt(squares / n), 1.0)
        note = f"inputs scaled to root mean square 1 over the {n} training rows"
        return None, None, scale, [f"{note}, not centred: they are sparse"]
    table = x.astype(np.float64)
    # Powers of two, which round nothing, keep sums and differences of large numbers in range.
    unit = power_of_two(np.abs(table).max(axis=0))
    table = table / unit
    low, high = table.min(axis=0), table.max(axis=0)
    constant = low == high
    # The mean of equal numbers may miss them by a rounding; a constant column is to vanish.
    centre = np.where(constant, low, low + (table - low).mean(axis=0))
    # A mean far beyond the spread is rounded by much of the spread: what is left has a mean too,
    # along which weights could fit targets of any mean.
    apart = table - centre
    rest = np.where(constant, 0.0, apart.mean(axis=0))
    apart = apart - rest
    safe = np.where(constant, 1.0, np.abs(apart).max(axis=0))
    scale = np.where(constant, np.inf, safe * np.sqrt(((apart / safe) ** 2).mean(axis=0)))
    notes = [f"inputs centred and scaled to standard deviation 1 over the {n} training rows"]
    if constant.any():
        count = int(constant.sum())
        which = f"{count} inputs are" if count > 1 else "1 input is"
        notes.append(f"{which} constant in training and left out (set to 0)")
    return centre * unit, rest * unit, scale * unit, notes
