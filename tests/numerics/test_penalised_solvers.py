"""The solvers of last resort reach the optimum on their own, whatever the units of the columns."""

import numpy as np
import pytest

from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.design_matrix import design_matrix
from grokflow.theory.numerics.penalised.active_set import ActiveSet
from grokflow.theory.numerics.penalised.bounds import PenalisedBounds
from grokflow.theory.numerics.penalised.exact_bounds import ExactBounds
from grokflow.theory.numerics.penalised.precise_newton import PreciseNewton
from grokflow.theory.numerics.penalised.ridge import ridge

GAP = 1e-7


def data(seed, loss, n, d):
    """Return inputs with columns of any unit, and targets that some weights fit."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-3, 3, d)
    q = x @ (rng.standard_normal(d) / np.abs(x).max(axis=0))
    if LOSSES[loss].acts_on_margins:
        return x * np.where(q > 0, 1.0, -1.0)[:, None], np.ones(n)
    return x, q


@pytest.mark.parametrize(("n", "d"), [(6, 14), (14, 6), (9, 9)])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("lam", [1e-2, 1e-5])
def test_the_solvers_of_last_resort_reach_the_gap_from_nothing(loss, lam, n, d):
    for seed in range(3):
        x, y = data(seed, loss, n, d)
        bounds = PenalisedBounds(design_matrix(x), y, LOSSES[loss])
        solver = ActiveSet(bounds.x, y, LOSSES[loss], lam / 2)
        w, mu = solver.solve(np.zeros(d), GAP / 4, work=1e10)
        upper = bounds.mean_loss_above(w) + lam / 2 * np.abs(w).sum()
        assert upper - bounds.dual_below(mu, lam / 2) <= GAP * upper
        w, mu = ridge(x, y, LOSSES[loss], lam)
        upper = bounds.mean_loss_above(w) + lam / 2 * w @ w
        assert upper - bounds.ridge_below(mu, lam) <= GAP * upper


def test_copies_of_columns_share_nothing_that_the_norm_does_not_allow():
    """Dependent columns: the weights slide along the null space until one of them is zero."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 3))
    x = np.column_stack([x, 2 * x[:, 0], x[:, 1] + x[:, 2]])
    y = x @ np.ones(5)
    loss = LOSSES["square"]
    bounds = PenalisedBounds(design_matrix(x), y, loss)
    w, mu = ActiveSet(bounds.x, y, loss, 1e-3).solve(np.ones(5), GAP / 4, work=1e10)
    upper = bounds.mean_loss_above(w) + 1e-3 * np.abs(w).sum()
    assert upper - bounds.dual_below(mu, 1e-3) <= GAP * upper
    assert np.linalg.matrix_rank(x[:, w != 0]) == np.count_nonzero(w)


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
@pytest.mark.parametrize("strengths", [(1e-3, 0.0), (0.0, 1e-3)])
def test_newton_in_many_digits_leaves_the_rounding_of_the_weights_alone(loss, strengths):
    tau, lam = strengths
    for seed in range(3):
        x, y = data(seed, loss, 7, 5)
        found = PreciseNewton(x, LOSSES[loss], tau, lam).refined(np.zeros(5))
        assert found is not None
        bounds = ExactBounds(design_matrix(x), y, LOSSES[loss])
        below = bounds.dual_below(found.mu, tau) if tau else bounds.ridge_below(found.mu, lam)
        upper = bounds.mean_loss_above(found.w)
        upper += tau * np.abs(found.w).sum() + lam / 2 * found.w @ found.w
        # Rounding moves outputs by u Σ|x_ij w_j| and the loss, whose slope is at most its value.
        moved = np.finfo(float).eps * (np.abs(x) @ np.abs(found.w)).max() + 1e-15
        assert -1e-15 * upper <= upper - below <= 10 * moved * max(upper, 1.0)


def test_newton_in_many_digits_knows_no_other_loss():
    assert PreciseNewton(np.eye(2), LOSSES["square"], 1.0).refined(np.zeros(2)) is None
