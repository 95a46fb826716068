"""From where a diagonal net is followed."""

from __future__ import annotations

from dataclasses import dataclass

from grokflow.simulations.runs.checks import ALPHA_RANGE, check_range
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.linear.problem import Problem

_DEPTH_RANGE = (2.0, 8.0)


@dataclass(frozen=True, eq=False)
class DiagonalStart:
    """The diagonal net ``u^L - v^L`` at ``u = v = α``, and what it learns.

    Parameters
    ----------
    problem : Problem
        Classes or real targets.
    alpha : float
        Value α of every coordinate of u and v at time 0.
    depth : int
        L, from 2 to 8.

    Examples
    --------
    >>> import grokflow as gf
    >>> start = gf.DiagonalStart(gf.sparse(n=20, d=50, n_test=100), alpha=10.0, depth=3)
    >>> start.problem
    Problem(name=sparse, task=classification, n=20, d=50, test points=100)
    """

    problem: Problem
    alpha: float
    depth: int = 2

    def __post_init__(self) -> None:
        """Refuse scales outside the range in which double precision holds the state."""
        check_scale(self.alpha, self.depth)

    @property
    def scale(self) -> DiagonalScale:
        """The scale of the net as the equations of the flow have it."""
        return DiagonalScale(self.alpha, self.problem.scale, self.depth)


def check_scale(alpha: float, depth: int = 2) -> None:
    """Refuse a scale or a depth that no flow starts from, before there is a problem."""
    check_range("alpha", alpha, ALPHA_RANGE)
    check_range("depth", depth, _DEPTH_RANGE)
