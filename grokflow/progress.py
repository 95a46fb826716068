"""A progress bar with an estimate; silent when the output is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar() -> Iterator[Callable[[str, float], None]]:
    """Yield ``show(name, fraction)``, which draws one bar a name on standard error."""
    if not sys.stderr.isatty():
        yield lambda name, fraction: None
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(name: str, fraction: float) -> None:
            if name not in tasks:
                for other in tasks.values():
                    progress.update(other, visible=False)
                tasks[name] = progress.add_task(name, total=1.0)
            progress.update(tasks[name], completed=fraction)

        yield show
