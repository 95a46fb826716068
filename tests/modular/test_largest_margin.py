"""The largest margin on modular addition: a case by hand, and nets that are not better."""

import numpy as np
import pytest

from grokflow.theory.modular.largest_margin import largest_margin


def test_mod_3_it_is_the_square_root_of_2_over_18():
    assert largest_margin(3) == pytest.approx(np.sqrt(2) / 18, rel=1e-15)


def test_products_of_opposite_neurons_that_know_the_classes_have_less():
    # (1[a=i] + 1[b=j])² - (1[a=i] - 1[b=j])² = 4 1[a=i] 1[b=j]: a margin of 4 for 2p² neurons
    # of squared length 3, or of more where the lengths are shared otherwise.
    p = 5
    lengths = np.linspace(0.1, 3, 100)
    margins = 4 * lengths / (2 * p**2 * (2 + lengths**2) ** 1.5)
    assert margins.max() < largest_margin(p)
