"""The fitted law, the bisection of bent axes, and the command that prints both."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.cli import main
from grokflow.figures.scan import law as picture
from grokflow.simulations.runs.executors import local_workers
from grokflow.simulations.scan.law import estimate, fit_laws, interval
from grokflow.simulations.scan.outcome import CellOutcome
from grokflow.simulations.scan.refine import bends, refined
from grokflow.simulations.scan.runner import Scan
from grokflow.simulations.scan.store import scan_store

SMALL = {"n": 32, "d": 100, "n_test": 2000}


def made(scan, time, **fields):
    """Return the scan's table with times given by a function of the point, nothing simulated."""
    outcomes = [
        CellOutcome(lambda_t=time(point), predicted=time(point), width=1.0, kind="grokking",
                simulated=True, constant=2.0, **fields)
        for point in scan.points()
    ]  # fmt: skip
    with scan_store() as store:
        store.add(scan.cells(), outcomes)
        return scan.table(store)


def law(a, b, constants, noise=0.0):
    rng = np.random.default_rng(3)

    def time(point):
        loglog = np.log(-np.log(point["lam"]))
        exact = a * np.log(point["alpha"]) + b * loglog + constants[point["seed"]]
        return float(exact + noise * rng.standard_normal())

    return time


@given(st.floats(0.5, 2), st.floats(-1, 1), st.lists(st.floats(-3, 3), min_size=2, max_size=4))
def test_a_law_without_noise_is_found_exactly(a, b, constants):
    columns = np.log(np.random.default_rng(0).uniform(2, 9, (60, 2)))
    seeds = np.arange(60) % len(constants)
    times = columns @ [a, b] + np.array(constants)[seeds]
    found = estimate(columns, times, seeds, np.random.default_rng(1))
    assert np.allclose(found.slopes, [a, b], atol=1e-10)
    assert np.isclose(found.intercept, np.mean(constants), atol=1e-9)
    assert np.abs(found.residuals).max() <= 1e-9
    assert np.allclose(found.slope_draws, [a, b], atol=1e-6)
    drawn = found.intercept_draws
    assert min(constants) - 1e-6 <= drawn.min() and drawn.max() <= max(constants) + 1e-6


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    """A 95 % interval of eight seeds, on 200 draws of noise that seeds share and do not."""
    rng, hits = np.random.default_rng(2), 0
    seeds = np.repeat(np.arange(8), 9)
    x = np.tile(np.linspace(1, 3, 9), 8)[:, None]
    for _ in range(200):
        slope = -0.5 + 0.1 * rng.standard_normal(8)[seeds]
        times = slope * x[:, 0] + rng.standard_normal(8)[seeds] + 0.05 * rng.standard_normal(72)
        found = estimate(x, times, seeds, rng)
        low, high = interval(float(found.slopes[0]), found.slope_draws[:, 0], seeds)[1:]
        hits += low <= -0.5 <= high
    # Four standard deviations of a binomial count around 95 %.
    assert abs(hits / 200 - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / 200)


def test_the_fit_of_a_scan_is_of_its_simulated_cells_and_of_each_combination():
    scan = Scan.over(
        "sparse", alpha="1e4:1e8:3", lam="1e-2:1e-6:5", depth="2,3", seeds=3, direct=True, n=8, d=20
    )
    table = made(scan, law(1.0, -0.5, [1.0, 2.0, 3.0]))
    fits = fit_laws(table)
    assert [fit.settings for fit in fits] == [{"depth": 2}, {"depth": 3}]
    for fit, b in zip(fits, (-1 / 2, -1 / 3), strict=True):
        assert np.isclose(fit.a.value, 1) and np.isclose(fit.b.value, -0.5)
        assert np.isclose(fit.C.value, 2) and fit.C.low < 1.5 < 2.5 < fit.C.high
        assert fit.theory == (1.0, b, 2.0) and np.isclose(fit.path.b, -0.5)
        assert np.isclose(fit.width.value, 1) and len(fit.residuals) == len(fit.table) == 45


