"""What `grokflow predict` costs: modules that are imported, and passes over the data."""

import subprocess
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer

import grokflow as gf
from grokflow.theory.diagonal import path
from grokflow.theory.linear import l2
from grokflow.theory.numerics import margin_steps
from grokflow.theory.numerics.data_matrix import DataMatrix

# Each takes as long to import as all of numpy and scipy, or longer.
HEAVY = "{'torch', 'pandas', 'matplotlib', 'cvxpy', 'xarray', 'sklearn', 'pyarrow', 'hypothesis'}"


def test_predict_imports_nothing_that_it_does_not_use(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 5))
    rows = [",".join([*map(repr, row.tolist()), str(int(row[0] > 0))]) for row in x]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,c,d,e,y", *rows]), encoding="utf-8")
    program = (
        "import sys; from grokflow.cli import main; main(['predict', 'table.csv']); "
        f"print('heavy:', sorted(set(sys.modules) & {HEAVY}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "heavy: []" in done.stdout


def test_a_forecast_of_569_rows_takes_few_passes(monkeypatch):
    """Measured are 159, with the objective known from the last step; half as many more is too many.

    Proximal points take 193, and one second on raw inputs.
    """
    data = load_breast_cancer()
    y = np.where(data.target, 1, -1)
    test = gf.StoredTestSet(data.data, y)
    problem = gf.make_problem("cancer", "classification", data.data, y, test, standardise=True)
    passes, sweep = [], DataMatrix.sweep
    monkeypatch.setattr(
        DataMatrix, "sweep", lambda *arguments: passes.append(1) or sweep(*arguments)
    )
    gf.forecast(problem, alpha=10.0, lam=1e-3, loss=gf.LOSSES["logistic"])
    assert len(passes) <= 1.5 * 159


def cancer():
    data = load_breast_cancer()
    y = np.where(data.target, 1, -1)
    return gf.make_problem("raw", "classification", data.data, y, gf.StoredTestSet(data.data, y))


def test_the_margin_of_many_samples_is_found_without_their_gram_matrix(monkeypatch):
    """With more samples than inputs the matrix is singular, and a factor of X is smaller."""

    def refuse(*arguments):
        raise AssertionError("the Gram matrix of all samples is solved with")

    monkeypatch.setattr(l2, "hard_margin", refuse)
    assert gf.MaxL2Margin().predict(cancer()).certificate.gap <= 1e-7


def test_a_path_begins_at_the_margin_that_its_forecast_has_found(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("the largest margin is looked for twice")

    monkeypatch.setattr(path, "_kernel_predictor", refuse)
    found = gf.forecast(cancer(), alpha=10.0, lam=1e-3, loss=gf.LOSSES["logistic"])
    assert found.no_time == ""


def test_raw_inputs_take_few_programs_a_point(monkeypatch):
    """Measured are 1.4: most points know which multipliers move from the last one."""
    steps, step = [], margin_steps._step
    monkeypatch.setattr(
        margin_steps, "_step", lambda *arguments: steps.append(1) or step(*arguments)
    )
    asked = {"alpha": 10.0, "lam": 1e-3, "loss": gf.LOSSES["logistic"]}
    found = gf.forecast(cancer(), **asked)
    assert len(steps) <= 2 * 1.4 * len(found.curve.lambda_t)


def test_a_path_of_outputs_extrapolates_without_a_pass(monkeypatch):
    """Coordinates go on like the multipliers that they are sums of: one pass a point less."""
    problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    log_beta = np.linspace(4, -16, 81)
    passes, correlate = [], DataMatrix.correlate
    monkeypatch.setattr(
        DataMatrix, "correlate", lambda *arguments: passes.append(1) or correlate(*arguments)
    )
    gf.trace(problem, log_beta)
    # One for the end of each point, and six for the path.
    assert len(passes) <= 1.2 * len(log_beta)
