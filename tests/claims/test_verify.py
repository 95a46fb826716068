"""How verdicts are reached: evidence, its weakest part, checks that fail, and extrapolation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grokflow as gf
from grokflow.proofs_check.claim import Evidence, Verdict, weakest
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.extrapolation import extrapolate
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.registry import CLAIMS
from grokflow.proofs_check.verify import verify


@pytest.mark.parametrize(
    ("discrepancy", "allowed", "resolution", "verdict"),
    [
        (1e-3, 1e-2, 0.1, Verdict.SUPPORTED),
        (1e-1, 1e-2, 0.1, Verdict.REFUTED),
        (1e-3, 1.0, 0.1, Verdict.INCONCLUSIVE),
        (2.0, 1.0, 0.1, Verdict.REFUTED),
        (float("nan"), 1.0, 2.0, Verdict.INCONCLUSIVE),
        (0.0, float("inf"), 2.0, Verdict.INCONCLUSIVE),
        (-0.5, -0.1, np.inf, Verdict.SUPPORTED),
    ],
)
def test_verdicts(discrepancy, allowed, resolution, verdict):
    assert Evidence(discrepancy, allowed, "", resolution).verdict is verdict


def test_a_statement_of_parts_is_as_strong_as_its_weakest():
    good, worse = Evidence(0.1, 1.0, "", 2.0), Evidence(0.4, 0.5, "", 2.0)
    blunt, wrong = Evidence(0.0, 3.0, "", 2.0), Evidence(5.0, 1.0, "", 2.0)
    missing = Evidence(float("nan"), 1.0, "")
    assert weakest([good, worse]) is worse
    assert weakest([good, blunt, worse]) is blunt
    assert weakest([good, missing]) is missing
    assert weakest([missing, wrong, good]) is wrong


def test_a_check_that_raises_is_inconclusive_and_says_why():
    def fail(laboratory):
        raise ValueError("no data")

    broken = replace(CLAIMS["cor-3.6"], check=fail, broken=())
    outcome = verify(broken, Laboratory())
    assert outcome.evidence.verdict is Verdict.INCONCLUSIVE
    assert outcome.error == "ValueError: no data"


def test_a_check_that_returns_no_evidence_is_inconclusive_and_says_so():
    silent = replace(CLAIMS["cor-3.6"], check=lambda laboratory: None, broken=())
    outcome = verify(silent, Laboratory())
    assert outcome.evidence.verdict is Verdict.INCONCLUSIVE
    assert "a check returned None, expected Evidence" in outcome.error


def test_a_claim_of_ones_own_is_made_from_public_names():
    def window_opens(factor):
        def check(laboratory):
            early, late = laboratory.remember(("window",), lambda: gf.window(1e4, 0.5))
            return gf.Evidence(abs(late - factor * early), 1e-12, "rounding", resolution=1.0)

        return check

    claim = gf.Claim(
        label="window",
        statement="at c = 1/2 the window ends at three times its beginning",
        hypotheses=("α > 1",),
        source="Theorems 3.4 and 3.5",
        kind=gf.StatementKind.EQUALITY,
        expected=gf.Verdict.SUPPORTED,
        check=window_opens(3),
        broken=(gf.Broken("twice instead", window_opens(2)),),
    )
    assert gf.verify(claim, gf.Laboratory()).as_expected
    assert repr(claim).startswith("Claim(label=window, statement=at c = 1/2 ")


@given(st.floats(-2, 2), st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_extrapolation_holds_a_limit_with_unmodelled_terms(limit, a, b, c):
    x = np.geomspace(10, 400, 9)
    found = extrapolate(limit + a / x + b / x**2 + c / x**3, powers(1 / x))
    assert abs(found.value - limit) <= found.halfwidth + 1e-12


@pytest.mark.parametrize("term", [lambda x: x**-1.5, lambda x: np.log(x) / x], ids=["3/2", "log"])
def test_extrapolation_holds_a_limit_whose_terms_it_does_not_know(term):
    """Without noise the interval of the fit alone is too narrow for what was left out."""
    x = np.geomspace(10, 400, 9)
    found = extrapolate(2.0 + term(x), powers(1 / x))
    assert abs(found.value - 2.0) <= found.halfwidth <= 0.1


def test_extrapolation_needs_enough_points():
    with pytest.raises(ValueError, match="expected at least 6"):
        extrapolate(np.ones(5), np.ones((5, 3)))
