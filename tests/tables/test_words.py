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
    assert main(["predict", str(tmp_path / "far.csv"), "--intercept", "--standardise"]) == 0
    # The advice is another one where the mean is in reach of an intercept.
    assert ("subtract the mean from them" in capsys.readouterr().out) == told
    table["y"] -= mean
    assert not any("subtract the mean" in note for note in gf.as_problem(table).notes)
