"""Partly separable classes: both ends against independent solvers, and the path between them."""

import cvxpy
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grokflow as gf
from grokflow.theory.diagonal.partly.ends import certificate_of, early_of, limit_of
from grokflow.theory.diagonal.partly.split import split
from tests.diagonal.map.judge import largest_error
from tests.diagonal.map.table import case_of
from tests.reference import log_flow

LOGISTIC = gf.LOSSES["logistic"]
LEVEL = 7.0


def partly_separable(seed, inputs=24, rank=4, core=30, rest=6):
    """A core with wrong labels in few dimensions, and a rest with inputs of its own."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.standard_normal((inputs, rank)))[0].T
    x = rng.standard_normal((core, rank)) @ directions * np.sqrt(inputs / rank)
    x = np.vstack([x, rng.standard_normal((rest, inputs))])
    wrong = np.append(np.where(rng.permutation(core) < core // 4, -1.0, 1.0), np.ones(rest))
    x_test = rng.standard_normal((400, inputs))
    test = gf.StoredTestSet(x_test, np.sign(x_test[:, 0] + x_test[:, 1]))
    y = wrong * np.sign(x[:, 0] + x[:, 1])
    return gf.make_problem("parts", "classification", x, y, test)


def parts_of(seed, **sizes):
    found = split(partly_separable(seed, **sizes), LOGISTIC)
    assert found is not None
    return found


def least_norm(parts, level, norm):
    """Return the least norm that cvxpy finds."""
    held, equal = parts.at_level(level), parts.equal
    w = cvxpy.Variable(held.d)
    x, targets = held.inputs.to_array(), held.targets
    rules = [x[equal] @ w == targets[equal], x[~equal] @ w >= 1]
    aim = cvxpy.sum_squares(w) / 2 if norm == 2 else cvxpy.norm1(w)
    return cvxpy.Problem(cvxpy.Minimize(aim), rules).solve(solver="CLARABEL")


@pytest.mark.parametrize("sizes", [{}, {"rest": 40, "inputs": 60}, {"rest": 1, "inputs": 5}])
@pytest.mark.parametrize("seed", range(2))
def test_both_ends_are_those_of_an_interior_point_solver(seed, sizes):
    parts = parts_of(seed, **sizes)
    for norm, end in ((2, early_of), (1, limit_of)):
        found = end(parts, LEVEL)
        assert found.certificate.gap <= 1e-7
        assert np.isclose(found.certificate.upper, least_norm(parts, LEVEL, norm), rtol=1e-6)
        q = parts.problem.inputs.combine(found.w)
        outputs = parts.problem.targets[parts.equal] / LEVEL
        assert np.allclose(q[parts.equal], outputs, atol=1e-12 * np.abs(outputs).max())
        assert q[~parts.equal].min() >= 1


@given(st.integers(0, 10**6), st.floats(-12, 1), st.sampled_from([1, 2]))
def test_no_certificate_of_an_end_is_false(seed, decades, norm):
    parts, rng = parts_of(seed % 3), np.random.default_rng(seed)
    best = (early_of if norm == 2 else limit_of)(parts, LEVEL)
    w, mu = (
        part + 10.0**decades * rng.standard_normal(len(part)) for part in (best.w, best.multipliers)
    )
    found = certificate_of(parts, LEVEL, w, mu, norm)
    assert found.lower <= best.certificate.upper and best.certificate.lower <= found.upper


def test_weights_that_miss_a_margin_have_no_upper_bound():
    parts = parts_of(0)
    best = early_of(parts, LEVEL)
    found = certificate_of(parts, LEVEL, best.w * (1 - 1e-6), best.multipliers, 2)
    assert found.upper == np.inf and found.infeasibility > 0


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_the_path_goes_from_end_to_end_and_keeps_the_outputs_of_the_core(loss):
    problem = partly_separable(1)
    found = gf.forecast(problem, alpha=10.0, lam=1e-6, loss=gf.LOSSES[loss])
    assert found.regime is gf.Regime.PARTLY
    path, parts = found.curve.path, split(problem, gf.LOSSES[loss])
    outputs = parts.problem.inputs.to_array() @ path.weights
    core, best = outputs[parts.equal], parts.problem.targets[parts.equal]
    # The tolerance of a path, and ten of it where rounding keeps a point.
    assert outputs[~parts.equal].min() >= 1 - 1e-3
    assert np.allclose(core, np.outer(best, best @ core / (best @ best)), atol=1e-3)
    # At the first scale the largest weight is a tenth of β, and sinh x is x up to x³/6.
    off = np.linalg.norm(path.weights[:, 0] - found.early.w) / np.linalg.norm(found.early.w)
    assert off <= 0.05**2


def test_the_forecast_of_partly_separable_classes_is_that_of_the_flow():
    """The largest distance from the flow is of first order in 1/m: it falls as the level grows."""
    problem, alpha, products = partly_separable(1), 10.0, []
    for lam in (1e-4, 1e-7, 1e-10):
        found = gf.forecast(problem, alpha=alpha, lam=lam, loss=LOGISTIC)
        path, late = found.curve.path, found.curve.lambda_t > 1.0
        flow = gf.DiagonalFlow(lam=lam, loss=LOGISTIC)
        run = flow.run(gf.DiagonalStart(problem, alpha), found.curve.lambda_t[late])
        level = path.margin_level(LOGISTIC, lam)[late]
        off = np.linalg.norm(run.weights_at(slice(None)) / level - path.weights[:, late], axis=0)
        products.append((level * off / np.linalg.norm(path.weights[:, late], axis=0)).max())
    # Products with the level that grow less than they would if the distance stayed: by 22/9.
    assert max(products) <= 1.5 * products[0]


def test_depth_three_names_the_samples():
    problem = partly_separable(0)
    with pytest.raises(gf.PartlySeparable, match="at depth 2 only") as refused:
        gf.forecast(problem, alpha=10.0, lam=1e-3, loss=LOGISTIC, depth=3)
    assert refused.value.samples.tolist() == list(range(30, 36))


@pytest.mark.parametrize("several", [False, True])
def test_samples_are_named_as_rows_of_the_file_they_were_read_from(tmp_path, several):
    problem = partly_separable(0)
    x, signs = problem.inputs.to_array() * problem.signs[:, None], problem.signs
    separable = set(range(31, 37))
    labels = np.where(signs > 0, "up", "down").tolist()
    if several:  # a third class, which an input of its own sets apart, comes last
        x = np.column_stack([np.vstack([x, x[:2]]), np.append(np.zeros(len(x)), [9.0, 9.0])])
        labels += ["third"] * 2
    # Held-out rows come first and in between, so that training rows are not counted as the file is.
    rows = np.arange(2 * len(x))
    held = np.where(rows % 2 == 0, "test", "train")
    frame = pd.DataFrame(np.repeat(x, 2, axis=0)).add_prefix("c")
    frame["y"], frame["split"] = np.repeat(labels, 2), held
    frame.to_csv(tmp_path / "parts.csv", index=False)
    read = gf.load(tmp_path / "parts.csv")
    assert read.places.tolist() == list(range(1, 2 * len(x), 2))
    with pytest.raises(gf.PartlySeparable, match=r"the first is row \d+ of the data") as refused:
        forecast = gf.forecast_classes if several else gf.forecast
        forecast(read, alpha=10.0, lam=1e-3, loss=LOGISTIC, depth=3)
    first = int(str(refused.value).split("the first is row ")[1].split()[0])
    assert first == 2 * (int(refused.value.samples[0]) + 1)
    assert several or first // 2 in separable
    with pytest.raises(gf.PartlySeparable, match="the first is training row 31"):
        gf.forecast(problem, alpha=10.0, lam=1e-3, loss=LOGISTIC, depth=3)


def relative(w, reference):
    """Return the largest distance from reference weights, relative to their norm."""
    return (np.linalg.norm(w - reference, axis=0) / np.linalg.norm(reference, axis=0)).max()


@pytest.mark.parametrize(
    ("alpha", "lam", "depth"), [(1e7, 1e-3, 2), (1e12, 1e-5, 2), (1e6, 1e-4, 3)]
)
def test_flows_from_large_scales_are_those_of_the_full_system(alpha, lam, depth):
    """Pulls of overlapping samples are rounded by more than the pull of the separable one is."""
    x, y = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, 1.0]]), np.array([1.0, -1.0, 1.0])
    problem = gf.make_problem("p", "classification", x, y, gf.StoredTestSet(x, y))
    times = np.append(np.array([0.5, 5.0, 10.0]), np.log(alpha) + np.array([0.0, 4.0]))
    found = gf.DiagonalFlow(lam=lam, loss=LOGISTIC).run(
        gf.DiagonalStart(problem, alpha, depth), times
    )
    z, targets = problem.inputs.to_array(), problem.targets
    reference = log_flow.weights(z, targets, alpha, lam, "logistic", times, 1e-8, depth)
    assert relative(found.weights, reference) <= 1e-4


@pytest.mark.parametrize("seed", range(12))
def test_every_scale_ends_at_the_same_weights(seed):
    """Once the data are fitted a flow depends on α e^{-λt} alone; the reference starts small."""
    rng = np.random.default_rng([12, seed])
    sizes = {"inputs": 6, "rank": 3, "core": 14, "rest": int(rng.integers(1, 5))}
    problem, lam = partly_separable(seed, **sizes), 10.0 ** rng.uniform(-5, -2)
    flow = gf.DiagonalFlow(lam=lam, loss=LOGISTIC)
    after = np.array([1.0, 3.0, 5.0])
    near, far = (
        flow.run(gf.DiagonalStart(problem, alpha), np.log(alpha) + after).weights
        for alpha in (1e3, 1e10)
    )
    # Each is right to rtol, and what is left of the start falls like e^{-2λt}, a millionth of it.
    assert relative(far, near) <= 2 * flow.rtol + 1e-4


def test_a_flow_is_taken_up_again_after_samples_were_set_apart(tmp_path):
    problem, times = partly_separable(0), np.array([1.0, 10.0, 20.0, 24.0])
    flow, start = gf.DiagonalFlow(lam=1e-3, loss=LOGISTIC), gf.DiagonalStart(problem, 1e9)
    saved = gf.Checkpoint(tmp_path / "flow.npz")
    whole = flow.run(start, times)
    flow.run(start, times[:2], checkpoint=saved)
    assert relative(flow.run(start, times, checkpoint=saved).weights, whole.weights) <= flow.rtol


def test_margins_beyond_every_pull_do_not_stop_a_flow():
    """Small inputs separate what large ones do not: margins reach 1e8, and err by more than 1."""
    case = case_of(143)
    problem, loss = case.problem, gf.LOSSES[case.loss]
    start = gf.DiagonalStart(problem, case.alpha, case.depth)
    flow = gf.DiagonalFlow(lam=case.lam, loss=loss)
    found = flow.run(start, case.times)
    z, y = problem.inputs.to_array(), problem.targets
    settings = case.alpha, case.lam, case.loss, case.times, 1e-8, case.depth
    assert (z @ found.weights).max() > 1e8
    assert largest_error(found.weights, log_flow.weights(z, y, *settings)) <= flow.rtol
