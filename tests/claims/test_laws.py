"""Claims about laws and bounds: what they say of themselves holds."""

import numpy as np
import pytest

from grokflow.proofs_check.claim import Verdict
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.linear.margin_errors import FIGURE_1A, D, K, check_rival, exact_error
from grokflow.proofs_check.registry import CLAIMS
from grokflow.proofs_check.scan import law
from grokflow.proofs_check.scan.experiments import LawRuns
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


def _runs_of_a_known_law(rng: np.random.Generator) -> LawRuns:
    """Return times with margins log(1/λ) + O(1) that differ from draw to draw, and some noise."""
    draws, points = 12, 8
    draw = np.repeat(np.arange(draws), points)
    lam = np.tile(np.geomspace(1e-8, 1e-100, points), draws)
    alpha = np.array([1e4, 1e6, 1e9])[(np.tile(np.arange(points), draws) + draw) % 3]
    constant = rng.normal(2.5, 0.2, draws)[draw]
    level = -np.log(lam) + rng.normal(1.0, 0.5, draws)[draw]
    noise = rng.normal(0.0, 0.003, len(lam))
    times = np.log(alpha) - np.log(level) / 2 + constant + noise
    return LawRuns(alpha, lam, draw, times, constant, 0.01, True)


def test_the_transition_law_is_told_from_near_misses_in_synthetic_runs(monkeypatch):
    for seed in range(40):
        runs = _runs_of_a_known_law(np.random.default_rng(seed))
        monkeypatch.setattr(law, "law_runs", lambda laboratory, model, runs=runs: runs)
        claim = CLAIMS["law-exponential"]
        assert claim.check(Laboratory()).verdict is Verdict.SUPPORTED
        for variant in claim.broken:
            assert variant.check(Laboratory()).verdict is Verdict.REFUTED, variant.name