def test_what_the_cells_do_not_determine_is_nan():
    scan = Scan.over("sparse", alpha="1e4:1e8:3", lam=1e-3, seeds=1, direct=True, n=8, d=20)
    (fit,) = fit_laws(made(scan, law(1.0, 0.0, [1.0])))
    assert np.isclose(fit.a.value, 1) and np.isnan(fit.a.low)
    assert np.isnan(fit.b.value) and np.isnan(fit.path.b)
    assert fit_laws(made(scan, lambda point: float("nan"))) == []


def test_a_slope_that_the_cells_do_not_determine_is_that_of_the_theory():
    """Otherwise C would hold log α, and be compared with a C that does not."""
    scan = Scan.over("sparse", alpha=1e6, lam=[1e-3, 1e-5], seeds=1, direct=True, n=8, d=20)
    (fit,) = fit_laws(made(scan, law(1.0, -0.5, [2.0])))
    assert np.isnan(fit.a.value) and np.isclose(fit.b.value, -0.5)
    assert np.isclose(fit.C.value, 2) and np.isclose(fit.path.C, 2)


def test_cells_that_remember_their_start_are_not_fitted():
    scan = Scan.over("sparse", alpha="1e0:1e8:5", lam="1e-2,1e-4", direct=True, n=8, d=20)
    (fit,) = fit_laws(made(scan, law(1.0, -0.5, [1.0])))
    assert (np.exp(-2 * fit.table["predicted"]) <= 1e-3).all() and fit.table["alpha"].min() > 1


@given(st.floats(-2, 2), st.floats(-5, 5))
def test_straight_lines_do_not_bend(slope, start):
    values = np.array([1.0, 3.0, 10.0, 1e4])
    times = (start + slope * np.log(values))[:, None]
    assert bends(values, times).max() <= 1e-12 * (1 + abs(start) + 10 * abs(slope))


def test_bisection_puts_values_where_the_curve_bends_and_stops():
    def time(point):
        return float(max(np.log(point["alpha"]), np.log(30.0)) + 1)

    scan = Scan.over("sparse", alpha="1e0:1e8:9", lam=1e-3, direct=True, n=8, d=20)
    for _ in range(12):
        finer = refined(scan, made(scan, time), 0.05)
        if finer is scan:
            break
        scan = finer
    assert finer is scan
    values = np.sort(scan.axes["alpha"])
    added = np.setdiff1d(values, np.geomspace(1, 1e8, 9).round(12))
    assert 3 <= len(added) <= 16 and (added >= 1).all() and (added <= 1e3).all()
    near = values[np.searchsorted(values, 30.0) - 1 : np.searchsorted(values, 30.0) + 1]
    # A corner between two values x apart in the logarithm is off by at most x/4 of its kink.
    assert np.log(near[1] / near[0]) <= 4 * 0.05 * 2
    with pytest.raises(ValueError, match="expected above 0"):
        refined(scan, made(scan, time), 0.0)


