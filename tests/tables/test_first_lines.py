"""Text with fields in quotes between blanks, as R writes it, and other lines above a header."""

import numpy as np
import pytest

import grokflow as gf
from grokflow.simulations.tables.formats import names_of, read
from grokflow.simulations.tables.text.blanks import split_at_blanks

TABLE = [(f'"Subject {i}"', 1.5 * i, i % 3 + 0.25, ('"no effect"', "yes")[i % 2]) for i in range(8)]
R_TABLE = ['"x" "y z" "y"', *(" ".join(map(str, row)) for row in TABLE)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blanks", [" ", "  ", " \t "])
def test_fields_in_quotes_between_blanks_are_one_field_without_them(tmp_path, end, blanks):
    """The default of write.table in R: row names have no head, words have quotes."""
    path = tmp_path / "a.txt"
    rows = [blanks.join(map(str, row)) for row in TABLE]
    path.write_bytes(end.join([R_TABLE[0], *rows, ""]).encode())
    found = read(path)
    assert found.names == ("", "x", "y z", "y") and names_of(path) == ("x", "y z", "y")
    assert found.columns[0].values.tolist() == [f"Subject {i}" for i in range(8)]
    assert found.columns[3].values.tolist() == ["no effect", "yes"] * 4
    problem = gf.load(path, holdout=0.5)
    assert problem.d == 2 and "no effect as -1" in problem.notes[1]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (r'"say \"no\" now" 1', ['say "no" now', "1"]),
        ('"say ""no"" now" 1', ['say "no" now', "1"]),
        (r'"C:\" 5 "b" ""', ["C:\\", "5", "b", ""]),
        (r'"C:\new" 5', [r"C:\new", "5"]),
        ('"two\nlines" 5', ["two\nlines", "5"]),
        ('5" 6\' "7"', ['5"', "6'", "7"]),
    ],
)
def test_quotes_in_fields_between_blanks(line, fields):
    assert split_at_blanks([line]) == [fields]


@pytest.mark.parametrize("odd", ['"no effect', '"no effect"ive'])
def test_quotes_without_an_end_are_refused_by_their_line(odd):
    lines = ['"x" "y"\n', "1 2\n", f"3 {odd}\n", "4 5\n"]
    with pytest.raises(ValueError, match=r"^line 3: a quote has no end before a blank"):
        split_at_blanks(lines)


ABOVE = {
    "short": ["Experiment 7", "Date: 3.4.2021"],
    "blank": ["Experiment 7", "Date: 3.4.2021", ""],
    "padded": ["Experiment 7;;;", "Date: 3.4.2021;;;", ""],
    "pairs": ["Rate;100;;", "Probes;3;;"],
    "one": ["Experiment 7"],
}


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
@pytest.mark.parametrize("kind", ABOVE)
@pytest.mark.parametrize("header", ["a;b;c;class", "kind;1990;1991;1992"])
@pytest.mark.parametrize("large", [False, True])
def test_the_line_of_a_header_below_other_lines_is_told(
    tmp_path, monkeypatch, mark, kind, header, large
):
    """And the remedy helps: without the lines above it the file is read."""
    if large:
        monkeypatch.setattr("grokflow.simulations.tables.text.delimited.LARGE", 1)
    numbers = np.random.default_rng(0).normal(size=(60, 3))
    last = header.endswith("class")
    rows = [[f"{v:.3f}" for v in row] for row in numbers]
    rows = [[*row, "uv"[i % 2]] if last else ["uv"[i % 2], *row] for i, row in enumerate(rows)]
    lines = [line.replace(";", mark) for line in (header, *map(";".join, rows))]
    above = [line.replace(";", mark) for line in ABOVE[kind]]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([*above, *lines]) + "\n")
    told = rf"its header seems to be in line {len(above) + 1} \({header.replace(';', ', ')}\), "
    with pytest.raises(ValueError, match=f"{told}expected in the first line: delete the lines abo"):
        read(path)
    path.write_text("\n".join(lines) + "\n")
    assert read(path).names == tuple(header.split(";"))


@pytest.mark.parametrize(
    "text",
    [
        ",a,b\n0,unknown,2\n1,3,4\n",
        "a,b,\nr1,1,2\nr2,3,4\n",
        '"y"\n"a" 1\n"b" 2\n',
        "x y\n1 low 2\n2 3 4\n",
        "a,b,y\nm,s,-\n1,2,0\n2,3,1\n",
        "a,b,y,\n1,2,u,\n2,3,v,\n",
    ],
)
def test_headers_with_nameless_columns_and_units_below_are_in_the_first_line(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    first = text.partition("\n")[0].replace('"', "").replace(" ", ",").split(",")
    assert [name for name in read(path).names if name] == [name for name in first if name]
