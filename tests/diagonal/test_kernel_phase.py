"""The end of the kernel regime is looked for where the weights of the data put it."""

from __future__ import annotations

import numpy as np
import pytest

import grokflow as gf
from grokflow.proofs_check.diagonal.kernel_phase import kernel_phase, small_problem

SQUARE = gf.LOSSES["square"]


def measured(unit, depth):
    x, y = np.array([[1.0, 0.0]]) / unit, np.array([1.0])
    laboratory = gf.Laboratory()
    targets = gf.make_problem("one", "regression", x, y, gf.StoredTestSet(x, y))
    laboratory.put(small_problem, (SQUARE,), targets)
    return kernel_phase(laboratory, SQUARE, depth, 1e40, 1 / 8)


@pytest.mark.parametrize("depth", [2, 3])
def test_the_kernel_regime_ends_later_for_smaller_weights(depth):
    """At weights of 1/1000 the effective scale has to fall by 1000 more until they matter."""
    ends = [measured(unit, depth).end for unit in (1.0, 1e-3)]
    assert np.diff(ends) == pytest.approx(np.log(1e3) / depth, abs=1e-3)
