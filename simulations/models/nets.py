"""The door to the nets of torch; torch is imported when one of them is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from grokflow.simulations.models.options import Options
from grokflow.simulations.models.protocol import Model, Request


@dataclass(frozen=True)
class NetModel(Model):
    """The kind of model of the tasks on which nets of torch are trained."""

    names: ClassVar[tuple[str, ...]] = (
        "modular-addition",
        "xor",
        "digits",
        "polynomial",
        "teacher-student",
    )
    trained: ClassVar[bool] = True

    def reads(self, path: Path) -> bool:
        """No file holds a task."""
        return False

    def request(self, options: Options) -> Request:
        """Build the task and the method that are asked for."""
        from grokflow.simulations.models.net_request import net_request

        return net_request(options)
