"""The flow of diagonal nets of depth L ≥ 3: the full system, rest at a KKT point, any scale."""

import numpy as np
import pytest

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse, sparse_regression
from grokflow.theory.diagonal import certificates as kkt
from grokflow.theory.diagonal.certificates import quasi_norm
from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.losses import LOSSES
from tests.reference import full_flow

CLASSES = sparse(n=6, d=20, n_test=2000)
TARGETS = sparse_regression(n=6, d=20, k=2, n_test=2000)
DEPTHS = [3, 4, 6]


def problem_for(loss):
    return TARGETS if loss == "square" else CLASSES


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("depth", [3, 4, 5])
def test_the_reduction_equals_the_full_system(loss, depth):
    problem, alpha, lam = problem_for(loss), 2.0, 1e-2
    times = np.array([1e-3, 0.1, 0.5, 1.0, 1.5, 2.5, 4.0])
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=1e-5)
    found = flow.run(DiagonalStart(problem, alpha, depth), times)
    reference = full_flow.weights(
        problem.inputs.to_array(), problem.targets, alpha, lam, loss, times, 1e-9, depth
    )
    error = np.linalg.norm(found.weights - reference, axis=0) / np.linalg.norm(reference, axis=0)
    assert error.max() <= 1e-5
    # ‖θ‖² is at least Σ|w|^{2/L}, which it tends to, and at most that plus ‖θ(0)‖² e^{-2s}.
    least = np.array([quasi_norm(w, depth) for w in found.weights.T])
    assert (found.norms**2 >= least * (1 - 1e-9)).all()
    assert (found.norms**2 <= least + 2 * 20 * alpha**2 * np.exp(-2 * times)).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("alpha", "lam"), [(1e2, 1e-4), (1e100, 1e-12)])
def test_any_scale_is_followed_to_rest_at_a_kkt_point(loss, depth, alpha, lam):
    problem = problem_for(loss)
    pole = DiagonalScale(alpha, problem.scale, depth).pole(1e-6)
    times = np.append(np.log(alpha) + np.linspace(-1, 6, 29), pole + np.array([1.0, 100.0]))
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss])
    found = flow.run(DiagonalStart(problem, alpha, depth), np.unique(times))
    assert len(found.lambda_t) == 31
    end = found.weights[:, -1]
    # The pull of the square loss, of order λ, is a difference of numbers of the size of y.
    rounding = 100 * np.finfo(float).eps * np.abs(problem.targets).max() / lam
    allowed = max(1e-9, rounding if loss == "square" else 0.0)
    assert kkt.of_penalty(problem, end, depth, LOSSES[loss], lam).residual <= allowed
    assert np.isclose(found.norms[-1] ** 2, quasi_norm(end, depth), rtol=1e-6)
    assert np.isfinite(found.weights).all()
    assert found.work.rhs_evaluations <= 40_000


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_tolerance_is_kept(depth):
    times = np.log(100.0) + np.linspace(-2, 4, 25)
    for loss in ("logistic", "square"):
        coarse, fine = (
            DiagonalFlow(lam=1e-4, loss=LOSSES[loss], rtol=rtol).run(
                DiagonalStart(problem_for(loss), 100.0, depth), times
            )
            for rtol in (1e-4, 1e-5)
        )
        size = np.linalg.norm(fine.weights, axis=0)
        assert (np.linalg.norm(coarse.weights - fine.weights, axis=0) / size).max() <= 1e-4


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("alpha", [1e2, 1e100])
def test_the_transition_of_the_square_loss_is_the_predicted_one(depth, alpha):
    lam, loss = 1e-6, LOSSES["square"]
    prediction = forecast(TARGETS, alpha=alpha, lam=lam, loss=loss, depth=depth)
    times = prediction.transition.lambda_t + np.linspace(-2, 2, 401)
    found = DiagonalFlow(lam=lam, loss=loss).run(DiagonalStart(TARGETS, alpha, depth), times)
    when = found.transition(*prediction.scores.error[:2])
    # O(λ) of the path, and two interpolations on grids of 0.01 and 0.016 in slow time.
    assert abs(when.lambda_t - prediction.transition.lambda_t) <= 1e-3


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("depth", "alpha"), [(4, 5e-4), (6, 0.02)])
@pytest.mark.parametrize("lam", [1e-8, 1e-2])
def test_from_tiny_scales_weights_grow_or_die_as_in_the_full_system(loss, depth, alpha, lam):
    """At these scales ``1 - x_ω`` is below 1e-6 from the start, whatever the weights do."""
    problem, times = problem_for(loss), np.array([1e-3, 0.1, 1.0])
    assert DiagonalScale(alpha, problem.scale, depth).pole(1e-6) < 0
    reference = full_flow.weights(
        problem.inputs.to_array(), problem.targets, alpha, lam, loss, times, 1e-8, depth
    )
    found = DiagonalFlow(lam=lam, loss=LOSSES[loss]).run(
        DiagonalStart(problem, alpha, depth), times
    )
    if lam == 1e-2:
        assert 0 < np.abs(found.weights).max() <= 1e-12
        return  # of the size of the reference's absolute tolerance
    size = np.linalg.norm(reference, axis=0)
    grown = size > 1
    assert grown[1:].all()
    error = np.linalg.norm(found.weights - reference, axis=0)
    assert (error <= 1e-4 * size)[grown].all()
