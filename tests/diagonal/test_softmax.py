"""Cross-entropy of several classes: followed, predicted, and both beside a plain transcription."""

import numpy as np
import pytest

import grokflow as gf
from grokflow.simulations.models.bound import ModelSettings
from grokflow.simulations.models.registry import exact_model_of
from grokflow.theory.diagonal.classes import at_lam
from grokflow.theory.diagonal.classes.softmax_flow import SoftmaxEquations
from grokflow.theory.diagonal.classes.softmax_motion import OfSoftmax, SoftmaxMotion
from grokflow.theory.diagonal.finite_decay.timing import Span, even_steps, follow
from grokflow.theory.linear.classes.softmax import log_pulls, sample_losses, stacked_problem
from tests.diagonal.test_one_vs_rest import largest
from tests.reference.softmax_flow import softmax_weights

PROBLEM = largest(n=20, d=40, n_test=3000)


@pytest.mark.parametrize(("alpha", "lam"), [(0.3, 0.1), (3.0, 1e-2), (10.0, 1e-3)])
@pytest.mark.parametrize("overlapping", [False, True])
def test_the_flow_is_that_of_all_u_and_v(alpha, lam, overlapping):
    rng = np.random.default_rng(int(10 * alpha))
    n, d = (30, 3) if overlapping else (8, 5)
    x, y = rng.standard_normal((n, d)), rng.permutation(np.arange(n) % 3)
    problem = gf.make_classes_problem("p", x, y, x, y)
    times = np.linspace(0.05, 6, 20)
    ours = gf.SoftmaxFlow(lam=lam).run(problem, alpha=alpha, times=times)
    plain = softmax_weights(x, y, 3, alpha, lam, times)
    sizes = np.linalg.norm(plain, axis=(0, 1))
    # The reference is good to ten times its rtol of 1e-7.
    assert (np.linalg.norm(ours.weights - plain, axis=(0, 1)) <= (1e-4 + 1e-6) * sizes).all()
    assert ours.error <= 1e-4


def test_the_jacobian_is_that_of_the_rate():
    equations = SoftmaxEquations.of_classes(PROBLEM, 10.0, 1e-3)
    at, y = equations.clock.at(30.0), 0.3 * np.random.default_rng(0).standard_normal(40)
    jacobian = equations.rate_jacobian(at, y)
    for j in (0, 20, 39):
        step = np.zeros(40)
        step[j] = 1e-6
        change = equations.rate(at, y + step) - equations.rate(at, y - step)
        # Second differences of the rate are of its own size; rounding takes 1e-16 / 1e-6.
        assert np.abs(change / 2e-6 - jacobian[:, j]).max() <= 1e-7 * np.abs(jacobian).max()


@pytest.mark.parametrize(("alpha", "lam"), [(1e4, 1e-6), (1e40, 1e-40), (1e100, 1e-100)])
def test_the_flow_goes_from_crammer_and_singer_to_their_l1_margin(alpha, lam):
    found = gf.forecast_softmax(PROBLEM, alpha=alpha, lam=lam)
    log_alpha = np.log(alpha)
    run = gf.SoftmaxFlow(lam=lam).run(PROBLEM, alpha=alpha, times=log_alpha * np.array([0.5, 1.5]))
    flat = run.weights.reshape(-1, 2)
    early, late = flat[:, 0] / np.linalg.norm(flat[:, 0]), flat[:, 1]
    # Margins differ by O(1) out of log α: so do directions.
    assert early @ found.early.w / np.linalg.norm(found.early.w) >= 1 - 1 / log_alpha
    margin = run.margins[1].min() / np.abs(late).sum()
    assert found.limit.margin * (1 - 10 / log_alpha) <= margin <= found.limit.margin * (1 + 1e-6)


def test_the_predicted_transition_is_the_simulated_one():
    lam = 1e-8
    found = gf.forecast_softmax(PROBLEM, alpha=1e4, lam=lam)
    assert found.kind is gf.Kind.GROKKING
    run = gf.SoftmaxFlow(lam=lam).run(PROBLEM, alpha=1e4, times=np.linspace(0.05, 25, 400))
    when = run.transition(*found.scores.error[:2])
    # λt* is known to 1/log(1/λ) of itself.
    assert found.transition.lambda_t == pytest.approx(when.lambda_t, rel=1 / np.log(1 / lam))
    (low, high), spacing = found.interval, run.lambda_t[1] - run.lambda_t[0]
    assert low - spacing <= when.lambda_t <= high + spacing and high - low < 0.5
    late = run.weights[:, :, -1].ravel() - found.late.w
    assert np.linalg.norm(late) <= 0.2 * np.linalg.norm(found.late.w)


