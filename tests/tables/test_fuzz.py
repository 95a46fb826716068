"""Thousands of damaged files and argument lists: an answer or one line, within time and memory.

Nothing here is timed: what a case may cost is bounded by the sizes of what it is given.
"""

import random
import tracemalloc
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grokflow.cli import main
from grokflow.simulations.tables.door import load
from tests.tables.test_cases import CASES

pytestmark = pytest.mark.slow

FILES = 10_000
ARGUMENTS = 2_000
# What reading a file of a few kilobytes may take: tables of words are seventy times their text.
MEMORY = 2**27
# Words with a meaning to some format, put where they do not belong.
WORDS = (
    *(b"", b",", b";", b"\t", b'"', b"'", b"\n", b"\r", b"\0", b"#", b"sep=;", b"nan", b"inf"),
    *(b"1e999", b"-0", b"1,5", b"1.5,5", b"2020-01-01", b"True", b"y", b"split", b"test", b"val"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04", b"\x93NUMPY", b"PAR1", b"ARROW1"),
    *(b"\x28\xb5\x2f\xfd", b"99999999999999999999", b"(1000000000, 1000000000)", b"|O8", b"<f8"),
)


def originals(folder: Path) -> dict[str, bytes]:
    """Return whole files of every format, by their ending."""
    frame = pandas.read_csv(CASES / "categorical.csv").head(12)
    plain = frame.drop(columns="sex")
    x, y = plain.drop(columns="y").to_numpy(), plain["y"].to_numpy()
    np.savez(folder / "a.npz", X=x, y=y)
    np.savez_compressed(folder / "b.npz", X=x.astype(np.uint8), y=y, X_test=x[:3], y_test=y[:3])
    frame.to_parquet(folder / "a.parquet")
    plain.to_parquet(folder / "b.parquet", compression="zstd")
    plain.to_feather(folder / "a.feather")
    plain.to_csv(folder / "b.csv.gz", index=False)
    from scipy import io, sparse

    io.savemat(folder / "a.mat", {"X": x, "y": y})
    sparse.save_npz(folder / "c.npz", sparse.csr_matrix(x))
    names = ("semicolon", "index_leak", "split_capital", "string_labels", "dup_header")
    texts = [b"\n".join((CASES / f"{name}.csv").read_bytes().split(b"\n")[:14]) for name in names]
    found = {f"{i}.csv": text for i, text in enumerate(texts)}
    return found | {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few of them cut, doubled, flipped or replaced by words."""
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, more = rng.randrange(len(data) + 1), rng.randrange(1, 40)
        match rng.randrange(6):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + data[at + more :]
            case 2:
                data = data[:at] + data[at : at + more] * 2 + data[at + more :]
            case 3:
                data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
            case 4:
                data = data[:at] + rng.choice(WORDS) + data[at:]
            case _:
                data = data[:at] + rng.randbytes(more) + data[at + more :]
    return data


def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, record_property):
    rng = random.Random(0)
    (tmp_path / "whole").mkdir()
    files = originals(tmp_path / "whole")
    names = list(files)
    read, peak = 0, 0
    tracemalloc.start()
    for i in range(FILES):
        name = names[i % len(names)]
        path = tmp_path / name
        path.write_bytes(damaged(files[name], rng))
        asked = {
            "missing": rng.choice(("refuse", "drop", "mean")),
            "categories": rng.random() < 0.5,
        }
        try:
            load(path, **asked)
            read += 1
        except ValueError as error:
            assert "\n" not in str(error) and str(error), (i, name)
        peak = max(peak, tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    record_property("files", FILES)
    print(f"{FILES} files: {read} read, {FILES - read} refused, at most {peak / 2**20:.0f} MiB")
    # Both happen, so that the test says something of each.
    assert 0.02 * FILES < read < 0.9 * FILES
    assert peak < MEMORY


NUMBERS = st.sampled_from(
    ["0", "1", "-1", "2", "3", "1e3", "1e400", "nan", "inf", "x", "", "1e-3", "0.5", "99999999999"]
)
SMALL = ("sparse", "--set", "n=8", "d=20", "n_test=20")
RIGHT = [("good.csv",), ("good.csv",), SMALL, ("completion", "--set", "d=5", "fraction=0.5")]
PROBLEMS = st.sampled_from([*RIGHT, ("mnist",), ("xor",), ("none.csv",), ("bad.csv",), ("a\0b",)])
NAMES = st.sampled_from(["y", "f0", "f1", "13", "", "none", "0", "1", "a,b"])
FILES_OUT = st.sampled_from(["out.json", "out.txt", "no/out.json", ".", "a.png", "a.npz", ""])
KEYS = st.sampled_from(["n", "d", "k", "seed", "holdout", "q", "target", "intercept", "missing"])
VALUES = {
    "--alpha --norm --lam --until --points --depth --rtol --lr --steps --seeds": NUMBERS,
    "--intercept --refine --label-noise --batch --budget --p --width --corruption --jobs": NUMBERS,
    "--target --drop --positive --family --map": NAMES,
    "--loss": st.sampled_from(["square", "logistic", "exponential", "hinge", ""]),
    "--missing": st.sampled_from(["drop", "mean", "fill"]),
    "--decimal": st.sampled_from([".", ",", ";"]),
    "--measure": st.sampled_from(["all", "kkt", "none"]),
    "--optimizer": st.sampled_from(["flow", "sgd", "x"]),
    "--set --axis": st.builds("{}={}".format, KEYS, NUMBERS),
    "--json --plot --out --checkpoint": FILES_OUT,
}
PAIRS = [st.tuples(st.sampled_from(flags.split()), values) for flags, values in VALUES.items()]
FLAGS = st.sampled_from(
    "--categories --regression --standardise --direct --double --no-decay --help --version --x "
    "-h -- predict".split()
).map(lambda flag: (flag,))
COMMANDS = st.sampled_from(
    [("predict",), ("simulate",), ("scan",), ("modular", "train"), ("misgrok",), ("help",), ()]
)
LISTS = st.tuples(COMMANDS, PROBLEMS, st.lists(st.one_of(*PAIRS, *PAIRS, FLAGS), max_size=3))


@pytest.fixture
def asked(monkeypatch):
    """Let the commands read and check all that they are asked for, and compute nothing.

    What is asked for is then bounded by the parser and by the sizes that the doors refuse.
    """
    from grokflow.simulations.runs.stopping import Stopped

    def nothing(*_, **__):
        raise RuntimeError("nothing is computed here")

    for place in (
        "simulations.models.exact.ExactRequest.forecast",
        "simulations.models.exact.ExactRequest.follow",
        "simulations.models.net_request.NetRequest.follow",
        "simulations.scan.runner.Scan.run",
        "simulations.modular.training.ModularTraining.run",
        "commands.misgrokking.command.find_misgrokking",
        "commands.misgrokking.phase_map.run",
    ):
        monkeypatch.setattr(f"grokflow.{place}", nothing)
    assert issubclass(Stopped, Exception)


def test_argument_lists_end_in_an_answer_or_in_one_line(tmp_path, monkeypatch, capsys, asked):
    monkeypatch.chdir(tmp_path)
    good = (CASES / "semicolon.csv").read_bytes()
    (tmp_path / "good.csv").write_bytes(good)
    (tmp_path / "bad.csv").write_bytes(good[:200] + b'"' + good[200:400])
    codes: dict[int, int] = {}

    @settings(
        max_examples=ARGUMENTS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(LISTS)
    def each(drawn):
        command, problem, rest = drawn
        try:
            alone = command[:1] in (("modular",), ("misgrok",))
            words = [*command, *(() if alone else problem)]
            code = main(words + [word for option in rest for word in option])
        except SystemExit as left:
            code = int(left.code or 0)
        said = capsys.readouterr()
        codes[code] = codes.get(code, 0) + 1
        assert code in (0, 1, 2)
        assert "Traceback" not in said.err
        if code:
            errors = [line for line in said.err.splitlines() if ": note: " not in line]
            assert len(errors) == 1 and errors[0].startswith("grokflow: "), said.err
        # Nothing is left behind that is not whole.
        assert {path.name for path in tmp_path.iterdir()} <= {"good.csv", "bad.csv", "misgrokking"}

    each()
    with capsys.disabled():
        print(f"{sum(codes.values())} argument lists, by exit code: {codes}")
    assert sum(codes.values()) >= ARGUMENTS and codes.get(2, 0) > ARGUMENTS / 4
