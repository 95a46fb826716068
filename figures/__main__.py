"""Write every figure of the report as PNG: ``python -m grokflow.figures FOLDER``."""

from __future__ import annotations

import argparse
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
    parser = argparse.ArgumentParser(
        prog="python -m grokflow.figures", description="Write every figure of the report as PNG."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("figures_out"))
    main(parser.parse_args().folder)