def test_the_motion_at_finite_lambda_is_the_flow_within_its_errors():
    alpha, lam = 1e3, 1e-3
    found = gf.forecast_softmax(PROBLEM, alpha=alpha, lam=lam)
    motion = SoftmaxMotion.of_classes(stacked_problem(PROBLEM), found.early.w, lam, 2)
    start, end = found.curve.lambda_t[[0, -1]] - np.log(alpha)
    for step in (0.5, 0.125):
        followed = follow(motion, even_steps(Span(start, end), step))
        # After the first steps, in which margins forget that their start is left out.
        later = followed.slow >= start + 1
        times = followed.slow[later] + np.log(alpha)
        flow = gf.SoftmaxFlow(lam=lam).run(PROBLEM, alpha=alpha, times=times)
        true = flow.weights.reshape(-1, len(times))
        size = np.linalg.norm(true, axis=0)
        off = np.linalg.norm(followed.weights[:, later] - true, axis=0) / size
        known = np.linalg.norm(followed.errors[:, later], axis=0) / size
        assert off.max() <= known.max() + 1e-4  # the flow's own rtol
        assert known.max() <= 0.2 * step


def test_the_conjugate_of_softmax_is_what_its_margins_say():
    rng = np.random.default_rng(0)
    data, q = OfSoftmax(3, 0.01), 3 * rng.standard_normal((5, 3))
    mu = np.exp(log_pulls(q)).ravel() / 0.01
    assert data.gradient(mu) == pytest.approx(-q.ravel(), abs=1e-9)
    # Fenchel's equality: the conjugate of the loss is -r q - l where r are the pulls at q.
    value = -(sample_losses(q).sum() + (np.exp(log_pulls(q)) * q).sum())
    assert data.value(mu) == pytest.approx(value / 0.01)
    bend = np.diag(data.curvature(mu) - np.repeat(data.coupling(mu), 3))
    bend += np.kron(np.diag(data.coupling(mu)), np.ones((3, 3)))
    for j in range(15):
        step = 1e-5 * min(mu[j], 1 / data.coupling(mu)[j // 3]) * np.eye(15)[j]
        change = data.gradient(mu + step) - data.gradient(mu - step)
        # Third derivatives are the second ones over μ or what is left to 1: 1e-10 of them is left.
        assert change / (2 * step[j]) == pytest.approx(bend[:, j], rel=1e-6, abs=1e-6)
    assert data.value(100 * np.ones(15)) == np.inf == data.value(-mu)


def test_a_joint_motion_that_is_not_resolved_leaves_the_time_for_small_decay(monkeypatch):
    def unresolved(*args, **options):
        raise gf.NotResolved("not resolved")

    known = gf.forecast_softmax(PROBLEM, alpha=1e3, lam=1e-4)
    monkeypatch.setattr(at_lam, "timed", unresolved)
    found = gf.forecast_softmax(PROBLEM, alpha=1e3, lam=1e-4)
    assert known.interval.is_known and not found.interval.is_known
    assert found.at_lam is found.curve and known.at_lam is not known.curve
    assert found.constant == known.constant


def test_the_model_tells_commands_all():
    model = exact_model_of(PROBLEM).bind(PROBLEM, ModelSettings(lam=1e-3, loss="cross-entropy"))
    told = model.forecast(100.0)
    assert told.early.name == "max-L2-margin of Crammer and Singer"
    assert told.late.name == "L1-penalised cross-entropy" and told.late.certificate.gap <= 1e-6
    run = model.follow(100.0, np.array([0.0, 0.5, 5.0]))
    assert run.curves()["train_accuracy"][0] == pytest.approx(1 / 3)
    assert model.fitted(run)[-1] and run.to_dataset().weight.shape == (3, 40, 3)
    assert run.norms[0] == pytest.approx(100 * model.unit_norm)
    assert model.outlook().offset == pytest.approx(told.transition.lambda_t - np.log(100.0))
    with pytest.raises(ValueError, match="measure is kkt with cross-entropy, expected none"):
        model.follow(100.0, np.array([1.0]), measure=["kkt"])
    assert told.interval.is_known and len(told.path_times) == len(told.path_scores.error)


@pytest.mark.parametrize(
    ("problem", "settings", "message"),
    [
        (PROBLEM, {"depth": 3}, "depth is 3 with cross-entropy, expected 2"),
        (
            gf.sparse(n=20, d=50),
            {},
            "loss is cross-entropy on sparse, expected data of three classes",
        ),
    ],
)
def test_settings_that_the_net_does_not_have_are_refused(problem, settings, message):
    wanted = ModelSettings(lam=1e-3, loss="cross-entropy", **settings)
    with pytest.raises(ValueError, match=message):
        exact_model_of(problem).bind(problem, wanted)


def test_a_run_that_cannot_go_on_keeps_what_it_reached():
    flow = gf.SoftmaxFlow(lam=1e-3, max_steps=60)
    with pytest.raises(gf.Stopped, match="the flow stopped before λt") as stopped:
        flow.run(PROBLEM, alpha=100.0, times=np.array([1e-9, 1e-8, 20.0]))
    reached = stopped.value.trajectory
    assert len(reached.lambda_t) < 3 and reached.weights.shape[2] == len(reached.lambda_t)


def test_ctrl_c_leaves_what_both_runs_reached():
    def interrupted(fraction):
        if fraction > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(gf.Interrupted) as stopped:
        gf.SoftmaxFlow(lam=1e-3).run(
            PROBLEM, alpha=10.0, times=np.linspace(0.1, 5, 10), progress=interrupted
        )
    assert 1 <= len(stopped.value.trajectory.lambda_t) < 10


def test_classes_that_overlap_have_no_forecast_and_the_flow_all_the_same():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((40, 3)), rng.permutation(np.arange(40) % 3)
    problem = gf.make_classes_problem("p", x, y, x, y)
    with pytest.raises(
        gf.NotSeparable, match=r"no linear outputs .*: take the logistic loss"
    ) as no:
        gf.forecast_softmax(problem, alpha=10.0, lam=1e-3)
    multipliers = no.value.certificate.multipliers
    combined = multipliers @ stacked_problem(problem).inputs.to_array()
    # The proof, up to the rounding of a sum of 80 rows.
    assert multipliers.min() >= 0 and multipliers.sum() == pytest.approx(1.0)
    assert np.linalg.norm(combined) <= no.value.certificate.residual * (1 + 1e-6) + 1e-14
    run = gf.SoftmaxFlow(lam=1e-3).run(problem, alpha=10.0, times=np.array([1.0, 8.0]))
    assert run.error <= 1e-4


@pytest.mark.parametrize("rest", [0, 2])
@pytest.mark.parametrize("seed", range(4))
def test_every_scale_ends_at_the_same_weights_where_classes_overlap(seed, rest):
    """Some samples may have an input of their own, which tells them apart."""
    rng = np.random.default_rng([5, seed])
    x, y = rng.standard_normal((30, 3 + rest)), rng.permutation(np.arange(30) % 3)
    x[: 30 - rest, 3:] = 0.0
    problem = gf.make_classes_problem("p", x, y, x, y)
    flow = gf.SoftmaxFlow(lam=10.0 ** rng.uniform(-5, -2))
    after = np.array([1.0, 3.0])
    near, far = (
        flow.run(problem, alpha=alpha, times=np.log(alpha) + after).weights.reshape(-1, 2)
        for alpha in (1e3, 1e9)
    )
    off = np.linalg.norm(far - near, axis=0) / np.linalg.norm(near, axis=0)
    # Each is right to rtol, and what is left of the start falls like e^{-2λt}, a millionth of it.
    assert (off <= 2 * flow.rtol + 1e-4).all()


@pytest.mark.parametrize("seed", [11, 17])
def test_a_step_that_errs_is_taken_anew_with_more_care(seed):
    """At the first tolerance one step near the transition errs by more than all of them may."""
    rng = np.random.default_rng([6, seed])
    x, y = rng.standard_normal((11, 3)), rng.permutation(np.arange(11) % 3)
    problem, flow = gf.make_classes_problem("p", x, y, x, y), gf.SoftmaxFlow(lam=1e-4)
    end, after = np.log(1e10), 3.0
    times = np.append(end * np.array([0.5, 0.9, 1.0]), end + after)
    far = flow.run(problem, alpha=1e10, times=times).weights[:, :, -1]
    near = flow.run(problem, alpha=1e3, times=np.array([np.log(1e3) + after])).weights[:, :, 0]
    # Each is right to rtol, and what is left of the start falls like e^{-2λt}, a millionth of it.
    assert np.linalg.norm(far - near) <= (2 * flow.rtol + 1e-4) * np.linalg.norm(near)
