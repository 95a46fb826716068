"""Files as people have them: each stands for its kind, see the folder ``tests/cases``."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.datasets import load_breast_cancer

import grokflow as gf
from grokflow.cli import main
from grokflow.simulations.tables.door import read_table
from grokflow.simulations.tables.reading import reading_of

CASES = Path(__file__).resolve().parents[1] / "cases"
PLAIN = read_table(CASES / "semicolon.csv")


def same(table, other):
    """Whether two tables hold the same rows, bit for bit."""
    parts = ("x", "y", "x_test", "y_test")
    return all(np.array_equal(getattr(table, part), getattr(other, part)) for part in parts)


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("name", ["tab.csv", "capital_Y.csv", "target.csv", "data.csv.gz"])
def test_one_table_in_many_dialects_is_read_alike(name):
    table = read_table(CASES / name)
    assert same(table, PLAIN)
    assert table.classes == ("0", "1")


def test_a_file_without_a_header_lists_its_columns_and_takes_the_target_by_place():
    message = (
        r"noheader.csv has no header line and no column y, expected one of 1, 2, .*target='13'"
    )
    with pytest.raises(ValueError, match=message):
        gf.load(CASES / "noheader.csv")
    assert same(read_table(CASES / "noheader.csv", reading_of(target=13)), PLAIN)


def test_two_words_are_two_classes():
    table = read_table(CASES / "string_labels.csv")
    assert table.classes == ("ALL", "AML")
    words = (CASES / "string_labels.csv").read_text().splitlines()[1:]
    assert sum(line.endswith(",AML") for line in words) == (
        (table.y == 1).sum() + (table.y_test == 1).sum()
    )
    flipped = read_table(CASES / "string_labels.csv", reading_of(positive="ALL"))
    assert sorted([*flipped.y, *flipped.y_test]) == sorted([*-table.y, *-table.y_test])


def test_small_integers_and_truth_are_numbers_before_any_arithmetic():
    """``digits_uint8.npz`` and ``bool_only.csv``: labels were lost in the arithmetic of bytes."""
    with np.load(CASES / "digits_uint8.npz") as file:
        arrays = dict(file)
    plain = gf.as_problem(
        arrays["X"].astype(np.float64), arrays["y"], arrays["X_test"].astype(np.float64),
        arrays["y_test"],
    )  # fmt: skip
    bytes_ = gf.load(CASES / "digits_uint8.npz")
    assert np.array_equal(bytes_.inputs.to_array(), plain.inputs.to_array())
    one, other = (gf.MaxL2Margin().predict(problem) for problem in (bytes_, plain))
    assert np.array_equal(one.w, other.w)
    assert bytes_.score(one.w).accuracy[0] > 0.9
    truth, whole = (read_table(CASES / f"bool_only{end}.csv") for end in ("", "_as_int"))
    assert same(truth, whole)
    mixed = read_table(CASES / "bool_float.csv")
    assert set(np.unique(mixed.x[:, mixed.names.index("flag")])) == {0.0, 1.0}


def test_an_index_column_is_left_out_and_said():
    table = read_table(CASES / "index_leak.csv")
    assert table.x.shape[1] == 11
    assert "left out: column 1, which numbers or names the rows" in table.notes


def test_rows_are_split_by_words_in_any_case_and_validation_is_left_out(tmp_path):
    table = read_table(CASES / "split_capital.csv")
    assert (len(table.y), len(table.y_test)) == (45, 15)
    silent = CASES / "split_val_silent.csv"
    table = read_table(silent)
    assert (len(table.y), len(table.y_test)) == (8, 4)
    assert any("4 rows for validation left out" in note for note in table.notes)
    for word, said in (("holdout", "is 'holdout'"), ("", "is blank")):
        (tmp_path / "a.csv").write_text(silent.read_text().replace(",val\n", f",{word}\n", 1))
        with pytest.raises(ValueError, match=rf"^column 'split' {said} in row \d+, expected train"):
            gf.load(tmp_path / "a.csv")
        # The column is no input either when the user drops it.
        assert read_table(tmp_path / "a.csv", reading_of(drop="split")).x.shape[1] == 30


def test_three_classes_are_three_classes():
    table = read_table(CASES / "iris3.csv")
    assert table.classes == ("0", "1", "2")
    assert sorted(set(table.y)) == [0, 1, 2]
    assert [int((table.y_test == i).sum()) for i in range(3)] == [12, 12, 12]
    problem = gf.load(CASES / "iris3.csv")
    assert isinstance(problem, gf.ClassesProblem) and problem.classes == table.classes
    with pytest.raises(ValueError, match=r"^y has 3 classes \(0, 1, 2\), expected 2: positive='0'"):
        gf.data_family(CASES / "iris3.csv")
    one = read_table(CASES / "iris3.csv", reading_of(positive=1))
    assert (one.y == 1).sum() + (one.y_test == 1).sum() == 50
    assert one.classes == ("not 1", "1")
    assert gf.load(CASES / "iris3.csv", regression=True).task is gf.Task.REGRESSION


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("categorical.csv", r"^column 'sex' holds 'm' in row 1, expected numbers: drop='sex'"),
        ("missing.csv", r"^column 'f2' has no value in row 4 .*missing='drop' \(--missing drop\)"),
        ("dup_header.csv", r"dup_header.csv: columns 1 and 4 are both called 'y'"),
    ],
)
def test_what_is_unclear_is_named_by_column_and_row(name, message):
    with pytest.raises(ValueError, match=message):
        gf.load(CASES / name)


def test_words_and_gaps_are_treated_as_asked():
    hot = read_table(CASES / "categorical.csv", reading_of(categories=True))
    assert hot.names[-2:] == ("sex=f", "sex=m")
    assert (hot.x[:, -1] + hot.x[:, -2] == 1).all()
    assert same(read_table(CASES / "categorical.csv", reading_of(drop=["sex"])), PLAIN)
    dropped = read_table(CASES / "missing.csv", reading_of(missing="drop"))
    assert len(dropped.y) + len(dropped.y_test) == 59
    filled = read_table(CASES / "missing.csv", reading_of(missing="mean"))
    place = np.argwhere(filled.x != PLAIN.x)
    ((row, column),) = place
    others = np.delete(PLAIN.x[:, column], row)
    assert np.isclose(filled.x[row, column], others.mean(), rtol=1e-14)


def test_a_class_with_a_single_row_is_learned_and_not_tested_on():
    table = read_table(CASES / "rare_class.csv")
    assert (table.y == 1).sum() == 1
    assert not (table.y_test == 1).any()
    assert any("single row" in note for note in table.notes)


def test_targets_that_differ_by_nine_orders_are_real_targets():
    table = read_table(CASES / "wide_targets.csv")
    assert table.task is gf.Task.REGRESSION
    assert table.notes[1] == "y read as real targets from -1 to 1e+09"


def test_raw_measurements_are_read_as_they_are(tmp_path):
    data = load_breast_cancer(as_frame=True)
    frame = data.frame.rename(columns={"target": "y"})
    frame.to_csv(tmp_path / "breast_cancer.csv", index=False)
    table = read_table(tmp_path / "breast_cancer.csv")
    assert table.classes == ("0", "1")
    # The separator of all 569 rows, in exact arithmetic elsewhere, separates what was read.
    w = np.loadtxt(CASES / "breast_cancer_separator.txt")
    margins = [*(table.y * (table.x @ w)), *(table.y_test * (table.x_test @ w))]
    assert len(margins) == 569
    # The margin is given to two digits.
    (least,) = SEPARATOR.values()
    assert abs(min(margins) / np.linalg.norm(w) - least) <= 5e-7
    wine = read_table(CASES / "wine2.csv")
    assert wine.x.shape[1] == 13 and wine.x.max() > 1000


@pytest.mark.parametrize("command", ["predict", "simulate", "scan"])
def test_every_command_says_how_y_was_read(capsys, tmp_path, command):
    out = tmp_path / "out.json"
    few = {
        "simulate": ["--points", "10", "--until", "1"],
        "scan": ["--alpha", "10", "--lam", "0.1"],
    }
    arguments = [CASES / "string_labels.csv", "--json", out, *few.get(command, [])]
    code, text, _ = run(capsys, command, *arguments)
    assert code == 0
    said = "y read as 2 classes: ALL as -1 (23 rows), AML as +1 (37 rows)"
    assert f"note: {said}" in text
    assert said in json.loads(out.read_text())["notes"]


def test_how_y_was_read_is_said_even_where_nothing_is_predicted(capsys):
    code, text, error = run(capsys, "predict", CASES / "iris3.csv", "--regression")
    assert "note: y read as real targets from 0 to 2" in text
    assert code in (0, 2) and len(error.splitlines()) == (code == 2)


def least_l1_norm(problem):
    """Return the least L1-norm of weights with margins of 1, by HiGHS."""
    z = problem.inputs.to_array()
    d = problem.d
    program = linprog(
        np.ones(2 * d), A_ub=-np.hstack([z, -z]), b_ub=-np.ones(problem.n), method="highs"
    )
    assert program.status == 0
    return program.fun


@pytest.mark.parametrize("name", ["wine2.csv", "tfidf_zipf_200.npz"])
def test_margins_are_those_of_highs_and_there_is_a_forecast(name):
    problem = gf.load(CASES / name)
    found = gf.MaxL1Margin().predict(problem)
    # HiGHS meets its constraints to 1e-7.
    assert np.isclose(found.margin, 1 / least_l1_norm(problem), rtol=1e-5)
    assert gf.MaxL2Margin().predict(problem).margin > 0
    expected = gf.forecast(problem, alpha=10.0, lam=1e-3, loss=gf.LOSSES["logistic"])
    assert np.isclose(expected.limit.margin, found.margin, rtol=1e-6)
    assert expected.no_time == ""


# What is right of each file: rows, inputs, classes, and what is said of it.
READ = {
    "bool_float.csv": (60, 13, ("0", "1"), "True read as 1, False as 0: column 'flag'"),
    "bool_only.csv": (60, 12, ("0", "1"), "True read as 1, False as 0: column 'w0'"),
    "bool_only_as_int.csv": (60, 12, ("0", "1"), "60 rows of 12 inputs"),
    "capital_Y.csv": (60, 12, ("0", "1"), "column 'Y' read as 2 classes"),
    "data.csv.gz": (60, 12, ("0", "1"), "y read as 2 classes"),
    "digits_uint8.npz": (360, 64, ("0", "1"), "y read as 2 classes"),
    "index_leak.csv": (120, 11, ("0", "1"), "left out: column 1, which numbers or names the rows"),
    "iris3.csv": (150, 4, ("0", "1", "2"), "y read as 3 classes"),
    "rare_class.csv": (16, 30, ("0", "1"), "1 of 2 classes have a single row"),
    "semicolon.csv": (60, 12, ("0", "1"), "y read as 2 classes"),
    "split_capital.csv": (60, 12, ("0", "1"), "45 rows to train and 15 to test on"),
    "split_val_silent.csv": (12, 30, ("0", "1"), "4 rows for validation left out"),
    "string_labels.csv": (60, 12, ("ALL", "AML"), "ALL as -1 (23 rows), AML as +1 (37 rows)"),
    "tab.csv": (60, 12, ("0", "1"), "y read as 2 classes"),
    "target.csv": (60, 12, ("0", "1"), "column 'target' read as 2 classes"),
    "tfidf_zipf_200.npz": (200, 5181, ("0", "1"), "y read as 2 classes"),
    "wide_targets.csv": (4, 12, (), "y read as real targets from -1 to 1e+09"),
    "wine2.csv": (130, 13, ("0", "1"), "0 as -1 (59 rows), 1 as +1 (71 rows)"),
}
# Those that leave something open, with the column and the row, and a remedy that is an option.
NAMED = {
    "categorical.csv": r"column 'sex' holds 'm' in row 1, .*--drop sex.*--categories",
    "dup_header.csv": r"columns 1 and 4 are both called 'y', expected distinct names",
    "missing.csv": r"column 'f2' has no value in row 4 .*--missing drop.*--missing mean",
    "noheader.csv": r"no header line and no column y, expected one of 1, 2, .*--target 13",
}
# Rows, columns and observed entries of matrices.
ENTRIES = {
    "comp_bom.csv": (12, 12, 40),
    "comp_names.csv": (12, 12, 113),
    "movielens_sparse_ids.csv": (40, 60, 346),
    "ratings10_embedded.csv": (10, 10, 88),
    "ratings10_plain.csv": (10, 10, 88),
}
NAMED_ENTRIES = {"comp_nan_index.csv": r"row 6 of .*comp_nan_index.csv has no i, expected an id"}
# No table: what separates that of scikit-learn, by this margin of a unit vector.
SEPARATOR = {"breast_cancer_separator.txt": 2.8e-5}
# Least values, to the digits that other programs gave: HiGHS, rationals and Clarabel.
LEAST = {
    ("wide_targets.csv", gf.MinL1Norm): 0.758755,
    ("wide_targets.csv", gf.MinL2Norm): 0.05195,
    ("ratings10_plain.csv", gf.MinNuclearNorm): 112.994148,
    ("ratings10_embedded.csv", gf.MinNuclearNorm): 112.994148,
}


def test_every_file_of_the_folder_has_its_right_answer():
    known = {**READ, **NAMED, **ENTRIES, **NAMED_ENTRIES, **SEPARATOR}
    assert set(known) == {path.name for path in CASES.iterdir()} - {"README.md"}
    assert {name for name, _ in LEAST} <= set(known)


@pytest.mark.parametrize("name", READ)
def test_a_table_is_what_it_is(name):
    table, (rows, inputs, classes, said) = read_table(CASES / name), READ[name]
    assert len(table.y) + len(table.y_test) == rows and table.x.shape[1] == inputs
    assert table.classes == classes and any(said in note for note in table.notes)


@pytest.mark.parametrize("name", NAMED | NAMED_ENTRIES)
def test_what_is_open_is_named_with_its_place(name):
    load = gf.load if name in NAMED else gf.load_entries
    with pytest.raises(ValueError, match=(NAMED | NAMED_ENTRIES)[name]):
        load(CASES / name)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_matrix_has_its_rows_columns_and_entries(name):
    problem = gf.load_entries(CASES / name, holdout=0.0)
    assert (*problem.space.shape, problem.n) == ENTRIES[name]


@pytest.mark.parametrize(("name", "predictor"), LEAST)
def test_a_least_value_is_that_of_others(name, predictor):
    value = LEAST[name, predictor]
    if name in ENTRIES:
        problem = gf.load_entries(CASES / name, holdout=0.0)
    else:  # all rows, none held out
        rows = np.loadtxt(CASES / name, delimiter=",", skiprows=1)
        problem = gf.as_problem(rows[:, :-1], rows[:, -1], rows[:, :-1], rows[:, -1])
    found = predictor().predict(problem).certificate
    digit = 10.0 ** -len(str(value).partition(".")[2])
    assert found.lower - digit / 2 <= value <= found.upper + digit / 2
    assert found.gap <= 1e-6
