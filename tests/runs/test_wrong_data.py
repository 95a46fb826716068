"""Data and settings as users have them are accepted, or refused in one line."""

import json
import subprocess
import sys

import pytest

from tests.runs.wrong_data import ACCEPTED, REFUSED


@pytest.fixture(scope="module")
def outcomes():
    command = [sys.executable, "-m", "tests.runs.wrong_data"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused_is_refused_in_one_line(outcomes, message):
    found = outcomes[message]
    assert found.startswith(f"ValueError: {message}") and "\n" not in found


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted_means_what_it_says(outcomes, name):
    assert outcomes[name] == "True"
