"""Falsification: what it searches, that it finds what is false, and cases that are judged again."""

import json
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import given, settings

import grokflow as gf
from grokflow.cli import main
from grokflow.proofs_check.claim import NOT_YET_RANGED
from grokflow.proofs_check.falsification.cases import replay
from grokflow.proofs_check.falsification.instances import form_named, form_of
from grokflow.proofs_check.falsification.moves import moved, simpler

CASES = sorted((Path(__file__).parent / "regressions").glob("*.json"))
GLOBAL = gf.CLAIMS["cor-3.7-global"]
# Claims that judge an instance in about a second or less.
QUICK = (
    *("cor-3.7-global", "path-early", "path-late", "path-flow", "thm-e.3", "f.1-f.3"),
    *("block-form-norm", "block-form-flow", "omnigrok", "bias-delay"),
)
# Those that take several seconds for each, or half a minute.
SLOWER = (
    *("largest-margin", "inconsistent-flow", "lem-d.1", "lem-d.7"),
    *("cor-3.11", "rem-3.13", "completion-path-flow", "slow-limit", "partly-separable-path"),
)
# Those that judge one in a few hundredths of a second.
QUICKEST = (
    *("lem-c.3", "eq-23-24-33", "label-noise-step", "l1-delay", "nuclear-delay"),
    *("decay-not-sparse", "one-label", "one-label-rate", "lost-gradient", "musat"),
)


@gf.remembered
def table(laboratory):
    return np.eye(2)


def smallest_entry_is_above(laboratory, least):
    """A statement that only instances far from the usual ones refute."""
    found = float(np.abs(table(laboratory)).max())
    return gf.Evidence(discrepancy=least / found, allowed=1.0, derivation="none")


def bounded(least):
    return gf.Claim(
        label="bounded",
        statement=f"the largest entry of a table exceeds {least}",
        hypotheses=(),
        source="this test",
        kind=gf.StatementKind.INEQUALITY,
        expected=gf.Verdict.SUPPORTED,
        check=lambda laboratory: smallest_entry_is_above(laboratory, least),
        broken=(gf.Broken("it exceeds 1", lambda lab: smallest_entry_is_above(lab, 1.0)),),
        for_every=(gf.ForEvery(table, gf.strategies.tables),),
    )


def test_an_instance_takes_the_place_of_the_draw():
    problem = gf.make_problem("one", "classification", [[2.0]], [1.0], gf.StoredTestSet([[1]], [1]))
    laboratory = gf.Laboratory(seed=0)
    GLOBAL.for_every[0].put(laboratory, problem)
    assert GLOBAL.for_every[0].draw(laboratory) is problem
    assert GLOBAL.check(laboratory).discrepancy != GLOBAL.check(gf.Laboratory(seed=0)).discrepancy


def test_hypothesis_and_small_steps_find_a_rare_instance_which_is_made_simple():
    found = gf.falsify(bounded(1e-3), budget=200)
    assert found.confirmed
    (x,) = found.instances
    # One number below the bound is all that is needed to see it.
    assert x.shape == (1, 1)
    assert abs(x).max() < 1e-3


def test_a_statement_that_holds_is_not_refuted():
    found = gf.falsify(bounded(0.0), budget=60)
    assert not found.confirmed
    assert found.judged <= 60
    assert found.evidence.verdict is gf.Verdict.SUPPORTED


@pytest.mark.parametrize("variant", [item.name for item in GLOBAL.broken])
def test_broken_variants_are_falsified_within_a_modest_budget(variant):
    assert gf.falsify(GLOBAL, budget=30, variant=variant).confirmed


def test_a_refutation_that_a_thorough_check_does_not_see_is_not_confirmed():
    def check(laboratory):
        return gf.Evidence(0.0 if laboratory.thorough else 2.0, 1.0, "none")

    found = gf.falsify(replace(bounded(1.0), check=check), budget=5)
    assert found.evidence.verdict is gf.Verdict.REFUTED
    assert not found.confirmed


def test_what_a_check_refuses_is_counted_and_said():
    def check(laboratory):
        if (table(laboratory) > 0).any():
            raise ValueError("positive")
        return gf.Evidence(0.0, 1.0, "none")

    found = gf.falsify(replace(bounded(1.0), check=check), budget=60)
    assert found.refused["ValueError: positive"] > 0
    assert sum(found.refused.values()) + sum(found.verdicts.values()) == found.judged


def test_draws_go_on_until_an_instance_leads_to_a_number():
    count = 0

    def check(laboratory):
        nonlocal count
        count += 1
        if count <= 8:
            raise ValueError("none yet")
        return gf.Evidence(0.5, 1.0, "none")

    found = gf.falsify(replace(bounded(1.0), check=check), budget=10)
    assert found.evidence.discrepancy == 0.5
    assert found.judged == 10


def test_ctrl_c_keeps_the_worst_so_far():
    count = 0

    def check(laboratory):
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return gf.Evidence(0.1 * count, 1.0, "none")

    found = gf.falsify(replace(bounded(1.0), check=check), budget=60)
    assert found.evidence.discrepancy == pytest.approx(0.4)


def test_numbers_in_a_row_survive_being_taken_apart():
    form = form_of(np.array([0.5, 2.0]))
    assert form.name == "numbers"
    assert [len(other[0]) for other in simpler((np.array([0.5, 2.0]),))][:2] == [1, 1]


