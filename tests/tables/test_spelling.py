"""Words that are written in several ways: minus signs, capitals, marks of no value."""

import numpy as np
import pandas as pd
import pytest

import grokflow as gf
from grokflow.simulations.tables.formats import read
from grokflow.simulations.tables.text.marks import MINUS

NUMBERS = np.random.default_rng(0).normal(size=(20, 2)).round(3) - 0.1


def write(folder, rows, header="a,b,y"):
    path = folder / "a.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def rows_with(minus):
    return [f"{a},{b:e},{'uv'[i % 2]}".replace("-", minus) for i, (a, b) in enumerate(NUMBERS)]


@pytest.mark.parametrize("minus", MINUS)
@pytest.mark.parametrize("large", [False, True])
def test_minus_signs_of_set_text_are_read_as_such(tmp_path, monkeypatch, minus, large):
    if large:
        monkeypatch.setattr("grokflow.simulations.tables.text.delimited.LARGE", 1)
        monkeypatch.setattr("grokflow.simulations.tables.text.delimited._SAMPLE", 5)
    plain = gf.load(write(tmp_path, rows_with("-")))
    problem = gf.load(write(tmp_path, rows_with(minus)))
    w = np.eye(2)
    assert np.array_equal(problem.test.outputs(w).values, plain.test.outputs(w).values)
    assert np.array_equal(problem.test.outputs(w).labels, plain.test.outputs(w).labels)
    assert (NUMBERS < 0).any(axis=0).all()
    assert any(f"as minus signs: column 'a' has {minus}" in note for note in problem.notes)
    assert not any("minus" in note for note in plain.notes)


def test_a_row_of_such_numbers_is_no_header(tmp_path):
    path = write(tmp_path, rows_with("\u2212"), "\u22121.5,2,u")
    assert not read(path).headed
    assert gf.load(path, target="3").notes[0] == "21 rows of 2 inputs"


def test_a_cell_without_a_value_is_counted_once_and_its_word_is_told(tmp_path):
    rows = [f"{('BR', 'NA', 'FR')[i % 3]},{b},{i % 2}" for i, (_, b) in enumerate(NUMBERS)]
    rows[7] = rows[7].replace(str(NUMBERS[7, 1]), "")
    path = write(tmp_path, rows)
    with pytest.raises(ValueError, match=r"'a' has no value in row 2, where 'NA' is read as none"):
        gf.load(path, categories=True)
    notes = gf.load(path, categories=True, missing="mean").notes
    cells = sum(row.startswith("NA") for row in rows) + 1
    assert f"{cells} missing values replaced by the mean of their column in training" in notes
    with pytest.raises(ValueError, match=r"'a' has no value in row 1 \("):
        gf.load(path, categories=True, na="BR")
    frame = pd.DataFrame({"a": [1.0, np.nan, 3, 4], "y": [0, 1, 0, 1]})
    with pytest.raises(ValueError, match=r"'a' has no value in row 2 \("):
        gf.as_problem(frame)


def spelling(labels, **asked):
    x = np.arange(1.0, 2 * len(labels) + 1).reshape(-1, 2) ** 2
    notes = gf.as_problem(x, labels, **asked).notes
    return [note for note in notes if "capitals or blanks alone" in note]


def test_classes_that_differ_in_capitals_or_blanks_are_told():
    labels = ["Yes", "no", "yes", "No", "YES", "maybe", "no way", "no  way"] * 3
    (told,) = spelling(labels)
    assert "'No', 'no'; 'YES', 'Yes', 'yes'; 'no  way', 'no way'; write them alike" in told
    assert spelling(labels, positive="Yes") == [told]
    assert not spelling(["yes", "no", "maybe"] * 4) and not spelling([0, 1] * 6)


@pytest.mark.parametrize("sparse", [False, True])
def test_inputs_with_several_classes_are_told(sparse):
    from scipy.sparse import csr_array

    x = np.random.default_rng(0).normal(size=(12, 5))
    y = np.arange(12) % 2
    x[3], x[5], x[7] = x[2], x[2], x[6]
    x[11] = x[1]  # which has the same class
    given = csr_array(x) if sparse else x
    (note,) = (note for note in gf.as_problem(given, y).notes if "more than one class" in note)
    # Of rows 2, 3 and 5 one is missed, and of 6 and 7 one.
    assert note == (
        "inputs that occur with more than one class: 2, in 5 of 12 rows, of which any classifier "
        "misses 2 or more"
    )
    different = np.random.default_rng(1).normal(size=(12, 5))
    assert not any("more than one class" in note for note in gf.as_problem(different, y).notes)
    assert not any("more than one class" in n for n in gf.as_problem(x, y, regression=True).notes)
