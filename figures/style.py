"""One look for every picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

TRAIN = "#8a8f98"
TEST = "#0b5fa5"
EARLY = "#d1740a"
LATE = "#2a8a4a"
PREDICTED = "#b3203a"

_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e8eb",
    "legend.frameon": False,
    "svg.hashsalt": "grokflow",
    "figure.constrained_layout.use": True,
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the common settings inside a ``with`` block."""
    with mpl.rc_context(cast(Any, _SETTINGS)):
        yield


def canvas(width: float = 7.2, height: float = 3.8) -> Figure:
    """Return an empty figure of the given size in inches, without a window system."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Save a picture in the format of its suffix."""
    figure.savefig(path, dpi=150)


def to_svg(figure: Figure) -> str:
    """Return a picture as an ``<svg>`` element for a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
