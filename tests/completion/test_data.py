"""Completion data: the paper's experiment, files of entries, and the command line."""

import json

import numpy as np
import pytest

import grokflow
from grokflow.cli import main
from grokflow.simulations.completion.data import completion, holds_entries, load_entries
from grokflow.simulations.completion.shapes import unobserved
from grokflow.theory.completion.problem import TestEntries as Targets

SMALL = ["--set", "d=10", "fraction=0.3"]


def run(capsys, *arguments):
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        code = exit_.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_figure_3_has_470_entries_of_a_rank_one_matrix():
    problem = completion()
    assert problem.n == 470
    assert problem.d == 97
    rows, columns = problem.measurements.rows, problem.measurements.columns
    assert np.allclose(problem.values, rows * columns / 97**2)
    assert (rows <= columns).all()
    test = set(zip(problem.test.rows.tolist(), problem.test.columns.tolist(), strict=True))
    seen = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert not test & (seen | {(j, i) for i, j in seen})
    assert len(test) + len(seen) + len({(j, i) for i, j in seen} - seen) == 97**2
    assert np.allclose(problem.test.values, problem.test.rows * problem.test.columns / 97**2)


def test_the_seed_decides_the_draw():
    a, b, c = completion(d=9, seed=1), completion(d=9, seed=1), completion(d=9, seed=2)
    assert np.array_equal(a.measurements.rows, b.measurements.rows)
    assert not np.array_equal(a.measurements.columns, c.measurements.columns)
    assert completion(d=10, fraction=0.29).n == 29


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"d": 0}, "d is 0, expected at least 2, for an entry to learn and one to predict"),
        ({"d": 1}, "d is 1, expected at least 2"),
        ({"d": 10**6}, "the matrix is 1000000 × 1000000, which takes .*: take fewer rows"),
        (
            {"d": 2, "fraction": 0.9, "seed": 1},
            "fraction is 0.9, expected to leave one of 4 entries",
        ),
        ({"fraction": 1.0}, "fraction is 1.0, expected above 0, below 1"),
        ({"fraction": 0.0}, "fraction is 0.0, expected above 0"),
        ({"fraction": 1.5}, "fraction is 1.5, expected above 0, below 1"),
        ({"d": 3, "fraction": 0.1}, "1 of 9 entries at least"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        completion(**settings)


def table(path, rows, header="i,j,value"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_csv_and_npz_hold_the_same_problem(tmp_path):
    rows, columns, values = np.array([0, 1, 2]), np.array([1, 1, 3]), np.array([1.0, 2.0, 3.0])
    lines = [f"{i},{j},{v},train" for i, j, v in zip(rows, columns, values, strict=True)]
    csv = table(tmp_path / "a.csv", [*lines, "0,0,5,test"], "i,j,value,split")
    test = {"i_test": [0], "j_test": [0], "value_test": [5.0]}
    np.savez(tmp_path / "a.npz", i=rows, j=columns, value=values, **test)
    for path in (csv, tmp_path / "a.npz"):
        problem = load_entries(path)
        assert problem.d == 4
        assert np.array_equal(problem.measurements.rows, rows)
        assert np.array_equal(problem.values, values)
        assert [part.tolist() for part in problem.test] == [[0], [0], [5.0]]
        assert load_entries(path, d=9).d == 9
        assert holds_entries(path)


def test_a_truth_is_tested_where_nothing_was_observed(tmp_path):
    truth = np.arange(3.0)[:, None] + np.arange(3.0)
    np.savez(tmp_path / "a.npz", i=[0], j=[1], value=[1.0], truth=truth)
    problem = load_entries(tmp_path / "a.npz")
    assert problem.d == 3
    assert len(problem.test.values) == 7
    seen = Targets(np.array([0]), np.array([1]), np.array([1.0]))
    expected = unobserved(truth, seen, mirrored=True)
    assert np.array_equal(problem.test.values, expected.values)
    np.savez(tmp_path / "b.npz", i=[0], j=[1], value=[1.0], truth=np.triu(truth))
    with pytest.raises(ValueError, match="expected a symmetric"):
        load_entries(tmp_path / "b.npz")


def test_held_out_entries_have_no_mirror_in_training(tmp_path):
    rows, columns = np.nonzero(np.ones((6, 6)))
    np.savez(tmp_path / "a.npz", i=rows, j=columns, value=rows * columns / 1.0, d=8)
    problem = load_entries(tmp_path / "a.npz", holdout=0.5)
    assert problem.d == 8
    assert "held out" in problem.notes[0]
    low, high = (f(problem.test.rows, problem.test.columns) for f in (np.minimum, np.maximum))
    test = set(zip(low.tolist(), high.tolist(), strict=True))
    seen = zip(
        problem.measurements.rows.tolist(), problem.measurements.columns.tolist(), strict=True
    )
    assert not test & set(seen)
    assert len(test) == 10
    assert load_entries(tmp_path / "a.npz", holdout=0.0).test.values.size == 0


@pytest.mark.parametrize(
    ("name", "rows", "header", "message"),
    [
        ("a.csv", ["0,1,x"], "i,j,value", "row 1 of .*a.csv has value 'x', expected a number"),
        ("a.csv", ["0,1"], "i,j", "has no value, expected i, j and value"),
        ("a.csv", ["0.5,1,2", "1,1,2"], "i,j,value", "row 1 of .* has i 0.5, expected whole"),
        ("a.csv", ["0,1,", "1,1,2"], "i,j,value", "row 1 of .* has no value, expected a number"),
        ("a.csv", ["0,1,2", ",1,2"], "i,j,value", "row 2 of .* has no i, expected an id in every"),
        ("a.csv", ["-1,1,2", "1,1,2"], "i,j,value", "i is -1, expected 0 to 1"),
        (
            "a.csv",
            ["0,1,2", "1,0,3", "0,2,1", "2,0,1"],
            "i,j,value",
            r"\(0, 1\) is 2.0 but \(1, 0\) is 3.0, and 1 of 2 mirrored entries agree, expected",
        ),
        ("a.csv", ["0,1,2,probe"], "i,j,value,split", "'split' is 'probe' in row 1, expected"),
        ("a.txt", [], "i,j,value", "a header and no rows, expected rows below it"),
        ("a.npz", [], "i,j,value", "cannot read .*a.npz"),
    ],
)
def test_bad_files_are_refused(tmp_path, name, rows, header, message):
    path = table(tmp_path / name, rows, header)
    with pytest.raises(ValueError, match=message):
        load_entries(path, holdout=0.0)


def test_a_missing_file_and_a_small_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot read"):
        load_entries(tmp_path / "none.csv")
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 half a file")
    assert not holds_entries(tmp_path / "torn.npz")
    with pytest.raises(ValueError, match="cannot read"):
        load_entries(tmp_path / "torn.npz")
    with pytest.raises(ValueError, match=r"holding out 0\.25 of 1 distinct entries"):
        load_entries(table(tmp_path / "a.csv", ["0,1,2"]))
    with pytest.raises(ValueError, match=r"holdout is 1\.0, expected"):
        load_entries(tmp_path / "a.csv", holdout=1.0)


def test_predict_writes_the_documented_keys(capsys, tmp_path):
    path = tmp_path / "out.json"
    code, out, _ = run(capsys, "predict", "completion", *SMALL, "--json", path)
    assert code == 0
    record = json.loads(path.read_text())
    expected = "problem notes model alpha norm lam loss early late late_limit transition kind path"
    assert set(record) == set(expected.split()) | {"diagnosis"}
    assert record["alpha"] == 10
    assert record["lam"] == 1e-4
    assert np.isclose(record["norm"], 10 * np.sqrt(20))
    for role in ("early", "late", "late_limit"):
        predictor = record[role]
        keys = {"name", "test_accuracy", "test_error", "margin", "rank", "certificate"}
        assert set(predictor) == keys
        assert set(predictor["certificate"]) == {"lower", "upper", "infeasibility", "missed", "gap"}
        assert predictor["certificate"]["gap"] <= 1e-6
        assert predictor["name"] in out
    assert record["early"]["test_error"] > 10 * record["late"]["test_error"]
    keys = {"leading_order", "predicted", "low", "high", "width", "constant"}
    assert set(record["transition"]) == keys
    low, high = record["transition"]["low"], record["transition"]["high"]
    assert 0 < low < record["transition"]["predicted"] < high
    assert set(record["path"]) == {"lambda_t", "test_error"}
    assert len(record["path"]["lambda_t"]) == len(record["path"]["test_error"])
    assert record["kind"] == "grokking"
    assert "λt* =" in out


def test_alpha_norm_and_lam_are_used(capsys, tmp_path):
    records = []
    for options in (
        ["--alpha", "100"],
        ["--norm", str(100 * np.sqrt(20))],
        ["--alpha", "100", "--lam", "1e-3"],
    ):
        path = tmp_path / "out.json"
        assert run(capsys, "predict", "completion", *SMALL, *options, "--json", path)[0] == 0
        records.append(json.loads(path.read_text()))
    by_alpha, by_norm, by_lam = records
    assert by_alpha["lam"] == by_norm["lam"] == 1e-4
    assert by_lam["lam"] == 1e-3
    assert np.isclose(by_norm["alpha"], 100)
    predicted = [record["transition"]["predicted"] for record in records]
    assert np.isclose(predicted[0], predicted[1])
    assert predicted[2] != predicted[0]


def test_ratings_without_a_header_are_told_which_one_to_write(capsys, tmp_path):
    rows = [(196, 242, 3, 881250949), (186, 302, 3, 891717742), (22, 377, 1, 878887116)]
    for width, named in ((4, "user,item,rating,timestamp"), (3, "user,item,rating")):
        lines = ["\t".join(map(str, row[:width])) for row in rows]
        path = tmp_path / "u.data"
        path.write_text("\n".join(lines) + "\n")
        code, _, error = run(capsys, "predict", path)
        assert code == 2
        assert f"or write {named} above the rows if they are observed entries" in error
        headed = tmp_path / "headed.tsv"
        headed.write_text("\t".join(named.split(",")) + "\n" + path.read_text())
        assert holds_entries(headed)


def test_a_wide_table_of_ratings_is_told_how_entries_are_written(capsys, tmp_path):
    remedy = "write each as a row under user,item,value"
    users = [f"user {i}" + "," * (i % 5 + 1) + f"{i}" + "," * (4 - i % 5) for i in range(9)]
    path = table(tmp_path / "wide.csv", users, "user,a,b,c,d,e")
    assert remedy in run(capsys, "predict", path)[2]
    # A table of inputs with a gap is none.
    inputs = table(tmp_path / "inputs.csv", ["0,1,2,1", "1,,1,-1"], "a,b,c,d")
    assert "observed entries" not in run(capsys, "predict", inputs)[2]


def test_a_csv_of_entries_is_recognised(capsys, tmp_path):
    x = np.arange(1.0, 7.0)
    rows, columns = np.nonzero(np.random.default_rng(0).random((6, 6)) < 0.7)
    lines = [f"{i},{j},{x[i] * x[j]}" for i, j in zip(rows, columns, strict=True)]
    path = table(tmp_path / "mine.csv", lines)
    code, out, _ = run(capsys, "predict", path, "--set", "d=8", "holdout=0.2")
    assert code == 0
    assert "mine (d = 8" in out
    assert "held out" in out
    # A table of inputs is still one, whatever else its columns are called.
    inputs = table(tmp_path / "inputs.csv", ["0,1,2,1", "1,0,1,-1"], "i,j,value,y")
    assert not holds_entries(inputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "completion", "--depth", "3"], "depth is 3, expected 2"),
        (["predict", "completion", "--loss", "logistic"], "loss is logistic, expected square"),
        (["predict", "completion", "--set", "n=3"], "completion has no key 'n', expected d, frac"),
        (["predict", "completion", "--set", "d=2.5"], "d is 2.5, expected a whole number"),
        (["predict", "completion", "--set", "seed=-1"], "seed is -1, expected a whole number"),
        (["predict", "completion", "--set", "fraction=2"], "fraction is 2.0, expected above 0"),
        (["predict", "completion", "--json", "out.txt"], "suffix '.txt', expected one of .json"),
        (["predict", "completion", "--set", "sigma=1"], "completion has no key 'sigma'"),
        (["simulate", "completion", "--set", "sigma=-1"], "sigma is -1, expected 0 to"),
        (["simulate", "completion", "--depth", "3"], "depth is 3, expected 2"),
        (["simulate", "completion", "--alpha", "1e200"], "alpha is 1e+200, expected"),
        (["simulate", "completion", "--out", "out.txt"], "suffix '.txt', expected one of .npz"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert message in err
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_public_names_predict_in_a_notebook():
    problem = grokflow.completion(d=10, fraction=0.3)
    prediction = grokflow.forecast_completion(problem, alpha=10.0, lam=1e-4)
    limit = grokflow.MinNuclearNorm().predict(problem)
    assert np.isclose(limit.certificate.upper, prediction.limit.certificate.upper)
