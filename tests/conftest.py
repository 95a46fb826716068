"""Types are checked at every call; hypothesis is deterministic, or searches long on request."""

import os

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
