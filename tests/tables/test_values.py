"""Words become numbers: decimal marks, thousands, truth, dates; what is open is not guessed."""

import warnings

import numpy as np
import pytest

import grokflow as gf
from grokflow.simulations.tables.door import read_table
from grokflow.simulations.tables.reading import reading_of


def table(tmp_path, *columns, separator=";", **asked):
    """Return the table whose first columns are given, beside a plain one and two classes."""
    rows = len(columns[0])
    names = separator.join([*(f"c{i}" for i in range(len(columns))), "plain", "y"])
    lines = [
        separator.join([*(f'"{column[i]}"' for column in columns), str(i), str(i % 2)])
        for i in range(rows)
    ]
    (tmp_path / "a.csv").write_text("\n".join([names, *lines]) + "\n")
    return read_table(tmp_path / "a.csv", reading_of(**asked))


def column(found, name="c0"):
    """Return a column in the order of the file, by the plain one that counts its rows."""
    x = np.concatenate([found.x, found.x_test])
    order = np.argsort(x[:, found.names.index("plain")])
    return x[order, found.names.index(name)].tolist()


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["1", "-2", "+3", "4."], [1, -2, 3, 4]),
        (["1e3", "-2.5E-2", ".5", "0"], [1000, -0.025, 0.5, 0]),
        (["1,5", "2,25", "-3", "4"], [1.5, 2.25, -3, 4]),
        (["1,234,567", "2", "3", "4"], [1234567, 2, 3, 4]),
        (["1,234.5", "2", "3", "4"], [1234.5, 2, 3, 4]),
        (["1.234,5", "2", "3", "4"], [1234.5, 2, 3, 4]),
        (["1 234", "2'345", "3\u00a0456", "4"], [1234, 2345, 3456, 4]),
        (["0,123", "1,234", "2,345", "3,456"], [0.123, 1.234, 2.345, 3.456]),
        (["True", "false", "TRUE", "False"], [1, 0, 1, 0]),
    ],
)
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_numbers_as_people_write_them(tmp_path, words, numbers, separator):
    assert column(table(tmp_path, words, separator=separator)) == numbers


def test_a_decimal_comma_in_one_column_is_that_of_all(tmp_path):
    found = table(tmp_path, ["1,5", "2", "3", "4"], ["1.234", "2.345", "3.456", "4.567"])
    assert column(found, "c1") == [1234, 2345, 3456, 4567]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([["1,234", "2,345", "3", "4"]], "column 'c0' has '1,234', whose comma may be a decimal"),
        ([["1", "2", "-", "4"]], r"column 'c0' has no value in row 3 \(rows that lack a value: 1"),
        ([["1", "2", "?", "."]], r"column 'c0' has no value in row 3 \(rows that lack a value: 2"),
        ([["n/a", "null", "#NV", "4"]], r"has no value in row 1 \(rows that lack a value: 3"),
        ([["1,5", "2", "3", "4"], ["1.5", "2", "3", "4"]], "column 'c0' has '1,5' and column 'c1'"),
        ([["1,5", "2", "3.5", "4"]], "column 'c0' holds '1,5' in row 1, expected numbers"),
        ([["1", "2", "x", "4"]], "column 'c0' holds 'x' in row 3, expected numbers"),
        ([["1_000", "2", "3", "4"]], "column 'c0' holds '1_000' in row 1"),
        ([["0x1f", "2", "3", "4"]], "column 'c0' holds '0x1f' in row 1"),
        ([["١", "2", "3", "4"]], "column 'c0' holds '١' in row 1"),
        ([["50%", "2", "3", "4"]], "column 'c0' holds '50%' in row 1"),
        ([["1e999", "2", "3", "4"]], "column 'c0' is inf in row 1, expected finite"),
        ([["2020-01-31", "2020-02-01", "2021-01-01", "2022-01-01"]], "holds dates or times"),
        ([["31.1.2020", "1.2.20", "1.3.2020", "2.3.2020"]], "column 'c0' holds dates or times"),
        ([["12:30", "12:31", "1:00", "23:59:59"]], r"holds dates or times \(12:30\)"),
    ],
)
def test_what_is_no_number_or_two_is_refused(tmp_path, columns, message):
    with pytest.raises(ValueError, match=message) as caught:
        table(tmp_path, *columns)
    assert "\n" not in str(caught.value)


