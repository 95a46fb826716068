"""The diagnosis of a forecast: what it says is tested by following its advice."""

import itertools
import json
import re

import numpy as np
import pytest

from grokflow.cli import main
from grokflow.commands.shared.advice import advice, findings
from grokflow.commands.shared.when import within
from grokflow.commands.shared.words import consequence_lines, forecast_lines
from grokflow.simulations.completion.data import completion
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse
from grokflow.simulations.misgrokking.data_families import save_instance
from grokflow.simulations.misgrokking.families import FAMILIES
from grokflow.simulations.models.completion import completion_forecast
from grokflow.simulations.models.results import PredictedConsequences
from grokflow.simulations.tables.door import as_problem
from grokflow.simulations.tables.table import Table
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.forecast import forecast_completion
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.linear.problem import make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet
from grokflow.theory.transition.diagnosis import diagnose
from grokflow.theory.transition.intervals import Interval
from grokflow.theory.transition.scores import Kind, Scores, scores_of_targets
from grokflow.theory.transition.times import NEVER, Quarters, quarters

MODEL = {"alpha": 1e3, "lam": 1e-3}
KINDS = {
    "grokking": {"n": 40, "d": 120, "share": 0.01, "n_test": 2000, "seed": 0},
    "misgrokking": {"n": 12, "d": 120, "share": 1.0, "n_test": 2000, "seed": 1},
    "neither": {"n": 12, "d": 20, "share": 0.3, "n_test": 100, "seed": 2},
}


def problem_of(kind, **changed):
    settings = {**KINDS[kind], **changed}
    if kind == "misgrokking":
        return FAMILIES["gap"].problem({**settings, "gamma": 5.0})
    return FAMILIES["majority"].problem(settings)


