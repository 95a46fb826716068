"""What a new user reads names the cause and what helps: copies, small test sets, wide intervals."""

import json

import numpy as np
import pandas as pd
import pytest

import grokflow as gf
from grokflow.cli import main
from grokflow.theory.transition.diagnosis import diagnose

RNG = np.random.default_rng(3)


def write(path, x, **columns):
    """Write inputs and other columns as a table."""
    table = pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])
    table.assign(**columns).to_csv(path, index=False)
    return str(path)


def said(capsys, *arguments):
    """Return what a command prints, on both streams, with the exit code."""
    code = main(list(arguments))
    found = capsys.readouterr()
    return code, found.out + found.err


@pytest.fixture
def contradicting(tmp_path):
    """Write 24 near-copies of 24 rows, of which one has the other label."""
    x, y = RNG.normal(size=(24, 40)), RNG.integers(0, 2, 24)
    again = y.copy()
    again[0] = 1 - y[0]
    both = np.concatenate([x, x + 1e-13 * RNG.normal(size=x.shape), x + 1])
    split = ["train"] * 48 + ["test"] * 24
    return write(tmp_path / "c.csv", both, y=[*y, *again, *y], split=split)


def test_rows_that_copy_others_are_named_and_no_columns_are_blamed(contradicting, capsys):
    code, text = said(capsys, "predict", contradicting, "--loss", "square")
    assert code == 2 and "--drop" not in text
    assert "some have nearly the same inputs, so leave out rows of the data that copy" in text


def test_what_helps_classes_that_contradict_exists():
    x = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 1.0]])
    problem = gf.make_problem(
        "c", gf.Task.CLASSIFICATION, x, [1, -1, 1], gf.StoredTestSet(x, [1] * 3)
    )
    with pytest.raises(gf.NotSeparable) as told:
        gf.MaxL1Margin().predict(problem)
    assert "leave out samples that contradict others" in str(told.value)
    assert "loss='square' (--loss square)" in str(told.value)
    for predictor in (gf.L1Penalised, gf.L2Penalised):
        found = predictor(gf.LOSSES["logistic"], 1e-3).predict(problem)
        assert found.w.shape == (2,)


def test_multipliers_that_prove_nothing_exactly_ask_for_no_option_that_is_none():
    with pytest.raises(ValueError, match="up to rounding, which proves nothing exactly") as told:
        gf.exact.farkas(np.array([[1.0, 0.5], [2.0, 1.5]]), np.array([0.5, 0.5]))
    assert "pass a Farkas" not in str(told.value)


def test_a_small_test_set_asks_for_a_larger_one_where_a_predictor_is_right(tmp_path, capsys):
    x = np.random.default_rng(1).normal(size=(50, 200))
    y = x[:, :3] @ [3.0, -2.0, 1.0]
    file = write(tmp_path / "sparse.csv", x, y=y)
    code, text = said(capsys, "predict", file)
    assert code == 0 and "more samples or other inputs" not in text
    assert "holdout=0.5 (--set holdout=0.5), where the data have no test set" in text
    code, text = said(capsys, "predict", file, "--set", "holdout=0.5")
    assert code == 0 and "grokking: R² on the test set rises" in text


def test_targets_of_a_large_mean_that_an_intercept_fits_lose_nothing(tmp_path, capsys):
    x = RNG.normal(size=(200, 4))
    file = write(tmp_path / "far.csv", x, y=1e7 + 77 * x[:, 0] + RNG.normal(size=200))
    code, text = said(capsys, "predict", file, "--standardise", "--intercept")
    assert code == 0 and "what is learned is lost" not in text
    code, text = said(capsys, "predict", file)
    assert code == 0 and "subtract the mean from them" in text


def test_statements_on_several_classes_have_names_without_escapes(tmp_path, capsys):
    x = np.array([[np.cos(angle), np.sin(angle)] for angle in np.arange(60) * 2 * np.pi / 3])
    names = np.array(["setosa", "versicolor", "virginica"])[np.arange(60) % 3]
    file = write(tmp_path / "i.csv", x + 0.1 * RNG.normal(size=x.shape), y=names)
    proof = str(tmp_path / "proof.json")
    code, text = said(capsys, "predict", file, "--certificate", proof)
    assert code == 0 and "proved: early of setosa, the least" in text
    code, text = said(capsys, "check", proof)
    assert code == 0 and "\nearly of setosa: the least" in text and "\\x3a" not in text


def test_inputs_that_combine_others_up_to_rounding_leave_a_gap_that_is_said(tmp_path, capsys):
    x = RNG.normal(size=(120, 4))
    for name, column, remark in (
        ("moved", x[:, 0] + x[:, 1] / 10, True),
        ("exact", x[:, 0] * 2, False),
    ):
        file = write(tmp_path / f"{name}.csv", np.column_stack([x, column]), y=RNG.normal(size=120))
        code, text = said(capsys, "predict", file, "--target", "y")
        early = next(line for line in text.splitlines() if "min-square-loss" in line)
        assert code == 0 and ("(weights of 1e14 may fit better, where inputs" in early) is remark


