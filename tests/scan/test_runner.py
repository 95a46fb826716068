"""Scans: axes, cells, the shift law, and tables that do not depend on who computed them."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas
import pytest

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.simulations.models import diagonal
from grokflow.simulations.runs.code import code_version
from grokflow.simulations.runs.executors import local_workers
from grokflow.simulations.scan.axes import axis
from grokflow.simulations.scan.outcome import CellOutcome
from grokflow.simulations.scan.runner import Scan
from grokflow.simulations.scan.store import scan_store
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.losses import LOSSES
from grokflow.theory.predictor import NotResolved

TINY = {"n": 8, "d": 16, "n_test": 200}
SMALL = {"n": 32, "d": 100, "n_test": 2000}


def columns(table):
    """What must agree bit for bit."""
    return {name: column.tolist() for name, column in table.columns.items()}


def same(first, second):
    return repr(columns(first)) == repr(columns(second))


def test_spaced_axes_hold_both_ends_and_whole_decades():
    assert axis("1e1:1e8:15")[::2] == (1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
    assert axis("1e-2:1e-6:9")[::2] == (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    assert axis("logistic,exponential") == ("logistic", "exponential")
    assert (
        axis("3,5") == (3, 5) and axis(0.5) == (0.5,) and axis(np.array([1.0, 2.0])) == (1.0, 2.0)
    )


@pytest.mark.parametrize("text", ["1:2", "0:1:3", "1:1:3", "1:2:1", "a:b:c", "1,1", "1,,2", "nan"])
def test_axes_refuse_what_is_no_axis(text):
    with pytest.raises(ValueError, match=r"^axis .*expected .*: "):
        axis(text)


def test_whole_settings_are_rounded_and_p_sets_lambda():
    scan = Scan.over("sparse", alpha=[1e2, 1e4], p=[0.5, 1.0], n="8:32:3", d=40, n_test=100)
    assert scan.axes["n"] == (8, 16, 32)
    cells = scan.cells()
    assert len(cells) == 12
    assert {(cell.alpha, cell.lam) for cell in cells} == {
        (1e2, 0.1),
        (1e2, 0.01),
        (1e4, 0.01),
        (1e4, 1e-4),
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 1e2}, "expected alpha and one of lam and p"),
        ({"alpha": 1e2, "lam": 1e-3, "p": 1}, "expected alpha and one of lam and p"),
        ({"alpha": -1, "lam": 1e-3}, "expected a number above 0"),
        ({"alpha": 1e2, "lam": 1e-3, "q": 3}, "has no key 'q'"),
        ({"alpha": 1e2, "lam": 1e-3, "k": 2}, "expected an odd number"),
        ({"alpha": 1e2, "lam": 1e-3, "loss": "hinge"}, "loss is 'hinge', expected"),
        ({"alpha": 1e2, "lam": 1e-3, "depth": 1}, "expected 2 to 8"),
        ({"alpha": 1e2, "lam": 1e-3, "sigma": 0.1}, "only completion has it"),
        ({"alpha": 1e2, "lam": 1e-3, "seeds": 0}, "expected at least one"),
        ({"alpha": 1e2, "lam": 1e-3, "n": "some"}, "expected whole numbers"),
        ({"alpha": 1e2, "lam": 1e-3, "n": "8,8.5"}, "n is 8.5, expected whole numbers"),
    ],
)
def test_a_scan_refuses_at_the_door(settings, message):
    with pytest.raises(ValueError, match=message):
        Scan.over("sparse", **({"d": 20, "n": 8} | settings))


def test_keys_are_of_all_settings_defaults_included_and_of_the_code(monkeypatch):
    def keys(**settings):
        return [cell.key() for cell in Scan.over("sparse", alpha=1e2, lam=1e-3, **settings).cells()]

    base = keys(**TINY)
    assert keys(**TINY, k=3) == base
    for other in (
        {"k": 1},
        {"depth": 3},
        {"loss": "exponential"},
        {"seeds": [1]},
        {"direct": True},
    ):
        assert not set(keys(**TINY, **other)) & set(base)
    monkeypatch.setattr("grokflow.simulations.runs.code.code_version", lambda: "another")
    assert not set(keys(**TINY)) & set(base)


def test_keys_are_the_same_in_every_process():
    code = (
        "from grokflow.simulations.scan.runner import Scan;"
        "print(Scan.over('sparse', alpha=1e2, lam=1e-3, n=8, d=16).cells()[0].key())"
    )
    here = Scan.over("sparse", alpha=1e2, lam=1e-3, n=8, d=16).cells()[0].key()
    for hashing in ("1", "2"):
        environment = {"PYTHONHASHSEED": hashing, "PYTHONPATH": ".", "PATH": ""}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.strip() == here


@pytest.fixture(scope="module")
def pool():
    """Processes of their own, where types are not checked at every call."""
    with local_workers(2) as workers:
        yield workers


@pytest.fixture(scope="module")
def shifted(pool):
    """A scan by the shift law and the same one simulated cell by cell."""
    settings = {"alpha": "1e0:1e6:4", "lam": "1e-2,1e-4", "seeds": 3, **SMALL}
    scans = [Scan.over("sparse", direct=direct, **settings) for direct in (False, True)]
    return [scan.run(executor=pool) for scan in scans]


def test_the_shift_law_changes_nothing_beyond_its_stated_error(shifted):
    quick, direct = shifted
    assert direct["simulated"].all() and not quick["simulated"].all()
    moved = np.isfinite(quick["shifted"])
    assert moved[quick["alpha"] >= 1e4].all() and not moved[quick["alpha"] == 1].any()
    difference = np.abs(quick["shifted"] - direct["lambda_t"])[moved]
    assert (difference <= quick["stated"][moved]).all()
    assert (quick["stated"][moved] < 0.05).all()
    assert np.abs(quick["width"] - direct["width"])[moved].max() <= 0.05


def test_every_group_has_a_cell_of_its_own_simulated_beside_the_law(shifted):
    audited = shifted[0].where(shifted[0]["method"] == "audit")
    assert len(audited) == 6 and audited["simulated"].all()
    groups = zip(audited["lam"].tolist(), audited["seed"].tolist(), strict=True)
    assert set(groups) == {(lam, seed) for lam in (1e-2, 1e-4) for seed in range(3)}
    assert len(set(audited["alpha"])) > 2


def test_a_cell_is_what_the_flow_and_the_forecast_say(pool):
    cell = {"alpha": 1e3, "lam": 1e-3, "seeds": [4], "direct": True, **SMALL}
    row = Scan.over("sparse", **cell).run(executor=pool)
    problem, loss = sparse(seed=4, **SMALL), LOSSES["logistic"]
    prediction = forecast(problem, alpha=1e3, lam=1e-3, loss=loss)
    assert np.isclose(row["predicted"][0], prediction.transition.lambda_t, rtol=1e-12)
    assert np.isclose(row["constant"][0], prediction.constant, rtol=1e-12)
    assert row["kind"][0] == prediction.kind.value == row["simulated_kind"][0]
    assert [row["early"][0], row["late"][0]] == prediction.scores.error[:2].tolist()
    times = prediction.transition.lambda_t + np.arange(-3, 5, 0.02)
    trajectory = DiagonalFlow(lam=1e-3, loss=loss).run(DiagonalStart(problem, 1e3), times)
    when = trajectory.transition(*prediction.scores.error[:2])
    assert abs(row["lambda_t"][0] - when.lambda_t) <= 0.02
    assert abs(row["width"][0] - when.width) <= 0.04


def test_completion_and_depth_three_are_scanned_too(pool):
    entries = {"d": 8, "fraction": 0.5}
    matrix = Scan.over("completion", alpha=[1e2, 1e6], lam=1e-3, **entries).run(executor=pool)
    assert np.allclose(np.diff(matrix["lambda_t"]), np.log(1e4), atol=matrix["stated"][0] + 1e-9)
    assert np.allclose(matrix["lambda_t"], matrix["predicted"], atol=0.1)
    noisy = Scan.over("completion", alpha=1e2, lam=1e-2, sigma=0.1, **entries)
    perturbed = noisy.run(executor=pool)
    assert perturbed["simulated"].all() and np.isnan(perturbed["shifted"]).all()
    deep = Scan.over("sparse", alpha=[1e2, 1e6], lam=1e-3, depth=3, **SMALL).run(executor=pool)
    assert (deep["depth"] == 3).all() and np.isfinite(deep["lambda_t"]).all()


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_a_file_says_itself_whether_its_labels_are_classes_or_targets(tmp_path, suffix):
    path, problem = tmp_path / f"own.{suffix}", sparse_regression(n=20, d=30, k=2, n_test=20)
    x, y = problem.inputs.to_array(), problem.targets
    if suffix == "npz":
        np.savez(path, X=x, y=y)
    else:
        pandas.DataFrame(x).assign(y=y).to_csv(path, index=False)
    table = Scan.over(str(path), alpha=[1e2, 1e3], lam=1e-3).run()
    assert set(table["loss"]) == {"square"} and not table.failed


def test_files_and_functions_of_ones_own_are_scanned_too(tmp_path, pool):
    rng = np.random.default_rng(0)
    inputs = rng.choice([-1.0, 1.0], (12, 30))
    path = tmp_path / "own.npz"
    targets = inputs[:, :3] @ [0.5, 1.0, 2.0]
    np.savez(path, X=inputs, y=targets)
    scan = Scan.over(str(path), alpha=1e2, lam=1e-3, seeds=2)
    table = scan.run(executor=pool)
    assert (table["error"] == "").all() and table["early"][0] != table["early"][1]
    before = scan.cells()[0].key()
    np.savez(path, X=2 * inputs, y=targets)
    assert scan.cells()[0].key() != before
    named = Scan.over("grokflow.simulations.linear.presets:sparse", alpha=1e2, lam=1e-3, **TINY)
    preset = Scan.over("sparse", alpha=1e2, lam=1e-3, **TINY)
    assert same(named.run(executor=pool), preset.run(executor=pool))


def test_errors_are_rows_with_their_message_and_can_be_tried_again(monkeypatch):
    def forecast_of_few(problem, **settings):
        if problem.n == 40:
            raise RuntimeError("no such data")
        return forecast(problem, **settings)

    monkeypatch.setattr(diagonal, "forecast", forecast_of_few)
    settings = {"alpha": 1e2, "lam": 1e-3, "d": 50, "n_test": 50}
    scan = Scan.over("sparse-regression", n="8,40", **settings)
    store = scan_store()
    table = scan.run(store)
    assert table["error"][0] == "" and np.isfinite(table["early"][0])
    assert table["error"][1].startswith("RuntimeError: no such") and np.isnan(table["lambda_t"][1])
    assert table.failed == [table["error"][1]]
    asked = []
    again = scan.run(store, progress=asked.append)
    assert [item.done for item in asked] == [2] and asked[0].failed == 1 and same(table, again)
    scan.run(store, retry=True, progress=asked.append)
    assert [item.done for item in asked] == [2, 1, 2] and len(store) == 2


def test_cells_without_a_forecast_are_simulated_and_say_why(monkeypatch):
    reason = "every margin is below 1e-13, expected more: scale the inputs"

    def forecast_of_few(problem, **settings):
        if problem.n == 40:
            raise NotResolved(reason)
        return forecast(problem, **settings)

    monkeypatch.setattr(diagonal, "forecast", forecast_of_few)
    settings = {"alpha": "1e2,1e5", "lam": 1e-3, "d": 50, "n_test": 50}
    scan = Scan.over("sparse-regression", n="8,40", **settings)
    store = scan_store()
    table = scan.run(store)
    without = table["n"] == 40
    assert without.sum() == 2 and (table["error"] == "").all() and table.no_forecast == [reason]
    assert (table["no_forecast"][without] == reason).all()
    assert (table["no_forecast"][~without] == "").all()
    assert table["simulated"][without].all() and (table["evaluations"][without] > 0).all()
    for name in ("lambda_t", "predicted", "constant", "early", "late"):
        assert np.isnan(table[name][without]).all()
    # What is simulated is the flow of the same cells with a forecast.
    monkeypatch.undo()
    whole = Scan.over("sparse-regression", n=40, direct=True, **settings).run()
    assert (whole["no_forecast"] == "").all()
    np.testing.assert_allclose(table["last"][without], whole["last"], rtol=0.01, atol=1e-9)
    held = table.to_xarray()["no_forecast"]
    assert (held.sel(n=40) == reason).all() and (held.sel(n=8) == "").all()
    # They are results, not errors: nothing is computed again.
    asked = []
    again = scan.run(store, retry=True, progress=asked.append)
    assert [item.done for item in asked] == [4] and asked[0].failed == 0 and same(table, again)


def test_a_flow_that_stops_fails_alone(monkeypatch):
    run = DiagonalFlow.run

    def fragile(self, start, *arguments, **options):
        if start.alpha == 1e2:
            raise RuntimeError("the solver  gave\nup")
        return run(self, start, *arguments, **options)

    monkeypatch.setattr(DiagonalFlow, "run", fragile)
    table = Scan.over("sparse", alpha=[1e2, 1e3], lam=1e-3, direct=True, **TINY).run()
    assert table["error"].tolist() == ["RuntimeError: the solver gave up", ""]


def test_the_table_is_the_same_in_any_order_and_with_any_executor(pool):
    settings = {"alpha": "1e2,1e5", "lam": "1e-2,1e-3", "direct": True, **TINY}
    scan = Scan.over("sparse", seeds=2, **settings)
    whole = scan.run(executor=pool)
    store = scan_store()
    backwards = {"lam": "1e-3,1e-2", "alpha": (1e5, 1e2), "direct": True, **TINY}
    Scan.over("sparse", seeds=[1, 0], **backwards).run(store, executor=pool)
    assert same(whole, scan.table(store))
    part = Scan.over("sparse", seeds=[1], **settings | {"alpha": 1e2})
    with ThreadPoolExecutor(1) as threads:
        alone = part.run(executor=threads)
    chosen = (whole["alpha"] == 1e2) & (whole["seed"] == 1)
    assert same(alone, whole.where(chosen))
    assert same(alone, part.run())


def test_what_is_known_is_not_computed_again(monkeypatch):
    store = scan_store()
    settings = {"lam": 1e-3, "direct": True, **TINY}
    Scan.over("sparse", alpha=[1e2, 1e3], **settings).run(store)
    flows = []
    run = DiagonalFlow.run
    monkeypatch.setattr(
        DiagonalFlow,
        "run",
        lambda self, start, *a, **o: (flows.append(start.alpha), run(self, start, *a, **o))[1],
    )
    table = Scan.over("sparse", alpha=[1e2, 1e3, 1e4], **settings).run(store)
    assert flows == [1e4] and len(table) == 3 and len(store) == 3


def test_tables_come_labelled_and_come_back_from_every_format(tmp_path, pool):
    import xarray

    scan = Scan.over("sparse", alpha=[1e2, 1e4], lam=[1e-2, 1e-3], seeds=3, **TINY)
    table = scan.run(executor=pool)
    data = table.to_xarray()
    assert data["lambda_t"].dims == ("alpha", "lam", "seed")
    one = data["first"].sel(alpha=1e4, lam=1e-3, seed=2)
    chosen = (table["alpha"] == 1e4) & (table["lam"] == 1e-3) & (table["seed"] == 2)
    assert float(one) == table["first"][chosen][0]
    assert json.loads(data.attrs["settings"])["n"] == 8 and code_version() == data.attrs["versions"]
    for suffix in ("csv", "parquet", "nc"):
        table.write(tmp_path / f"out.{suffix}")
    frame = table.to_pandas()
    assert {"alpha", "lam", "seed", "depth", "loss", *CellOutcome._fields} <= set(frame.columns)
    read = pandas.read_csv(tmp_path / "out.csv", keep_default_na=False, na_values=[""])
    assert np.array_equal(read["lambda_t"], frame["lambda_t"], equal_nan=True)
    stored = pandas.read_parquet(tmp_path / "out.parquet")
    assert np.array_equal(stored["lambda_t"], frame["lambda_t"], equal_nan=True)
    assert stored["kind"].tolist() == frame["kind"].tolist()
    with xarray.open_dataset(tmp_path / "out.nc", engine="scipy") as back:
        assert back["lambda_t"].equals(data["lambda_t"])
        assert back["kind"].values.tolist() == data["kind"].values.tolist()
    with pytest.raises(ValueError, match=r"expected one of \.csv, \.parquet, \.nc"):
        table.write(tmp_path / "out.xls")
