"""The misgrokking finder: search, shrinking, data files, phase maps and their commands."""

import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from grokflow.cli import main
from grokflow.commands.misgrokking.phase_map import _lines
from grokflow.figures.misgrokking import gallery
from grokflow.figures.misgrokking import phase_map as pictured
from grokflow.proofs_check.misgrokking.agreement import agreement
from grokflow.simulations.misgrokking import cases
from grokflow.simulations.misgrokking.cases import Trial, judge, misgroks
from grokflow.simulations.misgrokking.comparison import NetSettings, predict_change
from grokflow.simulations.misgrokking.data_families import data_family, save_instance
from grokflow.simulations.misgrokking.families import FAMILIES, select
from grokflow.simulations.misgrokking.finder import find_misgrokking
from grokflow.simulations.misgrokking.phase_map import Drops, PhaseMap, phase_map, plane_of
from grokflow.theory.predictor import NotResolved
from grokflow.theory.transition.kinds_shown import legend
from grokflow.theory.transition.scores import Kind

SEARCHED = ("words", "linear", "completion")


@pytest.fixture(scope="module")
def findings():
    return find_misgrokking(select(list(SEARCHED)), budget=18, effort=15, seed=3)


# Search


def test_the_search_finds_misgrokking_and_shrinks_it(findings):
    assert findings.tried == 18 and not findings.interrupted
    assert {"words", "completion"} <= {case.family.name for case in findings.cases}
    assert sum(sum(kinds.values()) for kinds in findings.kinds.values()) == 18 - sum(
        findings.skipped.values()
    )
    for case in findings.cases:
        change = case.simulated.change
        assert change.kind is Kind.MISGROKKING and change.low > 0 and case.simulated.fitted
        assert case.predicted.drop >= case.found.change.drop / 2 > 0
        assert case.predicted.low >= case.found.change.low / 2 > 0
        assert case.predicted.early >= case.predicted.chance - 1e-9
        sizes = [key for key in ("n", "d", "n_test") if key in case.settings]
        assert all(case.settings[key] <= case.found.settings[key] for key in sizes)
    drops = [case.simulated.change.drop for case in findings.cases]
    assert drops == sorted(drops, reverse=True)
    small, large = findings.cases[-1].settings, findings.cases[-1].found.settings
    assert small != large


def test_a_case_is_the_prediction_of_its_settings(findings):
    case = findings.cases[0]
    assert predict_change(case.family.problem(case.settings), case.net) == case.predicted


def test_the_gallery_shows_the_cases(findings):
    panels = gallery.data(findings)
    assert len(panels) == len(findings.cases)
    for panel, case in zip(panels, findings.cases, strict=True):
        assert case.family.name in panel.title
        assert (panel.test, panel.early) == (case.simulated.test, case.predicted.early)
        at = np.searchsorted(panel.lambda_t, case.net.early)
        assert panel.test[at] == pytest.approx(case.simulated.change.early, abs=1e-9)
        assert panel.test[-1] == pytest.approx(case.simulated.change.late, abs=1e-9)
    with pytest.raises(ValueError, match="no misgrokking was found"):
        gallery.draw([])


def test_the_command_of_every_case_reproduces_it(findings, tmp_path, capsys):
    for case in findings.cases:
        command = shlex.split(case.save(tmp_path))
        out = tmp_path / "out.json"
        assert command[0] == "grokflow"
        assert main([*command[1:], "--json", str(out)]) == 0
        record = json.loads(out.read_text())
        times = np.array(record["lambda_t"])
        early = int(np.argmin(np.abs(times - case.net.early)))
        change = case.simulated.change
        if "test_accuracy" in record:
            test = np.array(record["test_accuracy"])
            assert record["train_accuracy"][early] == 1
        else:
            problem = case.family.problem(case.settings)
            targets = getattr(problem.test, "labels", None)
            targets = problem.test.values if targets is None else targets
            mean = problem.mean if hasattr(problem, "mean") else problem.targets.mean()
            test = 1 - np.array(record["test_error"]) / np.mean((targets - mean) ** 2)
        # Early the curve is flat, and both runs are exact to 1e-4 of the weights.
        assert abs(test[early] - change.early) <= 0.01
        assert abs(test[-1] - change.late) <= 0.01
        assert test[early] - test[-1] > 0
    capsys.readouterr()


