"""Exact certificates: known optima, oracles, soundness for any answer, and refusals."""

from dataclasses import dataclass
from fractions import Fraction

import cvxpy
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from grokflow.theory.linear import certificates, exact
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.least_loss.predictor import MinLoss
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES, Logistic
from grokflow.theory.numerics import rational
from grokflow.theory.objective import Norm, Objective
from grokflow.theory.predictor import NotSeparable
from grokflow.theory.samples import StoredTestSet

EPS = np.finfo(float).eps
LAM = 0.0625
MARGINS = {
    "max-L2-margin": (MaxL2Margin(), exact.max_l2_margin, certificates.max_l2_margin),
    "max-L1-margin": (MaxL1Margin(), exact.max_l1_margin, certificates.max_l1_margin),
}
NORMS = {
    "min-L2-norm": (MinL2Norm(), exact.min_l2_norm, certificates.min_l2_norm),
    "min-L1-norm": (MinL1Norm(), exact.min_l1_norm, certificates.min_l1_norm),
}
LINEAR = (*MARGINS, *NORMS, *LOSSES)


def classification(z):
    return make_problem(
        "z", Task.CLASSIFICATION, z, np.ones(len(z)), StoredTestSet(z, np.ones(len(z)))
    )


def regression(x, y):
    return make_problem("x", Task.REGRESSION, x, y, StoredTestSet(x, y))


