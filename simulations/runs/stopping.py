"""How a run ends before its time: what was reached goes along with the reason."""

from __future__ import annotations

from typing import Any


class Stopped(RuntimeError):
    """A run that cannot go on; ``trajectory`` holds what it did reach."""

    def __init__(self, message: str, trajectory: Any) -> None:
        super().__init__(message)
        self.trajectory = trajectory


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; ``trajectory`` holds what was reached."""

    def __init__(self, trajectory: Any, *words: str) -> None:
        super().__init__(*words)
        self.trajectory = trajectory
