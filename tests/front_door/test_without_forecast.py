"""Data without a predictor: predict refuses in one line, simulate and scan go on without it."""

import json

import numpy as np
import pytest

import grokflow as gf
from grokflow.cli import main
from grokflow.simulations.models import diagonal
from grokflow.theory.certificate import Farkas
from grokflow.theory.completion import forecast as of_completion
from grokflow.theory.diagonal import forecast as of_diagonal
from grokflow.theory.diagonal.classes import softmax as of_softmax
from grokflow.theory.predictor import resolving

SPARSE = ["sparse", "--set", "n=8", "d=16", "n_test=50"]
COMPLETION = ["completion", "--set", "d=4", "fraction=0.6"]
# One of each kind, and of what solvers raise when they give up.
REASONS = {
    "not separable": gf.NotSeparable(Farkas(np.array([0.5, 0.5]), 1e-17)),
    "samples can be classified ever better": gf.PartlySeparable(np.array([3]), n=8),
    "no w interpolates": gf.NotInterpolable("no w interpolates, expected one: drop samples"),
    "margin is below": gf.NotResolved("every margin is below 1e-13, expected more: scale them"),
    "still changes w after 9 sweeps)": gf.NotConverged(
        "reweighting still changes w after 9 sweeps, expected\n1e-9: start nearer to a KKT point"
    ),
    "Singular matrix": np.linalg.LinAlgError("Singular matrix"),
    "division by zero": ZeroDivisionError("division by zero"),
    "OverflowError": OverflowError(""),
}


def ran(capsys, *arguments):
    """Return exit code, output and errors of a command."""
    code = main(list(arguments))
    return code, *capsys.readouterr()


@pytest.fixture(params=list(REASONS))
def reason(request, monkeypatch):
    """Break every forecast from within, and return what must be said of it."""

    def fail(*arguments, **options):
        raise REASONS[request.param]

    monkeypatch.setattr(of_diagonal, "held_weights", fail)
    monkeypatch.setattr(of_softmax, "_early", fail)
    monkeypatch.setattr(of_completion, "effort_for", fail)
    return request.param


@pytest.fixture
def overlapping(tmp_path):
    """Every input has two classes of three: no outputs tell them apart."""
    x = np.repeat(np.random.default_rng(0).standard_normal((3, 2)), 2, axis=0)
    path = tmp_path / "overlapping.npz"
    np.savez(path, X=x, y=list("abbcca"), X_test=x, y_test=list("abbcca"))
    return [str(path), "--loss", "cross-entropy"]


@pytest.mark.parametrize("problem", [SPARSE, COMPLETION])
def test_predict_refuses_in_one_line_and_writes_nothing(problem, reason, tmp_path, capsys):
    path = tmp_path / "found.json"
    code, out, err = ran(capsys, "predict", *problem, "--json", str(path))
    assert code == 2 and not path.exists()
    assert err.startswith("grokflow: ") and err.count("\n") == 1 and reason in err
    assert "expected" in err and "early" not in out


@pytest.mark.parametrize("problem", [SPARSE, COMPLETION])
def test_simulate_goes_on_says_why_and_measures_the_rest(problem, reason, tmp_path, capsys):
    files = {name: tmp_path / f"found.{name}" for name in ("json", "nc", "png")}
    code, _, err = ran(
        capsys, "simulate", *problem, "--measure", "all", "--points", "10", "--until", "3",
        "--json", str(files["json"]), "--out", str(files["nc"]), "--plot", str(files["png"]),
    )  # fmt: skip
    assert code == 0 and err.count("\n") == 1 and reason in err
    assert err.endswith("simulating without predictors and without the measures early and late\n")
    assert "follow the flow" not in err and "grokflow simulate" not in err
    found = json.loads(files["json"].read_text())
    assert reason in found["no_forecast"] and "\n" not in found["no_forecast"]
    assert len(found["kkt_residual"]) == 10 and found["transition"]["lambda_t"] is None
    assert not {"early_distance", "late_distance"} & set(found)
    assert all(path.stat().st_size for path in files.values())


