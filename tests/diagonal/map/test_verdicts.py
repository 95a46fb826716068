"""No random flow of the map is wrong, and few in the documented range are refused."""

from dataclasses import replace

import numpy as np
import pytest

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.runs.stopping import Stopped
from tests.diagonal.map.judge import RTOL, Verdict, judged
from tests.diagonal.map.table import case_of, counts, is_documented, record_of, table

# Flows that are judged: what takes two minutes. Two thousand are by tests/diagonal/map.
_NUMBER = 60
# Part of the flows in the documented range that may be refused.
_REFUSED = 0.01


def test_the_first_flows_are_right():
    found = counts(record_of(number) for number in range(5))
    assert found[Verdict.RIGHT] >= 4
    assert not found[Verdict.WRONG] + found[Verdict.REFUSED]


@pytest.mark.slow
def test_no_flow_is_wrong_and_few_are_refused():
    records = [record_of(number) for number in range(_NUMBER)]
    assert not [record for record in records if record["verdict"] == Verdict.WRONG]
    inside = [record for record in records if is_documented(record)]
    # The count of refused flows at a rate of 1 %, and three of its standard deviations.
    expected = _REFUSED * len(inside)
    assert counts(inside)[Verdict.REFUSED] <= expected + 3 * np.sqrt(expected)


@pytest.mark.parametrize(("off", "verdict"), [(0.0, Verdict.RIGHT), (2 * RTOL, Verdict.WRONG)])
def test_weights_that_are_off_by_more_than_they_may_are_wrong(monkeypatch, off, verdict):
    run = DiagonalFlow.run

    def run_off(self, *arguments):
        found = run(self, *arguments)
        return replace(found, kept=(1 + off) * found.weights)

    monkeypatch.setattr(DiagonalFlow, "run", run_off)
    assert judged(case_of(0))[0] == verdict


def test_a_flow_that_stops_is_refused(monkeypatch):
    def stop(self, *arguments):
        raise Stopped("it stopped", None)

    monkeypatch.setattr(DiagonalFlow, "run", stop)
    assert judged(case_of(0)) == (Verdict.REFUSED, "it stopped")


def test_the_table_counts_flows_outside_the_documented_range_apart():
    kinds = {"depth": 2, "loss": "square", "alpha": 1.0, "lam": 0.1}
    kinds |= {"targets": "noisy", "shape": "n > d", "data": "plain"}
    inside = {"number": 0, "verdict": "right", "says": "", **kinds}
    outside = {**inside, "number": 1, "verdict": "refused", "data": "wide"}
    lines = table([inside, outside]).splitlines()
    assert lines[0] == "| kind | | right | refused | wrong | no reference |"
    assert "| **all** |  | 1 | 0 | 0 | 0 |" in lines
    assert "| data | wide | 0 | 1 | 0 | 0 |" in lines
