"""What is no number, or far out of range, is refused in one line that names the argument."""

import subprocess
import sys


def test_nonsense_is_refused_in_one_line():
    """In a process of its own, in which types are not checked before the package checks values."""
    command = [sys.executable, "-m", "tests.front_door.nonsense"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == ""
