"""Large texts and wide ones are read by other ways, to the same columns."""

import numpy as np
import pytest

import grokflow as gf
from grokflow.simulations.tables.formats import read
from grokflow.simulations.tables.text import delimited, large
from grokflow.simulations.tables.values import numbers_of

ROWS = 120
NUMBERS = np.random.default_rng(0).normal(size=(ROWS, 3))


def text(*columns, header="a,b,c", separator=",", end="\n"):
    rows = [separator.join(map(str, row)) for row in zip(*columns, strict=True)]
    return end.join([header.replace(",", separator), *rows, ""])


PLAIN = [NUMBERS[:, i].tolist() for i in range(3)]
WORDS = ["x", "y z", "é"] * (ROWS // 3)
GAPS = ["", "NA", "?", "1.5"] * (ROWS // 4)
TEXTS = {
    "plain": text(*PLAIN),
    "words": text(*PLAIN[:2], WORDS),
    "gaps": text(PLAIN[0], GAPS, WORDS),
    "spaces": text(PLAIN[0], [f" {word} " for word in WORDS], PLAIN[1]),
    "zeros": text(PLAIN[0], ["01", "1"] * (ROWS // 2), PLAIN[1]),
    "digits": text(PLAIN[0], [2**53, 2**53 + 1] * (ROWS // 2), PLAIN[1]),
    "signs": text(PLAIN[0], ["+", "-"] * (ROWS // 2), PLAIN[1]),
    "infinite": text(PLAIN[0], ["inf", "1e999"] * (ROWS // 2), PLAIN[1]),
    "truth": text(PLAIN[0], ["True", "False"] * (ROWS // 2), PLAIN[1]),
    "windows": text(*PLAIN, end="\r\n"),
    "tab": text(*PLAIN, separator="\t"),
    "semicolons": text(*PLAIN, separator=";"),
    "headless": text(*PLAIN).partition("\n")[2],
    "row names": text(WORDS, *PLAIN),
    "trailing": text(*PLAIN, [""] * ROWS, header="a,b,c,"),
    "blank": text(*PLAIN).replace("\n", "\n\n"),
    "blank fields": text(*PLAIN) + ",,\n",
    "open": text(["1.100"] * ROWS, ["2.345"] * ROWS, range(ROWS), separator=";"),
    "decimal": text([f'"{x}"'.replace(".", ",") for x in PLAIN[0]], *PLAIN[1:]),
    "thousands": text([f"1,{i:03}" for i in range(ROWS)], *PLAIN[1:], separator="\t"),
    "comments": "# one\n# two\n" + text(*PLAIN),
}
CAREFUL = {"decimal", "thousands", "comments", "open", "blank fields", "signs"}


@pytest.mark.parametrize("name", TEXTS)
def test_the_reader_of_large_texts_finds_what_the_careful_one_does(tmp_path, monkeypatch, name):
    path = tmp_path / "a.csv"
    path.write_text(TEXTS[name])
    careful = read(path)
    used = []

    def observed(*arguments):
        used.append(large.columns_of_large(*arguments))
        return used[-1]

    monkeypatch.setattr(delimited, "LARGE", 0)
    monkeypatch.setattr(delimited, "columns_of_large", observed)
    found = read(path)
    assert (found.names, found.headed, found.notes) == (
        careful.names,
        careful.headed,
        careful.notes,
    )
    for one, other in zip(found.columns, careful.columns, strict=True):
        assert np.array_equal(one.missing, other.missing) and one.place == other.place
        if one.holds_words:
            assert np.array_equal(one.values[~one.missing], other.values[~one.missing])
        else:
            assert np.array_equal(numbers_of(one), numbers_of(other), equal_nan=True)
    assert (not used or used[0] is None) == (name in CAREFUL)


@pytest.mark.parametrize("labels", [["01", "1"], ["0", "1"], ["x", "y"]])
def test_wide_texts_are_read_at_once_and_keep_the_words_of_labels(tmp_path, monkeypatch, labels):
    x = np.random.default_rng(1).normal(size=(8, 20))
    rows = [",".join([*map(repr, row), labels[i % 2]]) for i, row in enumerate(x.tolist())]
    header = ",".join([*(f"g{i}" for i in range(20)), "y"])
    (tmp_path / "a.csv").write_text("\n".join([header, *rows]) + "\n")
    careful = gf.load(tmp_path / "a.csv")
    monkeypatch.setattr(delimited, "_WIDE", 10)
    wide = gf.load(tmp_path / "a.csv")
    assert np.array_equal(wide.inputs.to_array(), careful.inputs.to_array())
    assert wide.notes == careful.notes
    assert any(f"{labels[0]} as -1 (4 rows), {labels[1]} as +1" in note for note in wide.notes)


def test_a_table_without_rows_is_refused():
    import pandas

    with pytest.raises(ValueError, match="X has no rows, expected some"):
        gf.as_problem(pandas.DataFrame({"a": [], "b": [], "y": []}))
