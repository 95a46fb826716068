"""One laboratory for all tests here: what one process has run, the others load."""

import pytest

from grokflow.proofs_check.laboratory import Laboratory


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory, worker_id):
    """The experiments of seed 0, run once for claims and figures, whatever process asks."""
    base = tmp_path_factory.getbasetemp()
    # Each process of pytest-xdist has a folder of its own in the one of the whole run.
    folder = (base if worker_id == "master" else base.parent) / "laboratory"
    folder.mkdir(exist_ok=True)
    return Laboratory(folder=folder)