def test_an_executor_changes_nothing():
    families, options = select(["linear"]), {"budget": 4, "seed": 1, "effort": 5}
    alone = find_misgrokking(families, **options)
    with ThreadPoolExecutor(2) as pool:
        together = find_misgrokking(families, **options, executor=pool)
    assert alone.tried == together.tried == 4 and alone.kinds == together.kinds
    assert [case.settings for case in alone.cases] == [case.settings for case in together.cases]


def test_other_families_do_not_change_what_is_drawn():
    alone = find_misgrokking(select(["gap"]), budget=2, seed=3)
    among = find_misgrokking(select(["gap", "noisy"]), budget=4, seed=3)
    assert alone.kinds["gap"] == among.kinds["gap"]


def test_an_early_predictor_worse_than_none_is_no_misgrokking():
    trial = judge(
        FAMILIES["noisy"],
        {"n": 6, "d": 8, "share": 0.1, "label_noise": 2.0, "n_test": 500, "seed": 0},
        NetSettings(),
    )
    alike = replace(trial.change, late=-3.0, kind=Kind.MISGROKKING, low=1.0, high=4.0)
    worse = replace(alike, early=alike.chance - 0.5)
    assert not misgroks(Trial(trial.family, trial.settings, worse))
    assert misgroks(Trial(trial.family, trial.settings, replace(alike, early=alike.chance)))


def test_problems_whose_data_determine_the_weights_have_no_transition():
    settings = {"n": 40, "d": 8, "share": 1.0, "n_test": 500}
    noisy = {"label_noise": 1.0, **settings}
    for family, drawn in (("linear", settings), ("noisy", noisy)):
        trial = judge(FAMILIES[family], {**drawn, "seed": 0}, NetSettings())
        assert (trial.error, trial.change.kind) == ("", Kind.NO_TRANSITION)
        assert not misgroks(trial)


def test_problems_without_predictors_are_counted_by_reason(monkeypatch):
    def refuse(problem, net):
        raise NotResolved(f"every margin is below {problem.n}e-13, expected more: scale the inputs")

    monkeypatch.setattr(cases, "predict_change", refuse)
    settings = {"d": 8, "share": 1.0, "n_test": 500, "seed": 0}
    trials = [judge(FAMILIES["linear"], {**settings, "n": n}, NetSettings()) for n in (40, 50)]
    assert {trial.error for trial in trials} == {"every margin is below #e-#"}


def test_a_deeper_net_unlearns_more_of_a_dense_rule():
    family = FAMILIES["deep"]
    settings = {"n": 24, "d": 48, "share": 1.0, "depth": 3, "n_test": 2000, "seed": 1}
    deep = judge(family, settings, NetSettings())
    shallow = judge(FAMILIES["majority"], {**settings, "depth": 2}, NetSettings())
    assert deep.change.late < shallow.change.late


# The user's data


def test_subsamples_of_a_file_are_searched(tmp_path):
    path = tmp_path / "own.npz"
    settings = {"n": 40, "d": 60, "rate": 0.3, "lift": 0.5, "n_test": 600, "seed": 2}
    save_instance(path, FAMILIES["words"].build(settings))
    family = data_family(path)
    assert set(family.ranges) == {"n", "d", "depth", "seed"}
    found = find_misgrokking([family], budget=4, effort=15)
    (case,) = found.cases
    assert case.settings["n"] < 40 and case.simulated.change.low > 0
    again = data_family(tmp_path / "own.npz").build(case.settings)
    assert again.x.shape == (case.settings["n"], case.settings["d"])


def test_the_data_that_are_searched_are_not_overwritten(tmp_path, capsys):
    path = tmp_path / "own.npz"
    save_instance(path, FAMILIES["words"].build(FAMILIES["words"].draw(np.random.default_rng(1))))
    before = path.read_bytes()
    assert main(["misgrok", "--family", str(path), "--out", str(tmp_path)]) == 2
    assert "would be overwritten" in capsys.readouterr().err and path.read_bytes() == before


