"""How a run ends before its time: what was reached goes along with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from grokflow.theory.errors import WholeError

Reached = TypeVar("Reached")


class Stopped(WholeError, RuntimeError):
    """A run that cannot go on; it carries what was reached.

    Parameters
    ----------
    message : str
        What happened, and what to change.
    trajectory : Trajectory
        What was reached; a list of them for nets that were trained beside each other.

    Examples
    --------
    Descent with too large a step:

    >>> import numpy as np
    >>> import grokflow as gf
    >>> try:
    ...     gf.Descent(lr=99.0).run(gf.teacher_student(n=9, d=4, n_test=9), np.array([0, 1, 999]))
    ... except gf.Stopped as stopped:
    ...     print(stopped, "after steps", stopped.trajectory.steps)
    training left the finite numbers after step 100 of 999: lower lr (now 99), or use float64
        after steps [0 1]
    """

    def __init__(self, message: str, trajectory: Any) -> None:
        super().__init__(message)
        self.trajectory = trajectory


class Interrupted(WholeError, KeyboardInterrupt):
    """A run that was interrupted from the keyboard; it carries what was reached.

    Parameters
    ----------
    trajectory : Trajectory
        What was reached; a list of them for nets that were trained beside each other.

    Examples
    --------
    Ctrl-C makes a run raise this, which here is done by hand:

    >>> import numpy as np
    >>> import grokflow as gf
    >>> try:
    ...     raise gf.Interrupted(gf.Descent(lr=0.1).run(gf.teacher_student(), np.array([0, 10])))
    ... except gf.Interrupted as interrupted:
    ...     print(interrupted, "with steps", interrupted.trajectory.steps)
    interrupted after 2 records with steps [ 0 10]
    """

    def __init__(self, trajectory: Any) -> None:
        first = trajectory[0] if isinstance(trajectory, list) else trajectory
        super().__init__(f"interrupted after {len(first.lambda_t)} records")
        self.trajectory = trajectory


def measured_also_when_stopped(
    follow: Callable[[], Reached], measure: Callable[[Reached], Reached]
) -> Reached:
    """Return what a run reached with its measures, which an early end carries too."""
    try:
        return measure(follow())
    except (Stopped, Interrupted) as early:
        early.trajectory = measure(early.trajectory)
        raise
