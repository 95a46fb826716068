"""Losses: derivatives, conjugates by Fenchel-Young, accuracy in the tails."""

import numpy as np
import pytest

from grokflow.theory.linear.dual import OfLoss
from grokflow.theory.losses import LOSSES

Q = np.linspace(-3, 8, 23)
TARGETS = np.full_like(Q, 0.4)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_derivatives(loss):
    h = 1e-5
    up, down = (loss.value(Q + e, TARGETS) for e in (h, -h))
    assert np.allclose(loss.descent(Q, TARGETS), -(up - down) / (2 * h), rtol=1e-8, atol=1e-9)
    up, down = (loss.descent(Q + e, TARGETS) for e in (h, -h))
    assert np.allclose(loss.curvature(Q, TARGETS), -(up - down) / (2 * h), rtol=1e-8, atol=1e-9)
    at_zero = loss.curvature(np.zeros(1), np.zeros(1))[0]
    assert loss.largest_curvature_at_zero == at_zero


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_curvature_changes_at_most_in_proportion_to_itself(loss):
    h = 1e-5
    up, down = (loss.curvature(Q + e, TARGETS) for e in (h, -h))
    slope = np.abs(up - down) / (2 * h) / loss.curvature(Q, TARGETS)
    # No smaller bound holds: it is approached in the tail.
    assert 0.99 * loss.concordance - 1e-9 <= slope.max() <= loss.concordance + 1e-9


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_fenchel_young_holds_with_equality_at_the_pull(loss):
    u = loss.descent(Q, TARGETS)
    gap = loss.conjugate(u, TARGETS) + loss.value(Q, TARGETS) + u * Q
    size = np.abs(u * Q) + loss.value(Q, TARGETS) + 1
    assert (np.abs(gap) <= 20 * np.finfo(float).eps * size).all()
    for other in (0.5 * u, np.minimum(0.9, 1.3 * u)):
        slack = loss.conjugate(other, TARGETS) + loss.value(Q, TARGETS) + other * Q
        assert (slack >= -20 * np.finfo(float).eps * size).all()


def test_conjugates_are_infinite_outside_their_domain():
    outside = np.array([-1e-9])
    for name in ("exponential", "logistic"):
        assert LOSSES[name].conjugate(outside, outside) == np.inf
    assert LOSSES["logistic"].conjugate(np.array([1 + 1e-9]), outside) == np.inf


def test_the_logistic_pull_keeps_its_relative_accuracy_in_the_tail():
    pull = LOSSES["logistic"].descent(np.array([500.0]), np.ones(1))[0]
    assert np.isclose(pull, np.exp(-500.0), rtol=1e-13)


@pytest.mark.filterwarnings("error")
def test_a_tail_without_curvature_left_is_infinitely_curved_in_the_dual():
    """Margins beyond 745, whose exponential is zero, divided by zero with a warning."""
    conjugate = OfLoss(LOSSES["logistic"], np.ones(2), 1e-12)
    assert (conjugate.curvature(np.array([0.0, 1e-320])) >= 0).all()
