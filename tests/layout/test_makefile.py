"""The Makefile starts what it can start, and goes on with what was stopped."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.layout.modules import ROOT


@pytest.mark.parametrize("is_begun", [False, True])
def test_nightly_verdicts_begin_without_a_file_and_go_on_with_one(
    tmp_path: Path, is_begun: bool
) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    if is_begun:
        (tmp_path / "verdicts.db").touch()
    command = ["make", "--dry-run", "nightly"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ("--resume" in run.stdout) == is_begun
