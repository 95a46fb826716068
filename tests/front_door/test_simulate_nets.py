"""``grokflow simulate`` for nets by the flow, what it measures, and how it is stopped."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

import grokflow.simulations.nets.tasks.catalogue
from grokflow.cli import main
from grokflow.simulations.nets.start import NetStart

pytestmark = pytest.mark.usefixtures("no_progress_lines")

ADDITION = ["modular-addition", "--optimizer", "flow", "--set", "p=5", "width=40", "fraction=0.6"]
CURVES = {
    "lambda_t", "steps", "log10_t", "train_accuracy", "test_accuracy", "train_loss", "test_loss",
    "log_loss", "norms", "departures",
}  # fmt: skip
MEASURED = {
    "kkt_residual", "kkt_slackness", "kkt_bound", "early_distance", "late_distance",
    "kernel_drift", "effective_rank_weights.0", "effective_rank_weights.1",
}  # fmt: skip


def run(capsys, *arguments):
    try:
        code = main(["simulate", *map(str, arguments)])
    except SystemExit as exit_:
        code = exit_.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def small_tasks(monkeypatch):
    """Replace a task by one whose net a test chooses."""

    def use(module, loss="square"):
        problem = grokflow.simulations.nets.tasks.catalogue.teacher_student(
            n=6, d=4, n_test=5
        ).problem
        monkeypatch.setitem(
            grokflow.simulations.nets.tasks.catalogue.TASKS,
            "teacher-student",
            lambda: NetStart(module, problem),
        )

    return use


def test_the_flow_writes_every_documented_key(capsys, tmp_path):
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "npz", "csv", "nc", "png")}
    arguments = [*ADDITION, "--points", 15, "--alpha", 3, "--lam", 1e-3, "--measure", "all"]
    code, out, err = run(
        capsys, *arguments, "--json", files["json"], "--out", files["npz"], "--plot", files["png"]
    )
    assert (code, err) == (0, "")
    assert "symmetrised" not in out and "kernel regime until" in out and "KKT bound" in out
    record = json.loads(files["json"].read_text())
    assert set(record) >= CURVES | MEASURED | {"kernel_regime_end", "transition", "solver"}
    assert len({len(record[key]) for key in CURVES | MEASURED}) == 1
    assert (record["alpha"], record["lam"], record["method"]["optimizer"]) == (3, 1e-3, "flow")
    solver = record["solver"]
    assert solver["steps"] == record["steps"][-1] > 20
    # Four stages, of which the first is shared by all trials of a step.
    trials = solver["steps"] + solver["rejected"]
    assert solver["gradient_evaluations"] == solver["steps"] + 3 * trials
    assert record["degree"] == 2 + 1 and "(degree 3)" in out
    assert np.allclose(record["lambda_t"], 1e-3 * 10 ** np.array(record["log10_t"]))
    assert record["early_distance"][0] > 0.5 and record["late_distance"][-1] == 0
    assert 0 < record["kernel_regime_end"] < np.log(3) + 2
    assert files["png"].read_bytes()[:4] == b"\x89PNG"
    with np.load(files["npz"]) as arrays:
        assert np.array_equal(arrays["kkt_residual"], record["kkt_residual"])
    for suffix in ("csv", "nc"):
        code, *_ = run(capsys, *ADDITION, "--until", 0.5, "--points", 5, "--out", files[suffix])
        assert code == 0 and files[suffix].stat().st_size > 100
    assert "departures" in files["csv"].read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "model", "finite"),
    [
        (["xor", "--set", "n=12", "d=30", "width=8", "n_test=20"], "symmetrised MLP", "margins"),
        (["digits", "--set", "width=8", "fraction=0.02"], "symmetrised MLP", "test_accuracy"),
        (["teacher-student", "--set", "n=12", "d=6", "n_test=20"], "symmetrised MLP", "test_error"),
        (
            ["modular-addition", "--set", "p=4", "width=20", "loss=cross-entropy"],
            "MLP",
            "normalised_margins",
        ),
    ],
)
def test_the_flow_follows_every_homogeneous_task(capsys, tmp_path, arguments, model, finite):
    path = tmp_path / "out.json"
    options = ["--optimizer", "flow", "--until", 0.3, "--points", 6, "--lam", 1e-2, "--json", path]
    code, _, err = run(capsys, *arguments, *options, "--alpha", 2)
    assert (code, err) == (0, "")
    record = json.loads(path.read_text())
    assert record["model"] == model and np.isfinite(record[finite]).all()
    assert record["lambda_t"][-1] == 0.3


def test_chebyshev_steps_write_the_same_keys_and_go_on_from_a_checkpoint(capsys, tmp_path):
    path, kept = tmp_path / "out.json", tmp_path / "run.pt"
    relu = ["modular-addition", "--set", "p=5", "width=40", "loss=cross-entropy"]
    relu += ["activation=relu", "fraction=0.6", "--optimizer", "chebyshev", "--alpha", 10]
    relu += ["--lam", 1e-3, "--points", 10, "--measure", "kkt", "drift", "--checkpoint", kept]
    code, out, err = run(capsys, *relu, "--until", 0.5, "--json", path)
    assert (code, err) == (0, "") and "Chebyshev steps" in out and "NTK drift" in out
    record = json.loads(path.read_text())
    assert set(record) >= CURVES | {"kkt_residual", "kernel_drift", "transition", "solver"}
    assert (record["alpha"], record["lam"]) == (10, 1e-3)
    assert record["method"]["optimizer"] == "chebyshev"
    solver = record["solver"]
    # A step of descent is at most 2/σ, and σ/λ falls from thousands.
    assert solver["steps"] <= solver["gradient_evaluations"] < 3000
    assert np.allclose(record["lambda_t"], 1e-3 * 10 ** np.array(record["log10_t"]))
    assert run(capsys, *relu, "--until", 0.6, "--json", path)[0] == 0
    longer = json.loads(path.read_text())
    assert longer["solver"]["gradient_evaluations"] > solver["gradient_evaluations"]
    assert longer["train_loss"][:10] == record["train_loss"]
    for option in (["--lr", 0.1], ["--batch", 4], ["--rtol", 1e-3], ["--no-decay"]):
        code, _, err = run(capsys, *relu, *option)
        assert code == 2 and "expected none for Chebyshev steps" in err


def test_descent_and_flow_start_from_the_same_norm(capsys, tmp_path):
    path, norms = tmp_path / "out.json", []
    for options in (["--optimizer", "flow", "--until", 0.1], ["--optimizer", "gd", "--steps", 3]):
        small = ["modular-addition", "--set", "p=5", "width=8", "--alpha", 3, "--points", 5]
        assert run(capsys, *small, *options, "--lam", 0.01, "--lr", 1e-9, "--json", path)[0] == (
            2 if "flow" in options else 0
        )
        if "flow" in options:
            assert run(capsys, *small, *options, "--lam", 0.01, "--json", path)[0] == 0
        norms.append(json.loads(path.read_text())["norms"][0])
    assert norms[0] == pytest.approx(norms[1], rel=1e-6)


def test_descent_and_the_exact_flows_measure_too(capsys, tmp_path):
    path = tmp_path / "out.json"
    for problem in (
        ["sparse", "--set", "n=10", "d=30", "n_test=20"],
        ["sparse-regression", "--set", "n=10", "d=30", "n_test=20", "--depth", 3],
        ["completion", "--set", "d=6", "fraction=0.5"],
        ["modular-addition", "--set", "p=4", "width=20", "--steps", 20],
    ):
        code, out, err = run(
            capsys, *problem, "--points", 12, "--measure", "kkt", "drift", "--json", path,
            "--plot", tmp_path / "out.png",
        )  # fmt: skip
        assert (code, err) == (0, "") and "KKT" in out and "NTK drift" in out
        record = json.loads(path.read_text())
        for key in ("kkt_residual", "kernel_drift"):
            assert len(record[key]) == len(record["lambda_t"]) and np.isfinite(record[key]).all()


def test_a_net_that_does_not_start_at_zero_has_no_early_predictor(capsys, tmp_path):
    path = tmp_path / "out.json"
    small = ["xor", "--set", "n=12", "d=8", "width=4", "n_test=20", "--steps", 3]
    code, _, err = run(capsys, *small, "--measure", "all", "--json", path)
    assert code == 0 and "expected 0 (A3.2)" in err and "without the early predictor" in err
    record = json.loads(path.read_text())
    assert "late_distance" in record and "early_distance" not in record


def test_real_targets_have_a_transition_only_where_the_error_moves(capsys, tmp_path):
    path = tmp_path / "out.json"
    small = ["teacher-student", "--set", "n=12", "d=6", "n_test=20", "--optimizer", "flow"]
    assert run(capsys, *small, "--until", 0.5, "--points", 5, "--json", path)[0] == 0
    record = json.loads(path.read_text())
    assert max(record["train_error"][2:]) <= 0.01 * record["train_error"][0]
    assert record["transition"]["steps"] is None


INTERRUPTED = [
    sys.executable, "-m", "grokflow", "simulate", "modular-addition", "--optimizer", "flow",
    "--set", "p=13", "width=64", "--points", "400", "--lam", "1e-6",
]  # fmt: skip


def test_ctrl_c_writes_what_was_reached_and_exits_with_130(tmp_path):
    """A real process, interrupted once its progress shows that some times are recorded."""
    path, mark = tmp_path / "out.json", tmp_path / "mark"
    script = (
        "import sys, pathlib, signal\n"
        # A shell's background job ignores the signal, and what it starts inherits that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from grokflow.simulations.nets.recorder import Recorder\n"
        "from grokflow.cli import main\n"
        "add = Recorder.add\n"
        "def marked(self, moment, theta):\n"
        "    add(self, moment, theta)\n"
        f"    if len(self.records) == 5: pathlib.Path({str(mark)!r}).touch()\n"
        "Recorder.add = marked\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", script, *INTERRUPTED[3:], "--json", str(path)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": "."},
    )
    for _ in range(1200):
        if mark.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.decode().strip() == "grokflow: interrupted"
    record = json.loads(path.read_text())
    assert 5 <= len(record["lambda_t"]) < 400 and len(record["norms"]) == len(record["lambda_t"])
    assert b"gradients" in out


class Fragile(nn.Module):
    """Homogeneous, until its parameter has decayed below a threshold: then it is NaN."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(4, dtype=torch.float64))

    def forward(self, x):
        value = x @ self.w
        size = self.w.detach().norm()
        return value * (float("nan") if float(size) < 0.9 else 1.0)


