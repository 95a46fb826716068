"""Tables as strangers write them: what gives the target away, what is another format, odd names."""

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import grokflow as gf
from grokflow.cli import main
from grokflow.simulations.tables.text.foreign import foreign_format

ROWS = np.random.default_rng(0).normal(size=(24, 3)).round(3)
CLASSES = [0, 1] * 12


def table(path, columns, separator=","):
    """Write columns by their names."""
    pd.DataFrame(columns).to_csv(path, index=False, sep=separator)
    return path


def inputs(count=2):
    return {name: ROWS[:, i] for i, name in enumerate("abc"[:count])}


@pytest.mark.parametrize("names", [("y", "label"), ("class", "target"), ("Y", "y")])
def test_of_two_columns_with_the_name_of_a_target_none_is_an_input_by_itself(tmp_path, names):
    first, second = names
    path = table(tmp_path / "a.csv", inputs() | {first: CLASSES, second: CLASSES[12:] + [5] * 12})
    with pytest.raises(ValueError, match=r"expected one target: leave .*--drop \w+\) does, or"):
        gf.load(path)
    assert gf.load(path, drop=second).d == 2
    problem = gf.load(path, target=first, positive="1")
    assert problem.d == 3
    said = f"column '{second}' is an input, though it has the name of a target"
    assert any(said in note for note in problem.notes)


def test_an_input_that_is_the_target_is_refused_by_its_name_or_told(tmp_path):
    alive = ["no" if y == 0 else "yes" for y in CLASSES]
    path = table(tmp_path / "a.csv", inputs() | {"label": CLASSES, "y": alive})
    with pytest.raises(ValueError, match="column 'label' is the target over again"):
        gf.load(path, target="y")
    with pytest.raises(ValueError, match=r"column 'y' is the target over again.*drop='y'"):
        gf.as_problem(pd.DataFrame(inputs() | {"y": CLASSES}), CLASSES)
    path = table(tmp_path / "b.csv", inputs() | {"survived": CLASSES, "y": alive})
    said = "inputs of one value in each class, as if they were the target: 'survived'"
    assert any(note.startswith(said) for note in gf.load(path).notes)
    twice = gf.as_problem(np.column_stack([ROWS, ROWS[:, 0]]), ROWS[:, 0])
    assert any("equal to y in every row" in note and "X[:, 3]" in note for note in twice.notes)
    assert not any("as if" in note for note in gf.as_problem(ROWS, CLASSES).notes)


def test_inputs_of_one_value_are_told():
    x = np.column_stack([ROWS, np.full(24, 7.0), np.zeros(24)])
    problem = gf.as_problem(x, CLASSES)
    assert any("one value in all 18 training rows: X[:, 3], X[:, 4];" in n for n in problem.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"a": 1, "y": 0}, {"a": 2, "y": 1}]', r"it is JSON: pandas.read_json\('a.csv'\)"),
        ('{"a": 1}\n{"a": 2}\n', r"it is JSON by lines: .*lines=True"),
        ("+1 1:0.5 3:2\n-1 2:1e-3\n", "libsvm: x, y = sklearn.datasets.load_svmlight_file"),
        ("2 qid:1 1:0.5\n", "libsvm"),
        ("% weka\n@RELATION iris\n@ATTRIBUTE a REAL\n@DATA\n1,2\n", "it is an ARFF file"),
        ("<!DOCTYPE html><html>404</html>", "it is a web page or XML"),
        ("version https://git-lfs.github.com/spec/v1\noid x\n", "git lfs pull"),
        (b"SQLite format 3\0" + bytes(80), "SQLite database: save one of its tables"),
        (b"\x80\x04\x95" + bytes(20), "it is a pickle"),
    ],
)
def test_other_formats_are_named_with_what_makes_a_table_of_them(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as caught:
        gf.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["€ price", "PAR1", "ARROW1", "MATLAB score", "BZh2", "%PDF", "GIF"]
)
def test_the_first_name_of_a_table_may_begin_as_another_format_does(tmp_path, name):
    columns = {name: ROWS[:, 0], "b": ROWS[:, 1], "y": CLASSES}
    text = pd.DataFrame(columns).to_csv(index=False)
    for data in (text.encode("cp1252"), gzip.compress(text.encode("cp1252"))):
        (tmp_path / "a.csv").write_bytes(data)
        assert gf.load(tmp_path / "a.csv").d == 2


def test_a_column_with_spaces_in_its_name_is_named_as_a_shell_takes_it(tmp_path):
    words = {"first class": ["x", "z"] * 12}
    path = table(tmp_path / "a.csv", inputs() | words | {"y": CLASSES})
    with pytest.raises(ValueError, match=r"drop='first class' \(--drop 'first class'\)"):
        gf.load(path)


