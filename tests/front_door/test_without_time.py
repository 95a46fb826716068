"""Where the path from early to late weights is not resolved, all but the time is told."""

import json

import numpy as np
import pytest

import grokflow as gf
from grokflow.cli import main
from grokflow.theory.diagonal import forecast as of_diagonal
from grokflow.theory.diagonal.classes import softmax as of_softmax
from grokflow.theory.diagonal.partly import descent as of_parts

SPARSE = ["sparse", "--set", "n=8", "d=16", "n_test=50"]
REAL = ["sparse-regression", "--set", "n=8", "d=16", "n_test=50"]
REASON = "the margins on the way are known to 1.2e-01"


@pytest.fixture(params=[gf.NotResolved(f"{REASON}, expected 1e-3: scale"), "singular"])
def unresolved(request, monkeypatch):
    """Break every path, by a refusal or from within a solver, and return what is said of it."""

    def fail(*arguments, **options):
        raise np.linalg.LinAlgError("singular") if request.param == "singular" else request.param

    for module in (of_diagonal, of_softmax, of_parts):
        monkeypatch.setattr(module, "trace", fail)
    return REASON if isinstance(request.param, Exception) else "singular"


@pytest.fixture
def classes(tmp_path):
    x = np.random.default_rng(0).standard_normal((120, 12))
    y = x[:, :3].argmax(axis=1)
    path = tmp_path / "largest.npz"
    np.savez(path, X=x[:10], y=y[:10], X_test=x[10:], y_test=y[10:])
    return str(path)


@pytest.fixture
def partly(tmp_path):
    """Ten samples that overlap in two inputs, and one that a third input sets apart."""
    rng = np.random.default_rng(1)
    x = np.hstack([rng.standard_normal((11, 2)), np.zeros((11, 3))])
    x[10, 2:] = [3.0, 1.0, 2.0]
    y = np.array([1, -1] * 5 + [1])
    path = tmp_path / "partly.npz"
    np.savez(path, X=x, y=y, X_test=x, y_test=y)
    return str(path)


def predicted(tmp_path, capsys, *arguments):
    path = tmp_path / "found.json"
    code = main(["predict", *arguments, "--json", str(path)])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return json.loads(path.read_text()), out


@pytest.mark.parametrize("depth", ["2", "3"])
@pytest.mark.parametrize("problem", [SPARSE, REAL])
def test_predict_gives_both_predictors_and_says_why_there_is_no_time(
    problem, depth, unresolved, tmp_path, capsys
):
    found, out = predicted(tmp_path, capsys, *problem, "--depth", depth)
    assert "early: " in out and "late: " in out and " kind: " in out
    assert out.count("its time is not known, for") == 1 and unresolved in out
    assert out.count("grokflow simulate follows the flow without it") == 1
    assert ("the flow may end at another" in out) == (problem is SPARSE and depth == "3")
    assert unresolved in found["no_time"] and found["path"]["lambda_t"] == []
    assert found["transition"]["predicted"] is found["transition"]["constant"] is None
    assert 0 <= found["early"]["certificate"]["gap"] < 1e-6
    assert found["diagnosis"]["best"] == {"lambda_t": None, "quality": None}


def test_the_predictors_are_those_of_a_known_path(monkeypatch):
    problem = gf.sparse_regression(n=8, d=16, k=2, n_test=50)
    for depth in (2, 3):
        asked = {"alpha": 1e3, "lam": 1e-4, "loss": gf.LOSSES["square"], "depth": depth}
        whole = gf.forecast(problem, **asked)
        with monkeypatch.context() as patched:
            patched.setattr(of_diagonal, "trace", lambda *_, **__: 1 / 0)
            without = gf.forecast(problem, **asked)
        assert whole.no_time == "" and "division by zero" in without.no_time
        assert without.kind is whole.kind
        assert np.isnan([*without.transition, without.constant]).all()
        for role in ("early", "late", "limit", "early_limit"):
            # Both are certified to a relative gap of 1e-7, so that they differ by its root.
            mine, other = getattr(without, role).w, getattr(whole, role).w
            assert np.abs(mine - other).max() <= 1e-3 * np.abs(other).max()


@pytest.mark.parametrize("loss", ["logistic", "one-hot", "cross-entropy"])
def test_several_classes_are_told_without_a_time(loss, classes, unresolved, tmp_path, capsys):
    found, out = predicted(tmp_path, capsys, classes, "--loss", loss)
    assert "early: " in out and "late: " in out and unresolved in out
    assert ("class 0: " in found["no_time"]) == (loss != "cross-entropy")
    assert found["early"]["test_accuracy"] > 1 / 3 and found["transition"]["predicted"] is None


def test_partly_separable_classes_are_told_without_a_time(partly, unresolved, tmp_path, capsys):
    found, _ = predicted(tmp_path, capsys, partly)
    assert found["regime"].startswith("classes of which a part is separable")
    assert unresolved in found["no_time"] and found["early"]["certificate"]["gap"] < 1e-6


def test_simulate_goes_on_and_says_so(unresolved, tmp_path, capsys):
    path = tmp_path / "found.json"
    more = ["--measure", "late", "--points", "10", "--until", "3", "--json", str(path)]
    code = main(["simulate", *SPARSE, *more])
    _, err = capsys.readouterr()
    assert code == 0 and err.count("\n") == 1 and unresolved in err
    assert err.endswith("simulating without a predicted time\n")
    assert "follow the flow" not in err and "grokflow simulate" not in err
    found = json.loads(path.read_text())
    assert unresolved in found["no_time"] and len(found["late_distance"]) == 10


def test_a_scan_simulates_and_says_so(unresolved, tmp_path, capsys):
    path = tmp_path / "scan.json"
    # The last forecasts are kept, and found again by the sizes of their data.
    sizes = ["n=8", "d=16", "n_test=51" if unresolved == REASON else "n_test=52"]
    scan = ["scan", "sparse", "--set", *sizes, "--alpha", "1e2", "--lam", "1e-3", "--jobs", "1"]
    code = main([*scan, "--json", str(path)])
    out, _ = capsys.readouterr()
    assert code == 0 and "no predicted time: " in out and unresolved in out
    (cell,) = json.loads(path.read_text())["cells"]
    assert unresolved in cell["no_time"] and cell["no_forecast"] is None
    assert cell["simulated"] and cell["predicted"] is None and cell["kind"]
