"""How often a true statement is refuted, and a false one is not, when one looks at every seed."""

import numpy as np
import pytest
from scipy.stats import binom

from grokflow.proofs_check.claim import Verdict
from grokflow.proofs_check.evidence.confidence_sequences import mean_interval, rate_interval
from grokflow.proofs_check.evidence.corrections import (
    bent_tails,
    lambert,
    powers,
    releases,
    tails,
    two_powers,
)
from grokflow.proofs_check.evidence.extrapolation import extrapolate
from grokflow.proofs_check.evidence.judging import FALSE_REFUTATIONS, judge_samples, pooled
from grokflow.proofs_check.evidence.replicates import mean_at_least, mean_equals, rate_at_most

SEQUENCES, LENGTH = 2000, 60
ERROR = 0.05


def most(error, sequences=SEQUENCES):
    """The largest number of misses that a valid interval has but once in a million tests."""
    return int(binom.ppf(1 - 1e-6, sequences, error))


@pytest.mark.parametrize(("centre", "spread"), [(0.0, 1.0), (1e6, 1e-3), (-3.0, 1e5)])
def test_the_mean_ever_leaves_its_interval_as_rarely_as_was_chosen(centre, spread):
    rng = np.random.default_rng(1)
    missed = 0
    for samples in centre + spread * rng.standard_normal((SEQUENCES, LENGTH)):
        intervals = (mean_interval(samples[:n], ERROR) for n in range(2, LENGTH + 1))
        missed += any(not low <= centre <= high for low, high in intervals)
    assert missed <= most(ERROR)
    # At sixty looks an interval for one look would miss four times as often as was chosen.
    assert missed >= SEQUENCES * ERROR / 20


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
def test_the_rate_ever_leaves_its_interval_as_rarely_as_was_chosen(rate):
    rng = np.random.default_rng(2)
    intervals = {}
    missed = 0
    for counts in np.cumsum(rng.random((SEQUENCES, LENGTH)) < rate, axis=1):
        for trials, count in enumerate(counts.tolist(), start=1):
            if (count, trials) not in intervals:
                intervals[count, trials] = rate_interval(count, trials, ERROR)
            low, high = intervals[count, trials]
            if not low <= rate <= high:
                missed += 1
                break
    assert missed <= most(ERROR)


def test_the_interval_of_the_mean_is_that_of_the_martingale():
    """At its ends the mixture over effects, summed numerically, is 1/error."""
    from scipy.integrate import quad

    samples = np.random.default_rng(3).standard_normal(9)
    _, high = mean_interval(samples, 1e-3)
    n, z = len(samples), samples - high

    def density(effect):
        """The samples' density with the deviation integrated out, up to a factor."""

        def over_deviation(log_s):
            s = np.exp(log_s)
            return np.exp(-0.5 * np.sum((z / s - effect) ** 2) - n * log_s)

        return quad(over_deviation, -8, 8, limit=500)[0]

    prior = 10.0
    mixed = quad(
        lambda x: density(x) * np.exp(-0.5 * (x / prior) ** 2) / (prior * np.sqrt(2 * np.pi)),
        -80,
        80,
        limit=500,
        points=[float(z.mean() / z.std())],
    )[0]
    assert np.isclose(mixed / density(0.0), 1e3, rtol=1e-5)


def test_the_ends_of_a_rate_are_those_of_the_martingale():
    from scipy.special import beta

    low, high = rate_interval(3, 20, 1e-3)
    for rate in (low, high):
        mixed = beta(3.5, 17.5) / beta(0.5, 0.5)
        assert np.isclose(mixed / (rate**3 * (1 - rate) ** 17), 1e3)
    assert rate_interval(0, 5, 0.01).low == 0
    assert rate_interval(5, 5, 0.01).high == 1
    with pytest.raises(ValueError, match="count events"):
        rate_interval(6, 5, 0.01)


def test_too_few_samples_decide_nothing():
    assert judge_samples(mean_at_least([1.0, 1.1], 0.0)).verdict is Verdict.INCONCLUSIVE
    assert judge_samples(rate_at_most([False] * 40, 0.1)).verdict is Verdict.INCONCLUSIVE
    assert judge_samples(rate_at_most([False] * 120, 0.1)).verdict is Verdict.SUPPORTED
    with pytest.raises(ValueError, match="no parts"):
        judge_samples()


