"""Families of problems: what their settings decide, and simpler ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokflow.simulations.misgrokking.families import FAMILIES
from grokflow.simulations.misgrokking.ranges import Choice, Largest, Real, Seed, Whole
from grokflow.simulations.tables.table import Table


@pytest.mark.parametrize("name", FAMILIES)
def test_settings_decide_the_problem(name):
    family = FAMILIES[name]
    for i in range(20):
        settings = family.draw(np.random.default_rng([i, 1]))
        assert set(settings) == set(family.ranges)
        try:
            first, second = family.build(settings), family.build(dict(settings))
        except ValueError as error:
            assert "expected" in str(error) or "change" in str(error)
            continue
        if isinstance(first, Table):
            assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
            assert first.x.shape[0] == settings["n"] and len(first.y_test) == settings["n_test"]
        else:
            assert np.array_equal(first.values, second.values)
        return
    pytest.fail("no settings of twenty give data")


def test_fewer_samples_are_the_first_of_more():
    settings = {"n": 40, "d": 30, "share": 0.3, "n_test": 500, "seed": 5}
    more, fewer = (FAMILIES["majority"].build({**settings, "n": n}) for n in (40, 11))
    assert np.array_equal(more.x[:11], fewer.x) and np.array_equal(more.x_test, fewer.x_test)


def test_label_noise_and_flips_spare_the_test_set():
    settings = {"n": 40, "d": 30, "share": 0.05, "n_test": 500, "seed": 5}
    clean = FAMILIES["majority"].build(settings)
    flipped = FAMILIES["flipped"].build({**settings, "flips": 0.25})
    assert (clean.y != flipped.y).sum() == 10 and np.array_equal(clean.y_test, flipped.y_test)
    exact = FAMILIES["linear"].build(settings)
    noisy = FAMILIES["noisy"].build({**settings, "label_noise": 0.5})
    assert 0.3 < np.std(noisy.y - exact.y) < 0.7 and np.array_equal(exact.y_test, noisy.y_test)


@given(st.integers(0, 2**31), st.sampled_from(["whole", "largest", "real", "choice", "seed"]))
def test_simpler_values_are_in_range_and_shrinking_ends(seed, which):
    item = {
        "whole": Whole(3, 500),
        "largest": Largest(10, 300),
        "real": Real(0.01, 3.0, logarithmic=True),
        "choice": Choice((2, 3, 5)),
        "seed": Seed(),
    }[which]
    rng = np.random.default_rng(seed)
    value, steps = item.draw(rng), 0
    while simpler := item.simpler(value):
        assert value not in simpler
        if which in ("whole", "largest", "real"):
            assert all(item.low <= x <= item.high for x in simpler)
        value, steps = simpler[int(rng.integers(len(simpler)))], steps + 1
        assert steps <= 500
    assert value in {"whole": (3,), "largest": (10,), "choice": (2,), "seed": (0,)}.get(
        which, (0.01,)
    )
