"""The normaliser Z(α): the margin that the net has, as its kernel alone, at T_c^-."""

import numpy as np
import pytest

from grokflow.theory.homogeneous.normaliser import Normaliser, log_normaliser
from grokflow.theory.transition.times import window


@pytest.mark.parametrize("degree", [2, 3, 5])
@pytest.mark.parametrize("c", [0.25, 0.5])
def test_it_is_the_margin_at_which_weight_decay_balances_the_kernel(degree, c):
    """At T_c^- a net of degree L is at α e^{-λT}, and its kernel has that to the power 2(L-1)."""
    alpha, lam = 1e20, 1e-7
    scale = alpha * np.exp(-window(alpha, c).early)

    def kernel(size):
        """Return the kernel of ``u^L - v^L`` at u = v = size, for the input one."""
        return 2 * (degree * size ** (degree - 1)) ** 2

    # Pulls e^{-m} times the kernel hold against λ at m = log(kernel / λ), but for a constant.
    expected = np.log(kernel(scale) / kernel(1.0) / lam)
    settings = {"alpha": alpha, "lam": lam, "c": c, "degree": degree}
    assert np.isclose(log_normaliser(Normaliser.CORRECTED, **settings), expected, rtol=1e-12)
    # As printed it has α^c, whatever the degree.
    printed = log_normaliser(Normaliser.PRINTED, **settings)
    assert np.isclose(printed, np.log(scale / lam), rtol=1e-12)
