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


SPECTRA = [(f"S{i}", 0.5 + i * i % 7, i % 3, 2.5, ("ill", "well")[i % 2]) for i in range(60)]
WAVES = ["Sample", "700.5", "650", "900", "State"]


def write_spectra(folder, header):
    path = folder / "a.csv"
    lines = [",".join(map(str, row)) for row in (header, *SPECTRA)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    "asked", [{"target": "State"}, {"drop": "Sample,2", "target": "5"}, {"drop": ["Sample"]}]
)
def test_a_name_that_the_user_gives_is_that_of_a_column(tmp_path, monkeypatch, asked, large):
    """Numbers above numbers alone say nothing of a header; a word there that is asked for does."""
    if large:
        monkeypatch.setattr("grokflow.simulations.tables.text.delimited.LARGE", 1)
    path = write_spectra(tmp_path, WAVES)
    assert not read(path).headed
    problem = gf.load(path, **{"drop": "Sample", "target": "State", **asked})
    assert problem.notes[0].startswith("60 rows of ")
    assert "column 'State' read as 2 classes: ill as -1 (30 rows), well as +1" in problem.notes[1]
    assert "the first line, Sample, 700.5, 650, 900, ..., is read as the names" in str(
        problem.notes
    )


def test_words_of_the_data_are_no_names(tmp_path):
    path = write_spectra(tmp_path, ("S60", 3, 1, 2, "ill"))
    assert not read(path, frozenset(["ill"])).headed
    with pytest.raises(ValueError, match="has no column 'ill' to learn"):
        gf.load(path, target="ill", drop="1")
    assert "ill as -1 (31 rows)" in gf.load(path, target="5", drop="1").notes[1]


def test_a_first_label_that_is_alone_is_refused_with_the_target_that_helps(tmp_path):
    path = write_spectra(tmp_path, WAVES)
    helps = r"target='State' \(--target State\)"
    with pytest.raises(ValueError, match=rf"no header line and no column y.*header, {helps}$"):
        gf.load(path)
    with pytest.raises(ValueError, match=rf"'5' holds 'State' in row 1 alone .*: {helps} reads"):
        gf.load(path, target="5", drop="1")
    assert gf.load(path, target="State", drop="Sample").d == 3


@pytest.mark.parametrize("rising", [9, 10])
@pytest.mark.parametrize("below", ["falls", "rises"])
def test_a_word_above_classes_and_beside_ten_rising_numbers_is_a_name(tmp_path, rising, below):
    """Where rows of data rise too, or fewer numbers do, it may be a class of one row."""
    path, step = tmp_path / "a.csv", 1 if below == "rises" else -1
    rows = [[str(i + step * j) for j in range(rising)] + ["uv"[i % 2]] for i in range(20)]
    first = [*(str(700.5 + j) for j in range(rising)), "State"]
    path.write_text("\n".join(map(",".join, (first, *rows))) + "\n")
    assert read(path).headed == (rising == 10 and below == "falls")


@pytest.mark.parametrize("asked", ["length (mm)", "length\n(mm)", " length  (mm)"])
def test_names_are_found_whatever_white_space_is_in_them(tmp_path, asked):
    path = tmp_path / "a.csv"
    path.write_text(
        '"length\n(mm)",b,y\n' + "".join(f"w{i % 2},{i},{i % 2}\n" for i in range(1, 9))
    )
    with pytest.raises(ValueError, match=r"\(--drop 'length \(mm\)'\) leaves the column out"):
        gf.load(path)
    assert gf.load(path, drop=asked).d == 1
    assert gf.load(path, target=asked, drop="y").d == 1


def test_names_that_differ_in_white_space_alone_are_kept_apart(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a b,a  b,y\n" + "".join(f"{i},{-i},{i % 2}\n" for i in range(1, 9)))
    assert "left out: column 'a  b', as asked" in gf.load(path, drop="a  b").notes
    with pytest.raises(ValueError, match="has no column 'a   b' to drop"):
        gf.load(path, drop="a   b")