def test_nan_gradients_stop_with_what_was_reached(capsys, tmp_path, small_tasks):
    path = tmp_path / "out.json"
    small_tasks(Fragile())
    arguments = ["teacher-student", "--optimizer", "flow", "--alpha", 30, "--lam", 100]
    code, _, err = run(capsys, *arguments, "--until", 6, "--points", 30, "--json", path)
    assert code == 1 and "stopped at λt" in err and len(err.splitlines()) == 1
    record = json.loads(path.read_text())
    assert 1 < len(record["norms"]) < 30 and record["norms"][-1] >= 0.9


class Decaying(nn.Module):
    def __init__(self, last):
        super().__init__()
        self.first, self.last = nn.Linear(4, 1, bias=False).double(), last

    def forward(self, x):
        return self.last(self.first(x))


@pytest.mark.parametrize("optimizer", ["flow", "gd"])
@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Decaying(nn.Dropout()), "Dropout in training mode"),
        (Decaying(nn.BatchNorm1d(1).double()), "BatchNorm1d in training mode"),
        (nn.Flatten(), "no trainable parameters"),
    ],
)
def test_modules_that_depend_on_chance_or_have_no_parameters_are_refused(
    capsys, small_tasks, module, message, optimizer
):
    small_tasks(module)
    code, _, err = run(capsys, "teacher-student", "--optimizer", optimizer)
    assert code == 2 and message in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["polynomial", "--optimizer", "flow"], "not homogeneous"),
        ([*ADDITION, "--lr", "1"], "--lr 1.0 found, expected none for the flow"),
        ([*ADDITION, "--no-decay"], "--no-decay True found"),
        ([*ADDITION, "--checkpoint", "x"], "--checkpoint x found"),
        ([*ADDITION, "scale=3"], "use --alpha instead"),
        ([*ADDITION, "--rtol", "3"], "rtol is 3, expected 1e-08 to 0.1"),
        ([*ADDITION, "--lam", "1e-20"], "lam is 1e-20"),
        (["digits", "--optimizer", "flow", "--alpha", "1e9"], "lower alpha"),
        (["digits", "--until", "3"], "--until 3.0 found, expected none for training step by step"),
        (["sparse", "--optimizer", "gd"], "--optimizer gd found, expected none for sparse"),
        (["sparse", "--no-decay"], "--no-decay True found, expected none for sparse"),
        (["sparse", "--checkpoint", "x"], "--checkpoint x found"),
        (["completion", "--steps", "4"], "--steps 4 found, expected none for completion"),
        (["completion", "--label-noise", "0.1"], "--label-noise 0.1 found"),
        (["xor", "--lam", "0.1", "--no-decay"], "--lam 0.1 found with --no-decay"),
        (["xor", "--lam", "0.1", "--log-loss"], "leave the other out"),
        (["digits", "--measure", "all", "rank2"], "measure is 'rank2'"),
        (["sparse", "--measure", "norm"], "measure is 'norm'"),
        (["completion", "--measure", "norm"], "measure is 'norm'"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(capsys, arguments, message):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert message in err and len(err.strip().splitlines()) == 1
