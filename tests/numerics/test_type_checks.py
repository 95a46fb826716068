"""The checks of types and shapes that all tests run under see what they are there to see."""

import jaxtyping
import numpy as np
import pytest
from beartype import beartype
from beartype.roar import BeartypeCallHintViolation

from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.transition.scores import Scores
from grokflow.theory.transition.times import leading_order
from tests.type_checks import check_types


def halved(number: int) -> int:
    return number / 2


def as_before(values: jaxtyping.Float[np.ndarray, " n"]) -> jaxtyping.Float[np.ndarray, " n"]:
    return np.zeros(3)


def test_wrong_types_are_refused_in_the_package():
    with pytest.raises(BeartypeCallHintViolation):
        leading_order("10")
    with pytest.raises(BeartypeCallHintViolation):
        Scores("0.5", np.zeros(1), None, 1, np.zeros(1), 0.5)


def test_wrong_shapes_are_refused_in_the_package():
    inputs = DataMatrix.from_array(np.ones((3, 5)))
    assert inputs.correlate(np.ones(3)).shape == (5,)
    with pytest.raises(jaxtyping.TypeCheckError):
        inputs.outputs(np.ones((3, 1)), Hypentropy(1.0, 1.0))


def test_wrong_results_are_refused():
    with pytest.raises(BeartypeCallHintViolation):
        check_types(halved, typechecker=beartype)(3)
    checked = check_types(as_before, typechecker=beartype)
    assert np.array_equal(checked(np.ones(3)), np.zeros(3))
    with pytest.raises(jaxtyping.TypeCheckError):
        checked(np.ones(2))
