"""Checkpoints of long runs: one file, written whole, from which a run goes on.

Training by steps goes on bit for bit. An exact flow goes on with a new solver, which chooses its
steps anew: the states agree with those of an uninterrupted run to within its ``rtol``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grokflow.simulations.runs.files import check_path, jsonable, read_sealed, write_sealed
from grokflow.theory.arguments import check_range


@dataclass(frozen=True)
class Checkpoint:
    """The file in which a run is kept, and how often it is written.

    Parameters
    ----------
    path : str or Path
        The file. If it exists, the run goes on from it: training by steps bit for bit, an exact
        flow to within its ``rtol``.
    seconds : float
        Work, in seconds, that may be lost when the process is killed.

    Raises
    ------
    ValueError
        When the path is a folder, or lies in a folder that does not exist, or `seconds` is below 0
        or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> start, file = gf.teacher_student(n=20, d=10, n_test=50), gf.Checkpoint("run.pt")
    >>> for end in (10, 20):  # the second run begins at step 10
    ...     print(gf.Descent(lr=0.1).run(start, np.arange(0, end + 1, 5), checkpoint=file).steps)
    [ 0  5 10]
    [ 0  5 10 15 20]
    """

    path: str | Path
    seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse files that could not be written, before the work starts."""
        check_path("path", self.path)
        check_range("seconds", self.seconds, (0.0, float("inf")))
        if not self.file.absolute().parent.is_dir() or self.file.is_dir():
            raise ValueError(
                f"checkpoint {self.file} is no file in an existing folder: create the folder first"
            )

    @property
    def file(self) -> Path:
        """The file as a path."""
        return Path(self.path)

    def save(self, settings: Mapping[str, object], state: Mapping[str, Any]) -> None:
        """Write settings and state; arrays come back as tensors."""
        tensors = {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in state.items()
        }
        content = BytesIO()
        torch.save({"settings": json.dumps(jsonable(settings)), "state": tensors}, content)
        write_sealed(self.file, content.getvalue())

    def load(self, settings: Mapping[str, object]) -> Mapping[str, Any] | None:
        """Return the state, or None when there is no file.

        Raises
        ------
        ValueError
            When the file is damaged, or of a run with other settings.
        """
        if not self.file.exists():
            return None
        sealed = read_sealed(self.file)
        if sealed is None:
            raise ValueError(
                f"{self.file} is damaged, or not a checkpoint of this grokflow, expected one as it "
                "was written: choose another file, or delete it to start anew"
            )
        content = torch.load(BytesIO(sealed), weights_only=True)
        found, state = json.loads(content["settings"]), content["state"]
        wanted = json.loads(json.dumps(jsonable(settings)))
        # Digests change with everything: what a reader understands is compared first.
        for key in sorted({*found, *wanted}, key=lambda name: (_is_digest(wanted.get(name)), name)):
            if found.get(key) != wanted.get(key):
                raise ValueError(
                    f"{self.file} is of a run with {key} {found.get(key)}, expected "
                    f"{wanted.get(key)}: ask for the same settings, or choose another file"
                )
        result: Mapping[str, Any] = state
        return result


def _is_digest(value: object) -> bool:
    """Whether a setting stands for data in a form that says nothing to a reader."""
    return isinstance(value, list) or (isinstance(value, str) and len(value) == 64)