def diagnosis_of(problem, **model):
    model = {**MODEL, **model}
    prediction = forecast(problem, **model, loss=LOSSES["logistic"])
    curve = prediction.at_lam
    return diagnose(
        prediction.scores,
        prediction.quarters,
        curve.lambda_t,
        curve.scores,
        lam=model["lam"],
        tailed=True,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_predict_says_the_kind_of_a_file_in_words(kind, tmp_path, capsys):
    import pandas

    family = "gap" if kind == "misgrokking" else "majority"
    settings = KINDS[kind] | ({"gamma": 5.0} if family == "gap" else {})
    table = FAMILIES[family].build(settings)
    frame = pandas.DataFrame(np.vstack([table.x, table.x_test]))
    frame["y"] = np.concatenate([table.y, table.y_test])
    frame["split"] = ["train"] * len(table.y) + ["test"] * len(table.y_test)
    data, out = tmp_path / "data.csv", tmp_path / "out.json"
    frame.to_csv(data, index=False)
    assert main(["predict", str(data), "--alpha", "1e3", "--json", str(out)]) == 0
    said, record = capsys.readouterr().out, json.loads(out.read_text())
    found = record["diagnosis"]
    assert found["kind"] == record["kind"] == kind
    assert found["early"] == record["early"]["test_accuracy"]
    assert found["late"] == record["late"]["test_accuracy"]
    assert found["low"] <= found["drop"] <= found["high"]
    assert found["n_test"] == len(table.y_test) and 0 <= found["gap"] <= 1e-6
    assert all(line in said for line in (*found["words"], *found["advice"]))
    assert kind in found["words"][0] and "95 %" in found["words"][1]
    words = {"grokking": "train until", "misgrokking": "stop early", "neither": "α and λ"}
    assert any(words[kind] in line for line in found["advice"])


@pytest.mark.parametrize("kind", ["grokking", "misgrokking"])
def test_following_the_advice_does_what_it_says(kind):
    problem = problem_of(kind)
    found = diagnosis_of(problem)
    assert found.change.kind.value == kind
    # Where the path ends before three quarters are done it knows no width.
    end = found.transition.lambda_t + np.nan_to_num(found.transition.width, nan=5.0)
    flow = DiagonalFlow(lam=MODEL["lam"], loss=LOSSES["logistic"])
    trajectory = flow.run(DiagonalStart(problem, MODEL["alpha"]), np.array([found.stop, end]))
    early, late = trajectory.test_scores().accuracy
    # At half of the time at which a quarter is done the net is at the early predictor. Three
    # quarters of the way are done at the end, whose time is known to a relative 1/log(1/λ) only:
    # half of it then.
    assert abs(early - found.change.early) <= abs(found.change.drop) / 4
    assert abs(late - found.change.early) >= abs(found.change.drop) / 2


def test_a_smaller_scale_saves_the_time_that_is_said():
    problem = problem_of("grokking")
    found, sooner = diagnosis_of(problem), diagnosis_of(problem, alpha=100.0)
    # The path is traced once and shifted in time, so only its interpolation differs.
    saved = found.transition.lambda_t - sooner.transition.lambda_t
    assert found.saved == pytest.approx(np.log(10)) == pytest.approx(saved, abs=1e-6)


def test_a_start_beyond_the_transition_is_told(tmp_path, capsys):
    path = tmp_path / "data.npz"
    save_instance(path, FAMILIES["majority"].build(KINDS["grokking"]))
    assert main(["predict", str(path), "--alpha", "0.05"]) == 0
    said = capsys.readouterr().out
    assert "kind: starts late" in said and "no transition is seen" in said
    assert "grokking" not in said and "sooner" not in said
    assert np.isnan(diagnosis_of(problem_of("grokking"), alpha=0.05).stop)


def test_the_test_points_that_are_asked_for_show_the_difference():
    problem = sparse(n=20, d=40, k=39, n_test=200)
    found = diagnosis_of(problem)
    assert found.change.kind is Kind.NEITHER and found.change.size < found.needed < 1e5
    # The measured difference may be twice the true one, whose square decides.
    more = diagnosis_of(sparse(n=20, d=40, k=39, n_test=round(4 * found.needed)))
    assert more.visible < found.visible / 3
    assert more.visible == pytest.approx(abs(found.change.drop) / 2, rel=0.2)


def test_the_best_of_the_path_is_found_on_it():
    lambda_t = np.array([-1.0, 1.0, 3.0, 5.0])
    along = Scores(None, np.array([0.1, 1.0, 0.4, 2.0]), None, 50, np.full(4, 0.01), 2.0)
    ends = Scores(None, np.array([1.0, 2.0]), None, 50, np.full(2, 0.01), 2.0)
    found = diagnose(ends, Quarters(3.5, 4.0, 4.5), lambda_t, along, lam=1e-3, tailed=False)
    # The first point lies before the start.
    assert (found.best, found.best_quality, found.end_quality) == (3.0, 0.8, 0.0)
    assert found.time_error == 1e-3


def test_completion_is_diagnosed_too(tmp_path, capsys):
    out = tmp_path / "out.json"
    sizes = ["--set", "d=12", "fraction=0.4"]
    assert main(["predict", "completion", *sizes, "--alpha", "100", "--json", str(out)]) == 0
    record, said = json.loads(out.read_text()), capsys.readouterr().out
    assert record["diagnosis"]["kind"] == record["kind"] and "diagnosis" in said
    problem = completion(d=12, fraction=0.4)
    mean = np.average(problem.values, weights=problem.counts)
    variance = np.mean((problem.test.values - mean) ** 2)
    assert record["diagnosis"]["late"] == pytest.approx(1 - record["late"]["test_error"] / variance)


def test_deep_nets_are_told_to_be_kkt_points(tmp_path, capsys):
    path = tmp_path / "data.npz"
    save_instance(path, FAMILIES["majority"].build(KINDS["misgrokking"] | {"d": 30}))
    assert main(["predict", str(path), "--alpha", "100", "--depth", "3"]) == 0
    assert "KKT point to" in capsys.readouterr().out


def test_a_saved_table_is_read_back(tmp_path):
    from grokflow.simulations.tables.door import read_table

    table = FAMILIES["linear"].build(KINDS["grokking"])
    save_instance(tmp_path / "data.npz", table)
    again = read_table(tmp_path / "data.npz")
    assert isinstance(again, Table) and again.task is table.task
    assert all(np.array_equal(a, b) for a, b in zip(again[1:5], table[1:5], strict=True))
    w = np.random.default_rng(0).standard_normal((120, 1))
    assert again.problem("a", {}).score(w).error == table.problem("b", {}).score(w).error


def regression_file(path, slope, seed=0):
    """Write targets of mean 100, with a sparse slope and unit noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((230, 60))
    y = 100 + x[:, :3] @ np.full(3, slope) + rng.standard_normal(230)
    np.savez(path, X_train=x[:30], y_train=y[:30], X_test=x[30:], y_test=y[30:])


def test_a_predictor_that_is_the_constant_is_not_called_worse(tmp_path, capsys):
    """Constant inputs have the mean of the targets as their least squares."""
    y = np.arange(16.0) / 2
    x, tested = np.ones((8, 4)), np.ones((8, 4))
    np.savez(tmp_path / "same.npz", X=x, y=y[:8], X_test=tested, y_test=y[8:])
    assert main(["predict", str(tmp_path / "same.npz")]) == 0
    said = capsys.readouterr().out
    assert "R² on the test set is 0 early" in said
    assert "no better than a constant, the mean of the training targets" in said
    assert "worse than a constant" not in said and "below 0" not in said


@pytest.mark.parametrize("options", [[], ["--intercept"]])
def test_noise_around_a_mean_is_told_to_be_worse_than_a_constant(options, tmp_path, capsys):
    regression_file(tmp_path / "noise.npz", slope=0.0)
    assert main(["predict", str(tmp_path / "noise.npz"), *options]) == 0
    said = capsys.readouterr().out
    assert "both predictors are worse than a constant" in said
    # Without an intercept other inputs are not what is needed.
    assert ("more samples or other inputs are needed" in said) is bool(options)
    assert ("add one with intercept=1.0 (--intercept)" in said) is (not options)
    assert "train until" not in said


@pytest.mark.parametrize("options", [[], ["--intercept"]])
def test_a_rise_to_the_most_frequent_class_is_not_learning(options, tmp_path, capsys):
    """19 of 20 samples are of one class, and the late weights answer with it everywhere."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((260, 300))
    score = x[:, 0] + x[:, 1] / 2
    y = np.where(score > np.quantile(score, 0.95), 1, -1)
    path, out = tmp_path / "rare.npz", tmp_path / "out.json"
    np.savez(path, X_train=x[:60], y_train=y[:60], X_test=x[60:], y_test=y[60:])
    assert main(["predict", str(path), *options, "--json", str(out)]) == 0
    said, found = capsys.readouterr().out, json.loads(out.read_text())["diagnosis"]
    assert max(found["early"], found["late"]) <= np.mean(y[60:] == -1)
    assert "both predictors are no better than always answering with the most frequent" in said
    assert "train until" not in said
    assert ("are of one class, and the model has no intercept" in said) is (not options)
    assert ("is not learning" in said and "kind: not learning" in said) is bool(options)
    assert ("more samples or other inputs are needed" in said) is bool(options)


def test_an_intercept_that_is_advised_helps(tmp_path, capsys):
    regression_file(tmp_path / "slope.npz", slope=5.0)
    late = {}
    for options in ([], ["--intercept"]):
        out = tmp_path / "out.json"
        command = ["predict", str(tmp_path / "slope.npz"), *options, "--json", str(out)]
        assert main(command) == 0
        late[bool(options)] = json.loads(out.read_text())["diagnosis"]["late"]
        capsys.readouterr()
    assert late[False] < 0 < 0.5 < late[True]


@pytest.mark.parametrize("task", ["classes", "targets"])
def test_one_test_point_is_told_in_words(task, tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((31, 60))
    y = x[:, 0] if task == "targets" else np.where(x[:, 0] > 0, 1, -1)
    path = tmp_path / "one.npz"
    np.savez(path, X_train=x[:30], y_train=y[:30], X_test=x[30:], y_test=y[30:])
    assert main(["predict", str(path)]) == 0
    said = capsys.readouterr().out
    assert "neither grokking nor misgrokking is seen" in said and "1 test point " in said
    assert not {"nan", "inf", "+inf", "-inf"} & set(said.replace("(", " ").split())


@pytest.mark.parametrize("alpha", [1.0, 30.0])
def test_the_early_predictor_lasts_as_long_as_is_said(alpha):
    """Also where log α is 0, at which the theorems' window is empty."""
    problem = problem_of("misgrokking")
    found = diagnosis_of(problem, alpha=alpha)
    flow = DiagonalFlow(lam=MODEL["lam"], loss=LOSSES["logistic"])
    run = flow.run(DiagonalStart(problem, alpha), np.array([found.stop]))
    assert abs(run.test_scores().accuracy[0] - found.change.early) <= abs(found.change.drop) / 4


def test_a_column_of_ones_is_an_intercept(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.standard_normal((230, 60)), np.full(230, 0.1)])
    y = 100 + x[:, 0]
    path = tmp_path / "ones.npz"
    np.savez(path, X_train=x[:30], y_train=y[:30], X_test=x[30:], y_test=y[30:])
    assert main(["predict", str(path)]) == 0
    assert "--intercept" not in capsys.readouterr().out


def test_nothing_tested_is_said_as_such():
    rows, columns, values = np.array([0, 0, 1]), np.array([0, 1, 2]), np.array([1.0, 2.0, 3.0])
    problem = make_entries_problem("untested", 3, rows, columns, values)
    found = completion_forecast(forecast_completion(problem, alpha=10.0, lam=1e-3))
    said = "\n".join([*forecast_lines(found), *consequence_lines(None)])
    assert "unknown, for nothing is tested" in said and "nan" not in said


def test_a_simulation_times_nothing_that_the_test_set_cannot_tell(tmp_path, capsys):
    path, out = tmp_path / "data.npz", tmp_path / "out.json"
    save_instance(path, FAMILIES["majority"].build(KINDS["neither"]))
    assert main(["simulate", str(path), "--alpha", "1e3", "--json", str(out)]) == 0
    assert "cannot tell early from late predictor" in capsys.readouterr().out
    assert json.loads(out.read_text())["transition"]["lambda_t"] is None


def test_a_tenfold_smaller_scale_that_starts_beyond_the_transition_is_told(tmp_path, capsys):
    """It would save all of λt*, which was said as 1.93 of 1.93."""
    path = tmp_path / "data.npz"
    save_instance(path, FAMILIES["majority"].build(KINDS["grokking"]))
    for alpha, beyond in (("1", True), ("1e3", False)):
        assert main(["predict", str(path), "--alpha", alpha]) == 0
        said = capsys.readouterr().out
        assert ("a tenfold smaller α starts beyond the transition" in said) is beyond
        assert ("saves about 2.30 of λt*" in said) is not beyond


def test_what_determined_weights_end_at_is_said_with_its_measure(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3))
    y = x[:, 0] + rng.standard_normal(60) / 10
    np.savez(tmp_path / "data.npz", X_train=x[:40], y_train=y[:40], X_test=x[40:], y_test=y[40:])
    assert main(["predict", str(tmp_path / "data.npz")]) == 0
    assert "that λ shrinks R² on the test set is 0." in capsys.readouterr().out