def test_centred_inputs_that_rounding_alone_fits_to_a_mean_are_told_as_such(tmp_path, capsys):
    x = RNG.normal(size=(60, 80))
    file = write(tmp_path / "wide.csv", x, y=x[:, 0] + 5 + RNG.normal(size=60))
    code, text = said(capsys, "predict", file, "--target", "y", "--standardise")
    assert code == 0 and "data: targets that no weights of ordinary size fit" in text
    assert "only weights of 1e14 may fit better than the early predictor" in text
    code, text = said(capsys, "predict", file, "--target", "y", "--intercept")
    assert code == 0 and "1e14" not in text


def test_three_quarters_of_the_rise_are_read_off_the_curve():
    problem = gf.sparse_regression(n=30, d=80, k=2, n_test=500)
    told = gf.forecast(problem, alpha=100.0, lam=1e-3, loss=gf.LOSSES["square"])
    curve = told.at_lam.lambda_t, told.at_lam.scores
    found = diagnose(told.scores, told.quarters, *curve, lam=1e-3, tailed=False)
    times, flow = np.linspace(0, 16, 1601), gf.DiagonalFlow(lam=1e-3, loss=gf.LOSSES["square"])
    error = flow.run(gf.DiagonalStart(problem, 100.0), times).test_scores().error
    early, late = told.scores.error[:2]
    done = (error - early) / (late - early)
    assert done[np.searchsorted(times, found.mostly)] == pytest.approx(0.75, abs=0.02)


def test_larger_targets_are_not_advised_to_shrink(tmp_path, capsys):
    x = RNG.normal(size=(30, 60))
    for size in (1e-6, 2.0):
        file = write(tmp_path / f"{size}.csv", x, y=size * x[:, :5].sum(axis=1))
        code, text = said(capsys, "predict", file, "--target", "y", "--lam", str(5 * size))
        assert code == 0 and "is large in the units of these data" in text
        assert ("rescale the targets" in text) is (size < 1)


@pytest.mark.parametrize("standardise", [False, True])
def test_constant_inputs_are_named_and_said_to_act_or_to_be_left_out(standardise):
    x = RNG.normal(size=(24, 3))
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "same": 2.0, "y": [0, 1] * 12})
    notes = gf.as_problem(table, standardise=standardise).notes
    (told,) = [note for note in notes if "'same'" in note]
    assert ("act as an intercept" in told) is not standardise
    assert ("and so left out" in told) is standardise
    assert not any(note.endswith(": 2") for note in notes)


@pytest.mark.parametrize("kind", [gf.MaxL1MarginClassifier, gf.MaxL2MarginClassifier])
def test_the_class_that_no_weights_separate_is_named(kind):
    x = [[0.0, 1.0], [1.0, 0.2], [2.0, 0.4], [-1.0, 0.2]]
    with pytest.raises(gf.NotSeparable, match=r"^class b and the others are not separable: "):
        kind().fit([[0.0, 1.0], [0.0, 2.0], [1.0, -1.0], [1.0, -1.0]], ["a", "a", "b", "c"])
    with pytest.raises(gf.NotSeparable, match=r"^the data are not separable: "):
        kind().fit([x[1], x[2]], ["a", "b"])


@pytest.mark.parametrize(
    ("asked", "near"),
    [("Alcohol", "perhaps target='alcohol' (--target alcohol)"), ("colour", "check the name")],
)
def test_the_target_that_is_proposed_has_the_nearest_name(asked, near):
    table = pd.DataFrame({"alcohol": [1.0, 2.0, 3.0], "ash": [3.0, 1.0, 2.0], "y": [1, 2, 4]})
    with pytest.raises(ValueError) as told:
        gf.as_problem(table, target=asked)
    assert str(told.value).endswith(near)


def test_two_words_for_one_loss_agree(tmp_path, capsys):
    file = write(tmp_path / "r.csv", RNG.normal(size=(24, 2)), y=RNG.normal(size=24))
    for words in (["--loss", "square", "--regression"], ["--regression", "--loss", "square"]):
        code, text = said(capsys, "predict", file, *words, "--json", str(tmp_path / "r.json"))
        assert code == 0, text
    assert json.loads((tmp_path / "r.json").read_text())["loss"] == "square"


def test_options_that_hold_for_all_files_of_a_search_are_told_to(tmp_path, capsys):
    x, y = RNG.normal(size=(24, 2)), [0, 1] * 12
    files = [write(tmp_path / f"{name}.csv", x, **{name: y}) for name in ("first", "second")]
    code, text = said(capsys, "misgrok", "--family", *files, "--target", "first")
    assert code == 2 and "--target holds for all 2 files of --family" in text