def test_with_a_forecast_there_is_no_reason(tmp_path, capsys):
    path = tmp_path / "found.json"
    options = ["--points", "10", "--until", "3", "--measure", "late", "--json", str(path)]
    code, _, err = ran(capsys, "simulate", *SPARSE, *options)
    found = json.loads(path.read_text())
    assert (code, err) == (0, "") and "no_forecast" not in found and found["late_distance"]


def test_a_scan_keeps_cells_without_a_forecast_and_goes_on(reason, tmp_path, capsys):
    store, table = tmp_path / "scan.db", tmp_path / "scan.json"
    scan = ["scan", *SPARSE, "--alpha", "1e2,1e3", "--lam", "1e-3", "--jobs", "1"]
    scan += ["--out", str(store), "--json", str(table), "--plot", str(tmp_path / "scan.svg")]
    told = []
    for more in ([], ["--resume"]):
        code, out, _ = ran(capsys, *scan, *more)
        assert code == 0 and "2 simulated" in out and "0 failed" in out
        assert "simulated without predictors: 2" in out and reason in out
        assert "no law fitted: no cell has predictors" in out
        told.append(json.loads(table.read_text()))
    assert told[0] == told[1]
    assert told[0]["fit"] is None and "no cell has predictors" in told[0]["no_fit"]
    for cell in told[0]["cells"]:
        assert reason in cell["no_forecast"] and cell["error"] is None and cell["simulated"]
        assert cell["predicted"] is None and 0 <= cell["ends"]["last"] <= 1


def test_classes_that_no_outputs_tell_apart_are_followed_and_scanned(overlapping, capsys):
    code, _, err = ran(capsys, "predict", *overlapping)
    assert code == 2 and "no linear outputs tell the classes apart" in err
    code, _, err = ran(capsys, "simulate", *overlapping, "--points", "10", "--until", "3")
    assert code == 0 and err.endswith("simulating without predictors\n")
    scan = ["scan", *overlapping, "--alpha", "10", "--lam", "1e-2", "--jobs", "1"]
    code, out, _ = ran(capsys, *scan)
    assert code == 0 and "1 simulated" in out and "no linear outputs" in out


def test_misgrok_leaves_out_what_has_no_predictor(tmp_path, monkeypatch, capsys):
    def fail(*arguments, **options):
        raise gf.NotConverged("reweighting goes on, expected an end: start nearer")

    # By the shallow net and by the deep ones, of which the search draws either.
    monkeypatch.setattr(diagonal, "held_weights", fail)
    monkeypatch.setattr(of_diagonal, "held_weights", fail)
    x = np.random.default_rng(0).standard_normal((40, 5))
    np.savez(tmp_path / "own.npz", X=x, y=np.where(x[:, 0] > 0, 1, -1))
    code, out, err = ran(
        capsys, "misgrok", "--family", str(tmp_path / "own.npz"), "--budget", "2", "--jobs", "1",
        "--out", str(tmp_path / "found"),
    )  # fmt: skip
    assert (code, err) == (0, "") and "left out 2: the forecast is not resolved" in out


def test_wrong_arguments_stay_what_they_are():
    with pytest.raises(ValueError, match=r"^alpha is") as raised, resolving("the forecast"):
        raise ValueError("alpha is -1, expected above 0: raise it")
    assert not isinstance(raised.value, gf.NoPredictor)


@pytest.mark.parametrize("command", [["simulate", "--points", "5"], ["scan"]])
def test_what_goes_on_without_a_forecast_says_why_and_no_remedy(command, tmp_path, capsys):
    """Depth 3 was asked for: a note that one should take depth 2 answers nobody."""
    name, *options = command
    path = tmp_path / "partly.npz"
    x = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [1.0, 1.0]])
    np.savez(path, X=x, y=[1, -1, 1, 1], X_test=x, y_test=[1, -1, 1, 1])
    settings = ["--depth", "3", "--alpha", "10", "--lam", "1e-3", *options]
    code, out, err = ran(capsys, name, str(path), *settings)
    said = out + err
    assert code == 0 and said.count("samples can be classified ever better") == 1
    assert "at depth 2 only" in said and "take depth 2" not in said