def test_a_simulation_times_no_first_fit(tmp_path, capsys):
    """From so small a start the net is never at the early predictor: it fits, and is late."""
    path, out = tmp_path / "data.npz", tmp_path / "out.json"
    save_instance(path, FAMILIES["majority"].build(KINDS["grokking"]))
    assert main(["simulate", str(path), "--alpha", "0.05", "--json", str(out)]) == 0
    assert "no transition: this α is so small" in capsys.readouterr().out
    assert json.loads(out.read_text())["transition"]["lambda_t"] is None


def test_what_weight_decay_does_by_itself_is_not_called_determined(tmp_path, capsys):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1060, 40))
    y = x[:, 0] - x[:, 1] + 1.5 * rng.standard_normal(1060)
    path = tmp_path / "noisy.npz"
    np.savez(path, X_train=x[:60], y_train=y[:60], X_test=x[60:], y_test=y[60:])
    assert main(["predict", str(path), "--lam", "0.3"]) == 0
    said = capsys.readouterr().out
    assert "weight decay of λ = 0.3 itself makes the change" in said
    assert "determine the weights" not in said and "simulate to see" in said
    assert main(["predict", str(path), "--lam", "1e-3"]) == 0
    assert "not another α or λ" not in capsys.readouterr().out


def test_predict_says_between_which_times_half_of_the_change_is_done(tmp_path, capsys):
    path, out = tmp_path / "data.npz", tmp_path / "out.json"
    save_instance(path, FAMILIES["majority"].build(KINDS["grokking"]))
    assert main(["predict", str(path), "--alpha", "1e3", "--json", str(out)]) == 0
    said, found = capsys.readouterr().out, json.loads(out.read_text())["transition"]
    assert found["low"] < found["predicted"] < found["high"] < found["low"] + 0.3
    unit, (low, high) = 1e-3, (found["low"], found["high"])
    ends = np.floor(low / unit) * unit, np.ceil(high / unit) * unit
    assert f"λt* = {found['predicted']:.3f} (between {ends[0]:.3f} and {ends[1]:.3f})" in said
    assert "no bound on" not in said
    # So early in the kernel regime, or after its end, the error that the start leaves is not known.
    assert main(["predict", str(path), "--alpha", "2"]) == 0
    assert (
        "to leading order in 1/log(1/λ), which is 0.14 here: no bound on" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        (Interval(2.001, 3.001), "(between 2.00 and 3.01)"),
        (Interval(-np.inf, 3.0), "(not after 3.00; nothing bounds how early it may be)"),
        (Interval(2.0, np.inf), "(not before 2.00; nothing bounds how late it may be)"),
        (Interval(-np.inf, np.inf), "(nothing bounds the error of this time)"),
    ],
)
def test_an_interval_is_told_rounded_outwards(interval, told):
    assert within(interval, 2) == f" {told}"


