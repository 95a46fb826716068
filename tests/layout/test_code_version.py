"""The code version, under which results are stored, changes with every file that computes."""

import shutil
import subprocess
import sys

import pytest

from tests.layout.modules import ROOT

PRINT = "from grokflow.simulations.runs.code import code_version; print(code_version())"


def version_of(tree):
    """Return the code version of a copy of the package, as a process of its own sees it."""
    code = f"import sys; sys.path.insert(0, {str(tree)!r}); {PRINT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(
        ROOT / "grokflow", tmp_path / "grokflow", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


@pytest.mark.parametrize(
    "place", ["theory/losses.py", "theory/linear/l1.py", "simulations/nets/implicit/flow.py"]
)
def test_an_edit_in_a_folder_or_below_changes_the_code_version(tree, place):
    before = version_of(tree)
    assert version_of(tree) == before
    with (tree / "grokflow" / place).open("a", encoding="utf-8") as file:
        file.write("# an edit\n")
    assert version_of(tree) != before


def test_a_new_or_renamed_file_changes_the_code_version(tree):
    before = version_of(tree)
    folder = tree / "grokflow" / "theory" / "linear"
    (folder / "l1.py").rename(folder / "l3.py")
    assert version_of(tree) != before


def test_what_only_draws_or_checks_does_not_change_the_code_version(tree):
    before = version_of(tree)
    (tree / "grokflow" / "figures" / "style.py").unlink()
    assert version_of(tree) == before
