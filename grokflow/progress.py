"""How far a long command has come, on standard error.

A terminal shows bars with an estimate; without one there are plain lines, every few seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

# Seconds between two plain lines at least; what is done within the first says nothing.
_PAUSE = 5.0


class Show(Protocol):
    """Show that the task `name` has come to this `fraction`; `detail` is what is new."""

    def __call__(self, name: str, fraction: float, detail: str = "") -> None:
        """Draw or print it."""


@contextmanager
def bar() -> Iterator[Show]:
    """Yield ``show(name, fraction, detail)``."""
    if sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield plain_lines(lambda line: print(line, file=sys.stderr, flush=True), monotonic)


def plain_lines(write: Callable[[str], None], clock: Callable[[], float]) -> Show:
    """Return a ``show`` that writes a line every few seconds at most."""
    last = clock()

    def show(name: str, fraction: float, detail: str = "") -> None:
        nonlocal last
        if clock() - last >= _PAUSE:
            last = clock()
            write(f"{name}: {100 * fraction:.0f} %" + (f", {detail}" if detail else ""))

    return show


@contextmanager
def _bars() -> Iterator[Show]:
    """Yield a ``show`` that draws the two newest bars that are not done, each with an estimate."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(name: str, fraction: float, detail: str = "") -> None:
            if name not in tasks:
                for other in list(tasks.values())[:-1]:
                    progress.update(other, visible=False)
                tasks[name] = progress.add_task(name, total=1.0)
            words = f"{name}: {detail}" if detail else name
            progress.update(
                tasks[name], completed=fraction, visible=fraction < 1, description=words
            )

        yield show