@pytest.mark.parametrize(("end", "told"), [(0.1, "train until"), (0.8, "train well beyond")])
def test_how_long_to_train_is_said_where_the_curve_reaches_the_late_predictor(end, told):
    along = Scores(None, np.array([2.0, 2.0, 0.9, end]), None, 50, np.full(4, 0.01), 2.0)
    ends = Scores(None, np.array([2.0, 0.1]), None, 50, np.full(2, 0.01), 2.0)
    times = np.array([-1.0, 1.0, 3.0, 5.0])
    when = Quarters(1.5, 2.5, 4.0)
    found = diagnose(ends, when, times, along, lam=1e-3, tailed=False)
    assert told in " ".join(advice(PredictedConsequences(found, 1e-9)))


def test_a_hold_out_that_is_tested_whole_is_exact_for_its_split_alone():
    targets = np.array([1.0, -1.0, 0.5])
    values = np.column_stack([np.zeros(3), targets])
    scores = scores_of_targets(values, targets, 0.0, untested=0.0)
    found = diagnose(scores, NEVER, np.empty(0), scores.at(slice(0)), lam=1e-3, tailed=False)
    said = " ".join(findings(PredictedConsequences(found, 1e-9)))
    assert "exact for this split of the data, and another split may show another one" in said


def scaled_problem(inputs, targets, classes):
    x = np.random.default_rng(0).standard_normal((220, 50))
    y = np.sign(x[:, 0] + x[:, 1]) if classes else targets * (x[:, 0] + x[:, 1])
    return as_problem(inputs * x[:20], y[:20], inputs * x[20:], y[20:], regression=not classes)