def test_an_open_mark_is_read_as_asked(tmp_path):
    words = ["1,234", "2,345", "3", "4"]
    assert column(table(tmp_path, words, decimal=",")) == [1.234, 2.345, 3, 4]
    assert column(table(tmp_path, words, decimal=".")) == [1234, 2345, 3, 4]


def frames(data):
    """Return a table as every kind of data frame."""
    import pandas
    import polars
    import pyarrow

    return [pandas.DataFrame(data), polars.DataFrame(data), pyarrow.table(data)]


DATA = {"a": [1, 2, 3, 4], "b": [0.5, 1.5, 2.5, 4.5], "sex": ["f", "m", "f", "m"], "y": [0, 1] * 2}


@pytest.mark.parametrize("kind", range(3))
def test_data_frames_are_read_as_files_are(tmp_path, kind):
    frame = frames(DATA)[kind]
    problem = gf.as_problem(frame, categories=True)
    import pandas

    pandas.DataFrame(DATA).to_csv(tmp_path / "data.csv", index=False)
    same = gf.load(tmp_path / "data.csv", categories=True)
    assert np.array_equal(problem.inputs.to_array(), same.inputs.to_array())
    assert problem.notes[:3] == same.notes[:3]
    with pytest.raises(ValueError, match="column 'sex' holds 'f' in row 1, expected numbers"):
        gf.as_problem(frame)
    labels = np.array(["no", "yes"] * 2)
    apart = gf.as_problem(frame, labels, frame, labels, drop=["sex", "y"])
    assert (apart.n, apart.d, apart.test.size) == (4, 2, 4)


def test_arrays_of_every_kind_are_one_problem():
    import torch
    from scipy import sparse

    x = np.array([[1, 0, 3], [0, 2, 1], [4, 0, 0], [1, 1, 0]])
    words = ["b", "a", "b", "a"]
    plain = gf.as_problem(x.astype(float), words, x, words)
    for form in (
        x.tolist(),
        x.astype(np.uint8),
        torch.tensor(x),
        sparse.csr_matrix(x),
        x.astype("f2"),
    ):
        for labels in (words, [[w] for w in words], [1, 0, 1, 0], [[0, 1], [1, 0]] * 2):
            other = gf.as_problem(form, np.array(labels), form, np.array(labels))
            assert np.array_equal(other.inputs.to_array(), plain.inputs.to_array())
            assert np.array_equal(other.score(np.ones(3)).error, plain.score(np.ones(3)).error)
    pictures = gf.as_problem(x.reshape(4, 3, 1), words)
    assert "X has shape (4, 3, 1): each sample is a row of 3 inputs" in pictures.notes
    truth = gf.as_problem(x, [True, False, True, False])
    assert truth.notes[1] == "y read as 2 classes: False as -1 (2 rows), True as +1 (2 rows)"


