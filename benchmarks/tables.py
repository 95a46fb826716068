"""Aligned tables that grow row by row, so that a long run shows what it has."""

from typing import Any


class Table:
    """Columns with fixed widths; the last column takes notes of any length.

    Parameters
    ----------
    **columns : str
        Format of every column by its name, such as ``"8.3f"``; a text or None is shown as it is.
    """

    def __init__(self, **columns: str) -> None:
        self.columns = columns
        print("  ".join(self._aligned(name, spec, name) for name, spec in columns.items()))

    def row(self, **values: Any) -> None:
        """Print one row; columns left out stay blank."""
        cells = (
            self._aligned(name, spec, self._text(values.get(name), spec))
            for name, spec in self.columns.items()
        )
        print("  ".join(cells).rstrip(), flush=True)

    @staticmethod
    def _text(value: Any, spec: str) -> str:
        if value is None:
            return ""
        return value if isinstance(value, str) else format(value, spec)

    @staticmethod
    def _aligned(name: str, spec: str, text: str) -> str:
        width = int("0" + "".join(c for c in spec.lstrip("<>").split(".")[0] if c.isdigit()))
        width = max(width, len(name))
        return text.ljust(width) if spec.startswith("<") else text.rjust(width)
