"""Every format that people have, written from one table, gives that table back."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pandas
import polars
import pytest
from pyarrow import feather
from pyarrow import parquet as pq
from scipy import io as matlab
from scipy import sparse

import grokflow as gf
from grokflow.simulations.tables import compression
from grokflow.simulations.tables.formats import names_of, read

TABLE = pandas.DataFrame(
    {"a": [1.5, -2.0, 3e-7], "b": [10, 20, 30], "kind": ["x", "y z", "é"], "y": [0, 1, 1]}
)
CSV = TABLE.to_csv(index=False)


def words(path):
    """Return the columns of a file as words and numbers, whatever they are stored as."""
    contents = read(path)
    return {
        column.name: [
            word if name == "kind" else float(word)
            for word, name in ((word, column.name) for word in column.values)
        ]
        for column in contents.columns
    }


EXPECTED = {name: TABLE[name].tolist() for name in TABLE}
TEXTS = {
    "comma.csv": CSV.encode(),
    "semicolon.csv": TABLE.to_csv(index=False, sep=";").encode(),
    "tab.tsv": TABLE.to_csv(index=False, sep="\t").encode(),
    "bar.txt": TABLE.to_csv(index=False, sep="|").encode(),
    "excel.csv": ("sep=;\r\n" + TABLE.to_csv(index=False, sep=";")).encode(),
    "mark.csv": CSV.encode("utf-8-sig"),
    "utf16.csv": CSV.encode("utf-16"),
    "utf16le.csv": CSV.encode("utf-16-le"),
    "utf16be.csv": CSV.encode("utf-16-be"),
    "utf32.csv": CSV.encode("utf-32"),
    "latin.csv": CSV.encode("latin-1"),
    "windows.csv": CSV.replace("\n", "\r\n").encode(),
    "mac.csv": CSV.replace("\n", "\r").encode(),
    "spaced.csv": CSV.replace(",", ",  ").encode(),
    "trailing.csv": CSV.replace("\n", ",\n").encode(),
    "blank.csv": CSV.replace("\n", "\n\n").encode(),
    "noted.csv": ("# written by a machine\n# a,b,kind,y\n" + CSV.partition("\n")[2]).encode(),
    "quoted.csv": TABLE.to_csv(index=False, quoting=1).encode(),
    "gzipped.csv": gzip.compress(CSV.encode()),
    "bz2.csv.bz2": bz2.compress(CSV.encode()),
    "xz.csv.xz": lzma.compress(CSV.encode()),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_in_every_dialect_and_encoding(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(TEXTS[name])
    assert words(path) == EXPECTED
    assert names_of(path) == tuple(TABLE)
    latin = any("Windows-1252" in note for note in read(path).notes)
    assert latin == (name == "latin.csv")


def test_tables_of_arrow_and_zstd(tmp_path):
    import pyarrow

    table = pyarrow.Table.from_pandas(TABLE)
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.feather")
    polars.from_pandas(TABLE).write_ipc(tmp_path / "b.arrow", compression="zstd")
    with pyarrow.ipc.new_stream(tmp_path / "c.arrow", table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "d.csv.zst").write_bytes(pyarrow.compress(CSV.encode(), "zstd", asbytes=True))
    for path in sorted(tmp_path.iterdir()):
        assert words(path) == EXPECTED, path.name
        assert names_of(path) == tuple(TABLE)


def test_what_parquet_knows_of_values_is_kept(tmp_path):
    frame = pandas.DataFrame(
        {
            "whole": pandas.array([1, None, 2**53 + 1], dtype="Int64"),
            "truth": [True, False, True],
            "when": pandas.to_datetime(["2020-01-01", "2021-01-01", None]),
            "kind": pandas.Categorical(["a", "b", "a"]),
            "none": [None, None, None],
        },
        index=["r", "s", "t"],
    )
    frame.to_parquet(tmp_path / "a.parquet")
    found = {column.name: column for column in read(tmp_path / "a.parquet").columns}
    assert found["whole"].values.tolist() == [1, 0, 2**53 + 1]
    assert found["whole"].missing.tolist() == [False, True, False]
    assert found["truth"].values.dtype == bool
    assert found["when"].values.dtype.kind == "M"
    assert found["when"].missing.tolist() == [False, False, True]
    assert found["kind"].values.tolist() == ["a", "b", "a"]
    assert found["none"].missing.all()
    assert found[""].values.tolist() == ["r", "s", "t"]


@pytest.mark.parametrize(
    ("text", "headed", "names"),
    [
        ("a,b,y\n1,2,0\n", True, ("a", "b", "y")),
        ("1.5,2,0\n1,2,0\n", False, ("1", "2", "3")),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", False, ("1", "2", "3")),
        ("0,1,2,y\n3,4,5,0\n", True, ("0", "1", "2", "y")),
        ("1,2,3,4,5\n6,7,8,9,0\n", True, ("1", "2", "3", "4", "5")),
        ("2019,2020,2021\n6,7.5,8\n", True, ("2019", "2020", "2021")),
        ("5.1,unknown,3.5\n4.9,3,3.2\n", False, ("1", "2", "3")),
        ("2019,1990,2021\n2020,1991,2022\n", False, ("1", "2", "3")),
        ("place,2019,2020,y\n4,6,7.5,0\n", True, ("place", "2019", "2020", "y")),
        (
            "400.5,410,420.25,class\n6,7.5,8,oak\n6,7.5,8,elm\n",
            True,
            ("400.5", "410", "420.25", "class"),
        ),
        ("0,1\n1,0\n", False, ("1", "2")),
        ('"x","y"\n"1",5,0\n"2",6,1\n', True, ("", "x", "y")),
    ],
)
def test_a_header_is_told_from_data(tmp_path, text, headed, names):
    path = tmp_path / "a.csv"
    path.write_text(text)
    found = read(path)
    assert (found.headed, found.names) == (headed, names)
    assert names_of(path) == (names if headed and names[0] else names[1:] if headed else ())
    assert bool(found.notes) == (not headed or any(name[:1].isdecimal() for name in names))


def test_archives(tmp_path):
    x = np.arange(6).reshape(2, 3)
    matrix = sparse.csr_matrix(x)
    np.savez(tmp_path / "plain.npz", X=x, y=["a", "b"])
    np.save(tmp_path / "one.npy", x)
    for kind in ("csr", "csc"):
        sparse.save_npz(tmp_path / f"{kind}.npz", matrix.asformat(kind))
    np.savez(
        tmp_path / "mixed.npz",
        y=[0, 1],
        X_test_data=matrix.data,
        X_test_indices=matrix.indices,
        X_test_indptr=matrix.indptr,
        X_test_shape=matrix.shape,
    )
    matlab.savemat(tmp_path / "a.mat", {"X": x, "y": np.array([["a"], ["b"]], dtype=object)})
    matlab.savemat(tmp_path / "b.mat", {"X": matrix.astype(float)}, do_compression=True)
    assert read(tmp_path / "plain.npz").arrays["y"].tolist() == ["a", "b"]
    assert np.array_equal(read(tmp_path / "one.npy").arrays["X"], x)
    for name in ("csr.npz", "csc.npz", "b.mat"):
        assert np.array_equal(read(tmp_path / name).arrays["X"].toarray(), x)
    mixed = read(tmp_path / "mixed.npz").arrays
    assert set(mixed) == {"y", "X_test"}
    assert np.array_equal(mixed["X_test"].toarray(), x)
    assert read(tmp_path / "a.mat").arrays["y"].ravel().tolist() == ["a", "b"]
    assert names_of(tmp_path / "plain.npz") == ("X", "y")


def npy_claiming(shape):
    """Return an array file whose header claims a shape that its bytes do not have."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        out, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return out.getvalue() + bytes(64)


