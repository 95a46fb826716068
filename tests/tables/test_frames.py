"""Data frames of pandas: truth with gaps, columns of several kinds."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris

import grokflow as gf

INPUTS = np.random.default_rng(0).normal(size=(24, 2))
CLASSES = [0, 1] * 12
TRUTH = [True, None] + [False, True] * 11
WITH_GAPS = {
    "nullable": pd.array(TRUTH, dtype="boolean"),
    "of pyarrow": pd.array(TRUTH, dtype="bool[pyarrow]"),
    "None among objects": pd.Series(TRUTH, dtype=object),
    "NaN among objects": pd.Series([True, np.nan, *TRUTH[2:]], dtype=object),
    "categories": pd.Categorical(TRUTH),
}


def frame(**columns):
    """Return two columns of numbers, and others."""
    return pd.DataFrame({"a": INPUTS[:, 0], "b": INPUTS[:, 1], **columns})


@pytest.mark.parametrize("kind", WITH_GAPS)
@pytest.mark.parametrize("as_file", [False, True])
def test_truth_that_lacks_a_value_is_treated_as_a_number_that_does(tmp_path, kind, as_file):
    table = frame(known=WITH_GAPS[kind], y=CLASSES)
    table.to_parquet(tmp_path / "a.parquet")

    def read(**asked):
        if as_file:
            return gf.load(tmp_path / "a.parquet", **asked)
        return gf.as_problem(table, **asked)

    with pytest.raises(ValueError, match=r"^column 'known' has no value in row 2 .*missing='drop'"):
        read()
    dropped, filled = read(missing="drop"), read(missing="mean")
    assert dropped.n + dropped.test.size == 23
    assert filled.n + filled.test.size == 24
    trained = filled.inputs.to_array()[:, 2] * filled.signs
    values = {*trained.tolist(), *filled.test.inputs[:, 2].tolist()}
    assert {0.0, 1.0} < values and len(values) == 3
    assert "True read as 1, False as 0: column 'known'" in dropped.notes
    with pytest.raises(ValueError, match=r"^column 'known' has no value in row 2 \(1 missing\)"):
        read(target="known")
    assert any("False as -1" in note for note in read(target="known", missing="drop").notes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "x", *range(22)], "column 'c' of X holds 1 in row 1 and 'x' in row 2, expected one"),
        ([None, True, "x", *[False] * 21], "holds True in row 2 and 'x' in row 3, expected one"),
        ([10**25, *[1] * 23], r"column 'c' of X holds int values such as 10+ that are neither"),
        ([1j] * 24, r"column 'c' of X holds complex values such as 1j that are neither"),
    ],
)
def test_a_column_that_is_of_no_one_kind_is_named_with_its_rows(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        gf.as_problem(frame(c=pd.Series(values, dtype=object)), CLASSES)
    assert "\n" not in str(caught.value)


ORDER = np.random.default_rng(1).permutation(24)
NAMED = pd.DataFrame(
    np.random.default_rng(2).normal(size=(24, 40)), index=[f"r{i}" for i in range(24)]
)
LABELS = pd.Series(CLASSES, index=NAMED.index)
# Functions that take inputs and labels, and what they call these.
TAKERS = {
    "as_problem": ("X", "y", lambda x, y: gf.as_problem(x, y)),
    "as_problem, of arrays": ("X", "y", lambda x, y: gf.as_problem(x[0].to_frame(), y)),
    "as_problem, test set": (
        "X_test",
        "y_test",
        lambda x, y: gf.as_problem(NAMED, LABELS, x, y),
    ),
    "make_problem": (
        "X",
        "y",
        lambda x, y: gf.make_problem("m", "classification", x, y, gf.StoredTestSet(NAMED, LABELS)),
    ),
    "make_problem, test set": (
        "inputs",
        "labels",
        lambda x, y: gf.make_problem("m", "classification", NAMED, LABELS, gf.StoredTestSet(x, y)),
    ),
    "make_classes_problem": (
        "X",
        "y",
        lambda x, y: gf.make_classes_problem("m", x, y, NAMED, LABELS),
    ),
    "make_classes_problem, test set": (
        "X_test",
        "y_test",
        lambda x, y: gf.make_classes_problem("m", NAMED, LABELS, x, y),
    ),
    "kernel machine": (
        "x",
        "y",
        lambda x, y: gf.MinKernelNorm().predict(gf.DiagonalTangent(), x, y),
    ),
    "estimator": ("X", "y", lambda x, y: gf.L1PenalisedClassifier(0.1).fit(x, y)),
    "load_entries": (
        "i",
        "value",
        lambda x, y: gf.load_entries(
            {"i": x.index.to_series(), "j": ORDER, "value": y}, holdout=0.0
        ),
    ),
}


@pytest.mark.parametrize("name", TAKERS)
def test_labels_of_rows_with_other_names_are_refused_and_both_remedies_help(name):
    what, labels, take = TAKERS[name]
    shuffled = LABELS.iloc[ORDER]
    message = rf"^row 1 is named 'r0' in {what} and 'r\d+' in {labels}, expected the same names .*"
    remedies = rf"{labels}\.loc\[{what}\.index\] puts .*, {labels}\.to_numpy\(\) takes"
    with pytest.raises(ValueError, match=message + remedies):
        take(NAMED, shuffled)
    take(NAMED, shuffled.loc[NAMED.index])
    take(NAMED, shuffled.to_numpy())
    with pytest.raises(ValueError, match=rf"same order: {labels}\.to_numpy\(\) takes them"):
        take(NAMED, LABELS.reset_index(drop=True))


def test_rows_of_the_same_names_are_paired_whatever_kind_these_have():
    numbered = NAMED.set_axis(pd.Index(range(24), dtype="Int64"))
    for index in (range(24), np.arange(24.0)):
        assert gf.as_problem(numbered, LABELS.set_axis(index)).n == 18
    twice = [*range(12)] * 2
    assert gf.as_problem(NAMED.set_axis(twice), LABELS.set_axis(twice)).n == 18
    with pytest.raises(ValueError, match=r"row 1 is named 0 in X and 11 in y.*order: y.to_numpy"):
        gf.as_problem(NAMED.set_axis(twice), LABELS.set_axis(twice[::-1]))


WHOLE = frame(target=CLASSES)
HABITS = {
    "y is 'target', the name of a column, .* gf.as_problem\\(X, target='target'\\) learns it": [
        lambda: gf.as_problem(WHOLE, "target"),
        lambda: gf.as_problem(WHOLE, ["target"]),
        lambda: gf.as_problem(WHOLE, WHOLE.columns[2:]),
    ],
    "y is the word 'target', expected an array: give what it names, as X\\['target'\\]": [
        lambda: gf.as_problem(INPUTS, "target"),
        lambda: gf.make_problem("m", "classification", WHOLE, "target", gf.StoredTestSet([], [])),
        lambda: gf.MaxL2MarginClassifier().fit(WHOLE, "target"),
    ],
    "X is the text 'a.csv', expected inputs: gf.load\\('a.csv'\\) reads it": [
        lambda: gf.as_problem("a.csv"),
        lambda: gf.as_problem("a.csv", "target"),
    ],
    "X is a Bunch, expected .*: gf.as_problem\\(X.data, X.target\\)": [
        lambda: gf.as_problem(load_iris())
    ],
    "X is a dict, expected an array or a data frame: give pandas.DataFrame": [
        lambda: gf.as_problem({"a": [1.0, 2.0], "y": [0, 1]})
    ],
    "X is a pair, expected inputs alone: gf.as_problem\\(\\*X\\)": [
        lambda: gf.as_problem(load_iris(return_X_y=True))
    ],
    "the order is gf.as_problem\\(X, y, X_test, y_test\\)": [
        lambda: gf.as_problem(INPUTS, INPUTS, np.array(CLASSES), np.array(CLASSES)),
        lambda: gf.as_problem(INPUTS, CLASSES, 0.25),
    ],
}


@pytest.mark.parametrize("message", HABITS)
def test_calls_that_mean_another_one_are_refused_with_that_one(message):
    for call in HABITS[message]:
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_the_calls_that_are_proposed_are_right(tmp_path):
    WHOLE.to_csv(tmp_path / "a.csv", index=False)
    assert gf.as_problem(WHOLE, target="target").d == gf.load(tmp_path / "a.csv", "target").d == 2
    bunch = load_iris()
    assert gf.as_problem(bunch.data, bunch.target).d == gf.as_problem(*load_iris(return_X_y=True)).d


ABC = pd.DataFrame(np.random.default_rng(3).normal(size=(24, 3)), columns=list("abc"))
# Functions that take the inputs of training and test samples apart.
PAIRS = {
    "make_problem": lambda x, x_test: gf.make_problem(
        "m", "classification", x, CLASSES, gf.StoredTestSet(x_test, CLASSES)
    ),
    "make_classes_problem": lambda x, x_test: gf.make_classes_problem(
        "m", x, CLASSES, x_test, CLASSES
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("kind", [lambda frame: frame, pl.from_pandas])
def test_test_inputs_in_another_order_are_refused_and_the_remedy_puts_them_in_order(name, kind):
    x, x_test = kind(ABC), kind(ABC[list("cba")])
    message = r"^column 1 is 'a' in X and 'c' in X_test, .*: X_test\[X\.columns\] puts them in"
    with pytest.raises(ValueError, match=message):
        PAIRS[name](x, x_test)
    assert np.array_equal(PAIRS[name](x, x_test[x.columns]).test.inputs, ABC)


@pytest.mark.parametrize("name", PAIRS)
def test_a_test_input_of_another_name_is_refused_and_arrays_have_none(name):
    renamed = ABC.rename(columns={"b": "B"})
    message = r"^column 2 is 'b' in X and 'B' in X_test, .*: rename the columns of X_test$"
    with pytest.raises(ValueError, match=message):
        PAIRS[name](ABC, renamed)
    PAIRS[name](ABC, renamed.to_numpy())


def words_of_polars(kind):
    """Return a table of polars whose column k has words of some kind, and lacks one."""
    words = pl.Series([None, "v", *["u", "v", "u", "u"] * 5, "v", "v"], dtype=kind)
    return pl.DataFrame({"a": INPUTS[:, 0], "k": words, "y": CLASSES})


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["u", "v"]), pl.String])
@pytest.mark.parametrize("write", [None, "write_ipc", "write_ipc_stream", "write_parquet"])
def test_categories_of_polars_are_read(tmp_path, kind, write):
    table = words_of_polars(kind)
    path = tmp_path / ("a.parquet" if write == "write_parquet" else "a.arrow")
    if write is not None:
        getattr(table, write)(path)

    def read(**asked):
        return gf.as_problem(table, **asked) if write is None else gf.load(path, **asked)

    with pytest.raises(ValueError, match=r"^column 'k' holds '\w' in row \d, expected numbers"):
        read()
    problem = read(categories=True, missing="drop")
    assert problem.d == 3 and "column 'k' is 2 inputs of 0 and 1: u, v" in problem.notes


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize("levels", [[1, 2, 10], [0.5, 1.5, 2.5], ["1", "2", "10"]])
def test_numbers_that_name_categories_are_no_magnitudes(tmp_path, levels, as_file):
    table = frame(k=pd.Categorical([levels[i] for i in np.arange(24) * 7 % 3]), y=CLASSES)
    table.to_parquet(tmp_path / "a.parquet")

    def read(**asked):
        if as_file:
            return gf.load(tmp_path / "a.parquet", **asked)
        return gf.as_problem(table, **asked)

    with pytest.raises(ValueError, match=r"^column 'k' holds '.*' in row 1, expected numbers"):
        read()
    assert read(categories=True).d == 5
    assert read(target="k", drop="y").classes == tuple(sorted(map(str, levels), key=float))
