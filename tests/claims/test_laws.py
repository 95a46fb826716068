"""Claims about laws and bounds: what they say of themselves holds."""

import numpy as np
import pytest

from grokflow.proofs_check.claim import Verdict
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.linear.margin_errors import FIGURE_1A, D, K, check_rival, exact_error
from grokflow.proofs_check.registry import CLAIMS
from grokflow.theory.linear.bounds import max_l1_margin_error, max_l2_margin_error

BOUNDS = {"thm-e.4": (max_l1_margin_error, 28_000), "thm-e.5": (max_l2_margin_error, 16_500)}


@pytest.mark.parametrize("label", BOUNDS)
def test_margin_bounds_are_tested_where_they_say_something(label):
    law, n = BOUNDS[label]
    # A quarter is the error of weights that know one of three inputs.
    assert law(n=n, d=D, k=K, delta=0.1).value < exact_error(np.eye(D)[0], K) == 0.25
    assert check_rival(Laboratory(seed=3), law, n, informed=0).verdict is Verdict.REFUTED
    printed = law(**FIGURE_1A, delta=0.1)
    assert printed.vacuous
    assert f"vacuous at the sizes of Figure 1a of the paper: {printed.value:.2g}" in " ".join(
        CLAIMS[label].hypotheses
    )


@pytest.mark.parametrize("label", ["modular-square", "modular-errors", "thm-e.4", "thm-e.5"])
def test_cheap_claims_are_as_expected_at_a_seed_that_no_other_test_has(label):
    laboratory = Laboratory(seed=41)
    claim = CLAIMS[label]
    assert claim.check(laboratory).verdict is claim.expected
    for variant in claim.broken:
        assert variant.check(laboratory).verdict is Verdict.REFUTED, variant.name
