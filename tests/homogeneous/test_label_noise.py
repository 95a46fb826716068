"""Label noise as decay: one step of a net of one weight, by hand."""

import numpy as np

from grokflow.theory.homogeneous.label_noise import effective_decay, product_factor


def test_a_step_multiplies_the_product_of_the_layers():
    x, y, u, v, lr, lam = 3.0, 0.5, 1.2, 0.7, 0.01, 0.2
    slope = 2 * x * (x * (u**2 - v**2) - y)
    after = np.array([u - lr * (2 * u * slope + lam * u), v - lr * (-2 * v * slope + lam * v)])
    assert np.isclose(product_factor(np.array(slope), lr, lam), after.prod() / (u * v), rtol=1e-14)


def test_noise_of_both_signs_decays_like_the_effective_decay():
    x, lr, lam, noise = 3.0, 1e-4, 0.2, 0.5
    gradient = 2 * x * noise * np.array([-1.0, 1.0])
    fall = 1 - product_factor(gradient, lr, lam).mean()
    effective = effective_decay(np.array(x**2), lr, lam, noise, 1)
    assert np.isclose(fall, 2 * lr * effective, atol=2 * (lr * lam) ** 2)