@pytest.mark.parametrize(
    ("inputs", "targets", "classes"), [(1, 1e-6, False), (1e-9, 1, False), (1e-9, 1, True)]
)
def test_a_decay_that_is_large_in_the_units_of_the_data_is_told(inputs, targets, classes):
    """Of inputs in units a and targets in units b, λ has the units a b, of classes a."""
    loss = "logistic" if classes else "square"

    def remark(inputs, targets, lam):
        problem = scaled_problem(inputs, targets, classes)
        return forecast(problem, alpha=10.0, lam=lam, loss=LOSSES[loss]).remark

    said = remark(inputs, targets, 1e-3)
    assert "presses the late weights to exactly 0" in said and "--standardise" in said
    assert ("rescale the targets" in said) is (targets < 1)
    assert remark(1.0, 1.0, 1e-3) == "" == remark(inputs, targets, 1e-3 * inputs * targets)


def test_a_decay_that_is_too_large_is_told_by_predict_and_simulate(tmp_path, capsys):
    path, out = tmp_path / "data.npz", tmp_path / "out.json"
    x = np.random.default_rng(0).standard_normal((40, 50))
    np.savez(path, X=x[:20], y=1e-6 * x[:20, 0], X_test=x[20:], y_test=1e-6 * x[20:, 0])
    assert main(["predict", str(path), "--json", str(out)]) == 0
    remark = json.loads(out.read_text())["remark"]
    assert "λ = 0.001 is large in the units" in remark and remark in capsys.readouterr().out
    assert main(["simulate", str(path), "--until", "1"]) == 0
    assert remark in capsys.readouterr().err