def test_rows_of_zeros_are_named_by_their_place_in_the_file(tmp_path):
    x = ROWS.copy()
    x[[5, 6, 7, 8, 9, 10, 11]] = 0
    path = table(tmp_path / "a.csv", {"a": x[:, 0], "b": x[:, 1], "y": CLASSES})
    with pytest.raises(ValueError, match=r"^row \d+ is 0 in all inputs .*intercept=1 ") as caught:
        gf.load(path)
    assert 6 <= int(str(caught.value).split()[1]) <= 12
    assert gf.load(path, intercept=1.0).d == 3
    assert gf.load(path, standardise=True).d == 2
    with pytest.raises(ValueError, match=r"^X\[\d+\] is 0 in all inputs"):
        gf.as_problem(x, CLASSES)


def test_why_another_share_is_held_out_than_asked_for():
    x, words = np.vstack([ROWS, ROWS + 1]), ["a"] * 26 + [f"w{i}" for i in range(22)]
    notes = gf.as_problem(x, words).notes
    assert any("6 of 48 rows held out" in n and "not 12 as" in n for n in notes)
    assert any("22 of 23 classes have a single row" in note for note in notes)
    notes = gf.as_problem(x, [f"w{i // 2}" for i in range(48)]).notes
    assert any("24 of 48 rows held out" in n and "not 12 as holdout = 0.25" in n for n in notes)
    assert not any("and not" in note for note in gf.as_problem(ROWS, CLASSES).notes)


@pytest.mark.parametrize("first", [[*range(24)], [1000 + 7 * i + i % 2 for i in range(24)]])
def test_numbers_that_rise_from_row_to_row_are_told(tmp_path, first):
    path = table(tmp_path / "a.csv", {"t": first} | inputs() | {"y": CLASSES})
    said = "column 't' rises from row to row"
    assert any(note.startswith(said) for note in gf.load(path).notes)
    assert not any(said in note for note in gf.load(path, drop="t").notes)
    mixed = table(tmp_path / "b.csv", {"t": first[::-1]} | inputs() | {"y": CLASSES})
    assert not any(said in note for note in gf.load(mixed).notes)


def test_excel_writes_truth_in_other_languages(tmp_path):
    german, french = ["WAHR", "FALSCH"] * 12, ["VRAI"] * 12 + ["FAUX"] * 12
    path = table(tmp_path / "a.csv", inputs() | {"g": german, "f": french, "y": CLASSES}, ";")
    problem = gf.load(path)
    assert problem.d == 4
    assert "True read as 1, False as 0: column 'g', column 'f'" in problem.notes


def test_a_header_of_column_numbers_is_no_foreign_format_and_takes_no_time():
    """As pandas writes names 0, 1, 2, ...: the time used to double with every second column."""
    assert foreign_format(",".join(map(str, range(5000))) + ",y\n") is None


WRITERS = {
    "predict small.npz --json": "a forecast of grokflow predict, expected data: give '.*small.npz'",
    "predict small.npz --certificate": r"a certificate, which grokflow check 'own.json' checks",
    "simulate small.npz --points 3 --until 1 --json": "a simulation of grokflow simulate",
    "scan small.npz --alpha 10 --lam 1e-2 --jobs 1 --json": "a scan of grokflow scan",
    "verify --claim label-noise-step --json": "the verdicts of grokflow verify, .* give a table",
}


@pytest.mark.parametrize("command", WRITERS)
def test_what_this_package_wrote_is_told_with_what_reads_it(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).standard_normal((4, 6))
    np.savez("small.npz", X=x, y=[1, -1, 1, -1], X_test=x, y_test=[1, -1, 1, -1])
    assert main([*command.split(), "own.json"]) == 0
    capsys.readouterr()
    assert main(["predict", "own.json"]) == 2
    said = capsys.readouterr().err
    assert re.search(WRITERS[command], said) and "pandas" not in said and said.count("\n") == 1


@pytest.mark.parametrize("header", ["", "a,b,c\n"])
def test_a_square_table_with_gaps_may_be_a_matrix(header, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    square = header + "1,,3\n,2,1\n3,1,\n"
    Path("a.csv").write_text(square)
    for options in ([], ["--target", "c" if header else "3"]):
        assert main(["predict", "a.csv", *options]) == 2
        assert "under i,j,value (in Python gf.make_matrix_problem" in capsys.readouterr().err
    # Written so it is read; and longer tables are no matrices.
    Path("b.csv").write_text("i,j,value\n1,1,1\n1,3,3\n2,2,2\n2,3,1\n3,1,3\n3,2,1\n")
    assert main(["predict", "b.csv"]) == 0
    Path("a.csv").write_text(square + "1,2,3\n3,2,1\n")
    capsys.readouterr()
    assert main(["predict", "a.csv", *options]) == 2
    assert "matrix" not in capsys.readouterr().err