def archive(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return out.getvalue()


def object_array():
    out = io.BytesIO()
    np.lib.format.write_array(out, np.array([{}], dtype=object), allow_pickle=True)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"a,y\n", "has a header and no rows"),
        ("a.csv", b"a,b,y\n1,2,0\n1,2\n", "row 2 has 2 fields, expected 3 as in the header"),
        ("a.csv", b'a,b,y\n1,"2,0\n1,2,0\n', "line 3: unexpected end of data"),
        ("a.csv", b"a,b\x00,y\n1,2,0\n", "it holds zero bytes"),
        ("a.npz", b"text", "its bytes are not those of .npz files"),
        ("a.npz", archive(X=npy_claiming((10**9, 10**9))), "needs 8000000000000000000 bytes"),
        ("a.npz", archive(X=npy_claiming((-4, 4))), "damaged|needs"),
        ("a.npz", archive(X=object_array()), "never unpickled"),
        ("a.npz", archive(X=b"nonsense"), "array 'X' is damaged"),
        ("a.npz", archive(X=npy_claiming((8,)))[:-40], "it is no readable archive"),
        ("a.npy", npy_claiming((9,)), "needs 72 bytes"),
        ("a.pkl", b"\x80\x04K\x01.", "it is a pickle, which may run any program"),
        ("a.mat", b"MATLAB 7.3 MAT-file" + bytes(600), "version 7.3: save it with -v7"),
        ("a.mat", b"MATLAB 5.0 MAT-file" + bytes(600), "no readable MATLAB file"),
        ("a.parquet", b"PAR1" + bytes(100), "no readable Parquet file"),
        ("a.feather", b"ARROW1" + bytes(100), "no readable Arrow file"),
        ("a.gz", gzip.compress(CSV.encode(), mtime=0)[:-20], "its gzip stream is damaged"),
        ("a.zst", b"\x28\xb5\x2f\xfd" + bytes(10), "its zstd stream is damaged"),
        ("a.xlsx", b"PK\x03\x04", "it is no readable archive"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^cannot read .*{name}: .*({message})") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"^cannot read .*none.csv \(No such file or directory\)"):
        read(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="Is a directory"):
        read(tmp_path)
    assert names_of(tmp_path / "none.csv") == names_of(tmp_path) == ()


def test_a_short_file_that_decompresses_to_more_than_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"1,2\n" * 10**6))
    monkeypatch.setattr(compression, "budget", lambda: 2**21)
    with pytest.raises(ValueError, match=r"decompressed, would take .* expected at most 0.00195"):
        read(path)
    np.savez_compressed(tmp_path / "a.npz", X=np.zeros(2**19))
    with pytest.raises(ValueError, match=r"its arrays would take 0\.0039"):
        read(tmp_path / "a.npz")
    (tmp_path / "b.csv").write_text("a,y\n" + "1,2\n" * 20_000)
    with pytest.raises(ValueError, match="its table would take"):
        read(tmp_path / "b.csv")


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def test_the_one_table_in_a_zip_archive_is_read(tmp_path):
    """As pandas writes it, and macOS, which adds a file of its own."""
    TABLE.to_csv(tmp_path / "a.csv.zip", index=False)
    TABLE[["a", "b", "y"]].to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.zip").write_bytes(
        zipped({"c/": "", "c/b": (tmp_path / "a.parquet").read_bytes(), "__MACOSX/c/b": "x"})
    )
    for name, found in (("a.csv.zip", TABLE), ("b.zip", TABLE[["a", "b", "y"]])):
        assert read(tmp_path / name).names == names_of(tmp_path / name) == tuple(found)
        drop = [column for column in found if column == "kind"]
        assert gf.load(tmp_path / name, drop=drop, holdout=0.5).name == name[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            zipped({"a": "1,2", "b": "3,4"}),
            r"an archive of 2 files \(a, b\), .*: unpack it, and give one",
        ),
        (
            zipped({"a": bytes(99)}).replace(b"\x63\x60", b"\x63\x61", 1),
            "its zip stream is damaged",
        ),
        (b"Rar!\x1a\x07", "an archive of files: unpack it"),
        (b"a.csv" + bytes(252) + b"ustar", "an archive of files: unpack it"),
    ],
)
def test_other_archives_are_refused_with_what_is_in_them(tmp_path, content, message):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=rf"^cannot read .*a.zip: .*({message})"):
        read(tmp_path / "a.zip")


