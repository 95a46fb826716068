"""What is different stays different, and what only names the rows is no input."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import grokflow as gf

X = np.random.default_rng(0).normal(size=(20, 5))
FRAME = pd.DataFrame(X, columns=list("abcde"))
CLASSES = [0, 1] * 10


@pytest.mark.parametrize(
    "pair",
    [(0.1234567, 0.1234568), (1234567890123456, 1234567890123457), (1000000.5, 1000000.25)],
)
def test_labels_that_differ_are_two_classes(pair):
    problem = gf.as_problem(X, list(pair) * 10, X, list(pair) * 10)
    assert sorted(np.unique(problem.signs, return_counts=True)[1].tolist()) == [10, 10]


def test_sparse_entries_that_are_stored_in_parts_are_added_in_double_precision():
    at = np.array([0, 0, 1, 2]), np.array([0, 0, 1, 2])
    parts = sparse.coo_matrix((np.array([200, 200, 1, 1], dtype=np.uint8), at), shape=(3, 3))
    problem = gf.make_problem(
        "parts", "regression", parts, np.ones(3), gf.StoredTestSet(np.eye(3), np.ones(3))
    )
    assert np.array_equal(problem.inputs.to_array(), np.diag([400.0, 1.0, 1.0]))


def test_matrix_entries_that_are_stored_twice_are_observed_twice():
    at = np.array([0, 0, 1]), np.array([0, 0, 1])
    ratings = sparse.coo_matrix((np.array([2.0, 4.0, 3.0]), at), shape=(2, 3))
    assert sorted(gf.make_matrix_problem("ratings", ratings).values) == [3.0, 3.0]


def test_entries_of_a_matrix_too_large_to_be_numbered_are_refused():
    with pytest.raises(ValueError, match=r"expected at most 2\^62 entries"):
        gf.make_entries_problem(
            "huge", (2**33, 2**33), np.array([2**31, 0]), np.zeros(2, dtype=int), np.ones(2)
        )


@pytest.mark.parametrize(
    "frame",
    [
        pd.concat([FRAME[:10], FRAME[:10]]),
        FRAME.set_index(pd.Index(np.arange(20) // 4, name="subject")),
        FRAME.set_index(pd.Index([1, 1, 2, 2] * 5)),
    ],
    ids=["repeated", "named", "groups"],
)
def test_the_index_of_a_frame_is_no_input_in_memory_or_in_files(tmp_path, frame):
    assert gf.as_problem(frame, CLASSES).d == 5
    labelled = frame.assign(y=CLASSES)
    labelled.to_parquet(tmp_path / "frame.parquet")
    assert gf.load(tmp_path / "frame.parquet").d == 5
    if frame.index.name is None:
        labelled.to_csv(tmp_path / "frame.csv")
        problem = gf.load(tmp_path / "frame.csv")
        assert problem.d == 5 and any("left out" in note for note in problem.notes)


def test_a_loss_of_several_classes_goes_by_its_name():
    y = np.array(["ant", "bee", "cat"] * 2)
    problem = gf.make_classes_problem("animals", np.eye(6), y, np.eye(6), y)
    by_name = gf.forecast_classes(problem, alpha=10.0, lam=1e-3, loss="logistic")
    by_loss = gf.forecast_classes(problem, alpha=10.0, lam=1e-3, loss=gf.LOSSES["logistic"])
    assert np.array_equal(by_name.scores.error, by_loss.scores.error)


@pytest.mark.parametrize("pair", [("01", "1"), ("9007199254740992", "9007199254740993")])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_labels_that_are_written_differently_are_two_classes(tmp_path, pair, ending):
    path = tmp_path / f"a{ending}"
    labelled = FRAME.assign(y=list(pair) * 10)
    labelled.to_csv(path, index=False) if ending == ".csv" else labelled.to_parquet(path)
    problem = gf.load(path)
    assert f"y read as 2 classes: {pair[0]} as -1 (10 rows), {pair[1]} as +1 (10 rows)" in (
        problem.notes
    )
    assert any("kept apart as names" in note for note in problem.notes)
    if float(pair[1]) < 2**53:
        assert gf.load(path, regression=True).task is gf.Task.REGRESSION
    else:
        with pytest.raises(ValueError, match="are one number in double precision"):
            gf.load(path, regression=True)


def test_whole_labels_beyond_double_precision_are_two_classes_in_memory():
    for kind in (np.int64, np.uint64, object):
        labels = np.array([2**53, 2**53 + 1] * 10, dtype=kind)
        assert gf.as_problem(X, labels).notes[1].startswith("y read as 2 classes: 9007199254740992")
    # As real targets they are refused, because some of them would become one.
    with pytest.raises(ValueError, match="are one number in double precision"):
        gf.as_problem(X, np.arange(20) + 2**53)


def test_one_number_written_in_two_ways_is_one_label_and_said(tmp_path):
    FRAME.assign(y=["1", "0", "1.0", "0"] * 5).to_csv(tmp_path / "a.csv", index=False)
    notes = gf.load(tmp_path / "a.csv").notes
    assert "column 'y': 1 and 1.0 are one number and so the same label" in notes


def test_a_word_and_a_number_are_not_merged():
    with pytest.raises(ValueError, match=r"y\[0\] is 1 and y\[1\] is '1', expected labels of one"):
        gf.as_problem(X, np.array([1, "1"] * 10, dtype=object))


def test_the_order_of_classes_of_digits_is_that_of_their_numbers_whatever_their_length():
    long = "9" * 5000
    labels = [long, "007", "7", "10"] * 5
    problem = gf.as_problem(X, labels)
    assert problem.classes == ("007", "7", "10", long)
    assert max(map(len, problem.notes)) < 200


@pytest.mark.parametrize(
    "rows",
    [
        [np.ma.array([1.0, 2.0], mask=[True, False]), np.ma.array([3.0, 4.0])] * 4,
        [[1.0, np.ma.masked], [3.0, 4.0]] * 4,
        np.ma.array(np.arange(16.0).reshape(8, 2), mask=np.eye(8, 2, dtype=bool)),
    ],
    ids=["arrays", "entries", "whole"],
)
def test_masked_entries_are_never_data(rows):
    labels = [0, 1] * 4
    test = gf.StoredTestSet(np.eye(2), np.array([0, 1]))
    for make in (
        lambda: gf.as_problem(rows, labels),
        lambda: gf.as_problem(np.eye(8, 2) + 1, labels, rows, labels),
        lambda: gf.make_problem("masked", "classification", rows, labels, test),
        lambda: gf.MaxL2MarginClassifier().fit(rows, labels),
        lambda: gf.MaxL2MarginClassifier().fit(np.eye(8, 2) + 1, np.ma.masked_equal(labels, 1)),
    ):
        with pytest.raises(ValueError, match="has masked entries, expected numbers: fill them"):
            make()


def test_what_pandas_calls_missing_is_missing():
    x = [[1, pd.NA], [2, 3], [3, None], [4, 5], [1, 1], [0, 2]]
    with pytest.raises(ValueError, match=r"^X\[0, 1\] is nan .*missing='drop'"):
        gf.as_problem(x, [0, 1] * 3)
    assert gf.as_problem(x, [0, 1] * 3, missing="drop").n == 3
