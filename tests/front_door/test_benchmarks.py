"""What the benchmarks rest on: children that can be ended, and the flows given to the peers."""

import numpy as np
import pytest

from benchmarks.child import Child, Ended, Failed
from benchmarks.equal_error import trajectory_error
from benchmarks.unreduced import CompletionSystem, DiagonalSystem
from grokflow.simulations.completion.data import completion
from grokflow.simulations.linear.presets import sparse


def behave(offset):
    """Return what adds, raises, takes too much memory, or never ends."""

    def solve(setting):
        if setting == "raise":
            raise ValueError("no\nmore lines")
        if setting == "memory":
            return np.ones(2**40)
        while setting == "spin":
            pass
        return offset + setting

    return solve


def test_a_child_survives_exceptions_and_is_ended_at_its_limit():
    with Child(behave, (1,), limit=1.0) as child:
        first = child.run(2)
        assert first.result == 3
        assert first.peak > 2**20
        with pytest.raises(Failed, match=r"^no$") as failed:
            child.run("raise")
        assert not isinstance(failed.value, Ended)
        assert child.run(3).result == 4
        with pytest.raises(Ended, match="> 1"):
            child.run("spin")


def test_a_child_is_ended_when_it_needs_more_memory_than_there_is():
    with Child(behave, (1,), limit=1.0) as child, pytest.raises(Ended, match="needs more than"):
        child.run("memory")


def refuse():
    raise ValueError("wrong data")


def test_a_child_that_cannot_start_says_why():
    with Child(refuse, limit=1.0) as child, pytest.raises(Ended, match="preparation: wrong data"):
        child.run()


@pytest.mark.parametrize("kind", ["diagonal", "completion"])
def test_the_peers_get_the_exact_derivatives(kind):
    """Products, matrices and JAX's rate against central differences of the rate."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    if kind == "diagonal":
        system = DiagonalSystem(sparse(n=6, d=9, n_test=1), 2.0, 0.1)
    else:
        system = CompletionSystem(completion(d=6, fraction=0.5), 2.0, 0.1)
    rng = np.random.default_rng(0)
    y, x = rng.standard_normal((2, len(system.start)))
    h = 1e-6
    slope = (system.rate(0.0, y + h * x) - system.rate(0.0, y - h * x)) / (2 * h)
    size = np.abs(slope).max()
    # Truncation h² and rounding eps/h, both below 1e-9 of the slope.
    assert np.abs(system.product(y, x) - slope).max() <= 1e-8 * size
    assert np.abs(system.jacobian(0.0, y) @ x - slope).max() <= 1e-8 * size
    assert np.allclose(system.jax_rate()(0.0, y, system.lam), system.rate(0.0, y), rtol=1e-12)


def test_the_error_of_a_trajectory_is_its_largest():
    exact = np.ones((3, 4))
    found = exact.copy()
    found[1] *= 1.5
    assert trajectory_error(found, exact) == 0.5
    found[2, 0] = np.nan
    assert trajectory_error(found, exact) == np.inf