def test_entries_of_a_file_are_subsampled(tmp_path):
    path = tmp_path / "entries.npz"
    settings = {
        "d": 8, "rank": 8, "fraction": 0.6, "minus": 0.5, "mask": "random", "seed": 0
    }  # fmt: skip
    whole = FAMILIES["completion"].build(settings)
    save_instance(path, whole)
    family = data_family(path)
    part = family.build({"n": 10, "seed": 1})
    assert len(part.values) == 10 and np.isin(part.values, whole.values).all()
    assert np.array_equal(part.test.values, whole.test.values)
    full = family.build({"n": len(whole.values), "seed": 3})
    assert predict_change(full, NetSettings()) == predict_change(whole, NetSettings())


# Phase map


def test_the_map_holds_predictions_and_simulations_of_the_same_problems():
    plane = plane_of("share", grid=2, d=64)
    phases = phase_map(plane, seeds=2, seed=1)
    assert phases.predicted.mean.shape == phases.simulated.mean.shape == (2, 2)
    family = FAMILIES[plane.family]
    changes = [
        predict_change(
            family.problem(plane.settings(0.125, float(plane.values[1]), seed)), NetSettings()
        )
        for seed in (2, 3)
    ]
    assert phases.predicted.mean[1, 0] == np.mean([change.drop for change in changes])
    assert phases.predicted.error[1, 0] == pytest.approx(
        np.hypot(*[change.error for change in changes]) / 2
    )
    shared = agreement(phases)
    assert shared.cells == 4 and shared.low <= shared.rate <= shared.high
    # One input votes: it groks; all of them do: it misgroks.
    assert phases.simulated.kinds[0, 0] is Kind.GROKKING
    assert phases.simulated.kinds[1, 0] is Kind.MISGROKKING


def test_agreement_counts_cells():
    plane = plane_of("gamma", grid=2)
    error = np.full((2, 2), 0.01)
    said = Drops(np.array([[0.1, -0.1], [0.0, np.nan]]), error)
    done = Drops(np.array([[0.1, 0.1], [0.04, 0.1]]), error)
    shared = agreement(PhaseMap(plane, NetSettings(), 1, said, done))
    assert (shared.cells, shared.rate, shared.opposed) == (3, 1 / 3, 1)
    maps = pictured.data(PhaseMap(plane, NetSettings(), 1, done, done))
    assert not maps.differ.any() and maps.marks["predicted"].tolist() == [["m", "m"], ["m", "m"]]
    assert np.array_equal(maps.rises["simulated"], -done.mean)
    empty = Drops(np.full((2, 2), np.nan), error)
    with pytest.raises(ValueError, match="no cell"):
        agreement(PhaseMap(plane, NetSettings(), 1, empty, empty))


def test_a_cell_is_of_the_kind_that_most_of_its_problems_are_of(tmp_path, capsys):
    late, decay, same = Kind.STARTS_LATE, Kind.SHRINKING, Kind.NO_TRANSITION
    seen = {-1: Kind.GROKKING, 0: Kind.NEITHER, 1: Kind.MISGROKKING}
    cells = [
        # Sign of the mean drop, kinds of the problems, kind of the cell, and what is seen of it.
        (-1, [late, late, Kind.GROKKING], late, 0),
        (-1, [late, decay, Kind.GROKKING], Kind.GROKKING, -1),
        (1, [decay, decay, same], decay, 1),
        (0, [same, same, Kind.NEITHER], same, 0),
        # Each shows nothing, and all together do: small λ would not.
        (1, [same, same, same], Kind.MISGROKKING, 1),
        (0, [same, Kind.NEITHER, None], Kind.NEITHER, 0),
    ]
    signs, each, kinds, shown = zip(*cells, strict=True)
    drops = np.array(signs, dtype=float).reshape(2, 3)
    error = np.full((2, 3), 0.1)
    said = Drops(drops, error, np.array(each).reshape(2, 3, 3))
    assert said.kinds.ravel().tolist() == list(kinds)
    assert said.seen.ravel().tolist() == [seen[sign] for sign in shown]
    plane = replace(plane_of("gamma", grid=3), values=np.array([0.0, 8.0]))
    # The flow shows what is visible of the drops that it has.
    done = Drops(np.reshape(shown, (2, 3)).astype(float), error)
    phases = PhaseMap(plane, NetSettings(), 3, said, done)
    assert agreement(phases).rate == 1 and not pictured.data(phases).differ.any()
    lines = _lines(phases, agreement(phases))
    assert lines[0].endswith(legend()) and legend().endswith("n early predictor not held")
    assert lines[2].split()[1:4] == ["=", "m", "."] and lines[3].split()[1:4] == ["s", "G", "d"]
    maps = pictured.data(phases)
    assert "s starts late" in maps.legend and maps.marks["predicted"][0, 0] == "s"
    pictured.draw(maps)


