"""No bound of a kernel machine is false: checked in rational numbers, at any scale."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq

from grokflow.theory.diagonal.tangent import DiagonalTangent
from grokflow.theory.homogeneous.kernel_machine import MaxKernelMargin, MinKernelNorm
from grokflow.theory.numerics.rational import matrix
from grokflow.theory.predictor import NotInterpolable, NotResolved, NotSeparable
from tests.linear.adversarial import draw, holds, optimum

CASES = Path(__file__).parents[1] / "cases"
# The features of depth 2 are √8 x: the least ½‖h‖² is an eighth of that of x, exactly.
TANGENT, FACTOR = DiagonalTangent(2), fmpq(1, 8)
MACHINES = [MaxKernelMargin(), MinKernelNorm()]


def judged(machine, x, y):
    """Return what came out, and fail where it is false."""
    equal = isinstance(machine, MinKernelNorm)
    exact = optimum(x if equal else x * y[:, None], y if equal else np.ones(len(y)), 2, equal)
    try:
        found = machine.predict(TANGENT, x, y)
    except (NotSeparable, NotInterpolable):
        assert exact is None
        return "none"
    except NotResolved:
        return "not resolved"
    assert exact is not None and holds(found.certificate, FACTOR * exact[0])
    assert found.certificate.gap <= 1e-6
    return "true"


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_no_bound_is_false_on_adversarial_kernels(machine):
    counts = Counter()
    for seed in range(150):
        x, y, labels = draw(seed)
        if x.any(axis=1).all():  # samples of zero are refused beforehand
            counts[judged(machine, x, y if isinstance(machine, MinKernelNorm) else labels)] += 1
    assert counts["true"] and counts["none"]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e100])
def test_the_scale_of_all_inputs_changes_no_gap(machine, scale):
    x = scale * np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    y = np.full(2, scale if isinstance(machine, MinKernelNorm) else 1.0)
    assert judged(machine, x, y) == "true"


def test_targets_of_zero_have_a_predictor_of_zero():
    for x in ([[1.0, 2.0], [3.0, -1.0]], [[1.0], [2.0]]):
        found = MinKernelNorm().predict(TANGENT, np.array(x), np.zeros(2))
        assert not found.coefficients.any()
        assert found.certificate.lower == found.certificate.upper == 0


def test_a_row_of_another_unit_does_not_hide_the_others():
    """Three of four targets are small beside the first; an answer that misses them is none."""
    table = np.loadtxt(CASES / "wide_targets.csv", delimiter=",", skiprows=1)
    assert judged(MinKernelNorm(), table[:, :-1], table[:, -1]) == "true"


def test_a_kernel_whose_rounding_hides_a_difference_proves_nothing():
    """Both samples have the same kernel to rounding; weights (1.5, -2.5e8) and (0, 5e8) fit."""
    x = np.array([[1.0, 2e-9], [1.0, -2e-9]])
    assert np.linalg.matrix_rank(TANGENT.gram(x)) == 1 and not TANGENT.is_exact(x)
    for machine, y in ((MinKernelNorm(), [1.0, 2.0]), (MaxKernelMargin(), [1.0, -1.0])):
        assert judged(machine, x, np.array(y)) == "not resolved"


def test_a_kernel_is_said_to_be_exact_only_where_it_is():
    said = Counter()
    for seed in range(300):
        x = draw(seed)[0]
        kernel = 8 * (matrix(x) * matrix(x).transpose())
        computed = TANGENT.gram(x)
        same = np.isfinite(computed).all() and matrix(computed) == kernel
        assert same or not TANGENT.is_exact(x)
        said[TANGENT.is_exact(x)] += 1
    assert said[True] > 50 and said[False] > 50


@pytest.mark.parametrize("size", [1e-200, 1e-153, 1e160])
def test_gradients_without_squares_are_refused(size):
    x = size * np.array([[1.0, 2.0], [2.0, -1.0]])
    for machine in MACHINES:
        with pytest.raises(ValueError, match=r"expected .*inputs"):
            machine.predict(TANGENT, x, np.array([1.0, -1.0]))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e-153, 1e-156, 1e-158, 1e-161])
def test_one_gradient_without_a_square_is_refused(size):
    x = np.array([[1.7 * size, 3.3 * size], [1.0, -2.0]])
    for machine, y in ((MinKernelNorm(), [size, 1.0]), (MaxKernelMargin(), [1.0, -1.0])):
        with pytest.raises(ValueError, match=r"least nonzero squared length .* rescale the inputs"):
            machine.predict(TANGENT, x, np.array(y))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("target", [1e6, 1e200])
def test_targets_far_beyond_the_gradients_are_not_resolved(target):
    x = 1e-150 * np.array([[1.0, 2.0], [2.0, -1.0]])
    with pytest.raises(NotResolved):
        MinKernelNorm().predict(TANGENT, x, np.array([target, 1.0]))
