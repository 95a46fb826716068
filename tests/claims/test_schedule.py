"""Experiments and claims in a pool: what is shared is run once, before the claims that need it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.laboratory import Experiment, Laboratory, remembered
from grokflow.proofs_check.registry import CLAIMS
from grokflow.proofs_check.verify import verify_all

# What was run, in order; threads stand in for processes here, so that it can be seen.
LOG = []


@remembered
def squared(laboratory, number):
    LOG.append(number)
    if number < 0:
        raise ValueError(f"{number} found, expected at least 0: take its opposite")
    return number**2


def claim(label, number, experiments):
    def check(laboratory, target=number**2):
        return Evidence(float(abs(squared(laboratory, number) - target)), 0.5, "stand-in")

    broken = (Broken("another number", lambda laboratory: check(laboratory, -1)),)
    kind = StatementKind.EQUALITY
    return Claim(label, "", (), "", kind, Verdict.SUPPORTED, check, broken, experiments)


@pytest.fixture(autouse=True)
def _empty_log():
    LOG.clear()


def outcomes(tmp_path, claims, more=()):
    with ThreadPoolExecutor(1) as pool:
        laboratory = Laboratory(folder=tmp_path)
        return list(verify_all(claims, laboratory, pool, more=more))


def test_what_claims_share_is_run_once_and_the_longest_first(tmp_path):
    short, long = Experiment(squared, (2,), seconds=1.0), Experiment(squared, (3,), seconds=9.0)
    claims = [claim("a", 2, (short,)), claim("b", 3, (long,)), claim("c", 2, (short,))]
    found = outcomes(tmp_path, claims, more=(Experiment(squared, (5,), seconds=4.0),))
    assert LOG == [3, 5, 2]
    assert sorted(outcome.claim.label for outcome in found) == ["a", "b", "c"]
    assert all(outcome.as_expected for outcome in found)
    assert all(outcome.claim in claims for outcome in found)


def test_what_a_claim_does_not_name_it_runs_itself(tmp_path):
    found = outcomes(tmp_path, [claim("a", 2, ()), claim("b", 2, ())])
    assert LOG == [2]
    assert all(outcome.as_expected for outcome in found)


def test_an_experiment_that_fails_makes_its_claim_inconclusive(tmp_path):
    found = outcomes(tmp_path, [claim("a", -1, (Experiment(squared, (-1,)),))])
    assert found[0].evidence.verdict is Verdict.INCONCLUSIVE
    assert found[0].error == "ValueError: -1 found, expected at least 0: take its opposite"


def test_processes_need_a_folder_to_share():
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="has no folder"):
        list(verify_all([], Laboratory(), pool))


def test_every_experiment_that_a_claim_names_is_one_that_it_can_recall():
    for item in (item for claim in CLAIMS.values() for item in claim.experiments):
        # The decorator keeps what it wraps; only its results outlive a process.
        assert hasattr(item.run, "__wrapped__"), item
        assert item.seconds > 0


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_and_is_exit_130(tmp_path):
    """Workers are in the group of their parent, as those of a terminal are."""
    labels = ("shift-law", "figure-1b", "corrupted-inversion")
    chosen = [word for label in labels for word in ("--claim", label)]
    command = [sys.executable, "-m", "grokflow", "verify", *chosen, "--jobs", "2"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as running:
        while len(_members(running.pid)) < 3:
            sleep(0.2)
        os.killpg(running.pid, signal.SIGINT)
        text, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "0 of 3 claims were finished" in text
    # Those that keep count of semaphores end when they notice that nobody is left.
    deadline = monotonic() + 20
    while _members(running.pid) and monotonic() < deadline:
        sleep(0.2)
    assert _members(running.pid) == []


def _members(group):
    """Return the processes of a group."""
    found = subprocess.run(["ps", "-eo", "pgid"], capture_output=True, text=True)
    return [line for line in found.stdout.split() if line == str(group)]
