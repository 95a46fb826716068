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
