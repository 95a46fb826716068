"""Forecasts of λt* agree with the flow over random small problems."""

import numpy as np
import pytest

from tests.transition import coverage


def test_a_record_holds_the_predicted_and_the_simulated_time():
    """Of the first problems with a visible change, all times are those of a net past log α."""
    records = coverage.compared([coverage.record_of(number) for number in range(8)])
    assert len(records) >= 3
    assert (coverage.errors_of(records) < 0.5).all()
    for record in records:
        assert record["simulated"] > 0.5 * np.log(record["alpha"])


def test_the_table_tells_small_jumps_of_tails_from_large_ones():
    record = {"predicted": 11.0, "simulated": 10.0, "tailed": True, "jump": 2.0}
    records = [record, {**record, "predicted": 10.5, "jump": 4.0}, {"predicted": 3.0}]
    assert coverage.errors_of(coverage.compared(records)) == pytest.approx([0.1, 0.05])
    lines = coverage.table(records).splitlines()
    assert lines[3] == "| tails | 2 | 7.5 % | 9.5 % | 9.8 % | 10 % |"
    assert lines[4].endswith("| 1 | 5 % | 5 % | 5 % | 5 % |")