def test_tensors_without_plain_numbers_are_read_or_refused_in_one_line():
    import torch

    x = [[1.0, 0.0], [0.0, 2.0], [4.0, 1.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that quantised tensors will go
        quantised = torch.quantize_per_tensor(torch.tensor(x), 1.0, 0, torch.qint8)
    problem = gf.as_problem(quantised, [0, 1, 1], x, [0, 1, 1])
    assert np.array_equal(
        problem.inputs.to_array(), gf.as_problem(x, [0, 1, 1], x, [0, 1, 1]).inputs.to_array()
    )
    with pytest.raises(ValueError, match="X is on the device meta, expected numbers: make it on"):
        gf.as_problem(torch.empty((3, 2), device="meta"), [0, 1, 1])


@pytest.mark.parametrize(
    ("arrays", "settings", "message"),
    [
        ({"y": [1, 0]}, {}, r"y has shape \(2,\), expected \(3,\)"),
        ({"y": None}, {}, "y is missing, expected a label for each row of X"),
        ({"x_test": [[1.0, 2.0]]}, {}, "y_test is missing, expected X_test and y_test together"),
        ({"x_test": [[1.0]], "y_test": [1]}, {}, "X_test has 1 columns, expected 2"),
        ({"x_test": [[1.0, 2.0]], "y_test": [3]}, {}, "y_test holds 3, expected 0, 1 as in y"),
        ({"x": [[1, np.nan], [1, 2], [2, 1]]}, {}, r"X\[0, 1\] is nan .*missing='drop'"),
        ({"x": [[1, np.inf], [1, 2], [2, 1]]}, {}, r"X\[0, 1\] is inf, expected finite"),
        ({}, {"missing": "fill"}, "missing is 'fill', expected refuse, drop, mean: pick one"),
        ({}, {"holdout": 1.5}, "holdout is 1.5, expected 0 < holdout < 1"),
        ({}, {"seed": -1}, "seed is -1, expected at least 0"),
        ({}, {"positive": "2"}, "positive is '2', expected a class of y, 0, 1: pick one"),
        ({}, {"positive": 1, "regression": True}, "positive is '1' with regression"),
    ],
)
def test_arrays_are_refused_in_one_line(arrays, settings, message):
    given = {"x": [[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]], "y": [0, 1, 1]} | arrays
    with pytest.raises(ValueError, match=message) as caught:
        gf.as_problem(**given, **settings)
    assert "\n" not in str(caught.value)


def test_gaps_are_filled_by_the_mean_of_training_alone():
    x = np.array([[1.0, np.nan], [2.0, 3.0], [3.0, 5.0], [5.0, np.nan]])
    problem = gf.as_problem(x[:3], [0.5, 1.5, 2.5], x[3:], [1.0], missing="mean")
    assert problem.inputs.to_array()[0].tolist() == [1, 4]
    assert problem.test.inputs.tolist() == [[5, 4]]
    assert "2 missing values replaced by the mean of their column in training" in problem.notes


@pytest.mark.parametrize("mark", [",", "."])
def test_three_digits_behind_a_mark_are_open_where_semicolons_stand_between(tmp_path, mark):
    words, other = [f"1{mark}100", f"2{mark}345", "3", "4"], ".,".strip(mark)
    with pytest.raises(ValueError, match=rf"has '1\{mark}100', whose (comma|point) may"):
        table(tmp_path, words)
    assert column(table(tmp_path, words, decimal=mark)) == [1.1, 2.345, 3, 4]
    assert column(table(tmp_path, words, decimal=other)) == [1100, 2345, 3, 4]
    # A number of another length decides; between commas a point is a decimal mark.
    assert column(table(tmp_path, words, [f"1{mark}5"] * 4)) == [1.1, 2.345, 3, 4]
    if mark == ".":
        assert column(table(tmp_path, words, separator=",")) == [1.1, 2.345, 3, 4]


def test_a_minus_sign_is_a_word_beside_a_plus_sign_and_no_value_elsewhere(tmp_path):
    asked = {"categories": True, "missing": "mean"}
    found = table(tmp_path, ["+", "-", "+", "-"], ["1", "-", "3", "4"], **asked)
    assert found.names == ("c0=+", "c0=-", "c1", "plain")
    assert np.isfinite(column(found, "c1")).all()


@pytest.mark.parametrize(
    ("marks", "train", "test", "left"),
    [
        (["0", "0", "1", "1", "0", "0"], 4, 2, 0),
        ([0.0, 0.0, 1.0, 1.0, 0.0, 0.0], 4, 2, 0),
        ([0, 0, 1, 2, 0, 0], 4, 1, 1),
        (["Train", "train", "TEST", "dev", "training", "train"], 4, 1, 1),
    ],
)
def test_rows_are_marked_by_words_or_numbers(marks, train, test, left):
    import pandas

    frame = pandas.DataFrame({"a": [1.0, 2, 3, 4, 6, 7], "split": marks, "y": [0, 1, 0, 1, 1, 0]})
    problem = gf.as_problem(frame)
    assert (problem.n, problem.test.size) == (train, test)
    (note,) = (note for note in problem.notes if note.startswith("column 'split' marks"))
    assert ("0 as train" in note) == (marks[0] in ("0", 0)) and ("validation" in note) == (left > 0)
    with pytest.raises(ValueError, match="column 'split' is '3' in row 6, expected train, test or"):
        gf.as_problem(frame.assign(split=["train", "test"] * 2 + ["train", "3"]))


def test_settings_that_nothing_heeds_or_of_another_kind_are_refused(tmp_path):
    import pandas
    import polars

    x, y = np.arange(12.0).reshape(6, 2) ** 2 + 1, [0, 1] * 3
    frame = pandas.DataFrame(x, columns=["a", "b"])
    np.savez(tmp_path / "a.npz", X=x, y=y)
    cases = {
        "target is 'a' and X is an array": lambda: gf.as_problem(x, y, target="a"),
        "drop is .* and X is an array": lambda: gf.as_problem(x, y, drop="a"),
        "categories is True and X is an array": lambda: gf.as_problem(x, y, categories=True),
        "drop is .*a.npz holds arrays": lambda: gf.load(tmp_path / "a.npz", drop="a"),
        "target is 'a' and y is given too": lambda: gf.as_problem(frame, y, target="a"),
        "positive is 'nan', expected a class": lambda: gf.as_problem(x, y, positive=float("nan")),
        "drop is a object, expected names": lambda: reading_of(drop=object()),
        r"a LazyFrame, expected rows: call its method collect\(\)": lambda: gf.as_problem(
            polars.DataFrame({"a": [1.0]}).lazy(), y
        ),
        "X has two columns 'a', expected distinct": lambda: gf.as_problem(
            pandas.concat([frame, frame], axis=1), y
        ),
        "X has no columns, expected some": lambda: gf.as_problem(pandas.DataFrame(), y),
        "y_test is given without y": lambda: gf.as_problem(frame, None, frame, y),
    }
    for message, call in cases.items():
        with pytest.raises(ValueError, match=message) as refused:
            call()
        assert "\n" not in str(refused.value)
    assert gf.as_problem(frame, y, drop=None).d == 2
    sparse = gf.as_problem(frame.astype(pandas.SparseDtype(float)), y)
    assert np.array_equal(sparse.inputs.to_array(), gf.as_problem(frame, y).inputs.to_array())


def test_arrays_and_frames_of_every_library_are_labels_and_inputs():
    import pandas
    import pyarrow

    x, words = np.arange(12.0).reshape(6, 2) ** 2 + 1, ["u", "v"] * 3
    frame = pandas.DataFrame({0: x[:, 0], "b": x[:, 1]})
    for labels in (pyarrow.array(words), pyarrow.chunked_array([words[:2], words[2:]])):
        assert gf.as_problem(frame, labels).notes[1].startswith("y read as 2 classes: u as -1")
    odd = frame.assign(list=[[1, 2]] * 6, cut=pandas.cut(frame["b"], 2))
    with pytest.raises(ValueError, match=r"column 'list' holds '\[1, 2\]' in row 1, .*drop='list'"):
        gf.as_problem(odd, words)
    assert gf.as_problem(odd, words, drop=["list", "cut"]).d == 2
    for value in (iter(x), (row for row in x)):
        with pytest.raises(ValueError, match=r"^X is a \w+, expected an array: convert it"):
            gf.as_problem(value, words)
