"""Claims at many seeds: what is kept, what is put together, and that seeds share nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from grokflow.cli import main
from grokflow.proofs_check.claim import Broken, Evidence, Verdict
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import rate_at_most
from grokflow.proofs_check.laboratory import Experiment, Laboratory
from grokflow.proofs_check.outcome import said_of_seeds
from grokflow.proofs_check.registry import CLAIMS
from grokflow.proofs_check.seeds import cells
from grokflow.proofs_check.seeds.combining import combined
from grokflow.proofs_check.seeds.gathering import _group_of, verdict_store, verify_seeds


def found(discrepancy, allowed=1.0):
    return Evidence(discrepancy, allowed, "")


def test_one_seed_that_refutes_refutes_the_claim():
    evidence = [found(0.1), found(3.0), found(0.9), found(2.0)]
    worst = combined(evidence, Verdict.SUPPORTED)
    assert (worst.evidence, worst.place) == (evidence[1], 1)
    undecided = [found(0.1), found(float("nan")), found(0.5)]
    assert combined(undecided, Verdict.SUPPORTED).place == 1


def test_a_false_statement_is_refuted_when_every_seed_refutes_it():
    assert combined([found(5.0), found(2.0), found(9.0)], Verdict.REFUTED).place == 1
    assert combined([found(5.0), found(0.9), found(9.0)], Verdict.REFUTED).place == 1
    missing = combined([found(5.0), found(float("nan"))], Verdict.REFUTED)
    assert missing.evidence.verdict is Verdict.INCONCLUSIVE


CALLS = []


def own_check(laboratory, limit=2.0):
    """Discrepancy 1 at every seed but 3, where it is 5."""
    CALLS.append(laboratory.seed)
    return found(5.0 if laboratory.seed == 3 else 1.0, limit)


def sampled(laboratory):
    return judge_samples(rate_at_most([False] * 40, 0.1))


@pytest.fixture
def own_claims(monkeypatch):
    """Two claims of the registry with checks of this module."""
    CALLS.clear()
    first = replace(
        CLAIMS["cor-3.6"],
        check=own_check,
        broken=(Broken("half", lambda laboratory: own_check(laboratory, 0.5)),),
    )
    second = replace(CLAIMS["thm-e.4"], check=sampled, broken=(), experiments=())
    monkeypatch.setitem(CLAIMS, "cor-3.6", first)
    monkeypatch.setitem(CLAIMS, "thm-e.4", second)
    return [first, second]


def test_the_worst_seed_is_named(own_claims):
    outcome = verify_seeds(own_claims[:1], range(5))[0]
    assert outcome.evidence.verdict is Verdict.REFUTED
    assert (outcome.worst, outcome.unexpected, outcome.seeds) == (3, (3,), (0, 1, 2, 3, 4))
    assert not outcome.as_expected
    assert said_of_seeds(outcome) == (
        "5 seeds, 1 of them not as expected by itself (3); worst at seed 3"
    )
    assert verify_seeds(own_claims[:1], (0, 1))[0].as_expected


def test_samples_of_all_seeds_are_judged_together(own_claims):
    outcome = verify_seeds(own_claims[1:], range(3))[0]
    assert outcome.as_expected
    assert outcome.worst is None
    assert len(outcome.evidence.parts[0].values) == 120
    # No seed alone has enough of them.
    assert outcome.unexpected == (0, 1, 2)


def test_what_a_store_holds_is_not_checked_again(own_claims, tmp_path):
    file = str(tmp_path / "verdicts.db")
    with verdict_store(file) as store:
        once = verify_seeds(own_claims, range(2), store)
    CALLS.clear()
    with verdict_store(file, resume=True) as store:
        again = verify_seeds(own_claims, range(3), store)
    assert set(CALLS) == {2}
    assert repr(again[0].evidence) == repr(once[0].evidence)
    assert [len(outcome.seeds) for outcome in again] == [3, 3]


def test_executors_give_the_same(own_claims):
    with ThreadPoolExecutor(2) as pool:
        there = verify_seeds(own_claims, range(4), executor=pool)
    here = verify_seeds(own_claims, range(4))
    assert [item.evidence for item in there] == [item.evidence for item in here]


def test_costly_claims_are_checked_at_the_first_seed_alone(own_claims):
    assert verify_seeds(own_claims, (4, 5), cheap=0.0)[0].seeds == (4,)


def test_experiments_that_were_run_before_are_a_part_of_the_cost(own_claims):
    long = Experiment(own_check, seconds=60.0)
    claims = [own_claims[0], replace(own_claims[1], experiments=(long,))]
    found = verify_seeds(claims, (4, 5), cheap=30.0)
    assert [outcome.seeds for outcome in found] == [(4, 5), (4,)]


def test_no_seeds_are_refused(own_claims):
    with pytest.raises(ValueError, match="try range"):
        verify_seeds(own_claims, [])


def test_rows_bring_evidence_back(own_claims):
    from grokflow.proofs_check.verify import verify

    for claim in own_claims:
        outcome = verify(claim, Laboratory(seed=7))
        back = cells.outcome_of(claim, 7, cells.row_of(outcome))
        assert back == outcome
    lost = cells.row_of(replace(verify(own_claims[0], Laboratory()), evidence=found(float("nan"))))
    assert np.isnan(cells.outcome_of(own_claims[0], 0, lost).evidence.discrepancy)


def test_claims_that_share_experiments_are_checked_by_one_process():
    group = _group_of(list(CLAIMS.values()))
    assert group["thm-3.5"] == group["lem-c.12"]
    assert group["corrupted-gamma"] == group["corrupted-pruning"]
    assert group["thm-e.4"] != group["levi"]
    assert set(group) == set(CLAIMS)


def test_neighbouring_seeds_share_no_draw():
    mine = {name: Laboratory(3).draws(name, 200) for name in ("corrupted", "another")}
    drawn = [*mine.values(), Laboratory(4).draws("corrupted", 200)]
    assert len(set().union(*map(set, drawn))) == 600
    assert Laboratory(3).draws("corrupted", 50) == mine["corrupted"][:50]


def test_neighbouring_seeds_share_no_net():
    from grokflow.proofs_check.modular import experiments

    class Stopped(Exception):
        pass

    def seeds_of(laboratory):
        """The seeds of the data of five nets, without training them."""
        found = []

        def stop(cells, *_, **__):
            found.extend(cell.seed for cell in cells)
            raise Stopped

        from grokflow.simulations.modular.training import ModularTraining

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ModularTraining, "run_cells", lambda self, cells, *a, **k: stop(cells))
            with pytest.raises(Stopped):
                experiments.corrupted_runs(laboratory, "plain")
        return set(found)

    assert not seeds_of(Laboratory(0)) & seeds_of(Laboratory(1))


def test_verify_at_seeds_from_the_command_line(tmp_path, capsys):
    file, out = tmp_path / "found.json", str(tmp_path / "verdicts.db")
    command = ["verify", "--claim", "path-early", "--jobs", "1", "--json", str(file), "--out", out]
    assert main([*command, "--seeds", "0:3"]) == 0
    assert "3 seeds, each as expected" in capsys.readouterr().out
    record = json.loads(file.read_text())
    assert record["seeds"] == [0, 1, 2]
    assert record["claims"][0]["seeds"] == [0, 1, 2]
    assert record["claims"][0]["unexpected_seeds"] == []
    assert main([*command, "--seeds", "0:3"]) == 2
    assert "resume it (--resume)" in capsys.readouterr().err
    assert main([*command, "--seeds", "0,1,5", "--resume"]) == 0


@pytest.mark.parametrize("wrong", ["3:3", "a", "0:", "1,1", "", "0:1:2", "0:99999999"])
def test_seeds_that_are_none_are_refused_in_one_line(wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["verify", "--seeds", wrong])
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