def test_bisection_goes_on_in_the_store_and_leaves_whole_numbers_alone():
    scan = Scan.over("sparse", alpha="1e2:1e8:4", lam=1e-3, k="1,3,5", direct=True, n=8, d=20)
    kinked = made(scan, lambda point: float(point["k"] ** 2))
    assert refined(scan, kinked, 0.05) is scan
    bent = refined(scan, made(scan, lambda point: float(np.log(point["alpha"]) ** 2)), 0.05)
    assert set(scan.axes["alpha"]) < set(bent.axes["alpha"])
    assert {cell.key() for cell in scan.cells()} < {cell.key() for cell in bent.cells()}


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A small scan that the commands below find done."""
    path = tmp_path_factory.mktemp("scan") / "scan.db"
    scan = Scan.over("sparse", alpha="1e2:1e6:4", lam="1e-2:1e-4:3", seeds=3, **SMALL)
    with local_workers(2) as pool, scan_store(path) as store:
        return path, scan, scan.run(store, executor=pool)


COMMAND = ["scan", "sparse", "--set", "n=32", "d=100", "n_test=2000", "--alpha", "1e2:1e6:4"]
COMMAND += ["--lam", "1e-2:1e-4:3", "--seeds", "3", "--jobs", "1"]


def test_scan_writes_the_documented_keys_picture_and_tables(capsys, tmp_path, stored):
    path, _, table = stored
    files = ["--json", tmp_path / "out.json", "--plot", tmp_path / "out.png"]
    files += ["--table", tmp_path / "out.csv", "--table", tmp_path / "out.parquet"]
    code, out, _ = run(capsys, *COMMAND, "--out", path, "--resume", *files)
    assert code == 0
    record = json.loads((tmp_path / "out.json").read_text())
    assert len(record["cells"]) == 36
    for cell, time in zip(record["cells"], table["lambda_t"], strict=True):
        assert {"alpha", "lam", "seed", "depth", "transition", "kind", "error"} <= set(cell)
        assert set(cell["transition"]) == {"lambda_t", "width"}
        assert cell["transition"]["lambda_t"] == time and cell["error"] is None
    for name in ("a", "b", "C"):
        assert set(record["fit"][name]) == {"value", "low", "high"}
        assert f"  {name} " in out
    assert set(record["theory"]) == {"a", "b", "C"}
    assert record["theory"]["a"] == 1 and record["theory"]["b"] == -0.5
    assert record["fit"]["a"]["low"] - 0.01 <= 1 <= record["fit"]["a"]["high"] + 0.01
    assert record["shift_law"]["cells"] > 0 and record["shift_law"]["holds"]
    assert "36 cells" in out and "simulated too, the farthest off by" in out
    assert (tmp_path / "out.png").read_bytes()[1:4] == b"PNG"
    assert (tmp_path / "out.csv").exists() and (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--resume"], "add --out FILE"),
        (["--alpha", "0:1:2"], "axis is '0:1:2', expected LOW:HIGH:COUNT"),
        (["--set", "n"], "expected KEY=VALUES"),
        (["--set", "seed=3"], "expected --seeds N"),
        (["--axis", "q=1"], "has no key 'q'"),
        (["--json", "out.txt"], "expected one of .json"),
        (["--table", "out.xls"], "expected one of .csv, .parquet, .nc"),
        (["--jobs", "0"], "jobs is 0, expected at least 1"),
        (["--refine", "-1"], "expected above 0"),
    ],
)
def test_scan_refuses_in_one_line(capsys, extra, message):
    option, *_ = extra
    once = option in COMMAND and option != "--set"
    at = COMMAND.index(option) if once else len(COMMAND)
    code, _, err = run(capsys, *COMMAND[:at], *COMMAND[at + 2 :], *extra)
    assert code == 2 and message in err and err.count("\n") == 1


def test_scan_does_not_overwrite_results(capsys, stored):
    code, _, err = run(capsys, *COMMAND, "--out", stored[0])
    assert code == 2 and "resume it (--resume)" in err


def test_a_shift_law_that_misses_its_stated_error_is_said_so(capsys, stored, monkeypatch):
    monkeypatch.setattr(
        "grokflow.simulations.scan.table.np.abs", lambda values: np.absolute(values) + 1
    )
    code, _, err = run(capsys, *COMMAND, "--out", stored[0], "--resume")
    assert code == 1 and "off by more than it states" in err


def test_the_picture_shows_the_means_over_seeds(stored):
    _, scan, table = stored
    shown = picture.data(table)
    assert shown.simulated.shape == (3, 4)
    chosen = (table["alpha"] == 1e6) & (table["lam"] == 1e-2)
    assert np.isclose(shown.simulated[2, 3], table["lambda_t"][chosen].mean())
    assert len(picture.draw(table, fit_laws(table), scan.problem).axes) == 5
    line = table.where(table["lam"] == 1e-2)
    assert len(picture.draw(line, [], scan.problem).axes) == 2