def test_verdicts_on_samples():
    rng = np.random.default_rng(4)
    values = 1 + 0.1 * rng.standard_normal(30)
    assert judge_samples(mean_at_least(values, 0.8)).verdict is Verdict.SUPPORTED
    assert judge_samples(mean_at_least(values, 1.2)).verdict is Verdict.REFUTED
    assert judge_samples(mean_at_least(values, 1.0)).verdict is Verdict.INCONCLUSIVE
    assert judge_samples(mean_equals(values, 1.0, 0.5)).verdict is Verdict.SUPPORTED
    assert judge_samples(mean_equals(values, 1.0, 0.01)).verdict is Verdict.INCONCLUSIVE
    assert judge_samples(mean_equals(values, 1.5, 0.5)).verdict is Verdict.REFUTED
    both = judge_samples(mean_at_least(values, 0.8), mean_at_least(values, 1.2))
    assert both.verdict is Verdict.REFUTED
    assert "1e-04" in both.derivation or str(FALSE_REFUTATIONS) in both.derivation


def test_a_bound_that_is_attained_is_supported_up_to_its_rounding():
    eps = float(np.finfo(np.float64).eps)
    attained = np.full(30, 1 - eps)
    assert judge_samples(mean_at_least(attained, 1.0)).verdict is Verdict.REFUTED
    assert judge_samples(mean_at_least(attained, 1.0, 4 * eps)).verdict is Verdict.SUPPORTED
    assert judge_samples(mean_at_least(attained, 1 + 8 * eps, 4 * eps)).verdict is Verdict.REFUTED
    # Samples that spread by more than the tolerance are still too few.
    wide = 1 + 0.1 * np.random.default_rng(8).standard_normal(30)
    assert judge_samples(mean_at_least(wide, 1.0, 1e-3)).verdict is Verdict.INCONCLUSIVE


def test_seeds_add_up():
    """Forty draws without an event decide nothing at one in ten, three times as many do."""
    once = judge_samples(rate_at_most([False] * 40, 0.1))
    assert pooled([once] * 3).verdict is Verdict.SUPPORTED
    assert pooled([once, judge_samples(rate_at_most([False] * 40, 0.2))]) is None
    assert pooled([judge_samples(rate_at_most([True] * 40, 0.1)), once]).verdict is Verdict.REFUTED


# The families that claims name, at the points at which they are measured.
FAMILIES = {
    "powers of λ": powers(np.geomspace(1e-3, 1e-6, 7)),
    "powers of 1/d": powers(1 / np.geomspace(10, 400, 9)),
    "powers of α^-2": powers(np.geomspace(10, 1e4, 9) ** -2.0, 4),
    "tails": tails(np.log(np.geomspace(1e16, 1e80, 9))),
    "bent tails": bent_tails(np.log(np.geomspace(1e40, 1e100, 9))),
    "two powers": two_powers(np.geomspace(0.1, 1e-4, 9), np.geomspace(1e-2, 1e-7, 9)),
    "Lambert": lambert(np.log(np.geomspace(1e16, 1e80, 9))),
    "releases": releases(np.geomspace(1e4, 1e6, 9)),
}
CURVES = 10_000


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
def test_extrapolations_hold_known_limits(name, noise):
    """Limits of curves whose terms, that which is left out included, have normal coefficients."""
    terms = FAMILIES[name]
    rng = np.random.default_rng(5)
    coefficients = rng.standard_normal((CURVES // 15, terms.shape[1]))
    curves = 2.0 + coefficients @ terms.T + noise * rng.standard_normal((CURVES // 15, len(terms)))
    found = [extrapolate(curve, terms) for curve in curves]
    missed = sum(abs(limit.value - 2.0) > limit.halfwidth + 1e-12 for limit in found)
    assert missed <= 1e-3 * len(curves)


@pytest.mark.parametrize("count", [9, 17])
def test_bent_tails_hold_the_limit_of_curves_with_bends(count):
    """The factor of 1/A runs linearly in A between values at any three A, of one size."""
    a, rng = np.log(np.geomspace(1e40, 1e100, count)), np.random.default_rng(6)
    terms, missed = bent_tails(a), 0
    for _ in range(2000):
        factor = np.interp(a, np.sort(rng.uniform(a[0], a[-1], 3)), rng.uniform(0.5, 1.0, 3))
        limit = extrapolate(2.0 + factor / a, terms)
        missed += abs(limit.value - 2.0) > limit.halfwidth
    assert missed <= 2
