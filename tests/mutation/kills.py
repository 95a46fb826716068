"""Put mutations into a copy of the checkout, one at a time, and see which test notices."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.layout.modules import ROOT

_LEFT_OUT = (".git", ".venv", "report", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True)
class Mutation:
    """A change of one formula, which stands once in its file, and the tests that ought to fail."""

    id: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def mutations() -> list[Mutation]:
    """Return all mutations of the table."""
    table = tomllib.loads((Path(__file__).parent / "mutations.toml").read_text(encoding="utf-8"))
    return [Mutation(**row | {"tests": tuple(row["tests"])}) for row in table["mutation"]]


@contextmanager
def copy_of_checkout() -> Iterator[Path]:
    """Yield a copy of the checkout, whose links lead into the copy."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        yield copy


def fails(copy: Path, tests: Sequence[str]) -> bool:
    """Return whether one of the tests fails in the copy."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        timeout=600,
        text=True,
    )
    # 1 is a failure; others, such as 4 for a test that does not exist, say nothing of the mutation.
    if run.returncode not in (0, 1):
        raise RuntimeError(f"pytest stops with {run.returncode}: {run.stdout}{run.stderr}")
    return run.returncode == 1


def killed(copy: Path, mutation: Mutation) -> bool:
    """Return whether a test of the mutation fails while it stands in the copy."""
    path = copy / mutation.file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        return fails(copy, mutation.tests)
    finally:
        path.write_text(text, encoding="utf-8")
