"""Mutants of formulas: what is changed, who puts it in place, and what checks make of it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import grokflow as gf
from grokflow.cli import main
from grokflow.proofs_check.claim import (
    NOT_YET_MUTATED,
    Broken,
    Claim,
    Evidence,
    StatementKind,
    Verdict,
)
from grokflow.proofs_check.mutants.formulas import mutants_of
from grokflow.proofs_check.mutants.judging import Fate, judge_mutants
from grokflow.proofs_check.mutants.time_limit import OutOfTime, time_limit
from grokflow.proofs_check.registry import CLAIMS
from grokflow.theory.linear.l1 import MaxL1Margin
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import make_problem
from grokflow.theory.samples import StoredTestSet


def area(width, height):
    """Say nothing of 1 + 1, which is no formula."""
    if width < 0 + height * 0:
        raise ValueError(f"{width + height} found")
    return width * height**2 - 3.0 * [width, height][0 + 1]


def test_each_exponent_constant_sign_and_term_is_changed_once():
    names = [mutant.change for mutant in mutants_of(area)]
    whole = "width * height ** 2 - 3.0 * [width, height][0 + 1]"
    assert names == [
        f"{whole} becomes width * height ** 2 + 3.0 * [width, height][0 + 1]",
        f"{whole} becomes width * height ** 2",
        "width * height ** 2 becomes width / height ** 2",
        "height ** 2 becomes height ** (2 + 1)",
        "3.0 * [width, height][0 + 1] becomes 3.0 / [width, height][0 + 1]",
        "3 * [width, height][0 + 1] becomes 3.45 * [width, height][0 + 1]",
        "3 * [width, height][0 + 1] becomes 2.61 * [width, height][0 + 1]",
    ]


def test_a_mutant_stands_for_the_formula_only_for_a_while():
    values = []
    for mutant in mutants_of(area):
        with mutant.in_place():
            values.append(area(5.0, 4.0))
    expected = [80 + 12, 80, 5 / 16 - 12, 5 * 64 - 12, 80 - 3 / 4, 80 - 3.45 * 4, 80 - 12 / 1.15]
    assert np.allclose(values, expected, rtol=1e-14)
    assert area(5.0, 4.0) == 80 - 12


def test_the_mutant_of_a_predictor_is_its_rival():
    x, y = np.array([[2.0, 1.0]]), np.array([1.0])
    problem = make_problem("one", "classification", x, y, StoredTestSet(x, y))
    (mutant,) = mutants_of(MaxL2Margin)
    with mutant.in_place():
        assert np.allclose(MaxL2Margin().predict(problem).w, MaxL1Margin().predict(problem).w)
    assert np.allclose(MaxL2Margin().predict(problem).w, [0.4, 0.2])


@pytest.mark.parametrize("formula", [int, len, Claim])
def test_what_cannot_be_mutated_is_refused(formula):
    with pytest.raises(ValueError, match=r"expected|no rival"):
        mutants_of(formula)


def side(x):
    return 2.0 * x


def own_claim(measured, *, kind=StatementKind.EQUALITY, allowed=lambda value: 1e-12, **more):
    def check(laboratory, factor=1.0):
        value = factor * side(3.0)
        return Evidence(measured(value), allowed(value), "rounding", resolution=0.5)

    broken = (Broken("a tenth more", lambda laboratory: check(laboratory, 1.1)),)
    claim = ("own", "2x", (), "here", kind, Verdict.SUPPORTED, check, broken)
    return Claim(*claim, formulas=(side,), **more)


_RUNS = []


@gf.remembered
def far_from_the_formula(laboratory):
    _RUNS.append("far")
    return 6.0


@gf.remembered
def next_to_the_formula(laboratory):
    _RUNS.append("next")
    return side(3.0)


@gf.remembered
def made_of_the_formula(laboratory):
    return next_to_the_formula(laboratory) - far_from_the_formula(laboratory)


def test_mutants_share_the_experiments_that_their_formula_does_not_enter():
    def check(laboratory):
        far_from_the_formula(laboratory)
        return Evidence(abs(made_of_the_formula(laboratory)), 1e-12, "rounding")

    _RUNS.clear()
    claim = replace(own_claim(lambda value: 0.0), check=check)
    assert [item.fate for item in judge_mutants(claim)] == [Fate.REFUTED] * 3
    assert _RUNS == ["far"] + 4 * ["next"]


def order():
    return 2.0


def test_a_number_that_is_all_of_a_formula_is_changed():
    assert [mutant.change for mutant in mutants_of(order)] == ["2 becomes 2.3", "2 becomes 1.74"]


def test_a_sharp_check_refutes_every_mutant():
    sharp = own_claim(lambda value: abs(value - 6.0))
    assert [item.fate for item in judge_mutants(sharp)] == [Fate.REFUTED] * 3


def test_a_check_that_looks_away_lets_mutants_survive():
    blunt = own_claim(lambda value: 0.0)
    assert [item.fate for item in judge_mutants(blunt)] == [Fate.SURVIVES] * 3
    reason = own_claim(lambda value: 0.0, equivalent={"side": "nothing is measured"})
    assert {(item.fate, item.reason) for item in judge_mutants(reason)} == {
        (Fate.EQUIVALENT, "nothing is measured")
    }


def test_a_weaker_bound_is_no_false_statement():
    bound = own_claim(lambda value: 5.9 - value, kind=StatementKind.INEQUALITY)
    fates = {item.mutant.split(" becomes ")[1]: item.fate for item in judge_mutants(bound)}
    assert fates == {
        "2.0 / x": Fate.REFUTED,
        "2.3 * x": Fate.WEAKER,
        "1.74 * x": Fate.REFUTED,
    }


def test_a_bound_that_is_less_by_rounding_alone_is_not_weaker():
    """The discrepancy 1e-13 (6 - 2x) is known up to 1e-12, and 2.3 x changes it by 9e-14."""
    rounded = own_claim(lambda value: 1e-13 * (6.0 - value), kind=StatementKind.INEQUALITY)
    assert [item.fate for item in judge_mutants(rounded)] == [Fate.SURVIVES] * 3


def test_a_reason_does_not_hide_a_refutation():
    excused = own_claim(lambda value: abs(value - 6.0), equivalent={"side": "none"})
    assert [item.fate for item in judge_mutants(excused)] == [Fate.REFUTED] * 3


def test_a_check_that_stops_and_one_that_decides_nothing_are_told_apart():
    def measured(value):
        if value < 1:
            raise ZeroDivisionError("too small")
        return abs(value - 6.0)

    vague = own_claim(measured, allowed=lambda value: 1e-12 if value == 6 else 0.95)
    fates = [item.fate for item in judge_mutants(vague)]
    assert fates == [Fate.STOPS, Fate.UNDECIDED, Fate.UNDECIDED]


def rounds():
    return 2 - 1


def test_a_mutant_that_never_ends_is_stopped_and_said_to_be():
    def check(laboratory):
        while rounds() < 1:
            pass
        return Evidence(abs(rounds() - 1.0), 1e-12, "rounding")

    claim = replace(own_claim(abs), check=check, formulas=(rounds,))
    found = {item.mutant: item for item in judge_mutants(claim, seconds=0.2)}
    ends = {name: item.fate for name, item in found.items()}
    assert ends == {
        "rounds: 2 - 1 becomes 2 + 1": Fate.REFUTED,
        "rounds: 2 - 1 becomes 2": Fate.REFUTED,
        "rounds: 2 - 1 becomes 2.3 - 1": Fate.REFUTED,
        "rounds: 2 - 1 becomes 1.74 - 1": Fate.ENDLESS,
        "rounds: 2 - 1 becomes 2 - 1.15": Fate.ENDLESS,
        "rounds: 2 - 1 becomes 2 - 0.87": Fate.REFUTED,
    }
    assert found["rounds: 2 - 1 becomes 1.74 - 1"].reason == "stopped after 0.2 s"
    assert rounds() == 1


def test_time_is_up_in_the_thread_that_is_limited_alone():
    with ThreadPoolExecutor(2) as threads:
        limited, other = threads.submit(spin, 0.1, 5.0), threads.submit(spin, 60.0, 0.3)
        assert isinstance(limited.exception(), OutOfTime)
        assert other.result() == "done"
    # What is left of a limit does not reach beyond its block.
    assert spin(0.1, 0.0) == "done"
    assert spin(60.0, 0.3) == "done"


def spin(limit, seconds):
    end = time.monotonic() + seconds
    with time_limit(limit):
        while time.monotonic() < end:
            pass
    return "done"


def test_mutants_of_what_is_not_supported_are_not_judged():
    with pytest.raises(ValueError, match="own is refuted at seed 0"):
        list(judge_mutants(own_claim(lambda value: 1.0)))


def test_the_command_counts_and_names_them(capsys, tmp_path):
    file = tmp_path / "mutants.json"
    status = main(["verify", "--mutants", "--claim", "thm-e.3", "--json", str(file), "--jobs", "1"])
    said = capsys.readouterr().out
    rows = json.loads(file.read_text())["mutants"]
    assert status == (0 if all(Fate(row["fate"]).noticed for row in rows) else 1)
    assert f"{len(rows)} mutants: " in said
    assert {row["label"] for row in rows} == {"thm-e.3"}


def test_options_that_say_nothing_here_are_refused(capsys):
    assert main(["verify", "--mutants", "--seeds", "0:3"]) == 2
    assert "--mutants with --seeds" in capsys.readouterr().err


# Claims of many parts whose mutants take seconds; `make nightly` takes those of all claims, which
# are an hour of work.
MUTATED = (
    "cor-3.7-global",
    "path-late",
    "thm-e.2",
    "thm-e.3",
    "f.1-f.3",
    "block-form-norm",
    "modular-square",
    "lost-gradient",
    "one-label",
    "lem-d.2",
)


@pytest.mark.slow
@pytest.mark.parametrize("label", MUTATED)
def test_no_mutant_of_a_claim_goes_unnoticed(label):
    assert not [item.mutant for item in judge_mutants(CLAIMS[label]) if not item.fate.noticed]


def test_reasons_are_given_for_mutants_that_there_are():
    for claim in CLAIMS.values():
        names = {mutant.name for formula in claim.formulas for mutant in mutants_of(formula)}
        assert set(claim.equivalent) <= names | {name.split(":")[0] for name in names}


def test_every_claim_names_formulas_or_says_why_not():
    for claim in CLAIMS.values():
        named, reason = bool(claim.formulas), claim.unmutated
        assert named != bool(reason), f"{claim.label}: formulas, or one line that says why not"
        assert "\n" not in reason
        assert not (named and claim.no_formulas != NOT_YET_MUTATED), claim.label
        assert reason != NOT_YET_MUTATED, claim.label


def test_the_command_says_why_claims_have_no_mutants(capsys):
    assert main(["verify", "--mutants", "--claim", "thm-3.4-printed", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "0 mutants: none" in said
    assert "   1 the statement itself is false, as expected" in said
