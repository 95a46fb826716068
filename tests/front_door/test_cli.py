"""The command line: JSON keys, files, exit codes, one-line errors, interruption."""

import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest

from grokflow.cli import build_parser, main
from grokflow.interruption import CtrlC, ctrl_c_raised
from grokflow.simulations.runs.stopping import Interrupted, Stopped

SMALL = ["--set", "n=12", "d=40", "--set", "n_test=500"]


def run(capsys, *arguments):
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        code = exit_.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def read(path):
    """Parse strictly: NaN and Infinity are not JSON."""

    def refuse(name):
        raise AssertionError(f"{name} in JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


@pytest.mark.parametrize("problem", ["sparse", "gaussian-margin", "sparse-regression"])
def test_predict_writes_the_documented_keys(capsys, tmp_path, problem):
    path = tmp_path / "out.json"
    code, out, _ = run(capsys, "predict", problem, *SMALL, "--alpha", "1e4", "--json", path)
    assert code == 0
    record = read(path)
    expected = "problem alpha norm lam loss early late transition kind".split()
    assert set(expected) <= set(record)
    for role in ("early", "late"):
        predictor = record[role]
        assert set(predictor) == {"name", "test_accuracy", "test_error", "margin", "certificate"}
        certificate = predictor["certificate"]
        assert set(certificate) == {"lower", "upper", "infeasibility", "missed", "gap"}
        assert certificate["gap"] <= 1e-6
        assert predictor["name"] in out
    assert set(record["transition"]) >= {"leading_order", "predicted"}
    assert math.isclose(record["transition"]["leading_order"], math.log(1e4))
    assert math.isclose(record["norm"], 1e4 * math.sqrt(80))
    assert record["kind"] in {"grokking", "misgrokking", "neither"}
    assert record["problem"]["n"] == 12
    name = "test_error" if problem == "sparse-regression" else "test_accuracy"
    assert set(record["path"]) == {"lambda_t", name}
    assert len(record["path"]["lambda_t"]) == len(record["path"][name]) > 20
    assert (np.diff(record["path"]["lambda_t"]) > 0).all()


def test_predict_says_when_rounding_keeps_an_interpolant_from_its_targets(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    x = np.array([[1 / 3, 1 / 7, 1 / 11], [1 / 3, 1 / 7 + 2.0**-50, 1 / 11]])
    np.savez("near.npz", X=x, y=[1.0, 0.3], X_test=x, y_test=[1.0, 0.3])
    path = tmp_path / "out.json"
    code, out, _ = run(capsys, "predict", "near.npz", "--loss", "square", "--json", path)
    missed = read(path)["early"]["certificate"]["missed"]
    assert code == 0 and missed > 1e-7
    assert f"targets missed by up to {missed:.1e} of the largest" in out
    np.savez("far.npz", X=np.eye(2, 3), y=[1.0, 0.3], X_test=x, y_test=[1.0, 0.3])
    code, out, _ = run(capsys, "predict", "far.npz", "--loss", "square")
    assert code == 0 and "missed" not in out


def test_predict_gives_the_bounds_where_their_hypotheses_hold(capsys, tmp_path):
    path = tmp_path / "out.json"
    sizes = ["--set", "n=400", "d=40", "k=1", "n_test=100"]
    assert run(capsys, "predict", "sparse", *sizes, "--json", path)[0] == 0
    bounds = read(path)["bounds"]
    for role in ("early_limit", "late_limit"):
        row = bounds[role]
        assert row["vacuous"] == (row["error"] >= 1) == (row["smallest_n"] > 400)
    assert bounds["early_limit"]["vacuous"] and not bounds["late_limit"]["vacuous"]
    assert run(capsys, "predict", "gaussian-margin", *SMALL, "--json", path)[0] == 0
    assert "bounds" not in read(path)


def test_simulate_covers_deeper_nets(capsys, tmp_path):
    path = tmp_path / "out.json"
    options = ["--depth", "4", "--alpha", "1e100", "--lam", "1e-6", "--points", "30"]
    code, _, _ = run(capsys, "simulate", "sparse", *SMALL, *options, "--json", path)
    assert code == 0
    record = read(path)
    assert record["model"] == "diagonal net, depth 4"
    assert abs(record["transition"]["lambda_t"] - math.log(1e100)) < 10
    assert record["train_accuracy"][-1] == 1


def test_predict_covers_deeper_nets(capsys, tmp_path):
    path = tmp_path / "out.json"
    code, out, _ = run(capsys, "predict", "sparse", *SMALL, "--depth", "4", "--json", path)
    assert code == 0
    record = read(path)
    assert record["model"] == "diagonal net, depth 4"
    for role in ("late", "late_limit"):
        assert record[role]["stationarity"] <= 1e-6
        assert record[role]["certificate"]["lower"] <= record[role]["certificate"]["upper"]
    assert "KKT point" in out


def test_simulate_writes_the_documented_keys_files_and_picture(capsys, tmp_path):
    files = {name: tmp_path / f"out.{name}" for name in ("json", "npz", "csv", "nc", "png")}
    arguments = ["simulate", "sparse", *SMALL, "--norm", "50", "--until", "8", "--points", "20"]
    code, out, _ = run(capsys, *arguments, "--json", files["json"], "--plot", files["png"])
    assert code == 0
    record = read(files["json"])
    curves = "lambda_t train_accuracy test_accuracy train_loss test_loss norms".split()
    assert all(len(record[name]) == 20 for name in curves)
    assert set(record["transition"]) == {"lambda_t", "width"}
    assert set(record["solver"]) == {
        "name", "rhs_evaluations", "jacobian_evaluations", "seconds",
    }  # fmt: skip
    assert {"problem", "model", "alpha", "norm", "lam", "loss"} <= set(record)
    assert math.isclose(record["norm"], 50)
    assert record["lambda_t"][-1] == 8
    assert "evaluations" in out
    assert files["png"].read_bytes()[:4] == b"\x89PNG"
    for name in ("npz", "csv", "nc"):
        assert run(capsys, *arguments, "--out", files[name])[0] == 0
    import xarray

    with np.load(files["npz"]) as arrays:
        assert np.allclose(arrays["test_accuracy"], record["test_accuracy"])
        assert json.loads(str(arrays["settings"]))["loss"] == "logistic"
        assert "numpy" in json.loads(str(arrays["versions"]))
    with xarray.open_dataset(files["nc"], engine="scipy") as dataset:
        assert np.allclose(dataset.norms, record["norms"])
        assert dataset.state.dims == ("lambda_t", "unknown")
    table = np.genfromtxt(files["csv"], delimiter=",", names=True)
    assert np.allclose(table["train_loss"], record["train_loss"])


def test_regression_reports_errors_in_place_of_accuracies(capsys, tmp_path):
    path = tmp_path / "out.json"
    arguments = ["simulate", "sparse-regression", *SMALL, "--alpha", "10", "--points", "15"]
    assert run(capsys, *arguments, "--json", path)[0] == 0
    record = read(path)
    assert len(record["test_error"]) == 15
    assert "test_accuracy" not in record
    assert record["solver"]["name"].startswith("IDA")


def test_the_users_data_are_read_and_mapped(capsys, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 60))
    data, out = tmp_path / "mine.npz", tmp_path / "out.json"
    np.savez(data, X=x, y=(x[:, 0] > 0).astype(int))
    code, text, _ = run(capsys, "predict", data, "--set", "seed=3", "--json", out)
    assert code == 0
    assert "note: y read as 2 classes: 0 as -1 (13 rows), 1 as +1 (7 rows)" in text
    assert any("held out" in note for note in read(out)["notes"])
    np.savez(data, X=x, y=x[:, 0])
    assert run(capsys, "predict", data, "--loss", "square", "--json", out)[0] == 0
    assert read(out)["loss"] == "square"


def test_data_that_determine_the_weights_have_no_transition(capsys, tmp_path):
    """predict says so, and of which kind they are; simulate finds none either."""
    rng = np.random.default_rng(1)
    path, out = tmp_path / "noise.npz", tmp_path / "out.json"
    np.savez(path, X=rng.standard_normal((80, 3)), y=rng.choice([-1, 1], 80))
    code, said, _ = run(capsys, "predict", path, "--json", out)
    assert code == 0
    assert "data: classes that overlap" in said
    assert "no transition: your data determine the weights" in said
    record = read(out)
    assert record["kind"] == record["diagnosis"]["kind"] == "no transition"
    assert record["regime"] == "classes that overlap"
    assert record["transition"]["predicted"] is None
    assert run(capsys, "simulate", path, "--points", "10", "--json", out)[0] == 0
    assert read(out)["transition"] == {"lambda_t": None, "width": None}
    tall = ["sparse-regression", "--set", "n=30", "d=20", "noise=1", "n_test=100"]
    code, said, _ = run(capsys, "predict", *tall)
    assert code == 0 and "data: targets that no weights fit" in said
    assert run(capsys, "simulate", *tall, "--points", "5", "--json", out)[0] == 0
    assert read(out)["transition"]["lambda_t"] is None


@pytest.mark.parametrize(("error", "expected"), [("stopped", 1), ("interrupted", 130)])
def test_a_flow_that_is_stopped_writes_what_it_reached(
    capsys, tmp_path, monkeypatch, error, expected
):
    from grokflow.simulations.diagonal.flow import DiagonalFlow

    run_whole = DiagonalFlow.run

    def run_part(self, start, times, **options):
        reached = run_whole(self, start, times[:7], **options)
        raise Stopped("raise rtol", reached) if error == "stopped" else Interrupted(reached)

    monkeypatch.setattr(DiagonalFlow, "run", run_part)
    paths = {name: tmp_path / f"out.{name}" for name in ("json", "npz", "png")}
    arguments = ["simulate", "sparse", *SMALL, "--points", "20", "--json", paths["json"]]
    arguments += ["--out", paths["npz"], "--plot", paths["png"]]
    code, out, err = run(capsys, *arguments)
    assert code == expected and len(err.splitlines()) == 1 and "evaluations" in out
    assert len(read(paths["json"])["lambda_t"]) == 7
    assert paths["npz"].exists() and paths["png"].exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "spars"], "problem is 'spars', expected sparse, gaussian-margin"),
        (["predict", "sparse", "--set", "m=3"], "sparse has no key 'm', expected n, d, k"),
        (["predict", "sparse", "--set", "n=a"], "--set got 'n=a', expected KEY=NUMBER"),
        (["predict", "sparse", "--set", "n=2.5"], "n is 2.5, expected a whole number"),
        (["predict", "sparse", "--set", "seed=-1"], "seed is -1, expected at least 0"),
        (["predict", "sparse", "--alpha", "0"], "0 found, expected a finite number above 0"),
        (["predict", "sparse", "--alpha", "1e200"], "alpha is 1e+200, expected"),
        (["predict", "sparse", "--lam", "-1"], "-1 found, expected a finite number above 0"),
        (["predict", "sparse", "--depth", "1"], "depth is 1, expected at least 2"),
        (["simulate", "sparse", "--depth", "9"], "depth is 9, expected 2 to 8"),
        (
            ["predict", "sparse-regression", "--loss", "logistic"],
            "loss is logistic on a regression problem, expected square",
        ),
        (["predict", "sparse", "--loss", "hinge"], "invalid choice: 'hinge'"),
        (["predict", "sparse", "--json", "out.txt"], "suffix '.txt', expected one of .json"),
        (["simulate", "sparse", "--out", "nowhere/out.npz"], "nowhere is not a folder"),
        (["simulate", "sparse", "--out", "folder.nc"], "folder.nc is a folder, expected a file"),
        (["simulate", "sparse", "--points", "0"], "0 found, expected a whole number"),
        (["verify", "--claim", "thm-9"], "claim is 'thm-9', expected one of thm-"),
        (["predict", "missing.npz"], "cannot read missing.npz"),
        (["predict", "sparse", "--alpha", "x"], "--alpha: x found, expected a finite number above"),
        (["predict", "sparse", "--fast"], "unrecognized arguments: --fast: see grokflow"),
        (["simulate", "mnist"], "problem is 'mnist', expected sparse, "),
        (["simulate", "mnist"], "there is no such problem or file, so check the name"),
        (["simulate", "mnist"], ", modular-addition, xor, digits, "),
        (
            ["predict", "sparse", "--target", "y"],
            "--target is for files of inputs and labels, and sparse is none",
        ),
        (["scan", "sparse", "--seeds", "x"], "--seeds: x found, expected a whole number"),
        (["scan", "sparse", "--seeds", "9" * 5000], f"--seeds: {'9' * 40}... found, expected"),
        (["predict"], "the following arguments are required: PROBLEM: see grokflow predict --help"),
        ([], "COMMAND"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.nc").mkdir()
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1 and err.startswith("grokflow: ")
    assert out == ""


def refuse_files(**options):
    raise PermissionError(13, "Permission denied")


def test_a_folder_that_takes_no_files_is_refused_before_the_work(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("grokflow.simulations.runs.files.tempfile.TemporaryFile", refuse_files)
    code, out, err = run(capsys, "simulate", "sparse", "--json", tmp_path / "out.json")
    assert (code, out) == (2, "") and "takes no files (Permission denied), expected a folder" in err
    assert list(tmp_path.iterdir()) == []
    assert len([line for line in err.splitlines() if "grokflow" in line and ": " in line]) >= 1


def test_verify_reports_json_and_page(capsys, tmp_path):
    folder = tmp_path / "page"  # as `make report` has it, the JSON lies in the folder to be made
    out = folder / "v.json"
    arguments = ["verify", "--claim", "thm-e.3", "--claim", "thm-3.4-printed"]
    code, text, _ = run(capsys, *arguments, "--json", out, "--report", folder)
    assert code == 0
    record = read(out)
    assert {"claims", "summary", "versions", "seeds"} <= set(record)
    keys = "label statement source kind expected verdict discrepancy allowed seconds broken"
    for claim in record["claims"]:
        assert set(keys.split()) <= set(claim)
        assert claim["verdict"] == claim["expected"]
        assert all(item["verdict"] == "refuted" for item in claim["broken"])
    page = (folder / "index.html").read_text()
    assert "thm-e.3" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "2 of 2 claims" in text


def test_verify_with_two_processes_agrees(capsys, tmp_path):
    records = []
    for jobs in (1, 2):
        out = tmp_path / f"{jobs}.json"
        arguments = ["verify", "--claim", "thm-e.3", "--claim", "f.1-f.3", "--jobs", jobs]
        assert run(capsys, *arguments, "--json", out)[0] == 0
        claims = read(out)["claims"]
        records.append([{**claim, "seconds": None} for claim in claims])
    assert records[0] == records[1]


def stand_in(monkeypatch, label, check):
    """Replace a claim's check by a quick one, and leave it no broken variants."""
    from dataclasses import replace

    from grokflow.proofs_check.registry import CLAIMS

    monkeypatch.setitem(CLAIMS, label, replace(CLAIMS[label], check=check, broken=()))


def hold(laboratory):
    from grokflow.proofs_check.claim import Evidence

    return Evidence(0.0, 1.0, "stand-in")


def fail(laboratory):
    from grokflow.proofs_check.claim import Evidence

    return Evidence(2.0, 1.0, "stand-in")


def interrupt(laboratory):
    raise KeyboardInterrupt


def test_an_interruption_keeps_what_was_finished(capsys, tmp_path, monkeypatch):
    stand_in(monkeypatch, "cor-3.6", hold)
    stand_in(monkeypatch, "figure-1a", interrupt)
    out, folder = tmp_path / "v.json", tmp_path / "page"
    arguments = ["verify", "--claim", "cor-3.6", "--claim", "figure-1a", "--jobs", 1]
    code, text, _ = run(capsys, *arguments, "--json", out, "--report", folder)
    assert code == 130
    assert [claim["label"] for claim in read(out)["claims"]] == ["cor-3.6"]
    assert "cor-3.6" in (folder / "index.html").read_text()
    assert "1 of 2 claims were finished" in text


INTERRUPTED = """
import dataclasses, signal, sys
from grokflow import cli
from grokflow.commands import verify

def inside_exec(arguments):
    exec("import signal; signal.raise_signal(signal.SIGINT)")

def inside_a_dataclass_that_is_imported(arguments):
    class Struck:
        def __set_name__(self, owner, name):
            signal.raise_signal(signal.SIGINT)
    dataclasses.make_dataclass("Result", ["x"], namespace=dict(struck=Struck()))

def while_a_module_is_imported(arguments):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            signal.raise_signal(signal.SIGINT)
    sys.meta_path.insert(0, Finder())
    import a_module_that_is_not_there

def where_cleaning_up_fails(arguments):
    try:
        raise KeyboardInterrupt
    finally:
        raise ValueError("a stack that is empty")

signal.signal(signal.SIGINT, signal.default_int_handler)
verify.run = {how}
sys.exit(cli.main(["verify"]))
"""


INTERRUPTED_IMPORT = """
import signal, sys
from grokflow import cli

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
sys.exit(cli.main(["predict", "sparse"]))
"""


def check_interruption(code, folder):
    """Run code as a module, as Python then dies by the signal where it does not return a code."""
    (folder / "struck.py").write_text(code)
    path = os.pathsep.join([str(folder), os.getcwd()])
    done = subprocess.run(
        [sys.executable, "-m", "struck"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert (done.returncode, done.stderr) == (130, "grokflow: interrupted\n")


@pytest.mark.parametrize(
    "how",
    [
        "inside_exec",
        "inside_a_dataclass_that_is_imported",
        "while_a_module_is_imported",
        "where_cleaning_up_fails",
    ],
)
def test_an_interruption_is_exit_130_wherever_it_strikes(tmp_path, how):
    check_interruption(INTERRUPTED.format(how=how), tmp_path)


@pytest.mark.parametrize("module", ["grokflow.commands.predict", "numpy", "scipy.optimize"])
def test_an_interruption_is_exit_130_while_a_command_imports_what_it_needs(tmp_path, module):
    check_interruption(INTERRUPTED_IMPORT.format(module=module), tmp_path)


def test_handlers_of_others_are_left_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ctrl_c_raised():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(CtrlC), ctrl_c_raised():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_verdict_that_is_not_expected_is_exit_1(capsys, monkeypatch):
    stand_in(monkeypatch, "cor-3.6", fail)
    code, text, _ = run(capsys, "verify", "--claim", "cor-3.6")
    assert code == 1
    assert "NOT expected" in text


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from grokflow.cli import build_parser; build_parser().format_help(); "
        "print(*(set(sys.modules) & {'numpy', 'scipy', 'torch', 'cvxpy', 'matplotlib', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_words_of_the_output_are_explained(capsys):
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    words = capsys.readouterr().out.partition("words of the output:")[2]
    for word in ("early limit", "late limit", "margin", "gap", "λt"):
        assert word in words


TWICE = {
    "predict sparse --alpha 1 --alpha 2": "argument --alpha: given twice, expected once",
    "predict x.csv --loss logistic --regression": "argument --regression: given beside --loss",
    "predict sparse --set n=8 n=9": "n is 8 and 9, expected one value: leave one out",
    "predict sparse --set n=8 --set n=9": "n is 8 and 9, expected one value: leave one out",
    "predict x.csv --intercept 2 --set intercept=3": "intercept is 2 and 3, expected one value",
    "predict x.csv --target a --target b": "target is a and b, expected one value",
    "scan sparse --set n=8 --axis n=8,9": "n is 8 and 8,9, expected one value",
    "misgrok --target a --target b": "target is a and b, expected one value",
    "verify --seed 1 --seed 2": "argument --seed: given twice, expected once",
}


@pytest.mark.parametrize("command", TWICE)
def test_what_is_given_twice_is_refused(capsys, command):
    code, out, err = run(capsys, *command.split())
    assert code == 2 and out == "" and len(err.splitlines()) == 1
    assert err.startswith(f"grokflow: {TWICE[command]}")


def test_a_parser_forgets_what_an_earlier_command_line_gave():
    parser = build_parser()
    for _ in range(2):
        assert parser.parse_args(["predict", "sparse", "--alpha", "1"]).alpha == 1


@pytest.mark.parametrize(
    "command",
    [
        "scan sparse --resume --out none.db",
        "verify --claim thm-3.4 --resume --out none.db",
        "modular phases --resume --store none.db",
    ],
)
def test_a_store_that_does_not_exist_is_not_resumed(capsys, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *command.split())
    assert code == 2 and not (tmp_path / "none.db").exists()
    assert err.startswith("grokflow: none.db does not exist, expected the file to go on with: ")


def test_a_command_to_copy_holds_its_file_in_quotes(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = ["--set", "n=6", "d=8", "k=1", "n_test=20"]
    out = run(capsys, "predict", "sparse", *sizes, "--certificate", "my proof.json")[1]
    (command,) = re.findall("`grokflow (check .*)`", out)
    assert run(capsys, *shlex.split(command))[0] == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"claim": "thm-3.4"}', "[" * 10**5])
def test_what_is_no_stored_problem_is_not_replayed(capsys, tmp_path, text):
    (tmp_path / "it.json").write_text(text)
    code, _, err = run(capsys, "falsify", "--replay", tmp_path / "it.json")
    assert code == 2 and len(err.splitlines()) == 1
    assert "it.json" in err and "expected a file that `grokflow falsify` stores" in err