@pytest.mark.parametrize("name", ["separable", "interpolable", "several_classes", "entries"])
def test_instances_survive_being_taken_apart(name):
    @settings(max_examples=30, deadline=None)
    @given(getattr(gf.strategies, name)())
    def taken_apart(instance):
        form = form_of(instance)
        arrays = form.arrays(instance)
        stored = json.loads(json.dumps({key: value.tolist() for key, value in arrays.items()}))
        again = form_named(form.name).make(**{k: np.array(v) for k, v in stored.items()})
        for key, value in form.arrays(again).items():
            np.testing.assert_array_equal(value, arrays[key])

    taken_apart()


@settings(max_examples=30, deadline=None)
@given(gf.strategies.interpolable(max_n=3, max_d=4))
def test_moves_and_simpler_instances_are_others(problem):
    (x,) = (item.inputs.to_array() for item in moved((problem,), 0.1, np.random.default_rng(0)))
    assert x.shape == problem.inputs.shape
    for (other,) in simpler((problem,)):
        before, after = problem.inputs.to_array(), other.inputs.to_array()
        assert (
            before.shape != after.shape
            or (before != after).any()
            or (problem.targets != other.targets).any()
        )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(gf.strategies.tables())
def test_tables_are_not_all_alike(x):
    hypothesis.target(float(np.ptp(np.log10(np.abs(x[x != 0])))) if x.any() else 0.0)


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ("copies of samples", lambda x: len(np.unique(x, axis=0)) < len(x)),
        ("copies of inputs", lambda x: len(np.unique(x, axis=1).T) < x.shape[1]),
        ("ties", lambda x: x.size > 3 and len(np.unique(np.abs(x))) == 1),
        ("rank loss", lambda x: min(x.shape) > np.linalg.matrix_rank(x, tol=0) > 1),
        ("twelve decades", lambda x: x.all() and np.ptp(np.log10(np.abs(x))) > 11),
    ],
)
def test_tables_take_every_adversarial_shape(shape, shown):
    # Any such table will do: to look for the simplest one takes up to five minutes.
    quick = settings(
        max_examples=2000, derandomize=True, database=None, phases=[hypothesis.Phase.generate]
    )
    assert shown(hypothesis.find(gf.strategies.tables(), shown, settings=quick))


def test_the_command_stores_what_it_finds_and_judges_it_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = "the max-L2-margin instead"
    command = ["falsify", "cor-3.7-global", "--budget", "20", "--broken", name]
    assert main(command) == 1
    assert "the statement is refuted" in capsys.readouterr().out
    file = tmp_path / "falsify-cor-3.7-global.json"
    assert json.loads(file.read_text())["command"].startswith("grokflow falsify cor-3.7-global")
    assert main(["falsify", "--replay", str(file)]) == 1
    assert "refuted" in capsys.readouterr().out


def test_a_claim_that_stands_leaves_no_file_unless_one_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["falsify", "cor-3.7-global", "--budget", "10"]
    assert main(command) == 0
    assert not list(tmp_path.iterdir())
    assert main([*command, "--out", "worst.json"]) == 0
    assert main(["falsify", "--replay", "worst.json"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["thm-3.12"], "nothing that is searched (it is about a law that data are drawn from"),
        (["thm-3.12-printed"], "nothing that is searched (the statement itself is false"),
        (["cor-3.7-global", "--broken", "no such"], "'the max-L2-margin instead'"),
        ([], "expected LABEL"),
        (["cor-3.7-global", "--out", "worst.txt"], ".json"),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_line(arguments, said, capsys):
    assert main(["falsify", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_worst_instances_of_earlier_searches_are_judged_as_expected(file):
    claim, _, evidence = replay(file)
    assert evidence.verdict is claim.expected


@pytest.mark.parametrize("label", QUICKEST)
def test_no_claim_is_refuted_by_the_first_instances_of_a_search(label):
    found = gf.falsify(gf.CLAIMS[label], budget=6)
    assert found.verdicts
    assert not found.confirmed


@pytest.mark.slow
@pytest.mark.parametrize("label", QUICK)
def test_no_quick_claim_is_refuted_within_a_small_budget(label):
    assert not gf.falsify(gf.CLAIMS[label], budget=8).confirmed


def test_every_claim_says_what_it_ranges_over_or_why_nothing():
    for claim in gf.CLAIMS.values():
        named, reason = bool(claim.for_every), claim.unranged
        assert named != bool(reason), f"{claim.label}: for_every, or one line that says why not"
        assert "\n" not in reason
        assert not (named and claim.no_range != NOT_YET_RANGED), claim.label
    left = [label for label, claim in gf.CLAIMS.items() if claim.unranged == NOT_YET_RANGED]
    assert not left, f"claims that are not ranged over: {', '.join(left)}"


@pytest.mark.parametrize("draw", [gf.strategies.inconsistent, gf.strategies.overlapping])
def test_a_spare_input_leaves_the_weights_something_to_choose(draw):
    @settings(max_examples=200, database=None, derandomize=True)
    @given(draw(max_n=3))
    def look(problem):
        space = problem.row_space
        assert space.basis is not None
        assert not space.fills_inputs

    look()


@pytest.mark.slow
@pytest.mark.parametrize("label", SLOWER)
def test_no_slower_claim_is_refuted_by_two_instances(label):
    assert not gf.falsify(gf.CLAIMS[label], budget=2).confirmed
