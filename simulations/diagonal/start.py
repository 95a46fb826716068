"""From where a diagonal net is followed."""

from __future__ import annotations

from dataclasses import dataclass

from grokflow.theory.arguments import check_data
from grokflow.theory.diagonal.scale import DiagonalScale, check_scale
from grokflow.theory.linear.problem import Problem


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
        """Refuse other problems, and scales in which double precision does not hold the state."""
        check_data(self.problem, Problem)
        check_scale(self.alpha, self.depth)

    @property
    def scale(self) -> DiagonalScale:
        """The scale of the net as the equations of the flow have it."""
        return DiagonalScale(self.alpha, self.problem.scale, self.depth)