def test_a_table_in_a_zip_archive_that_is_longer_than_memory_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.zip").write_bytes(zipped({"a": "1,2\n" * 10**6}))
    monkeypatch.setattr(compression, "budget", lambda: 2**21)
    with pytest.raises(ValueError, match="decompressed, would take"):
        read(tmp_path / "a.zip")


def test_the_fields_of_a_lone_struct_of_matlab_are_its_arrays(tmp_path):
    x, y = np.arange(1.0, 21).reshape(10, 2), np.arange(10) % 2
    matlab.savemat(tmp_path / "a.mat", {"data": {"X": x, "y": y}})
    problem = gf.load(tmp_path / "a.mat")
    assert (problem.n + problem.test.size, problem.d) == (10, 2)
    assert "the fields of the struct data are read as arrays" in problem.notes
    rows = np.array([(1.0, 2)] * 3, dtype=[("X", object), ("y", object)])
    matlab.savemat(tmp_path / "b.mat", {"data": rows, "y": y})
    with pytest.raises(ValueError, match=r"no X.*: save the fields of data as variables and call"):
        gf.load(tmp_path / "b.mat")
    matlab.savemat(tmp_path / "c.mat", {"X": x})
    with pytest.raises(ValueError, match=r"with x from scipy\.io\.loadmat$"):
        gf.load(tmp_path / "c.mat")


@pytest.mark.parametrize(
    ("arrays", "target", "message"),
    [
        ("X y X_test y_test", "z", r"no array 'z' to learn, expected one of X, y, .*: check the n"),
        ("X Diagnosis", "diagnosed", r"no array 'diagnosed' to .*: perhaps target='Diagnosis' \(-"),
        ("X X_test z z_tes", "z", "no z_test, .* together: add it, or take X_test out"),
        ("A y", None, r"no X, .* among its arrays, A, y: call the inputs X$"),
        ("X b c", None, r"no y, .*: name the labels with target='NAME' \(--target NAME\)$"),
    ],
)
def test_arrays_that_are_not_there_are_named(tmp_path, arrays, target, message):
    """And the remedy helps."""
    shapes = {"X": (6, 2), "X_test": (6, 2), "A": (6, 2)}
    held = {name: np.ones(shapes.get(name, 6)) for name in arrays.split()}
    np.savez(tmp_path / "a.npz", **held)
    with pytest.raises(ValueError, match=message):
        gf.load(tmp_path / "a.npz", target=target)
