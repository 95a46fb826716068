"""What `grokflow predict` costs: modules that are imported, and passes over the data."""

import subprocess
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer

import grokflow as gf
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
    """Measured are 193; twice as many would be a step back."""
    data = load_breast_cancer()
    y = np.where(data.target, 1, -1)
    test = gf.StoredTestSet(data.data, y)
    problem = gf.make_problem("cancer", "classification", data.data, y, test, standardise=True)
    passes, sweep = [], DataMatrix.sweep
    monkeypatch.setattr(
        DataMatrix, "sweep", lambda *arguments: passes.append(1) or sweep(*arguments)
    )
    gf.forecast(problem, alpha=10.0, lam=1e-3, loss=gf.LOSSES["logistic"])
    assert len(passes) <= 2 * 193
