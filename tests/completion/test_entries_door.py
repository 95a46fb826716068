"""Observed entries from files, frames and arrays: ids stay what they are, doubts are said."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

import grokflow as gf
from grokflow.cli import main

RATINGS = pd.DataFrame(
    {
        "user": ["ann", "ann", "bob", "cat", "cat"],
        "item": [3, 7, 3, 7, 2**60 + 1],
        "rating": [1.0, 2.0, 3.0, 4.0, 5.0],
    }
)


@pytest.mark.parametrize(
    "form",
    [
        lambda frame: frame,
        lambda frame: pl.DataFrame(frame.to_dict("list")),
        lambda frame: pa.table(frame.to_dict("list")),
        lambda frame: frame.to_dict("list"),
        lambda frame: {name: frame[name].to_numpy() for name in frame},
    ],
    ids=["pandas", "polars", "arrow", "lists", "arrays"],
)
def test_entries_in_memory_are_read_as_those_of_files(tmp_path, form):
    RATINGS.to_csv(tmp_path / "a.csv", index=False)
    found, file = (
        gf.load_entries(source, holdout=0.0) for source in (form(RATINGS), tmp_path / "a.csv")
    )
    assert found.names == file.names
    assert found.names.columns == ("3", "7", str(2**60 + 1))
    assert np.array_equal(found.values, file.values) and found.notes == file.notes
    marked = RATINGS.assign(split=["train"] * 3 + ["test", "val"])
    parts = gf.load_entries(form(marked))
    assert (parts.n, len(parts.test.values)) == (3, 1)
    assert any("1 rows for validation left out" in note for note in parts.notes)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.eye(3), "entries are a ndarray, expected a file, a data frame, or a dict .*gf.make_m"),
        ([(1, 2, 3.0)], "entries are a list, expected a file"),
        ({"i": [0], "value": [1.0]}, "the mapping has no j, expected i, j and value beside i, val"),
        (RATINGS[["user", "item"]], "the data frame has no value, expected i, j and value"),
        ({"i": [0, 1], "j": [1], "value": [1.0, 2.0]}, "has 1 and 2 ids and values, expected as"),
        ({"i": [0], "j": [1], "value": [None]}, r"value\[0\] is nan, expected finite numbers"),
        ({"i": [0], "j": [1], "value": ["x"]}, r"value\[0\] is 'x', expected real numbers"),
        ({"i": [0, None], "j": [0, 1], "value": [1.0, 2.0]}, "row 2 of the mapping has no i"),
        (RATINGS.assign(split=["train"] * 4 + ["later"]), "'split' is 'later' in row 5, .*rename"),
    ],
)
def test_what_is_no_table_of_entries_is_refused_in_one_line(source, message):
    with pytest.raises(ValueError, match=message) as refused:
        gf.load_entries(source)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "ids",
    [
        ["01", "1", "1.0", "2"],
        ["9223372036854775808", "9223372036854775809", "3", "2"],
        ["9007199254740993", "9007199254740992", "3", "2"],
        ["9" * 5000, "9" * 4999, "3", "2"],
    ],
)
def test_ids_that_are_written_differently_are_different_rows(tmp_path, ids):
    frame = pd.DataFrame({"user": ids, "item": [1, 2, 3, 1], "value": [1.0, 2.0, 3.0, 4.0]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    for source in (tmp_path / "a.csv", frame):
        assert set(gf.load_entries(source, holdout=0.0).names.rows) == set(ids)


def test_large_unsigned_ids_are_not_rounded_beside_others(tmp_path):
    large = np.array([2**63, 2**63 + 1, 5], dtype=np.uint64)
    np.savez(tmp_path / "a.npz", i=large, j=np.array([0, 1, 2]), value=np.arange(3.0))
    found = gf.load_entries(tmp_path / "a.npz", rectangular=True, holdout=0.0)
    assert set(found.names.rows) == {"5", str(2**63), str(2**63 + 1)}


def test_test_entries_that_are_learned_too_or_that_nothing_is_known_of_are_counted():
    test = gf.TestEntries(np.array([0, 1, 3]), np.array([1, 0, 0]), np.ones(3))
    seen = np.array([0, 2, 2]), np.array([1, 2, 1]), np.ones(3)
    symmetric = gf.make_entries_problem("mine", 4, *seen, test)
    assert "test entries that, or their mirrors, are learned too: 2 of 3" in symmetric.notes
    assert any("cannot be predicted: 1 of 3" in note for note in symmetric.notes)
    block = gf.make_entries_problem("mine", (4, 3), *seen, test)
    assert "test entries that are learned too: 1 of 3" in block.notes
    assert any("cannot be predicted: 2 of 3" in note for note in block.notes)
    assert not any("test entries" in note for note in gf.completion().notes)


def test_ratings_are_sent_to_their_own_door(tmp_path):
    RATINGS.to_csv(tmp_path / "a.csv", index=False)
    np.savez(tmp_path / "a.npz", i=[0, 1], j=[1, 0], value=[1.0, 2.0])
    calls = (
        lambda: gf.load(tmp_path / "a.csv"),
        lambda: gf.load(tmp_path / "a.npz"),
        lambda: gf.as_problem(RATINGS),
    )
    for call in calls:
        with pytest.raises(ValueError, match=r"holds observed entries of a matrix .*load_entries"):
            call()
    assert gf.load(tmp_path / "a.csv", target="rating", drop="user", seed=1).d == 1


def test_a_sparse_matrix_alone_is_sent_to_where_labels_can_be_given(tmp_path):
    sparse.save_npz(tmp_path / "s.npz", sparse.eye_array(4, format="csr"))
    with pytest.raises(ValueError, match=r"one array, of shape \(4, 4\), .*gf.as_problem\(x, y\)"):
        gf.load(tmp_path / "s.npz")
    x = sparse.load_npz(tmp_path / "s.npz")
    assert gf.as_problem(x, [0, 1, 0, 1]).d == 4


@pytest.mark.parametrize("option", [("--target", "rating"), ("--drop", "user"), ("--intercept",)])
def test_options_of_tables_are_refused_as_options(tmp_path, capsys, option):
    RATINGS.to_csv(tmp_path / "a.csv", index=False)
    assert main(["predict", str(tmp_path / "a.csv"), *option]) == 2
    said = capsys.readouterr().err
    assert f"{option[0]} is for files of inputs and labels, and " in said and "key" not in said


def test_the_decimal_mark_of_ratings_is_asked_for_and_taken(tmp_path):
    (tmp_path / "a.csv").write_text("user;item;rating\n1;1;1,500\n2;1;2,250\n1;2;3,125\n2;2;4\n")
    with pytest.raises(ValueError, match=r"say which with decimal=',' \(--decimal ,\)"):
        gf.load_entries(tmp_path / "a.csv")
    assert 1.5 in gf.load_entries(tmp_path / "a.csv", decimal=",", holdout=0.0).values
    assert 1500 in gf.load_entries(tmp_path / "a.csv", decimal=".", holdout=0.0).values
