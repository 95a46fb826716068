"""Closed forms of the slow motion with one sample, beside the integrator of any model."""

from types import SimpleNamespace

import numpy as np
import pytest

from grokflow.theory.homogeneous.slow_manifold import SlowManifold
from grokflow.theory.homogeneous.zero_loss_paths import (
    hyperbola_path,
    line_path,
    misfit_per_decay,
)

TIMES = np.array([0.5, 1.0, 3.0])


def model_of(output, gradient):
    """Wrap a model of one output."""
    return SimpleNamespace(
        outputs=lambda theta: np.array([output(theta)]),
        jacobian=lambda theta: gradient(theta)[None],
    )


def walked(model, start):
    return SlowManifold(rtol=1e-9).predict(model, model.outputs(start), start, TIMES)


def test_the_line_is_the_path_of_the_linear_model():
    x, start = np.array([2.0, -0.5]), np.array([-1.0, 1.0])
    found = walked(model_of(lambda theta: theta @ x, lambda theta: x), start)
    assert np.abs(line_path(x, start, TIMES) - found.theta).max() <= found.steps * 1e-9 * 2


@pytest.mark.parametrize("start", [(3.0, 0.25), (-3.0, 0.25), (-0.5, -2.0)])
def test_the_hyperbola_is_the_path_of_the_product_on_any_branch(start):
    start = np.array(start)
    found = walked(model_of(np.prod, lambda theta: theta[::-1]), start)
    path = hyperbola_path(start, TIMES)
    assert np.abs(path - found.theta).max() <= found.steps * 1e-9 * 4
    # The loss is the square, with slope 2 (f - y): it holds μ of the decay with -λ μ/2 of misfit.
    held = [misfit_per_decay(at, at[::-1]) for at in path]
    assert np.allclose(held, -found.multipliers[:, 0] / 2, rtol=1e-6)
