"""Labels given apart from the inputs, some of which are missing."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import grokflow as gf

X = np.array([[1.0, 2], [3, -1], [2, 2], [0, -1], [5, 5], [1, 0], [0, 2]])
WORDS = ["yes", "no", None, "no", "yes", "no", "yes"]
LABELS = {
    "words": pd.Series(WORDS, dtype=object),
    "numbers": pd.Series([1.0, 0, np.nan, 0, 1, 0, 1]),
    "whole numbers of pandas": pd.Series([1, 0, pd.NA, 0, 1, 0, 1], dtype="Int64"),
    "words of polars": pl.Series(WORDS),
    "list": WORDS,
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("inputs", [X, pd.DataFrame(X, columns=["a", "b"])], ids=["array", "frame"])
def test_rows_without_a_label_are_left_out_if_asked_and_said(inputs, labels):
    problem = gf.as_problem(inputs, labels, missing="drop")
    assert problem.n + problem.test.size == 6
    assert any("left out: 1 of 7 rows, which lack a value" in note for note in problem.notes)
    here = [i for i in range(7) if i != 2]
    whole = gf.as_problem(X[here], [WORDS[i] for i in here])
    assert np.array_equal(problem.inputs.to_array(), whole.inputs.to_array())


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize(("inputs", "where"), [(X, r"y\[2\]"), (pd.DataFrame(X), "y has .* row 3")])
def test_a_missing_label_is_refused_with_what_drops_it(inputs, labels, where):
    with pytest.raises(ValueError, match=where + r".* missing\), expected a label: missing='drop'"):
        gf.as_problem(inputs, labels)


def test_missing_labels_of_a_test_set_are_named_and_left_out():
    labels = ["a", "b", "a", "b"]
    call = {"X_test": X[4:], "y_test": ["a", None, "b"]}
    with pytest.raises(ValueError, match=r"y_test\[1\] has no value"):
        gf.as_problem(X[:4], labels, *call.values())
    problem = gf.as_problem(X[:4], labels, *call.values(), missing="drop")
    assert (problem.n, problem.test.size) == (4, 2)


def test_labels_that_are_all_missing_are_refused():
    with pytest.raises(ValueError, match=r"y\[0\] is"):
        gf.as_problem(X, [None] * 7, missing="drop")


@pytest.mark.parametrize("classes", [2, 3])
def test_a_row_that_standardising_makes_zero_is_named_as_a_row_of_the_data(classes):
    """The fourth row is the second that is trained on, and the mean of all that are."""
    table = pd.DataFrame(
        {
            "a": [9.0, 8, 1, 2, 3],
            "b": [9.0, 7, 2, 3, 4],
            "y": ["u", "v", "u", "v", "w" if classes == 3 else "u"],
            "split": ["test", "test", "train", "train", "train"],
        }
    )
    with pytest.raises(ValueError, match="row 4 of the data is all zeros"):
        gf.as_problem(table, target="y", standardise=True)


def test_one_class_of_words_is_not_told_to_be_read_as_numbers(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{i},{i * i % 7},one,{'test' if i > 8 else 'train'}\n" for i in range(1, 13)]
    path.write_text("a,b,y,split\n" + "".join(rows))
    with pytest.raises(ValueError, match=r"^y is one in all 8 training rows, .*another class$"):
        gf.load(path)
    path.write_text(path.read_text().replace("one", "7"))
    with pytest.raises(ValueError, match=r"in all 8 training rows.*regression=True \(--regressio"):
        gf.load(path)
    assert gf.load(path, regression=True).task.value == "regression"


def test_numbers_to_test_on_that_are_not_among_the_classes_may_be_targets():
    x, y = np.arange(1.0, 25).reshape(12, 2), np.arange(12) % 3
    with pytest.raises(
        ValueError, match=r"y_test holds 5.*: recode it, or regression=True \(--reg"
    ):
        gf.as_problem(x, y, x[:3], [0, 1, 5])
    assert gf.as_problem(x, y, x[:3], [0, 1, 5], regression=True).task.value == "regression"
    for asked in ({"regression": False}, {"positive": 1}):
        with pytest.raises(ValueError, match=r"y_test holds 5, .*: recode it$"):
            gf.as_problem(x, y, x[:3], [0, 1, 5], **asked)
    words = np.array(["u", "v", "w"])
    with pytest.raises(ValueError, match=r"y_test holds z, .*: recode it$"):
        gf.as_problem(x, words[y], x[:3], ["u", "v", "z"])
