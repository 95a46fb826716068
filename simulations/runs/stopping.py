"""How a run ends before its time: what was reached goes along with the reason."""

from __future__ import annotations

from typing import Any

from grokflow.theory.errors import WholeError


class Stopped(WholeError, RuntimeError):
    """A run that cannot go on.

    Parameters
    ----------
    message : str
        What happened, and what to change.
    trajectory : Trajectory
        What was reached; a list of them for nets that were trained beside each other.
    """

    def __init__(self, message: str, trajectory: Any) -> None:
        super().__init__(message)
        self.trajectory = trajectory


class Interrupted(WholeError, KeyboardInterrupt):
    """A run that was interrupted from the keyboard.

    Parameters
    ----------
    trajectory : Trajectory
        What was reached; a list of them for nets that were trained beside each other.
    """

    def __init__(self, trajectory: Any) -> None:
        first = trajectory[0] if isinstance(trajectory, list) else trajectory
        super().__init__(f"interrupted after {len(first.lambda_t)} records")
        self.trajectory = trajectory
