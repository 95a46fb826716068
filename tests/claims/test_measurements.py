"""What claims measure with: the cone of the nuclear norm, and a flow without weight decay."""

import numpy as np

from grokflow.proofs_check.completion.thm_f_5_stable_recovery import onto_descent_cone
from grokflow.proofs_check.diagonal.regimes.no_decay import weights_at


def test_the_descent_cone_is_projected_onto():
    """A projection P h onto a cone has h - P h at right angles to P h and on no element's side."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 6))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    outer = x[:, :, None] * x[:, None, :]
    h = rng.standard_normal((40, 6, 6))
    h[20:] -= 30 * outer[20:]  # inside already
    found = onto_descent_cone(h, x)
    assert np.abs(found[20:] - h[20:]).max() <= 1e-12
    # To first order the nuclear norm of xxᵀ + t H does not grow.
    norms = np.linalg.svd(outer + 1e-6 * found, compute_uv=False).sum(axis=1)
    assert (norms <= 1 + 1e-10).all()
    left = h - found
    assert np.abs((left * found).sum(axis=(1, 2))).max() <= 1e-12 * np.abs(h).max() ** 2 * 36
    many, copies = rng.standard_normal((20_000, 6, 6)), np.tile(x, (500, 1))
    products = (np.tile(left, (500, 1, 1)) * onto_descent_cone(many, copies)).sum(axis=(1, 2))
    assert products.max() <= 1e-10


def test_without_weight_decay_u_and_v_are_followed_to_a_millionth():
    rng = np.random.default_rng(1)
    z = rng.standard_normal((4, 9))
    for alpha in (3.0, 30.0):
        w, finer = (weights_at(z, alpha, 1e4, rtol) for rtol in (1e-10, 1e-12))
        assert np.linalg.norm(w - finer) <= 1e-7 * np.linalg.norm(finer)
        # The flow has passed through the margins log t, up to log log t and constants.
        assert abs((z @ w).min() / 1e4 - 1) <= 1e-2


def test_without_weight_decay_one_sample_has_the_margin_of_its_equation():
    """Of one sample of one input dw/dt = 4 (u² + v²) e^-w, with u² + v² = √(w² + 4α⁴)."""
    from scipy.integrate import quad

    alpha = 2.0
    w = float(weights_at(np.array([[1.0]]), alpha, 3.0)[0])
    passed, _ = quad(lambda q: np.exp(q) / (4 * np.sqrt(q**2 + 4 * alpha**4)), 0, w)
    assert abs(np.log(passed) - 3.0) <= 1e-5
