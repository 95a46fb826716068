"""What is read in one of several ways, or asked for in vain, is said; what is named exists."""

import numpy as np
import pandas as pd
import pytest

import grokflow as gf
from grokflow.simulations.tables import assembly

NUMBERS = np.random.default_rng(0).uniform(size=(60, 2)).round(3)


def written(tmp_path, header, rows, mark=","):
    path = tmp_path / "data.csv"
    path.write_text("\n".join([header, *(mark.join(map(str, row)) for row in rows)]) + "\n")
    return path


def said(problem, words):
    return [note for note in problem.notes if words in note]


def test_a_seed_that_draws_nothing_is_said(tmp_path):
    rows = [(*x, i % 2, "test" if i % 3 == 0 else "train") for i, x in enumerate(NUMBERS)]
    path = written(tmp_path, "a,b,y,split", rows)
    assert not said(gf.load(path), "seed")
    assert said(gf.load(path, seed=3), "seed 3 draws no test set")
    entries = [(f"u{i % 7}", f"m{i % 5}", i % 4, row[-1]) for i, row in enumerate(rows)]
    ratings = written(tmp_path, "user,item,value,split", entries)
    assert not said(gf.load_entries(ratings), "seed")
    assert said(gf.load_entries(ratings, seed=3), "seed 3 draws no test set")
    with pytest.raises(ValueError, match="test entries of their own"):
        gf.load_entries(ratings, holdout=0.1)


def test_ratings_without_a_value_or_an_id_are_left_out_where_asked(tmp_path):
    entries = [[f"u{i % 7}", f"m{i % 5}", i % 4] for i in range(35)]
    entries[3][2], entries[8][0] = "", ""
    path = written(tmp_path, "user,item,value", entries)
    with pytest.raises(ValueError, match="missing='drop'"):
        gf.load_entries(path)
    found = gf.load_entries(path, missing="drop", holdout=0.0)
    assert found.n == 33 and said(found, "left out: 2 of 35 rows")
    with pytest.raises(ValueError, match="missing is mean, expected refuse or drop"):
        gf.load_entries(path, missing="mean")
    frame = pd.DataFrame({"user": [1, 2, 1], "item": [1, 1, 2], "value": [1.0, np.nan, 3.0]})
    assert gf.load_entries(frame, missing="drop", holdout=0.0).n == 2
    arrays = {name: frame[name].to_numpy() for name in frame}
    with pytest.raises(ValueError, match="holds arrays, expected a table"):
        gf.load_entries(arrays, missing="drop")


def test_ratings_beside_other_columns_are_named_as_such(tmp_path):
    path = written(tmp_path, "user,item,value,age", [("u", "m", 3, 40), ("v", "m", 4, 30)])
    with pytest.raises(ValueError, match="if these are ratings: take the others out"):
        gf.load(path)
    assert gf.load_entries(path, holdout=0.0).n == 2


@pytest.mark.parametrize("count", [2, 3])
def test_a_column_of_words_that_gives_the_class_away_is_named_as_it_is(tmp_path, count):
    rows = [("uvw"[i % count], x[0], i % count) for i, x in enumerate(NUMBERS)]
    path = written(tmp_path, "k,a,y", rows)
    note = said(gf.load(path, categories=True), "as if they were the target")
    assert note == [
        "inputs of one value in each class, as if they were the target: 'k'; "
        "drop='k' (--drop k) leaves the first out"
    ]
    assert not said(gf.load(path, categories=True, drop="k"), "as if they were the target")


def test_words_that_say_less_than_the_class_are_no_copy_of_it(tmp_path):
    rows = [("uuw"[i % 3], x[0], i % 3) for i, x in enumerate(NUMBERS)]
    path = written(tmp_path, "k,a,y", rows)
    assert not said(gf.load(path, categories=True), "as if they were the target")


def test_marks_that_are_read_as_those_of_thousands_are_said(tmp_path):
    rows = [(f"{1.1 + 0.013 * i:.3f}", f"{i},5", i % 2) for i in range(40)]
    path = written(tmp_path, "a;b;y", rows, mark=";")
    found = gf.load(path)
    assert said(found, "between thousands") == [
        "points or blanks between thousands: column 'a' has 1.100 as 1100"
    ]
    rows = [(f'"{i + 1},594"', f"{i}.5", i % 2) for i in range(40)]
    assert said(gf.load(written(tmp_path, "a,b,y", rows)), "column 'a' has 1,594 as 1594")
    plain = [(f"{i}.25", i, i % 2) for i in range(40)]
    assert not said(gf.load(written(tmp_path, "a,b,y", plain)), "between thousands")


@pytest.mark.parametrize("frame", [False, True])
def test_categories_of_pandas_are_classes_also_where_they_are_numbers(frame):
    years = np.random.default_rng(0).integers(0, 30, 60)
    x = pd.DataFrame(NUMBERS) if frame else NUMBERS
    for y in (pd.Categorical(years), pd.Series(years, dtype="category")):
        assert isinstance(gf.as_problem(x, y), gf.ClassesProblem)
    assert gf.as_problem(x, years).task is gf.Task.REGRESSION
    gaps = pd.Categorical([1.0, np.nan, 3.0] * 20)
    assert said(gf.as_problem(x, gaps, missing="drop"), "left out: 20 of 60 rows")


def test_rows_are_compared_once(monkeypatch):
    seen = []

    def counted(inputs, labels):
        seen.append(len(labels))
        return fingerprints(inputs, labels)

    fingerprints = assembly.fingerprints
    monkeypatch.setattr(assembly, "fingerprints", counted)
    monkeypatch.setattr("grokflow.theory.samples.fingerprints", counted)
    x, tested = np.repeat(NUMBERS[:30], 2, axis=0), np.repeat(NUMBERS[30:], 2, axis=0)
    for classes in (2, 3):
        for changes in ({}, {"standardise": True}):
            seen.clear()
            y, y_test = np.arange(60) // 2 % classes, np.arange(60) // 2 % classes
            problem = gf.as_problem(x, y, tested, y_test, **changes)
            assert sorted(seen) == [60, 60]
            assert len(np.unique(problem.test.alike)) == 30 and sorted(seen) == [60, 60]