def instance(name, seed=0):
    """Return data and an answer: problem, prediction, and the two certificates as functions."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((5, 12)), rng.standard_normal(5)
    if name in MARGINS:
        predictor, enclose, certify = MARGINS[name]
        problem = classification(x)
        return (
            problem,
            predictor.predict(problem),
            lambda w, mu: enclose(x, w, mu),
            lambda w, mu: certify(problem, w, mu),
        )
    if name in NORMS:
        predictor, enclose, certify = NORMS[name]
        problem = regression(x, y)
        return (
            problem,
            predictor.predict(problem),
            lambda w, mu: enclose(x, y, w, mu),
            lambda w, mu: certify(problem, w, mu),
        )
    problem = regression(x, y) if name == "square" else classification(x)
    loss = LOSSES[name]
    return (
        problem,
        L1Penalised(loss, LAM).predict(problem),
        lambda w, mu: exact.l1_penalised(x, problem.targets, w, mu, loss, LAM),
        lambda w, mu: certificates.l1_penalised(problem, w, mu, loss, LAM),
    )


def oracle(name, problem):
    """Return the optimal value that cvxpy finds."""
    x, targets = problem.inputs.to_array(), problem.targets
    w = cvxpy.Variable(problem.d)
    size = {"2": cvxpy.sum_squares(w) / 2, "1": cvxpy.norm1(w)}
    losses = {
        "exponential": lambda q: cvxpy.exp(-q),
        "logistic": lambda q: cvxpy.logistic(-q),
        "square": lambda q: cvxpy.square(q - targets),
    }
    constraints = []
    if name in losses:
        value = cvxpy.sum(losses[name](x @ w)) / problem.n + LAM / 2 * cvxpy.norm1(w)
    else:
        value = size["2" if "L2" in name else "1"]
        constraints = [x @ w >= 1 if name in MARGINS else x @ w == targets]
    return cvxpy.Problem(cvxpy.Minimize(value), constraints).solve(solver=cvxpy.CLARABEL)


@pytest.mark.parametrize("name", LINEAR)
def test_enclosures_are_narrow_and_agree_with_cvxpy_and_the_float_certificate(name):
    problem, found, enclose, _ = instance(name)
    bounds = enclose(found.w, found.multipliers)
    assert isinstance(bounds.lower, Fraction)
    assert bounds.lower <= bounds.upper
    # Exact repair and the float certificate judge one answer: equal up to a hundred roundings.
    size = 100 * EPS * abs(found.certificate.upper)
    assert bounds.lower >= found.certificate.lower - size
    assert bounds.upper <= found.certificate.upper + size
    assert bounds.gap <= found.certificate.gap + 200 * EPS
    expected = oracle(name, problem)
    assert bounds.lower <= expected * (1 + 1e-6)
    assert bounds.upper >= expected * (1 - 1e-6)


@pytest.mark.parametrize("name", LINEAR)
def test_a_perturbed_answer_gets_a_wider_gap(name):
    _, found, enclose, certify = instance(name)
    bounds = enclose(found.w, found.multipliers)
    noise = np.random.default_rng(1).standard_normal(len(found.w))
    worse = found.w + 0.01 * np.abs(found.w).max() * noise
    for w, mu in ((worse, found.multipliers), (found.w, 0.5 * found.multipliers[::-1])):
        wide = enclose(w, mu)
        assert wide.gap > max(1e-6, 10 * bounds.gap)
        assert wide.lower <= bounds.upper
        assert wide.upper >= bounds.lower
        # The float certificate charges equalities to second order; elsewhere it proves no more.
        if name not in NORMS:
            assert float(wide.gap) <= certify(w, mu).gap * (1 + 1e-9)


@settings(max_examples=10)
@given(st.sampled_from(LINEAR), st.integers(0, 2**32 - 1))
def test_no_dual_however_wrong_passes_the_optimum(name, seed):
    _, found, enclose, _ = instance(name)
    optimum = enclose(found.w, found.multipliers)
    rng = np.random.default_rng(seed)
    for mu in (
        rng.standard_normal(5) * 10.0 ** rng.integers(-6, 6),
        found.multipliers * rng.uniform(-1, 10, 5),
        np.zeros(5),
    ):
        bounds = enclose(found.w, mu)
        assert bounds.lower <= optimum.upper
        assert bounds.upper == optimum.upper


TINY = 1e-12
Z = np.array([[3.0, 0.0], [0.0, 1.0]])
BY_HAND = {
    # w = (1/3, 1); multipliers (1/9, 1) and (1/3, 1)
    "max-L2-margin": (exact.max_l2_margin, (Z,), [1 / 3, 1], [1 / 9, 1], Fraction(5, 9)),
    "max-L1-margin": (exact.max_l1_margin, (Z,), [1 / 3, 1], [1 / 3, 1], Fraction(4, 3)),
    # w₁ + 2 w₂ = 3
    "min-L2-norm": (
        exact.min_l2_norm,
        (np.array([[1.0, 2.0]]), np.array([3.0])),
        [3 / 5, 6 / 5],
        [3 / 5],
        Fraction(9, 10),
    ),
    "min-L1-norm": (
        exact.min_l1_norm,
        (np.array([[1.0, 2.0]]), np.array([3.0])),
        [0.0, 1.5],
        [0.5],
        Fraction(3, 2),
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("error", [0.0, TINY])
def test_optima_computed_by_hand_are_found_exactly(name, error):
    enclose, data, w, mu, optimum = BY_HAND[name]
    bounds = enclose(*data, np.array(w) + error, np.array(mu) - error)
    assert bounds.lower == bounds.upper == optimum
    assert bounds.gap == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_one_penalised_weight_has_a_closed_form(loss):
    """``min l(w) + τ w``: entropy of τ, τ(1 - log τ), and 3τ - τ²/4 for one square at 3."""
    tau = LAM / 2
    one, target = np.array([[1.0]]), np.array([3.0 if loss == "square" else 1.0])
    w = {"exponential": -np.log(tau), "logistic": np.log(1 / tau - 1), "square": 3 - tau / 2}[loss]
    bounds = exact.l1_penalised(one, target, np.array([w]), np.array([tau]), LOSSES[loss], LAM)
    with ctx.workprec(300):
        t = arb(tau)
        optimum = {
            "exponential": t * (1 - t.log()),
            "logistic": -t * t.log() - (1 - t) * (1 - t).log(),
            "square": 3 * t - t**2 / 4,
        }[loss]
        low, high = (optimum.lower().fmpq(), optimum.upper().fmpq())
    assert bounds.lower <= rational.fraction(high)
    assert bounds.upper >= rational.fraction(low)
    assert bounds.gap <= 10 * EPS


def test_pulls_that_simple_fractions_lose_are_taken_as_they_are():
    """Two pulls near 1e-7 become 0 as simple fractions, and one below 0 once these balance."""
    z = np.array([[-1, 0], [1, 0], [1, 0], [0, 0.2], [0, -0.2], [40, 20], [40, -30]])
    loss = LOSSES["exponential"]
    found = MinLoss(loss).predict(classification(z))
    objective = Objective(Norm.L2, loss, 0.0)
    a, ones = rational.matrix(z), rational.matrix(np.ones(len(z)))
    curvature = rational.matrix(np.exp(-z @ found.w))
    simple, _ = rational.candidates(found.multipliers)
    assert min(exact._balanced(a, simple, curvature).entries()) < 0
    proof = exact.of_loss(a, ones, found.w, found.multipliers, objective)
    assert min(proof.dual.entries()) > 0
    assert not any((a.transpose() * proof.dual).entries())
    assert proof.lower <= proof.upper
    assert proof.enclosure.gap <= 100 * EPS


def test_negative_multipliers_do_not_count():
    """Rows (1, 0) and (2, 0): μ = (3, -1) would bound the optimum 1 (or 1/2) by 2."""
    z, w, mu = np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([1.0, 0.0]), np.array([3.0, -1.0])
    assert exact.max_l1_margin(z, w, mu).lower == 1
    assert exact.max_l2_margin(z, w, mu).lower == Fraction(1, 2)


def test_an_irrational_optimum_is_enclosed_from_both_sides():
    """Where the penalty outweighs the pull, w = 0 and the optimum is log 2, strictly inside."""
    one, zero = np.ones((1, 1)), np.zeros(1)
    bounds = exact.l1_penalised(one, np.ones(1), zero, np.array([0.5]), LOSSES["logistic"], 2.0)
    with ctx.workprec(400):
        log2 = rational.fraction(arb(2).log().mid().fmpq())
    assert bounds.lower < log2 < bounds.upper
    assert bounds.gap < Fraction(1, 10**40)


def test_the_ends_of_balls_are_rounded_outwards():
    root = rational.sqrt_above(rational.fmpq(2))
    assert root * root > 2
    assert float(rational.fraction(root)) == np.sqrt(2)


def test_multipliers_of_non_separable_data_are_repaired_to_an_exact_proof():
    for seed in range(5):
        z = np.random.default_rng(seed).standard_normal((30, 3))
        with pytest.raises(NotSeparable) as caught:
            MaxL2Margin().predict(classification(z))
        found = caught.value.certificate.multipliers
        proof = exact.farkas(z, found).multipliers
        assert sum(proof) == 1
        assert min(proof) >= 0
        rows = [[Fraction(x) for x in row] for row in z.tolist()]
        for j in range(3):
            assert sum(m * row[j] for m, row in zip(proof, rows, strict=True)) == 0
        assert np.abs(np.array(proof, dtype=float) - found).max() <= 1e-6


@pytest.mark.parametrize("factor", [2.0**-1074, 2.0**-30, 1.0, 7.0, 2.0**1000])
def test_a_multiple_of_farkas_multipliers_proves_as_much(factor):
    """Without a common factor the nearest combination of sum 1 has negative multipliers."""
    z, whole = (
        np.array([[1.0], [-1.0], [1.0], [-1.0], [1.0]]),
        np.array([10.0, 10.0, 1.0, 1.0, 0.0]),
    )
    expected = tuple(Fraction(int(share), 22) for share in whole)
    assert exact.farkas(z, factor * whole).multipliers == expected


@pytest.mark.parametrize(
    ("multipliers", "reason"),
    [
        ([0.0, 0.0, 0.0], "none of the 3 multipliers is positive"),
        ([-3.0, -1.0, 0.0], "multiplier 0 is -3, expected none below 0"),
        ([3.0, 1.0, -1.0], "multiplier 2 is -1, expected none below 0"),
        ([3.0, 1.0], "2 multipliers found, expected one for each of the 3 rows"),
        ([np.nan, 1.0, 0.0], "expected finite numbers"),
        ([1.0, 0.0, 1.0], "are near no exact combination"),
    ],
)
def test_multipliers_that_prove_nothing_are_refused_for_the_right_reason(multipliers, reason):
    with pytest.raises(ValueError, match=reason):
        exact.farkas(np.array([[1.0], [-3.0], [2.0]]), np.array(multipliers))


def test_what_proves_nothing_is_refused():
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((4, 9)), np.ones(4)
    with pytest.raises(ValueError, match="are near no exact combination"):
        exact.farkas(z, np.ones(4))
    # The only combination of the rows 1 and 2 that vanishes is (2, -1).
    with pytest.raises(ValueError, match="are near no exact combination"):
        exact.farkas(np.array([[1.0], [2.0]]), np.ones(2))
    for enclose in (exact.max_l2_margin, exact.max_l1_margin):
        with pytest.raises(ValueError, match="expected a positive one: pass weights that separate"):
            enclose(z, np.zeros(9), np.ones(4))
    twice = np.vstack([z, z[:1]])
    for enclose in (exact.min_l2_norm, exact.min_l1_norm):
        with pytest.raises(ValueError, match="no w interpolates the targets exactly"):
            enclose(twice, np.arange(5.0), np.zeros(9), np.ones(5))
        assert enclose(twice, np.append(y, y[0]), np.zeros(9), np.zeros(5)).lower == 0
    with pytest.raises(ValueError, match="expected finite numbers"):
        exact.max_l2_margin(np.full((2, 2), np.nan), np.ones(2), np.ones(2))


def test_unknown_losses_are_refused():
    @dataclass(frozen=True)
    class Renamed(Logistic):
        name: str = "renamed"

    with pytest.raises(ValueError, match="loss is 'renamed', expected one of exponential"):
        exact.l1_penalised(Z, np.ones(2), np.ones(2), np.ones(2), Renamed(), LAM)


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_outputs_of_any_size_have_an_exact_loss_or_are_refused(loss):
    """A margin of 1e30 has a loss with 1e30 digits: it is enclosed by its size, not written out."""
    x, y, mu = np.array([[1e15], [1.0]]), np.ones(2), np.array([0.0, 1e-3])
    found = exact.l1_penalised(x, y, np.array([1e15]), mu, LOSSES[loss], 1e-3)
    # Weights of 1e15 cost 1e15 λ/2, and nothing else.
    assert abs(float(found.upper) - 5e11) <= 1e-3
    with pytest.raises(ValueError, match="an output is -1e\\+15, expected more than -100000"):
        exact.l1_penalised(x, y, np.array([-1.0]), mu, LOSSES[loss], 1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_a_large_input_does_not_widen_what_is_proved(seed):
    """Its pull, in doubles, is beyond the norm by a part of it: smaller multipliers prove less."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((20, 3)) * [1e15, 1.0, 1.0]
    y = x[:, 1] + rng.standard_normal(20) / 10
    problem = make_problem("large", Task.REGRESSION, x, y, StoredTestSet(x, y))
    found = L1Penalised(LOSSES["square"], 1e-3).predict(problem)
    # Off by a part of a rounding of them, the multipliers are pulled by a tenth too much.
    more = 1.1 * 0.0005 - x[:, 0] @ found.multipliers
    mu = found.multipliers + more * x[:, 0] / (x[:, 0] @ x[:, 0])
    largest = np.abs(found.multipliers).max()
    assert np.abs(mu - found.multipliers).max() <= np.finfo(float).eps * largest
    proved = exact.l1_penalised(x, y, found.w, mu, LOSSES["square"], 1e-3)
    assert proved.upper - proved.lower <= 1e-7 * proved.upper
    assert proved.lower <= found.certificate.upper and found.certificate.lower <= proved.upper
