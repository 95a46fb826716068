"""Whole numbers beyond 2^53: what is rounded is said, and what would become one is refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

import grokflow as gf

CLASSES = [0, 1] * 12
STEPS = np.random.default_rng(0).permutation(24)
PLAIN = np.random.default_rng(1).normal(size=24)
APART = (2**60 + 1 + 4096 * STEPS).astype(np.int64)
MERGED = (2**60 + STEPS).astype(np.int64)


def frame(column):
    return pd.DataFrame({"a": PLAIN, "b": column, "y": CLASSES})


def csv(path, column):
    frame(column).to_csv(path / "a.csv", index=False)
    return gf.load(path / "a.csv")


def parquet(path, column):
    frame(column).to_parquet(path / "a.parquet")
    return gf.load(path / "a.parquet")


def decimals(path, column):
    exact = pa.array(column.tolist(), pa.decimal128(20, 0))
    return gf.as_problem(pa.table({"a": PLAIN, "b": exact, "y": CLASSES}))


def npz(path, column):
    np.savez(path / "a.npz", X=np.column_stack([STEPS, column]), y=CLASSES)
    return gf.load(path / "a.npz")


def wide(path, column):
    frame(column).join(pd.DataFrame(np.ones((24, 1100), int))).to_csv(path / "a.csv", index=False)
    return gf.load(path / "a.csv")


READERS = {
    "csv": csv,
    "a wide csv": wide,
    "parquet": parquet,
    "decimals": decimals,
    "npz": npz,
    "frame": lambda path, column: gf.as_problem(frame(column)),
    "array": lambda path, column: gf.as_problem(np.column_stack([STEPS, column]), CLASSES),
    "lists": lambda path, column: gf.as_problem([[1, c] for c in column.tolist()], CLASSES),
    "sparse": lambda path, column: gf.as_problem(
        csr_array(np.column_stack([1 + STEPS, column])), CLASSES
    ),
    "lists of broken numbers": lambda path, column: gf.as_problem(
        [[a, c] for a, c in zip(PLAIN.tolist(), column.tolist(), strict=True)], CLASSES
    ),
    "unsigned": lambda path, column: gf.as_problem(frame(column.astype("u8"))),
}


@pytest.mark.parametrize("name", READERS)
def test_what_is_rounded_is_said_and_what_becomes_one_is_refused(tmp_path, name):
    said = [note for note in READERS[name](tmp_path, APART).notes if "beyond 2^53" in note]
    assert len(said) == 1 and "is rounded to double precision in 24 rows, as " in said[0]
    message = r"^(column 'b'|X\[:, 1\]) holds \d+ and \d+, which are one number .*: subtract \d+"
    with pytest.raises(ValueError, match=message) as caught:
        READERS[name](tmp_path, MERGED)
    assert "\n" not in str(caught.value)
    small = READERS[name](tmp_path, 2**53 - STEPS)
    assert not any("2^53" in note for note in small.notes)


def test_large_texts_say_it_too(tmp_path, monkeypatch):
    monkeypatch.setattr("grokflow.simulations.tables.text.delimited.LARGE", 10)
    column = np.tile(APART, 10)
    table = pd.DataFrame({"a": np.tile(PLAIN, 10), "b": column, "y": CLASSES * 10})
    table.to_csv(tmp_path / "a.csv", index=False)
    assert any("column 'b' is rounded" in note for note in gf.load(tmp_path / "a.csv").notes)


def csv_targets(path, y):
    pd.DataFrame({"a": PLAIN, "y": y}).to_csv(path / "a.csv", index=False)
    return gf.load(path / "a.csv", regression=True)


# Readers of real targets, which say what is rounded where problems have notes.
TARGETS = {
    "csv": csv_targets,
    "frame": lambda path, y: gf.as_problem(pd.DataFrame({"a": PLAIN, "y": y})),
    "array": lambda path, y: gf.as_problem(PLAIN[:, None], y),
    "series": lambda path, y: gf.as_problem(pd.DataFrame({"a": PLAIN}), pd.Series(y)),
    "entries": lambda path, y: gf.make_entries_problem("m", (24, 1), STEPS, 0 * STEPS, y),
}
SILENT = {
    "make_problem": lambda path, y: gf.make_problem(
        "m", "regression", PLAIN[:, None], y, gf.StoredTestSet(PLAIN[:2, None], y[:2])
    ),
    "entries of a file": lambda path, y: gf.load_entries(
        pd.DataFrame({"user": STEPS, "item": 0 * STEPS, "rating": y}), holdout=0.0
    ),
    "estimator": lambda path, y: gf.MinL2NormRegressor().fit(np.eye(24), y),
    "estimator, list": lambda path, y: gf.MinL2NormRegressor().fit(np.eye(24), y.tolist()),
}


@pytest.mark.parametrize("name", TARGETS | SILENT)
def test_real_targets_that_become_one_are_refused(tmp_path, name):
    read = (TARGETS | SILENT)[name]
    with pytest.raises(ValueError, match=r"holds \d+ and \d+, which are one number .*: subtract"):
        read(tmp_path, MERGED)
    found = read(tmp_path, APART)
    if name in TARGETS:
        assert sum("is rounded to double precision in" in note for note in found.notes) == 1


INPUTS = {
    "array": lambda x: x,
    "lists": lambda x: x.tolist(),
    "tensor": lambda x: pytest.importorskip("torch").tensor(x),
    "sparse": csr_array,
    "frame": pd.DataFrame,
}


@pytest.mark.parametrize("kind", INPUTS)
def test_estimators_refuse_inputs_of_any_kind_that_become_one(kind):
    x = INPUTS[kind](np.column_stack([1 + STEPS, MERGED]))
    with pytest.raises(ValueError, match=r"^X\[:, 1\] holds \d+ and \d+, which are one number"):
        gf.L1PenalisedClassifier(0.1).fit(x, CLASSES)


@pytest.mark.parametrize("make", ["make_problem", "make_classes_problem", "estimator"])
def test_all_functions_refuse_numbers_that_become_one(make):
    x = np.column_stack([STEPS, MERGED])
    calls = {
        "make_problem": lambda: gf.make_problem(
            "m", "classification", x, CLASSES, gf.StoredTestSet(x, CLASSES)
        ),
        "make_classes_problem": lambda: gf.make_classes_problem("m", x, CLASSES, x, CLASSES),
        "estimator": lambda: gf.L1PenalisedClassifier(0.1).fit(x, CLASSES),
    }
    with pytest.raises(ValueError, match=r"^X\[:, 1\] holds \d+ and \d+, which are one number"):
        calls[make]()


def test_the_remedies_help():
    assert gf.as_problem(frame(MERGED - 2**60)).d == gf.as_problem(frame(MERGED), drop="b").d + 1


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="no longer floats here")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("entry", [np.longdouble(1) + np.longdouble(2) ** -60, "1e400"])
def test_floats_of_more_digits_are_refused_and_others_taken(entry):
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 0.5]], dtype=np.longdouble)
    assert gf.make_problem("p", "regression", x, x[:, 0], gf.StoredTestSet(x, x[:, 0])).d == 2
    x[1, 0] = np.longdouble(entry)
    for data in (x, csr_array(x)):
        with pytest.raises(ValueError, match=r"which float64 rounds to .* take astype\(float\)"):
            gf.make_problem("p", "regression", data, np.arange(3.0), gf.StoredTestSet(x, x[:, 0]))
