"""Write every figure of the report as PNG: ``python -m grokflow.figures FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from grokflow.figures.report import panels
from grokflow.figures.style import save
from grokflow.proofs_check.laboratory import Laboratory


def main(folder: Path) -> None:
    """Draw into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for panel in panels(Laboratory()):
        save(panel.figure, folder / f"{panel.name}.png")
        print(folder / f"{panel.name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "figures_out"))
