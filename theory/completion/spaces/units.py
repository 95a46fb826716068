"""Units in which measurements of a matrix and their values are of order one.

Each ``<A_i, W> = y_i`` may be divided by a number of its own, and all values by one more, by which
W is divided then. Powers of two round nothing. Entries of a matrix are of order one as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.completion.measurements import Matrices
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.numerics.rounding import down, power_of_two, up


@dataclass(frozen=True, eq=False)
class Units:
    """Powers of two by which a problem is divided.

    Parameters
    ----------
    rows : ndarray, shape (m,)
        That of each measurement and its value.
    size : float
        That of all values, and of W.
    """

    rows: np.ndarray
    size: float

    @classmethod
    def of(cls, problem: CompletionProblem) -> Units:
        """Return units in which the largest entry of each A_i and the largest value are near 1."""
        rows = np.ones(problem.measurements.size)
        if isinstance(problem.measurements, Matrices):
            rows = power_of_two(np.abs(problem.measurements.array).max(axis=(1, 2)))
        with np.errstate(over="ignore"):
            largest = np.abs(problem.values / rows).max(keepdims=True)
        return cls(rows, float(power_of_two(largest)[0]))

    @classmethod
    def of_values(cls, problem: CompletionProblem) -> Units:
        """Return units in which the largest value is near 1, and measurements are as they are."""
        largest = np.abs(problem.values).max(keepdims=True)
        return cls(np.ones(problem.measurements.size), float(power_of_two(largest)[0]))

    def of_problem(self, problem: CompletionProblem) -> CompletionProblem:
        """Return the problem in these units."""
        measurements = problem.measurements
        if isinstance(measurements, Matrices) and (self.rows != 1).any():
            measurements = Matrices(measurements.array / self.rows[:, None, None])
        return replace(
            problem, measurements=measurements, values=problem.values / self.rows / self.size
        )

    def restored(self, found: Certificate, power: int) -> Certificate:
        """Return bounds on a power of W in the units of the user."""
        lower, upper = found.lower, found.upper
        for _ in range(power):
            # Where this underflows it is rounded.
            lower = max(down(lower * self.size), 0.0)
            upper = up(upper * self.size) if upper else 0.0
        return Certificate(lower, upper, found.infeasibility)
