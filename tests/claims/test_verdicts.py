"""Claims: every verdict is the expected one, and every broken variant is refuted."""

import pytest

from grokflow.proofs_check.claim import Verdict
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED, SAMPLED
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.registry import CLAIMS
from grokflow.proofs_check.verify import verify

# Claims that take a few seconds. The others look at experiments of the size
# of a paper, at limits in several depths, or at many draws.
QUICK = set(
    """
    cor-3.6 cor-3.7 cor-3.7-global cor-3.7-global-printed path-early path-late transition-square
    lem-c.1 lem-c.3 eq-23-24-33 eq-23-24-33-printed
    lem-c.5 sec-3.2.1-printed lem-d.2 thm-e.2 thm-e.3 f.1-f.3 cor-3.11 completion-path-flow levi
    modular-square modular-errors no-decay thm-f.5 corrupted-strength adamw-clock
    musat omnigrok ridge-delay two-phases l1-delay decay-not-sparse
    label-noise-step nuclear-delay lost-gradient largest-margin bias-delay one-label
    one-label-rate
    """.split()
)


LABELS = [pytest.param(label, marks=() if label in QUICK else pytest.mark.slow) for label in CLAIMS]


def test_quick_claims_are_claims():
    assert set(CLAIMS) > QUICK


@pytest.mark.parametrize("label", LABELS)
def test_the_verdict_is_expected_and_every_broken_variant_is_refuted(label, laboratory):
    outcome = verify(CLAIMS[label], laboratory)
    assert outcome.error == ""
    assert outcome.evidence.verdict is outcome.claim.expected
    assert outcome.broken
    for name, evidence in outcome.broken:
        assert evidence.verdict is Verdict.REFUTED, name
    assert outcome.as_expected
    assert outcome.evidence.derivation
    assert_the_error_rate_is_that_of_the_derivation(outcome)


def assert_the_error_rate_is_that_of_the_derivation(outcome):
    judged_by = {"extrapolation": EXTRAPOLATED, "confidence sequence": SAMPLED}
    for method, error_rate in judged_by.items():
        if method in outcome.evidence.derivation:
            assert error_rate in outcome.claim.error_rate, method


@pytest.mark.parametrize("seed", [1, 2])
def test_limits_hold_for_other_data(seed):
    elsewhere = Laboratory(seed=seed)
    for label in ("cor-3.6", "cor-3.7"):
        assert verify(CLAIMS[label], elsewhere).as_expected, label
