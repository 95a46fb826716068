"""The flow of matrix completion: the full system, tolerance, work, invariants, limits, refusals."""

import json
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokflow.cli import main
from grokflow.proofs_check.strategies import completions
from grokflow.simulations.completion.data import completion
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.completion.entries import make_entries_problem
from grokflow.theory.completion.flow_equations import CompletionSystem
from grokflow.theory.completion.forecast import forecast_completion
from grokflow.theory.completion.frobenius import MinFrobeniusNorm
from grokflow.theory.completion.nuclear import NuclearPenalised
from grokflow.theory.completion.path import trace_completion
from grokflow.theory.completion.problem import make_measurement_problem
from grokflow.theory.numerics.solver_time import SolverTime
from tests.reference import completion_flow


def general_problem(seed=3, d=5, n=8):
    """Measurements that do not commute, of a positive rank-one matrix."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.5, 1.5, d)
    a = rng.standard_normal((n, d, d))
    a = (a + a.transpose(0, 2, 1)) / 2
    return make_measurement_problem("general", a, np.einsum("nij,i,j->n", a, x, x))


PROBLEMS = {"entries": completion(d=6, fraction=0.5, seed=1), "general": general_problem()}


def samples_of(problem):
    """Return the N matrices and values of the loss, duplicates and mirrors repeated."""
    size = problem.measurements.size
    a = np.stack([problem.measurements.adjoint(row) for row in np.eye(size)])
    return np.repeat(a, problem.counts, axis=0), np.repeat(problem.values, problem.counts)


def errors(found, reference, problem):
    """Error of W in the unit that `rtol` is stated in."""
    early = np.linalg.norm(MinFrobeniusNorm().predict(problem).matrix)
    size = np.maximum(np.linalg.norm(reference, axis=(1, 2)), early)
    return np.linalg.norm(found - reference, axis=(1, 2)) / size


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("alpha", "lam"), [(0.1, 1e-2), (1.0, 1e-2), (10.0, 1e-3)])
def test_the_system_equals_the_full_flow(name, alpha, lam):
    problem = PROBLEMS[name]
    times = np.concatenate([np.geomspace(1e-5, 0.1, 6), np.linspace(0.3, np.log(alpha) + 6, 12)])
    found = CompletionFlow(lam=lam, rtol=1e-5).run(CompletionStart(problem, alpha), times)
    reference = completion_flow.matrices(*samples_of(problem), alpha, lam, times, rtol=1e-8)
    assert errors(found.matrices, reference, problem).max() <= 1e-5
    beta = alpha**2 * np.exp(-2 * times)
    norms = np.sqrt(np.hypot(np.linalg.eigvalsh(reference), 2 * beta[:, None]).sum(axis=1))
    assert np.allclose(found.norms, norms, rtol=1e-4)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("sigma", [1e-2, 0.5])
def test_a_perturbed_start_equals_the_full_flow(name, sigma):
    problem, alpha, lam = PROBLEMS[name], 3.0, 1e-2
    times = np.concatenate([np.geomspace(1e-4, 0.1, 5), np.linspace(0.3, 5, 10)])
    flow = CompletionFlow(lam=lam, rtol=1e-5)
    found = flow.run(
        CompletionStart(problem, alpha, sigma=sigma, rng=np.random.default_rng(4)), times
    )
    noise = sigma * np.random.default_rng(4).standard_normal((2, problem.d, problem.d))
    start = alpha * np.eye(problem.d) + noise
    reference = completion_flow.matrices(
        *samples_of(problem), alpha, lam, times, rtol=1e-8, start=start
    )
    assert errors(found.matrices, reference, problem).max() <= 1e-5
    assert found.drift.max() <= 1e-5


@pytest.mark.parametrize("alpha", [0.1, 1e1, 1e6, 1e100])
@pytest.mark.parametrize("lam", [1e-2, 1e-8, 1e-12])
def test_the_tolerance_is_kept_with_bounded_work(alpha, lam):
    """Also after the transition, where the trajectory has forgotten α."""
    problem = completion(d=12, fraction=0.3)
    times = max(np.log(alpha), 0) + np.linspace(0.5, 12, 40)
    coarse, fine = (
        CompletionFlow(lam=lam, rtol=rtol).run(CompletionStart(problem, alpha), times)
        for rtol in (1e-4, 1e-6)
    )
    assert errors(coarse.matrices, fine.matrices, problem).max() <= 1e-4
    assert coarse.drift.max() <= 1e-3
    # Measured 240 to 440: the same for every scale.
    assert coarse.work.rhs_evaluations <= 600
    assert coarse.work.jacobian_evaluations <= 120


def test_a_small_tolerance_is_kept_while_the_data_are_fitted():
    """Random ratings of 3 users and 4 items, at times when their residuals vanish."""
    times = np.linspace(0.02, 0.2, 19)
    for seed in range(60, 66):
        rng = np.random.default_rng(seed)
        rows, columns = np.divmod(rng.choice(12, 8, replace=False), 4)
        truth = rng.standard_normal((3, 2)) @ rng.standard_normal((2, 4))
        problem = make_entries_problem("ratings", 7, rows, 3 + columns, truth[rows, columns])
        found = CompletionFlow(lam=0.05, rtol=1e-8).run(CompletionStart(problem, 2.0), times)
        reference = completion_flow.matrices(*samples_of(problem), 2.0, 0.05, times, rtol=1e-11)
        assert errors(found.matrices, reference, problem).max() <= 1e-8


def test_the_drift_falls_with_the_tolerance():
    times = np.linspace(0.1, 10, 30)
    problem = completion(d=12, fraction=0.3)
    drift = [
        CompletionFlow(lam=1e-4, rtol=rtol).run(CompletionStart(problem, 10.0), times).drift.max()
        for rtol in (1e-3, 1e-5, 1e-7)
    ]
    assert drift[1] <= drift[0] / 10
    assert drift[2] <= drift[1] / 10


def test_figure_3_takes_the_same_work_at_every_scale_and_is_predicted():
    problem = completion()
    found = {}
    for alpha in (10.0, 1e6):
        times = np.concatenate(
            [np.geomspace(1e-7, 0.1, 10), np.log(alpha) + np.linspace(-1, 8, 91)]
        )
        times = np.append(times, 100.0)
        flow = CompletionFlow(lam=1e-4, rtol=1e-3).run(CompletionStart(problem, alpha), times)
        prediction = forecast_completion(problem, alpha=alpha, lam=1e-4)
        error = flow.test_scores().error
        when = flow.transition(*map(float, prediction.scores.error[:2]))
        # λN/4 is the size of the residual's coefficient: what the path leaves out.
        assert abs(when.lambda_t - prediction.transition.lambda_t) <= 1e-4 * problem.n
        assert np.isclose(error[10], prediction.scores.error[0], rtol=0.01)
        assert np.isclose(error[-1], prediction.scores.error[1], rtol=0.01)
        assert flow.work.rhs_evaluations <= 500
        found[alpha] = when.lambda_t - np.log(alpha)
    assert abs(found[10.0] - found[1e6]) <= 0.02


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_flow_is_within_order_lambda_of_the_path(name):
    problem, alpha, times = PROBLEMS[name], 1e4, np.log(1e4) + np.linspace(-1, 3, 9)
    path = trace_completion(problem, 2 * (np.log(alpha) - times), rtol=1e-9).matrices
    lams = 10.0 ** -np.arange(3, 6)
    away = [
        np.abs(
            CompletionFlow(lam=lam, rtol=1e-7).run(CompletionStart(problem, alpha), times).matrices
            - path
        ).max()
        for lam in map(float, lams)
    ]
    slopes = np.diff(np.log(away)) / np.diff(np.log(lams))
    assert np.abs(slopes[1:] - 1).max() <= 0.05


def test_the_flow_ends_at_the_nuclear_penalised_minimiser():
    """F is λ-strongly convex nowhere, but its value bounds the gap."""
    problem, lam = completion(d=10, fraction=0.4), 1e-2
    w = (
        CompletionFlow(lam=lam, rtol=1e-6)
        .run(CompletionStart(problem, 10.0), np.array([60.0]))
        .matrices[0]
    )
    value = problem.loss(w) + lam / 2 * np.abs(np.linalg.eigvalsh(w)).sum()
    bounds = NuclearPenalised(lam).predict(problem).certificate
    assert value - bounds.lower <= 1e-5 * bounds.lower


@settings(max_examples=3)
@given(completions(max_d=5), st.integers(0, 1000))
def test_the_flow_obeys_its_laws(problem, seed):
    """Scaling, reflection (U and V exchanged), a permuted basis."""
    rng = np.random.default_rng(seed)
    basis = rng.permutation(problem.d)
    a, y = samples_of(problem)
    size = np.linalg.norm(MinFrobeniusNorm().predict(problem).matrix)
    alpha, lam, rtol = 3.0 * float(np.sqrt(size)), 1e-2 * float(size), 1e-5
    times = np.linspace(0.2, 4, 4)
    plain = CompletionFlow(lam=lam, rtol=rtol), alpha
    expected = plain[0].run(CompletionStart(problem, alpha), times).matrices
    scaled = CompletionFlow(lam=4 * lam, rtol=rtol), 2 * alpha
    cases = {
        "scaled": (scaled, a, 4 * y, 4 * expected),
        "reflected": (plain, a, -y, -expected),
        "permuted": (plain, a[:, basis][:, :, basis], y, expected[:, basis][:, :, basis]),
    }
    for name, ((flow, scale), matrices, values, wanted) in cases.items():
        other = make_measurement_problem(name, matrices, values)
        found = flow.run(CompletionStart(other, scale), times).matrices
        assert errors(found, wanted, other).max() <= 3 * rtol, name


def test_newtons_matrix_is_the_derivative_of_the_defect():
    problem = PROBLEMS["general"]
    system = CompletionSystem(problem, 2.0, 1e-2)
    rng = np.random.default_rng(0)
    y = system.start(4 * np.eye(5) + 0.1 * rng.standard_normal((5, 5)), rng.standard_normal((5, 5)))
    x, rate = rng.standard_normal((2, len(y)))
    y[50:] = rng.standard_normal(len(y) - 50)
    tau, c, h = 3.0, 2.0, 1e-5
    ends = [system.defect(tau, y + sign * h * x, rate + sign * h * c * x) for sign in (1, -1)]
    found = system.defect_product(tau, y, x, c)
    # F is quadratic: a central difference is exact up to rounding.
    assert np.allclose(found, (ends[0] - ends[1]) / (2 * h), rtol=1e-8, atol=1e-8)
    # The simplified matrix leaves out ζ, and inverts exactly.
    y[50:] = 0
    product = system.defect_product(tau, y, x, c)
    assert np.allclose(system.simplified(tau, y, c).solve(product), x, rtol=1e-10, atol=1e-10)


def test_the_start_is_at_rest_in_the_defect():
    problem = PROBLEMS["entries"]
    system = CompletionSystem(problem, 10.0, 1e-3)
    y = system.start(20 * np.eye(6), np.zeros((6, 6)))
    assert np.abs(system.defect(0.0, y, system.rate(0.0, y))).max() <= 1e-12
    u, v = system.factors(0.0, y)
    assert np.allclose(u, 10 * np.eye(6))
    assert np.allclose(v, 10 * np.eye(6))
    assert not system.matrix(y).any()


def test_the_extremes_of_alpha_and_lambda_follow_the_shift_law(capfd):
    """The transient, λ/α², is far below the smallest double; two flows at equal λt - log α meet."""
    problem = PROBLEMS["entries"]
    after = np.array([-50.0, -1.0, 0.0, 1.0, 2.0, 4.0])
    found = [
        CompletionFlow(lam=lam, rtol=1e-5).run(
            CompletionStart(problem, alpha), np.log(alpha) + after
        )
        for alpha, lam in ((1e120, 1e-140), (1e100, 1e-12))
    ]
    size = np.linalg.norm(found[1].matrices, axis=(1, 2))
    apart = np.linalg.norm(found[0].matrices - found[1].matrices, axis=(1, 2))
    assert (apart <= 2e-5 * size).all()
    assert found[0].work.rhs_evaluations <= 1000


@pytest.mark.parametrize("transient", [1e-200, 1e-8, 1.0, 1e3])
def test_the_solver_time_is_inverted(transient):
    clock = SolverTime(float(np.log(transient)))
    s = np.array([0.0, 1e-3 * transient, transient, 1e-3, 1.0, 100.0])
    back = np.array([clock.at(float(tau)).s for tau in clock.of(s)])
    assert np.allclose(back, s, rtol=1e-10, atol=1e-15 * max(transient, 1e-300))


def test_the_spectrum_is_ordered_by_modulus_and_the_start_can_be_recorded():
    problem = PROBLEMS["entries"]
    flow = CompletionFlow(lam=1e-3).run(CompletionStart(problem, 10.0), np.array([0.0, 1.0, 8.0]))
    assert not flow.matrices[0].any()
    top = flow.spectrum(4)
    assert top.shape == (3, 4)
    assert (np.diff(np.abs(top), axis=1) <= 0).all()
    assert flow.spectrum(100).shape == (3, 6)
    assert np.isclose(np.abs(top[2]).max(), np.abs(np.linalg.eigvalsh(flow.matrices[2])).max())
    assert np.isclose(flow.train_error[0], np.mean(samples_of(problem)[1] ** 2))


@pytest.mark.parametrize(
    ("origin", "settings", "times", "message"),
    [
        ({"alpha": 0.0}, {}, [1.0], "alpha is 0, expected"),
        ({"alpha": float("nan")}, {}, [1.0], "alpha is nan, expected"),
        ({}, {"lam": -1.0}, [1.0], "lam is -1, expected"),
        ({}, {"rtol": 1.0}, [1.0], "rtol is 1, expected"),
        ({"sigma": -0.1}, {}, [1.0], "sigma is -0.1, expected"),
        ({"sigma": 0.1}, {}, [1.0], "pass rng="),
        ({}, {"memory": 500}, [1.0, 2.0], r"memory is 500 bytes, expected 1152 .*or ask for fewer"),
        ({}, {}, [], "at least one"),
        ({}, {}, [2.0, 1.0], "lambda_t goes from 2 to 1, expected times that increase"),
        ({}, {}, [np.nan, 1.0], r"lambda_t\[0\] is nan, expected finite numbers"),
        ({}, {}, [-1.0, 1.0], "lambda_t begins at -1, expected 0 or later"),
        ({}, {}, [1.0, np.inf], r"lambda_t\[1\] is inf, expected finite numbers"),
    ],
)
def test_bad_settings_are_refused_with_a_remedy(origin, settings, times, message):
    with pytest.raises(ValueError, match=message):
        start = CompletionStart(PROBLEMS["entries"], **{"alpha": 10.0} | origin)
        CompletionFlow(**{"lam": 1e-3} | settings).run(start, np.array(times))


def test_a_flow_that_cannot_go_on_keeps_what_it_reached(capfd):
    times = np.array([1e-7, 1e-6, 9.0])
    with pytest.raises(Stopped, match="raise rtol") as stopped:
        CompletionFlow(lam=1e-3, max_steps=25).run(
            CompletionStart(PROBLEMS["entries"], 10.0), times
        )
    reached = stopped.value.trajectory
    assert 0 < len(reached.lambda_t) < 3
    assert len(reached.matrices) == len(reached.lambda_t)


def interrupt_after(limit, fraction):
    if fraction >= limit:
        raise KeyboardInterrupt


def test_an_interruption_keeps_what_was_reached():
    times = np.linspace(0.1, 5, 10)
    with pytest.raises(Interrupted) as stopped:
        CompletionFlow(lam=1e-3).run(
            CompletionStart(PROBLEMS["entries"], 10.0),
            times,
            progress=partial(interrupt_after, 0.4),
        )
    assert len(stopped.value.trajectory.matrices) == 4


SMALL = ["--set", "d=8", "fraction=0.4", "seed=2", "--points", "40"]


def read(path):
    return json.loads(path.read_text())


def test_simulate_writes_everything(capsys, tmp_path):
    paths = {name: tmp_path / f"x.{name}" for name in ("json", "npz", "csv", "nc", "png")}
    also = ["--json", str(paths["json"]), "--plot", str(paths["png"])]
    for name, more in (("npz", also), ("csv", []), ("nc", [])):
        assert main(["simulate", "completion", *SMALL, "--out", str(paths[name]), *more]) == 0
    record = read(paths["json"])
    keys = "problem notes model alpha norm lam loss lambda_t train_error test_error train_loss "
    keys += "test_loss norms spectrum transition solver"
    assert set(keys.split()) <= set(record)
    assert len(record["test_error"]) == len(record["lambda_t"]) == len(record["spectrum"]) == 40
    assert len(record["spectrum"][0]) == 8
    assert record["solver"]["rhs_evaluations"] > 0
    assert "transition at λt*" in capsys.readouterr().out
    with np.load(paths["npz"]) as file:
        assert file["state"].shape == (40, 8, 8)
        misses = (file["state"] - np.outer(np.arange(8), np.arange(8)) / 64) ** 2
    rows, columns = np.divmod(np.random.default_rng(2).choice(64, 25, replace=False), 8)
    assert np.allclose(record["train_error"], misses[:, rows, columns].mean(axis=1), rtol=1e-9)
    observed = np.zeros((8, 8), dtype=bool)
    observed[rows, columns] = observed[columns, rows] = True
    assert np.allclose(record["test_error"], misses[:, ~observed].mean(axis=1), rtol=1e-9)
    assert "train_error" in paths["csv"].read_text().splitlines()[0]
    assert len(paths["csv"].read_text().splitlines()) == 41
    assert paths["png"].stat().st_size > 10_000


def test_simulate_takes_files_and_a_perturbed_start(capsys, tmp_path):
    problem = completion(d=6, fraction=0.6, seed=1)
    entries = problem.measurements
    table = tmp_path / "entries.csv"
    rows = zip(entries.rows, entries.columns, problem.values, strict=True)
    table.write_text("i,j,value\n" + "\n".join(f"{i},{j},{x}" for i, j, x in rows) + "\n")
    out = tmp_path / "x.json"
    assert main(["simulate", str(table), "--points", "20", "--json", str(out)]) == 0
    assert "held out" in read(out)["notes"][0]
    found = []
    for sigma in ("0.2", "0.2", "0"):
        arguments = ["simulate", "completion", *SMALL, "--set", f"sigma={sigma}"]
        assert main([*arguments, "--json", str(out)]) == 0
        found.append(read(out))
    assert found[0]["test_error"] == found[1]["test_error"] != found[2]["test_error"]
    assert found[0]["problem"]["sigma"] == 0.2


def test_simulate_without_test_entries_has_no_transition(capsys, tmp_path):
    out, plot = tmp_path / "x.json", tmp_path / "x.png"
    table = tmp_path / "entries.csv"
    table.write_text("i,j,value\n0,0,1.0\n0,1,2.0\n1,1,1.0\n")
    arguments = ["simulate", str(table), "--set", "holdout=0", "--points", "20"]
    assert main([*arguments, "--json", str(out), "--plot", str(plot)]) == 0
    record = read(out)
    assert record["transition"]["lambda_t"] is None
    assert set(record["test_error"]) == {None}


def test_an_interrupted_command_writes_what_it_reached(capsys, tmp_path, monkeypatch):
    real = CompletionFlow.run

    def run(self, start, times, **options):
        return real(self, start, times, **options | {"progress": partial(interrupt_after, 0.5)})

    monkeypatch.setattr(CompletionFlow, "run", run)
    out = tmp_path / "x.json"
    assert main(["simulate", "completion", *SMALL, "--json", str(out)]) == 130
    assert len(read(out)["lambda_t"]) == 20