def test_a_mean_that_centred_inputs_miss_is_not_laid_at_the_door_of_weight_decay():
    """The slope is learned at this λ; a smaller one fits the mean by differences of rounding."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 100))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = x[:, 0] - x[:, 1]

    def found(targets, lam, **changes):
        test = StoredTestSet(x[60:], targets[60:])
        problem = make_problem("p", "regression", x[:60], targets[:60], test, **changes)
        return forecast(problem, alpha=10.0, lam=lam, loss=LOSSES["square"])

    said = found(3 + y, 1.0)
    assert "of the training targets' mean" in said.remark and "smaller lam" not in said.remark
    assert "intercept=1.0 (--intercept)" in said.remark and not said.is_pressed
    # Both remedies help, and where λ keeps the slope from being learned it is λ that is named.
    assert found(y, 1.0).remark == "" == found(3 + y, 1.0, intercept=1.0).remark
    assert "take a smaller lam" in found(3 + y, 1e2).remark and found(3 + y, 1e2).is_pressed


def parity(path, seed):
    """Write products of six signs, of which that of the first two is learned."""
    order = np.random.default_rng(seed).permutation(64)
    signs = np.array(list(itertools.product([-1, 1], repeat=6)))[order]
    chosen = [c for k in range(1, 7) for c in itertools.combinations(range(6), k)]
    x, y = np.stack([signs[:, c].prod(axis=1) for c in chosen], axis=1), signs[:, :2].prod(axis=1)
    np.savez(path, X=x[:30], y=y[:30], X_test=x[30:], y_test=y[30:])


@pytest.mark.parametrize("depth", ["2", "6"])
@pytest.mark.parametrize("seed", range(3))
def test_three_quarters_are_done_after_half_and_within_the_width(depth, seed, tmp_path, capsys):
    """All times are read off one curve, also where few test samples turn nearly at once."""
    path = tmp_path / "parity.npz"
    parity(path, seed)
    assert main(["predict", str(path), "--depth", depth]) == 0
    said = capsys.readouterr().out
    numbers = [r"λt\* = ([0-9.]+)", r"width ([0-9.]+)", r"train until about λt = ([0-9.]+)"]
    half, width, end = (float(re.search(number, said)[1]) for number in numbers)
    # A quarter is done before half is, so that three quarters are by half and the width; times
    # are rounded to a hundredth, and to a thousandth.
    assert half - 0.0055 <= end <= half + width + 0.006


def test_times_of_a_matrix_are_those_to_first_order_in_the_decay_too():
    problem = completion(d=12, fraction=0.4)
    found = forecast_completion(problem, alpha=10.0, lam=0.01)
    first, half, third = found.quarters
    assert first < half < third and found.transition == (half, third - first)
    # What is seen on the curve of λ → 0 is another time.
    limit = quarters(found.path_times, found.path_scores.error, *found.scores.error[:2])
    assert third != limit.three_quarters
    run = CompletionFlow(lam=0.01).run(CompletionStart(problem, 10.0), np.linspace(0, 9, 901))
    seen = quarters(run.lambda_t, run.test_scores().error, *found.scores.error[:2])
    assert abs(third - seen.three_quarters) < abs(limit.three_quarters - seen.three_quarters)


@pytest.mark.parametrize("seed", range(3))
def test_a_simulation_says_between_which_records_its_time_is(seed, tmp_path, capsys):
    """From the same curve recorded closely the time is between them too."""
    path, said = tmp_path / "parity.npz", {}
    parity(path, seed)
    for points in ("25", "1000"):
        assert main(["simulate", str(path), "--points", points]) == 0
        line = re.search(
            r"λt\* = ([0-9.]+) \(between the records at ([0-9.]+) and ([0-9.]+),",
            capsys.readouterr().out,
        )
        said[points] = [float(number) for number in line.groups()]
    when, low, high = said["25"]
    closely, first, last = said["1000"]
    assert low <= when <= high and low <= closely <= high and first <= closely <= last
    assert last - first < (high - low) / 10
