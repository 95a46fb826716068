"""Operations mod p, and data with corrupted labels."""

from __future__ import annotations

import numpy as np
import pytest

from grokflow.simulations.modular.data import CorruptedTask
from grokflow.theory.modular.operations import OPERATIONS, operation


@pytest.mark.parametrize("rule", OPERATIONS.values(), ids=OPERATIONS)
def test_every_operation_is_an_addition_in_its_own_coordinates(rule):
    table, own = rule.table(23), rule.coordinates(23)
    known = (own.first[:, None] >= 0) & (own.second >= 0)
    sums = (own.first[:, None] + own.second) % own.modulus
    assert known.sum() >= 22 * 22
    assert np.array_equal(table[known], own.outer[sums][known])


def test_tables_are_what_they_say():
    m, n = np.meshgrid(np.arange(11), np.arange(11), indexing="ij")
    assert np.array_equal(operation("subtraction").table(11), (m - n) % 11)
    assert np.array_equal(operation("multiplication").table(11), m * n % 11)
    assert np.array_equal(operation("sum-of-squares").table(11), (m**2 + n**2) % 11)
    assert np.array_equal(operation("square-of-sum").table(11), (m + n) ** 2 % 11)
    quotient = operation("division").table(11)
    assert np.array_equal(quotient[:, 1:] * n[:, 1:] % 11, m[:, 1:])
    assert (quotient[:, 0] == -1).all()


@pytest.mark.parametrize(
    ("text", "rule", "own"),
    [
        ("m^2+mn+n^2", lambda m, n: m**2 + m * n + n**2, False),
        ("m³ + mn", lambda m, n: m**3 + m * n, False),
        ("m^3+m*n^2+n", lambda m, n: m**3 + m * n**2 + n, False),
        ("2m^3-n+4", lambda m, n: 2 * m**3 - n + 4, True),
        ("n^2+m", lambda m, n: n**2 + m, False),
        ("-3m^3n^7", lambda m, n: -3 * m**3 * n**7, True),
    ],
)
def test_polynomials_are_read_and_recognised(text, rule, own):
    p = 23
    m, n = np.meshgrid(np.arange(p), np.arange(p), indexing="ij")
    found = operation(text)
    table = rule(m, n) % p
    assert np.array_equal(found.table(p), table)
    basis = found.basis(p)
    assert basis.own is own
    if "mn" in text or "m*n" in text:
        with pytest.raises(ValueError, match="mixes m and n, expected F"):
            found.coordinates(p)
        assert np.array_equal(basis.first, np.arange(p))
        return
    coordinates = found.coordinates(p)
    known = (coordinates.first[:, None] >= 0) & (coordinates.second >= 0)
    sums = (coordinates.first[:, None] + coordinates.second) % coordinates.modulus
    assert np.array_equal(coordinates.outer[sums][known], table[known])


@pytest.mark.parametrize("text", ["", "5", "m^", "mm", "m+", "m n m", "x+n", "+", "m^-1"])
def test_what_is_no_polynomial_is_refused(text):
    with pytest.raises(ValueError, match=r"or a polynomial such as m\^2\+mn\+n\^2: choose"):
        operation(text)


def test_a_function_of_the_product_is_periodic_in_the_basis_of_logarithms():
    basis = operation("multiplication").basis(23)
    wave = np.zeros(23)
    wave[basis.first] = np.cos(2 * np.pi * 3 * np.arange(22) / 22)
    m, n = 5, 7
    phase = [int(np.flatnonzero(basis.first == value)[0]) for value in (m, n, m * n % 23)]
    assert (phase[0] + phase[1] - phase[2]) % 22 == 0
    assert np.argmax(np.abs(np.fft.rfft(wave[basis.first]))) == 3


@pytest.mark.parametrize("with_truth", [True, False])
def test_corrupted_labels_are_uniform_over_the_classes(with_truth):
    data = CorruptedTask(p=31, corruption=0.6, with_truth=with_truth, seed=1).draw()
    wrong = data.labels != data.truth
    assert np.array_equal(np.sort(np.r_[data.train, data.test]), np.arange(31 * 31))
    assert np.array_equal(np.r_[data.corrupted, data.uncorrupted], data.train)
    assert len(data.corrupted) == int(0.6 * len(data.train))
    assert set(np.flatnonzero(wrong)) <= set(data.corrupted)
    shift = np.bincount((data.labels - data.truth)[data.corrupted] % 31, minlength=31)
    expected = len(data.corrupted) / (31 if with_truth else 30)
    assert (shift[0] > 0) == with_truth
    # 31 Poisson counts: six deviations.
    assert abs(shift[1:] - expected).max() < 6 * np.sqrt(expected)


@pytest.mark.parametrize("corruption", [0.0, 0.1, 0.37, 0.99, 1.0])
def test_no_more_labels_are_corrupted_than_their_fraction(corruption):
    data = CorruptedTask(p=11, corruption=corruption).draw()
    wanted = corruption * len(data.train)
    assert wanted - 1 < len(data.corrupted) <= wanted


def test_the_split_does_not_depend_on_the_corruption():
    clean, noisy = (CorruptedTask(p=11, corruption=xi).draw() for xi in (0.0, 0.5))
    assert np.array_equal(clean.train, noisy.train)
    assert len(clean.corrupted) == 0 and np.array_equal(clean.labels, clean.truth)
