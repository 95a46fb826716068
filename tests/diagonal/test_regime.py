"""Data beyond separable classes and fitted targets: what holds the weights, and what follows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.datasets import load_diabetes, load_iris, load_wine

from grokflow.theory.diagonal.forecast import forecast
from grokflow.theory.diagonal.partly.split import split
from grokflow.theory.diagonal.path import trace
from grokflow.theory.diagonal.regime import Regime, held_weights
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.predictor import NotResolved
from grokflow.theory.samples import StoredTestSet
from grokflow.theory.transition.scores import Kind
from tests.linear.test_own_losses import HalfSquare
from tests.reference.full_flow import weights

LOGISTIC, SQUARE = LOSSES["logistic"], LOSSES["square"]


def problem_of(task, x, y, train=None):
    train = len(y) if train is None else train
    test = StoredTestSet(x[-train:], y[-train:])
    return make_problem("data", task, x[:train], y[:train], test)


def low_rank(seed, n, d, rank):
    rng = np.random.default_rng(seed)
    return rng, rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))


def noisy_targets(seed, n=40, d=24, rank=6):
    rng, x = low_rank(seed, n, d, rank)
    return problem_of(Task.REGRESSION, x, x[:, 0] + rng.standard_normal(n))


def overlapping_classes(seed, n=40, d=24, rank=6):
    rng, x = low_rank(seed, n, d, rank)
    y = np.where(rng.uniform(size=n) < 0.25, -1.0, 1.0) * np.sign(x[:, 0])
    return problem_of(Task.CLASSIFICATION, x, y)


@pytest.mark.parametrize(
    ("make", "loss"), [(noisy_targets, "square"), (overlapping_classes, "logistic")]
)
def test_the_unreduced_flow_is_within_lambda_of_the_path(make, loss):
    problem, alpha = make(0), 10.0
    held = held_weights(problem, LOSSES[loss])
    times = np.linspace(2, 8, 5)
    path = trace(held.problem, 2 * (np.log(alpha) - times), tolerance=1e-9).weights
    x, errors = problem.inputs.to_array(), []
    for lam in (1e-3, 1e-4):
        w = weights(x, problem.targets, alpha, lam, loss, times, rtol=1e-8)
        errors.append((np.linalg.norm(w - path, axis=0) / np.linalg.norm(path, axis=0)).max())
    # First order: tenfold less at a tenth of λ, but for the second order, 1e-3 relative to it.
    assert 9 <= errors[0] / errors[1] <= 11
    assert errors[1] <= 0.01


def test_fitted_targets_of_more_samples_than_rank_are_those_of_independent_rows():
    _, x = low_rank(1, 30, 12, 5)
    problem = problem_of(Task.REGRESSION, x, x @ np.ones(12))
    held = held_weights(problem, SQUARE)
    assert held.regime is Regime.INTERPOLATED and not held.determined
    assert held.problem.inputs.shape == (5, 12)
    assert np.allclose(x @ held.early.w, problem.targets)
    # A loss that is least at the targets is held by them, whatever else it is.
    assert held_weights(problem, HalfSquare()).regime is Regime.INTERPOLATED


@pytest.mark.parametrize("seed", range(60))
def test_targets_that_whole_weights_fit_are_fitted_though_rows_depend(seed):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(2, 9, 2)
    rank = int(rng.integers(1, min(n, d) + 1))
    x = rng.integers(1, 7, (n, rank)) @ rng.integers(-6, 7, (rank, d)).astype(float)
    x = x[x.any(axis=1)]
    y = x @ rng.integers(1, 6, d)
    if not y.any():
        y = x[:, 0]
    assert held_weights(problem_of(Task.REGRESSION, x, y), SQUARE).regime is Regime.INTERPOLATED
    # A target out of reach of all weights, by a part in 1e12, is none.
    ones = np.ones((3, d))
    near = np.array([1.0, 1.0, 1.0 + 1e-12])
    assert held_weights(problem_of(Task.REGRESSION, ones, near), SQUARE).regime is (
        Regime.INCONSISTENT
    )


@pytest.mark.parametrize("loss", ["square", "logistic", "exponential"])
@pytest.mark.parametrize("depth", [2, 3])
def test_there_is_no_transition_where_the_data_determine_the_weights(loss, depth):
    make = noisy_targets if loss == "square" else overlapping_classes
    problem = make(1, n=60, d=5, rank=5)
    found = forecast(problem, alpha=1e3, lam=1e-4, loss=LOSSES[loss], depth=depth)
    assert found.kind is Kind.NO_TRANSITION
    assert np.isnan(found.transition.lambda_t) and np.isnan(found.constant)
    assert found.limit is found.early
    assert (found.curve.path.weights == found.early.w[:, None]).all()
    # The late predictor is the same point, but for the pull of λ: its loss is above by less than
    # the penalty of the early one, and by the gap that it is certified to.
    mean = [
        LOSSES[loss].value(problem.inputs.combine(part.w), problem.targets).mean()
        for part in (found.early, found.late)
    ]
    penalty = 0.5e-4 * (np.abs(found.early.w) ** (2 / depth)).sum()
    assert mean[1] - mean[0] <= penalty + 1e-7 * mean[0]


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("loss", ["square", "logistic", "exponential"])
@pytest.mark.parametrize("n", [4, 40])
def test_there_is_no_transition_from_weights_of_zero(n, loss, depth):
    """Targets of zero, or as many labels of either kind for every input."""
    x = np.random.default_rng(0).standard_normal((n, 6))
    if loss == "square":
        problem = problem_of(Task.REGRESSION, x, np.zeros(n))
    else:
        labels = np.repeat([1.0, -1.0], n)
        problem = problem_of(Task.CLASSIFICATION, np.vstack([x, x]), labels)
    found = forecast(problem, alpha=10.0, lam=1e-3, loss=LOSSES[loss], depth=depth)
    assert found.kind is Kind.NO_TRANSITION
    assert not any(part.w.any() for part in (found.early, found.late, found.limit))


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_the_forecast_of_data_that_no_weights_fit(loss):
    make = noisy_targets if loss == "square" else overlapping_classes
    problem = make(2, n=200, d=60, rank=20)
    found = forecast(problem, alpha=1e3, lam=1e-5, loss=LOSSES[loss])
    expected = Regime.INCONSISTENT if loss == "square" else Regime.OVERLAPPING
    assert found.regime is expected and found.limit.name == "min-L1-norm"
    # Early, late and limit have the outputs of least loss, late up to the pull of λ.
    x = problem.inputs.to_array()
    q = [x @ part.w for part in (found.early, found.limit, found.late)]
    assert np.allclose(q[1], q[0], atol=1e-6 * np.abs(q[0]).max())
    assert np.allclose(q[2], q[0], atol=1e-2 * np.abs(q[0]).max())
    assert np.abs(found.limit.w).sum() < 0.9 * np.abs(found.early.w).sum()
    late = L1Penalised(LOSSES[loss], 1e-5).predict(problem)
    assert np.array_equal(found.late.w, late.w)
    # The law has no term in the level of margins: the times do not depend on λ.
    path = found.curve.path
    times = path.lambda_t(1e3, 1e-3, LOSSES[loss])
    assert np.array_equal(times, path.lambda_t(1e3, 1e-9, LOSSES[loss]))
    assert np.array_equal(times, np.log(1e3) - path.log_beta / 2)


def test_one_input_with_two_labels_is_an_overlap_of_classes():
    x = np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0]])
    problem = problem_of(Task.CLASSIFICATION, x, np.array([1.0, 1.0, -1.0]))
    assert held_weights(problem, LOGISTIC).regime is Regime.SEPARABLE
    both = np.vstack([x, x])
    problem = problem_of(Task.CLASSIFICATION, both, np.array([1.0, 1.0, -1.0, -1.0, 1.0, 1.0]))
    held = held_weights(problem, LOGISTIC)
    assert held.regime is Regime.OVERLAPPING and held.determined
    # Three of four samples say 1 of the first input, and one of two of the second.
    assert np.allclose(x[1:] @ held.early.w, [np.log(3), 0.0], atol=1e-12)


@given(st.integers(0, 10**6))
def test_samples_that_can_be_classified_ever_better_are_named(seed):
    """Both signs of a row are in the core; an input of the rest alone separates the rest."""
    rng = np.random.default_rng(seed)
    core = rng.integers(-2, 3, (8, 3)).astype(float)
    core[~core.any(axis=1), 0] = 1.0
    rest = np.hstack([rng.integers(-2, 3, (3, 3)), np.ones((3, 1))])
    z = np.vstack([np.pad(core, ((0, 0), (0, 1))), np.pad(-core, ((0, 0), (0, 1))), rest])
    order = rng.permutation(len(z))
    problem = problem_of(Task.CLASSIFICATION, z[order], np.ones(len(z)))
    for loss in (LOGISTIC, LOSSES["exponential"]):
        held = held_weights(problem, loss)
        assert held.regime is Regime.PARTLY and held.parts is not None
        assert set(order[held.parts.rest]) == {16, 17, 18}
    # The square loss has a minimum in any case.
    assert held_weights(problem, SQUARE).determined


def classes_of_any_kind(seed):
    """Return rows x and labels y: of small rank, whole numbers, with copies of two labels."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 12))
    n, rank = int(rng.integers(2, 2 * d + 4)), max(1, d // 2)
    kinds = {
        "plain": lambda: rng.standard_normal((n, d)),
        "whole": lambda: rng.integers(-2, 3, (n, d)).astype(float),
        "low rank": lambda: low_rank(seed, n, d, rank)[1],
        "whole low rank": lambda: (
            1.0 * rng.integers(-2, 3, (n, rank)) @ rng.integers(-2, 3, (rank, d))
        ),
    }
    x = kinds[rng.choice(list(kinds))]()
    x[~x.any(axis=1), 0] = 1.0
    y = np.where(x[:, 0] > 0, 1.0, -1.0) if rng.random() < 0.5 else rng.choice([-1.0, 1.0], n)
    copied = rng.integers(n, size=rng.integers(0, 3))
    return np.vstack([x, x[copied]]), np.append(y, -y[copied])


def can_be_classified_ever_better(z, i):
    """Whether some weights classify sample i, and no other one wrongly: by its definition."""
    rows = -np.vstack([z, z[i]])
    bounds = np.append(np.zeros(len(z)), -1.0)
    found = linprog(np.zeros(z.shape[1]), A_ub=rows, b_ub=bounds, bounds=(None, None))
    return found.status == 0


@given(st.integers(0, 10**6))
def test_classes_of_any_kind_are_in_the_regime_of_their_definition(seed):
    x, y = classes_of_any_kind(seed)
    better = [i for i in range(len(y)) if can_be_classified_ever_better(x * y[:, None], i)]
    problem = problem_of(Task.CLASSIFICATION, x, y)
    if 0 < len(better) < len(y):
        parts = held_weights(problem, LOGISTIC).parts
        assert parts is not None and parts.rest.tolist() == better
    else:
        expected = Regime.SEPARABLE if better else Regime.OVERLAPPING
        assert held_weights(problem, LOGISTIC).regime is expected


def test_contradictory_copies_among_fewer_samples_than_inputs_leave_the_others_separable():
    x = np.random.default_rng(0).standard_normal((6, 12))
    problem = problem_of(Task.CLASSIFICATION, np.vstack([x, x[:1]]), np.array([1.0] * 6 + [-1.0]))
    parts = held_weights(problem, LOGISTIC).parts
    assert parts is not None and parts.rest.tolist() == [1, 2, 3, 4, 5]


def test_what_cannot_be_separated_is_not_called_separable_in_part():
    problem = overlapping_classes(0)
    assert split(problem, LOGISTIC) is None
    x = np.random.default_rng(0).standard_normal((30, 3))
    assert split(problem_of(Task.CLASSIFICATION, x, np.sign(x[:, 0])), LOGISTIC) is None


def test_square_loss_on_classes_is_regression_on_their_signs():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((12, 30))
    y = np.sign(x[:, 0])
    classes, signs = (problem_of(task, x, y) for task in Task)
    found, same = (
        forecast(problem, alpha=1e3, lam=1e-4, loss=SQUARE) for problem in (classes, signs)
    )
    assert found.regime is Regime.INTERPOLATED and found.scores.accuracy is not None
    assert np.allclose(found.early.w, same.early.w) and np.allclose(found.late.w, same.late.w)


def test_a_loss_of_margins_on_real_targets_is_refused():
    with pytest.raises(ValueError, match="loss is logistic on real targets, expected a loss of"):
        forecast(noisy_targets(0), alpha=10.0, lam=1e-3, loss=LOGISTIC)


def test_a_loss_without_concordance_has_no_forecast_of_targets_that_no_weights_fit():
    class Plain:
        """The half square, as an object with nothing but what a loss must have."""

        def __init__(self):
            loss = HalfSquare()
            for name in ("name", "acts_on_margins", "largest_curvature_at_zero", "pull_range"):
                setattr(self, name, getattr(loss, name))
            for name in ("value", "descent", "curvature", "conjugate", "outputs_of_pull"):
                setattr(self, name, getattr(loss, name))

    with pytest.raises(NotResolved, match="has no `concordance`"):
        forecast(noisy_targets(0), alpha=10.0, lam=1e-3, loss=Plain())


def table(name):
    """A table of scikit-learn: inputs, and targets or the class 1 against the others."""
    if name == "diabetes":
        return load_diabetes(return_X_y=True)
    data = load_iris() if name == "iris" else load_wine()
    return data.data, np.where(data.target == 1, 1.0, -1.0)


@pytest.mark.parametrize(
    ("name", "loss", "regime", "kind"),
    [
        ("diabetes", "square", Regime.INCONSISTENT, Kind.NO_TRANSITION),
        ("iris", "logistic", Regime.OVERLAPPING, Kind.NO_TRANSITION),
        ("iris", "square", Regime.INCONSISTENT, Kind.NO_TRANSITION),
        ("wine", "square", Regime.INCONSISTENT, Kind.NO_TRANSITION),
    ],
)
def test_real_tables_have_a_forecast(name, loss, regime, kind):
    x, y = table(name)
    task = Task.REGRESSION if name == "diabetes" else Task.CLASSIFICATION
    order = np.random.default_rng(0).permutation(len(y))
    problem = problem_of(task, x[order], y[order], train=len(y) * 3 // 4)
    found = forecast(problem, alpha=10.0, lam=1e-3, loss=LOSSES[loss])
    assert (found.regime, found.kind) == (regime, kind)
    assert found.early.certificate.gap <= 1e-10
