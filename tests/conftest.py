"""Types are checked at every call; hypothesis is deterministic, or searches long on request."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests import type_checks

type_checks.install()

settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def no_progress_lines(monkeypatch):
    """Leave standard error to notes and errors, however slow the machine is."""
    monkeypatch.setattr("grokflow.progress._PAUSE", float("inf"))
