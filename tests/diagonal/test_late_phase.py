"""Limits of flows that jump from one KKT point to another are taken beyond the last jump."""

from __future__ import annotations

import numpy as np
import pytest

import grokflow as gf
from grokflow.proofs_check.claim import Verdict
from grokflow.proofs_check.diagonal.late_phase import (
    distinct,
    first_settled,
    late_phases,
    settled_limit,
)
from grokflow.proofs_check.evidence.corrections import tails
from grokflow.proofs_check.homogeneous.thm_3_5_3_10_kkt_limits import check_rate
from grokflow.proofs_check.laboratory import Laboratory

LABORATORY = Laboratory(seed=3)


def test_scales_count_from_the_last_change_of_the_coordinates_on():
    at_one, at_two = np.array([1.0, 0.0]), np.array([0.0, -1.0])
    assert first_settled([at_one, at_one, at_one]) == 0
    assert first_settled([at_one, at_two, at_one, at_one]) == 2
    assert first_settled([at_two, -at_two]) == 1


def test_too_few_scales_give_no_limit():
    terms = tails(np.linspace(30.0, 300.0, 7))
    assert np.isnan(settled_limit(terms[:, 0], terms).value)


@pytest.mark.slow
def test_a_net_that_jumps_is_measured_beyond_its_jump():
    """At seed 3 the net of depth 3 has a weight more from α = 1e50 or so on."""
    found = late_phases(LABORATORY, "exponential", 3)
    assert 8 <= len(found.log_lam) < 19
    # Across the jump the residual times log 1/λ goes from 0.11 to 0.31.
    assert np.ptp(found.late_residual * found.log_lam) < 0.01


@pytest.mark.slow
def test_the_rate_holds_where_the_net_jumps():
    assert check_rate(LABORATORY).verdict is Verdict.SUPPORTED


def test_inputs_that_repeat_up_to_their_sign_are_left_out():
    x = np.array([[1.0, 2.0, -1.0, 2.0], [3.0, 1.0, -3.0, -1.0]])
    problem = gf.make_problem("four", "classification", x, [1, -1], gf.StoredTestSet(x, [1, -1]))
    found = distinct(problem)
    np.testing.assert_array_equal(found.inputs.to_array() * found.signs[:, None], x[:, [0, 1, 3]])
