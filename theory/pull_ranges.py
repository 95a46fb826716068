"""The interval of the slopes that a loss has."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from grokflow.theory.arguments import check_flag, check_number, check_range


@dataclass(frozen=True)
class PullRange:
    """The interval of the pulls ``u = -dl/dq`` that a loss has, which is where ``l*`` is finite.

    Parameters
    ----------
    low, high : float
        Its ends.
    attained : bool
        Whether finite outputs have the pulls at the ends, as for a loss that is zero beyond some
        margin; False where the ends are limits.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> gf.LOSSES["logistic"].pull_range
    PullRange(low=0.0, high=1.0, attained=False)
    >>> print(gf.PullRange(low=0.0, high=1.0, attained=True).clip(np.array([-1.0, 0.5, 2.0])))
    [0.  0.5 1. ]
    """

    low: float = -np.inf
    high: float = np.inf
    attained: bool = False

    def __post_init__(self) -> None:
        """Refuse ends that bound no interval."""
        for name, end in (("low", self.low), ("high", self.high)):
            check_number(name, end)
            if abs(end) != np.inf:
                check_range(name, end, (-sys.float_info.max, sys.float_info.max))
        if not self.low < self.high:
            raise ValueError(
                f"low is {self.low:g} and high is {self.high:g}, expected low below high: exchange "
                "them"
            )
        check_flag("attained", self.attained)

    def clip(self, u: np.ndarray) -> np.ndarray:
        """Return the nearest pulls in the interval."""
        return np.asarray(np.clip(u, self.low, self.high))
