"""Words where numbers are expected: the likely cause is named, and no remedy that does not help."""

import numpy as np
import pandas as pd
import pytest

import grokflow as gf
from grokflow.cli import main

PLAIN = np.random.default_rng(0).normal(size=40).round(6)
TEXTS = {
    "Fortran": ([f"{v:.5f}D-01" for v in PLAIN], "exponents are written with D"),
    "uncertain": ([f"{v} ± 0.1" for v in PLAIN], "numbers stand with their uncertainties"),
    "infinite": ([*map(str, PLAIN[1:]), "-inf"], "1 of 40 rows hold no finite number: mend them"),
    "per cent": ([f"{v}%" for v in PLAIN], "numbers stand with a sign, %: write them without"),
    "dollars": ([f"${abs(v)}" for v in PLAIN], "numbers stand with a sign, $: write them without"),
    "units": (["kg", *map(str, PLAIN[1:])], "the first may hold units: remove it"),
    "texts": ([f"good number {i}" for i in range(40)], "its words hardly repeat"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_cause_is_named_and_categories_are_not_offered(tmp_path, name):
    column, cause = TEXTS[name]
    table = pd.DataFrame({"a": PLAIN, "c": column, "y": [0, 1] * 20})
    table.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(
        ValueError, match=r"^column 'c' holds '.*expected numbers: drop='c'"
    ) as said:
        gf.load(tmp_path / "a.csv")
    assert cause in str(said.value) and "categories" not in str(said.value)
    assert gf.load(tmp_path / "a.csv", drop="c").d == 1


def test_categories_of_numbers_with_signs_are_told_to_be_numbers():
    table = pd.DataFrame({"a": PLAIN, "c": ["13.3%", "5%"] * 20, "y": [0, 0, 1, 1] * 10})
    (note,) = [
        note for note in gf.as_problem(table, categories=True).notes if "inputs of 0" in note
    ]
    assert note.endswith("to read it as one input of numbers write them without %")


def test_categories_are_offered_where_words_repeat():
    table = pd.DataFrame({"a": PLAIN, "c": ["red", "blue"] * 20, "y": [0, 0, 1, 1] * 10})
    with pytest.raises(ValueError, match="categories=True"):
        gf.as_problem(table)


@pytest.mark.parametrize("name", ["y", "b"])
def test_points_beside_decimal_commas_are_refused(tmp_path, name):
    plain = PLAIN if name == "y" else [0, 1] * 20
    columns = {"a": [f"{i + 32}.281,10" for i in range(40)], "b": plain, "y": plain}
    columns[name] = [f"{v:.12f}" for v in PLAIN]
    pd.DataFrame(columns)[["a", "y"] if name == "y" else ["a", "b", "y"]].to_csv(
        tmp_path / "a.csv", sep=";", index=False
    )
    with pytest.raises(ValueError, match=rf"^column '{name}' holds '-?\d+\.\d+', which has no dec"):
        gf.load(tmp_path / "a.csv", decimal=",")


@pytest.mark.parametrize(("size", "told"), [(1e7, True), (1e5, False)])
def test_inputs_of_widely_different_sizes_are_told_with_the_remedy(size, told):
    table = pd.DataFrame({"a": PLAIN, "b": size * PLAIN[::-1], "y": [0, 1] * 20})
    said = [note for note in gf.as_problem(table).notes if "differ widely" in note]
    assert len(said) == told
    if told:
        assert "in 'a' to" in said[0] and "standardise=True (--standardise)" in said[0]
        mended = gf.as_problem(table, standardise=True).notes
        assert not any("differ widely" in note for note in mended)


@pytest.mark.parametrize(("mean", "told"), [(1e9, True), (1e3, False)])
def test_targets_far_from_zero_are_told_to_lose_their_mean(capsys, tmp_path, mean, told):
    table = pd.DataFrame({"a": PLAIN, "b": PLAIN[::-1] ** 2, "y": mean + PLAIN * 3})
    said = [note for note in gf.as_problem(table).notes if "subtract the mean" in note]
    assert len(said) == told
    table.to_csv(tmp_path / "far.csv", index=False)
    assert main(["predict", str(tmp_path / "far.csv")]) == 0
    # The advice is another one where the mean is in reach of an intercept.
    assert ("subtract the mean from them" in capsys.readouterr().out) == told
    # An intercept fits the mean, beside which the digits of the spread are kept.
    assert main(["predict", str(tmp_path / "far.csv"), "--intercept", "--standardise"]) == 0
    assert "subtract the mean from them" not in capsys.readouterr().out
    table["y"] -= mean
    assert not any("subtract the mean" in note for note in gf.as_problem(table).notes)


def test_labels_of_which_each_is_a_class_of_its_own_are_refused_with_the_cause(tmp_path, capsys):
    prices = [f"${196 + i},273" for i in range(40)]
    table = pd.DataFrame({"a": PLAIN, "b": PLAIN[::-1], "price": prices})
    told = r"'price' is read as classes \('\$196,273', .*40 of 40 rows.* a sign, \$: write them wi"
    with pytest.raises(ValueError, match=told):
        gf.as_problem(table, target="price")
    with pytest.raises(ValueError, match=r"as labels: numbers stand with a sign, \$: write them"):
        gf.as_problem(table, target="price", regression=True)
    table["price"] = [word.replace("$", "").replace(",", "") for word in prices]
    table.to_csv(tmp_path / "mended.csv", index=False)
    assert gf.load(tmp_path / "mended.csv", target="price").name == "mended"
    names = pd.DataFrame({"a": PLAIN, "b": PLAIN[::-1], "y": [f"name {i}" for i in range(40)]})
    with pytest.raises(ValueError, match=r"learn another column, target='NAME' \(--target NAME\)"):
        gf.as_problem(names)


def test_two_rows_of_two_classes_are_told_what_helps():
    x = [[1.0, 0.0], [2.0, 1.0]]
    with pytest.raises(ValueError, match=r"2 of 2 rows are alone in theirs.*regression=True"):
        gf.as_problem(x, [1, -1])
    with pytest.raises(ValueError, match=r"take holdout=0\.5 \(--set holdout=0\.5\)"):
        gf.as_problem(x, [1, -1], regression=True)
    assert gf.as_problem(x, [1, -1], regression=True, holdout=0.5).n == 1


COMMAS = [f"{v:.3f}".replace(".", ",") for v in PLAIN]


@pytest.fixture
def marked(tmp_path):
    """Write a table with decimal commas and a word for no value, whose target has it too."""
    odd = ["k.A." if i in (2, 9, 17) else word for i, word in enumerate(COMMAS)]
    table = pd.DataFrame({"a": COMMAS, "b": odd, "c": odd[::-1], "y": [0, 1] * 20})
    table.to_csv(tmp_path / "a.csv", sep=";", index=False)
    return tmp_path / "a.csv"


@pytest.mark.parametrize("settings", [{}, {"categories": True}, {"decimal": ","}])
def test_a_few_words_among_numbers_are_named_and_may_stand_for_no_value(marked, settings):
    told = r"holds 'k\.A\.' in row 3.*3 of 40 entries are no numbers, and na='k\.A\.' \(--na k\.A"
    with pytest.raises(ValueError, match=told) as refused:
        gf.load(marked, **settings)
    assert "categories" not in str(refused.value)
    with pytest.raises(ValueError, match=r"has no value in row 3 \(rows that lack a value: 6 of"):
        gf.load(marked, na="k.A.", **settings)
    problem = gf.load(marked, na="k.A.", missing="drop", **settings)
    assert problem.n + problem.test.size == 34 and problem.d == 3
    assert "'k.A.' read as no value, 6 times: column 'b', column 'c'" in problem.notes


def test_a_few_words_among_numbers_are_no_label(marked):
    with pytest.raises(ValueError, match=r"^column 'b' holds 'k\.A\.' in row 3, expected numbers "):
        gf.load(marked, target="b", drop="c")
    problem = gf.load(marked, target="b", drop="c", na=["k.A."], missing="drop")
    assert problem.task is gf.Task.REGRESSION


def test_words_for_no_value_are_those_of_the_data(marked, capsys):
    with pytest.raises(ValueError, match=r"^na is 'kA', which no column of .* holds"):
        gf.load(marked, na="kA")
    assert main(["predict", str(marked), "--na", "k.A.", "--missing", "mean"]) == 0
    assert "6 missing values replaced by the mean" in capsys.readouterr().out


def test_few_numbers_and_a_word_may_be_categories():
    table = pd.DataFrame({"a": PLAIN, "c": ["1", "2", "2", "3+"] * 10, "y": [0, 0, 1, 1] * 10})
    with pytest.raises(ValueError, match=r"10 of 40 entries .* na='3\+'.* categories=True"):
        gf.as_problem(table)
    assert gf.as_problem(table, categories=True).d == 4


def test_a_number_may_stand_for_no_value():
    values = [*PLAIN[:30], *[-999.0] * 10]
    table = pd.DataFrame({"a": PLAIN, "b": values, "y": [0, 1] * 20})
    (doubt,) = [note for note in gf.as_problem(table).notes if note.startswith("-999 in")]
    assert "na='-999' (--na=-999) says so, and missing='drop' (--missing drop)" in doubt
    assert gf.as_problem(table, na=-999, missing="drop").n == 22


@pytest.mark.parametrize(("mean", "code"), [(1e2, 0), (1e5, 2)])
def test_a_simulation_that_has_no_digit_of_the_spread_is_refused(mean, code, tmp_path, capsys):
    x = np.random.default_rng(0).standard_normal((12, 20))
    np.savez(tmp_path / "far.npz", X=x, y=mean + x[:, 0], X_test=x, y_test=mean + x[:, 0])
    few = ["--points", "3", "--until", "1", "--intercept"]
    assert main(["simulate", str(tmp_path / "far.npz"), *few]) == code
    said = capsys.readouterr()
    assert ("of the mean has no digit" in said.err) == ("test error" not in said.out) == bool(code)


def test_two_numbers_under_the_square_loss_are_said_to_be_no_classes(tmp_path):
    x, y = np.random.default_rng(0).standard_normal((12, 3)), [0, 1] * 6
    note = next(n for n in gf.as_problem(x, y, regression=True).notes if "read as" in n)
    assert note.startswith("y read as real targets from 0 to 1; regression=False (--loss logistic)")
    assert "classes" in " ".join(gf.as_problem(x, y, regression=False).notes)
    three = gf.as_problem(x, [0, 1, 2] * 4, regression=True)
    assert "regression=False" not in " ".join(three.notes)
