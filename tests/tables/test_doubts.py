"""What is said of inputs that may not be meant so, and what is not said of ordinary ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

import grokflow as gf
from grokflow.simulations.tables.doubts.leaks import affine_copies
from grokflow.simulations.tables.doubts.sentinels import sentinels
from grokflow.theory.labels import name_of

CELSIUS = np.random.default_rng(0).normal(12, 9, size=60)
PLAIN = np.random.default_rng(1).normal(size=(60, 2))
SAID = "a multiple of y plus a constant, up to rounding"
REAL = ["iris", "breast_cancer", "wine", "digits", "diabetes"]


def notes(column, y, **asked):
    """Return what is said of a table with one column in doubt."""
    frame = pd.DataFrame({"a": PLAIN[:, 0], "b": PLAIN[:, 1], "c": column, "y": y})
    return gf.as_problem(frame, **asked).notes


@pytest.mark.parametrize("decimals", [(0, 1), (1, 0), (1, 1), (2, 1), (2, None), (None, None)])
@pytest.mark.parametrize("before", [True, False])
def test_the_target_in_other_units_is_told_with_its_remedy(decimals, before):
    """Computed before the target was rounded, or after; also where rows are in single precision."""
    y = CELSIUS if decimals[0] is None else CELSIUS.round(decimals[0])
    fahrenheit = 1.8 * (CELSIUS if before else y) + 32
    x = fahrenheit if decimals[1] is None else fahrenheit.round(decimals[1])
    for column in (x, -x / 7, 1e6 * x) if decimals == (None, None) else (x, -x):
        (note,) = (note for note in notes(column, y, regression=True) if SAID in note)
        assert "'c'; drop='c' (--drop c) leaves the first out" in note
    assert affine_copies(np.column_stack([x, x.astype("f4"), PLAIN[:, 0]]), y).tolist() == [
        True,
        True,
        False,
    ]
    assert not any(SAID in note for note in notes(x, y, regression=True, drop="c"))


def test_whole_numbers_are_told_from_few_values_by_the_number_of_rows():
    y = np.arange(60.0) % 4
    assert affine_copies(3 - 2 * y[:, None], y).all()
    assert not affine_copies(3 - 2 * y[:8, None], y[:8]).any()
    other = 3 - 2 * y
    other[5] += 2
    assert not affine_copies(other[:, None], y).any()


def test_a_column_with_the_name_of_a_target_in_other_units_is_refused():
    frame = pd.DataFrame({"a": PLAIN[:, 0], "label": (1.8 * CELSIUS + 32).round(1), "y": CELSIUS})
    with pytest.raises(ValueError, match="column 'label' is the target over again"):
        gf.as_problem(frame, target="y")


def test_ordinary_data_are_no_copies():
    """Correlated up to 0.99 and rounded: of a thousand tables a thousandth of one is mistaken."""
    mistaken = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        n, d = int(rng.integers(5, 300)), int(rng.integers(1, 8))
        correlation, scale = rng.uniform(0, 0.99, d), 10 ** rng.uniform(-2, 3, d + 1)
        y = rng.normal(size=n)
        x = correlation * y[:, None] + np.sqrt(1 - correlation**2) * rng.normal(size=(n, d))
        rounded = (scale[:d] * x).round(int(rng.integers(-1, 5)))
        mistaken += affine_copies(rounded, (scale[d] * y).round(int(rng.integers(-1, 5)))).any()
    assert mistaken == 0


def test_neighbouring_scores_are_no_copies():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, int(rng.integers(2, 30)), int(rng.integers(5, 300))).astype(float)
        x = np.clip(y[:, None] + rng.integers(-1, 2, (len(y), 3)), 0, None)
        assert not affine_copies(x, y).any()


@pytest.mark.parametrize("name", REAL)
def test_of_real_tables_nothing_is_told(name):
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    assert not affine_copies(x, y.astype(float)).any()
    assert not list(sentinels(x))
    if name != "digits":
        for place in range(x.shape[1]):
            assert not affine_copies(np.delete(x, place, axis=1), x[:, place]).any()


@pytest.mark.parametrize("value", [-999.0, 9999.0, -99.99, -1e6, 2.0**31 - 1])
@pytest.mark.parametrize("as_target", [False, True])
def test_numbers_that_stand_for_no_value_are_told(value, as_target):
    column = PLAIN[:, 0].copy()
    column[::6] = value
    if as_target:
        said = notes(PLAIN[:, 0] ** 2, column)
    else:
        said = notes(column, [0, 1] * 30)
    (note,) = (note for note in said if "if that stands for no value" in note)
    assert note.startswith(f"{name_of(value)} in ") and ("'y';" if as_target else "'c';") in note
    emptied = np.where(column == value, np.nan, column)
    columns = (PLAIN[:, 0] ** 2, emptied) if as_target else (emptied, [0, 1] * 30)
    mended = notes(*columns, missing="drop")
    assert not any("stands for no value" in note for note in mended)


def test_two_kinds_of_them_are_told_and_counts_are_none():
    column = PLAIN[:, 0].copy()
    column[::6], column[1::6] = -999, 9999
    assert [found.value for found in sentinels(column[:, None])] == [-999, 9999]
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.3, size=(400, 50)).astype(float)
    grades = rng.choice([1.0, 2.0, 4.0, 9.0], size=(400, 3))
    heavy = rng.pareto(1.0, size=(400, 20)).round(1)
    for table in (counts, grades, heavy, rng.integers(0, 2, (400, 9)).astype(float)):
        assert not list(sentinels(table))


@pytest.mark.parametrize("name", ["fold", "cv_fold", "split_id", "Fold"])
def test_numbers_of_folds_are_told(name):
    frame = pd.DataFrame({"a": PLAIN[:, 0], name: np.arange(60) % 5, "y": [0, 1] * 30})
    (note,) = (note for note in gf.as_problem(frame).notes if "what marks rows" in note)
    assert f"column {name!r} is an input" in note and f"drop='{name}'" in note
    assert gf.as_problem(frame, drop=name).d == 1


@pytest.mark.parametrize("name", ["weight", "Weights", "sample_weight"])
def test_weights_of_rows_are_told(name):
    frame = pd.DataFrame({"a": PLAIN[:, 0], name: PLAIN[:, 1] ** 2, "y": [0, 1] * 30})
    (note,) = (note for note in gf.as_problem(frame).notes if "weights of the rows" in note)
    assert f"column {name!r} is an input" in note and f"drop='{name}'" in note
    assert gf.as_problem(frame, drop=name).d == 1
    frame = frame.rename(columns={name: "height"})
    assert not any("weights of the rows" in note for note in gf.as_problem(frame).notes)


def test_long_lists_of_classes_are_cut():
    words = [f"w{i % 15:02}" for i in range(60)]
    note = gf.as_problem(PLAIN, words).notes[1]
    assert note.startswith("y read as 15 classes: w00 (4 rows), w01 (4 rows), ")
    assert note.endswith("w09 (4 rows), ... and 5 more")


@pytest.mark.parametrize("decimals", [0, 1, 3])
def test_one_shared_outlier_makes_no_copy(decimals):
    for seed in range(40):
        x, y = np.random.default_rng(seed).normal(size=(2, 50))
        x[0], y[0] = 2e6, 1e6
        assert not affine_copies(x.round(decimals)[:, None], y.round(decimals)).any()
    fahrenheit = (1.8 * y + 32).round(decimals + 1)
    assert affine_copies(fahrenheit[:, None], y).all()


def test_years_that_differ_in_some_rows_are_no_copies_and_shifted_ones_are():
    y = np.random.default_rng(0).integers(1990, 2020, 60).astype(float)
    assert affine_copies(y[:, None] + 5, y).all()
    x = y.copy()
    x[::10] += 1
    assert not affine_copies(x[:, None], y).any()


def test_numbers_that_stand_for_no_value_are_told_in_test_rows_too():
    column = PLAIN[:, 0].copy()
    column[[3, 50, 55]] = -999
    frame = pd.DataFrame({"c": column, "d": PLAIN[:, 1], "y": [0, 1] * 30})
    frame["split"] = ["train"] * 40 + ["test"] * 20
    (note,) = (note for note in gf.as_problem(frame).notes if "stands for no value" in note)
    assert note.startswith("-999 in 3 of 60 rows") and "'c'" in note
    assert "missing='drop'" in note and "missing='mean' (--missing mean) fills in" in note


def test_a_class_that_stands_for_no_value_is_told():
    y = [0, 1, 0, 1, -999, 1] * 10
    (note,) = (note for note in notes(PLAIN[:, 0], y) if "stands for no value" in note)
    assert note.startswith("-999 in 10 of 60 rows") and "'y'" in note and "mean" not in note


def test_whole_numbers_in_sequence_are_classes_that_may_be_numbers():
    grades = np.arange(60) % 10 + 1
    said = "; regression=True (--regression) reads them as numbers"
    assert gf.as_problem(PLAIN, grades).notes[1].endswith(said)
    assert gf.as_problem(PLAIN, grades, regression=True).notes[1].startswith("y read as real")
    for others in ([f"g{grade}" for grade in grades], grades % 2):
        assert not any(said in note for note in gf.as_problem(PLAIN, others).notes)


def test_whole_numbers_with_gaps_are_classes_that_may_be_numbers_too():
    counts = np.array([0, 1, 2, 3, 4, 25, 31])[np.arange(60) % 7]
    said = "regression=True (--regression) reads them as numbers"
    for y in (counts, counts * 2, np.arange(60) % 10):
        assert sum(said in note for note in gf.as_problem(PLAIN, y).notes) == 1
        assert not any(said in note for note in gf.as_problem(PLAIN, y, regression=False).notes)
    for others in ([f"g{count}" for count in counts], counts % 2):
        assert not any(said in note for note in gf.as_problem(PLAIN, others).notes)


def test_a_share_is_refused_where_the_data_have_test_rows():
    frame = pd.DataFrame({"a": PLAIN[:, 0], "y": [0, 1] * 30, "split": ["train", "test"] * 30})
    frame["y"] = [0, 0, 1, 1] * 15
    with pytest.raises(ValueError, match=r"^holdout is 0\.5 and the data have test rows of their"):
        gf.as_problem(frame, holdout=0.5)
    assert gf.as_problem(frame.drop(columns="split"), holdout=0.5).n == 30


def test_degrees_of_both_scales_are_told_in_tables_of_twenty_rows():
    """Celsius to a tenth beside whole Fahrenheit: nobody else leaves so little in 20 rows.

    By chance what rounding leaves may be too much in one table or another.
    """
    told = 0
    for seed in range(20):
        true = np.random.default_rng(seed).uniform(10, 30, 20)
        celsius, fahrenheit = true.round(1), (1.8 * true + 32).round()
        told += affine_copies(fahrenheit[:, None], celsius).all()
    assert told > 10
