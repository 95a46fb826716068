"""Arguments of the wrong kind are refused in one line, before anything is computed.

The calls are made in a process of their own, for here wrong types are refused as such.
"""

import json
import re
import subprocess
import sys

import pytest

from tests.runs.wrong_arguments import CONSTRUCTORS, FORECASTS, MEASURES, RUNS, SETTINGS, STARTS


@pytest.fixture(scope="module")
def outcomes():
    command = [sys.executable, "-m", "tests.runs.wrong_arguments"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("name", RUNS)
def test_flows_refuse_what_is_no_start_of_theirs(outcomes, name):
    pattern = r"ValueError: start is a \w+, expected a \w+: make one with gf\.\w+\(.+\)"
    assert re.fullmatch(pattern, outcomes[name])


@pytest.mark.parametrize("name", MEASURES)
def test_flows_refuse_what_is_no_measure(outcomes, name):
    assert re.fullmatch(r"ValueError: measure is 3, expected kkt, .*: pick some", outcomes[name])


@pytest.mark.parametrize("message", STARTS)
def test_starts_refuse_what_they_cannot_hold(outcomes, message):
    found = outcomes[f"start: {message}"]
    assert found.startswith(f"ValueError: {message}") and "\n" not in found


@pytest.mark.parametrize("message", FORECASTS)
def test_forecasts_refuse_what_no_flow_starts_from(outcomes, message):
    found = outcomes[f"forecast: {message}"]
    assert found.startswith(f"ValueError: {message}") and "\n" not in found


@pytest.mark.parametrize("message", CONSTRUCTORS)
def test_constructors_refuse_what_they_cannot_take(outcomes, message):
    found = outcomes[f"constructor: {message}"]
    assert found.startswith(f"ValueError: {message}") and "\n" not in found


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_given_by_name(outcomes, name):
    known = SETTINGS[name][1]
    assert outcomes[f"{name} {known}"].lower().replace("_", "-") == known
    pattern = rf"ValueError: {name} is 'x', expected .*\b{known}\b.*: pick one"
    assert re.fullmatch(pattern, outcomes[f"{name} x"])