def test_a_map_says_which_nets_start_late():
    """As their forecasts do; a larger start has none."""
    plane = replace(plane_of("share", grid=4, d=64), values=np.array([1.0]))
    kinds = {}
    for alpha in (1.05, 1e3):
        net = NetSettings(alpha=alpha)
        problems = [
            FAMILIES["majority"].problem(plane.settings(float(ratio), 1.0, 0))
            for ratio in plane.ratios
        ]
        kinds[alpha] = phase_map(plane, seeds=1, net=net).predicted.kinds[0].tolist()
        assert kinds[alpha] == [net.bind(item).forecast(alpha).kind for item in problems]
    assert Kind.STARTS_LATE in kinds[1.05] and Kind.STARTS_LATE not in kinds[1e3]


# Interruption and refusals


def interrupt_at(stage, when):
    seen = []

    def progress(name, fraction):
        seen.append(name)
        if name == stage and seen.count(stage) == when:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_search_keeps_what_was_found():
    families = select(["linear", "gap"])
    found = find_misgrokking(
        families, budget=8, effort=5, progress=interrupt_at("shrinking and simulating", 1)
    )
    assert found.interrupted and found.tried == 8 and len(found.cases) == 1
    early = find_misgrokking(families, budget=8, progress=interrupt_at("predicting", 3))
    assert early.interrupted and early.tried == 3 and not early.cases


def test_an_interrupted_map_keeps_its_cells():
    plane = plane_of("gamma", grid=2, d=48)
    phases = phase_map(plane, seeds=1, progress=interrupt_at("phase map", 3))
    assert phases.interrupted and np.isfinite(phases.simulated.mean).sum() == 3
    assert agreement(phases).cells == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family", "gab"], "family is 'gab', expected one of gap"),
        (["--family", "gap", "gap"], "named twice"),
        (["--family", "gap", "words", "--budget", "1"], "budget is 1"),
        (["--family", "missing.npz"], "missing.npz"),
        (["--family", "gap", "--alpha", "0.5"], "expected above 1"),
        (["--family", "gap", "--depth", "9"], "depth is 9"),
        (["--family", "gap", "--plot", "x.txt"], "has suffix '.txt'"),
        (["--family", "gap", "--json", "x.csv"], "has suffix '.csv'"),
        (["--family", "gap", "--out", "a-file"], "a-file"),
    ],
)
def test_bad_usage_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("")
    assert main(["misgrok", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


# The command


def test_the_command_writes_the_documented_keys(tmp_path, capsys):
    out, picture = tmp_path / "out.json", tmp_path / "gallery.png"
    options = [
        "--family",
        "linear",
        "words",
        "--budget",
        "4",
        "--effort",
        "5",
        "--out",
        str(tmp_path / "cases"),
    ]
    code = main(["misgrok", *options, "--json", str(out), "--plot", str(picture)])
    said = capsys.readouterr().out
    assert code == 0 and "families misgrok" in said and picture.stat().st_size > 10_000
    record = json.loads(out.read_text())
    for case in record["cases"]:
        assert {"family", "settings", "early", "late", "predicted", "simulated", "command"} <= set(
            case
        )
        assert case["command"] in said and case["simulated"]["kind"] == "misgrokking"
        assert (tmp_path / "cases" / f"{case['family']}.npz").exists()
        assert case["early"] == case["predicted"]["early"] > case["late"]


def test_the_map_command_writes_both_maps(tmp_path, capsys):
    out, picture = tmp_path / "map.json", tmp_path / "map.png"
    options = ["--map", "gamma", "--grid", "2", "--seeds", "1", "--jobs", "2", "--json", str(out)]
    assert main(["misgrok", *options, "--plot", str(picture)]) == 0
    assert "kinds agree in" in capsys.readouterr().out
    record = json.loads(out.read_text())
    assert np.shape(record["predicted"]["drop"]) == np.shape(record["simulated"]["kind"]) == (2, 2)
    assert record["agreement"]["cells"] == 4 and picture.stat().st_size > 10_000
