"""Laws of the linear predictors: what scaling, reordering, copying and reflecting data changes.

Every law says how the optimal value of a changed problem follows from that of the original. Both
are known up to their certificates, so the law is: the two enclosures overlap (up to a hundred
roundings). For the L2 predictors the weights themselves are compared: the objective ½‖w‖² is
1-strongly convex, so an answer is within √(2 gap) of the optimum. L1 optima need not be unique.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokflow.theory.linear import certificates
from grokflow.theory.linear.l1 import MaxL1Margin, MinL1Norm
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.problem import Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet
from tests.reference.normal_problems import interpolable, separable

ROUNDING = 100 * np.finfo(float).eps
GAP = 1e-7


@dataclass(frozen=True)
class Case:
    """Inputs (n, d), labels ±1 or targets (n,), and the weight decay of penalised predictors."""

    x: np.ndarray
    y: np.ndarray
    lam: float


@dataclass(frozen=True)
class Spec:
    """A predictor, its certificate, and how its optimum scales.

    The optimum of (s x, t y, s^lam_x t^lam_y λ) is ``s^value_x t^value_y`` times that of
    (x, y, λ), attained at w t/s.
    """

    predictor: Callable
    certify: Callable
    task: Task
    value_x: int
    value_y: int = 0
    lam_x: int = 0
    lam_y: int = 0
    penalised: bool = False
    strongly_convex: bool = False

    def problem(self, case):
        test = StoredTestSet(case.x, case.y)
        return make_problem("law", self.task, case.x, case.y, test)

    def solve(self, case):
        return self.predictor(case.lam).predict(self.problem(case))


def penalised(name, **powers):
    loss = LOSSES[name]
    task = Task.REGRESSION if name == "square" else Task.CLASSIFICATION
    return Spec(
        lambda lam: L1Penalised(loss, lam),
        lambda problem, w, mu, lam: certificates.l1_penalised(problem, w, mu, loss, lam),
        task,
        value_x=0,
        lam_x=1,
        penalised=True,
        **powers,
    )


def plain(predictor, certify, task, **powers):
    return Spec(
        lambda lam: predictor, lambda problem, w, mu, lam: certify(problem, w, mu), task, **powers
    )


SPECS = {
    "max-L2-margin": plain(
        MaxL2Margin(),
        certificates.max_l2_margin,
        Task.CLASSIFICATION,
        value_x=-2,
        strongly_convex=True,
    ),
    "max-L1-margin": plain(
        MaxL1Margin(), certificates.max_l1_margin, Task.CLASSIFICATION, value_x=-1
    ),
    "min-L2-norm": plain(
        MinL2Norm(),
        certificates.min_l2_norm,
        Task.REGRESSION,
        value_x=-2,
        value_y=2,
        strongly_convex=True,
    ),
    "min-L1-norm": plain(
        MinL1Norm(), certificates.min_l1_norm, Task.REGRESSION, value_x=-1, value_y=1
    ),
    "logistic": penalised("logistic"),
    "exponential": penalised("exponential"),
    "square": penalised("square", value_y=2, lam_y=1),
}


@dataclass(frozen=True)
class Changed:
    """A changed case, the factor of its optimum, and the map of its weights to the original's."""

    case: Case
    factor: float
    back: Callable


def scaled_inputs(spec, case, rng):
    s = 10 ** rng.uniform(-2, 2)
    other = Case(s * case.x, case.y, case.lam * s**spec.lam_x)
    return Changed(other, s**spec.value_x, lambda w: s * w)


def scaled_targets(spec, case, rng):
    """Labels can only be multiplied by -1."""
    t = 10 ** rng.uniform(-2, 2) if spec.task is Task.REGRESSION else -1.0
    other = Case(case.x, t * case.y, case.lam * abs(t) ** spec.lam_y)
    return Changed(other, abs(t) ** spec.value_y, lambda w: w / t)


def reordered_samples(spec, case, rng):
    order = rng.permutation(len(case.y))
    return Changed(replace(case, x=case.x[order], y=case.y[order]), 1.0, lambda w: w)


def reordered_inputs(spec, case, rng):
    order = rng.permutation(case.x.shape[1])
    return Changed(replace(case, x=case.x[:, order]), 1.0, lambda w: w[np.argsort(order)])


def copied_samples(spec, case, rng):
    """One more copy of a sample; of all of them where the mean of a loss counts them."""
    n = len(case.y)
    rows = np.append(np.arange(n), np.arange(n) if spec.penalised else rng.integers(n))
    return Changed(replace(case, x=case.x[rows], y=case.y[rows]), 1.0, lambda w: w)


def reflected_inputs(spec, case, rng):
    signs = rng.choice([-1.0, 1.0], case.x.shape[1])
    return Changed(replace(case, x=case.x * signs), 1.0, lambda w: w * signs)


def idle_input(spec, case, rng):
    x = np.column_stack([case.x, np.zeros(len(case.y))])
    return Changed(replace(case, x=x), 1.0, lambda w: w[:-1])


LAWS = [
    scaled_inputs,
    scaled_targets,
    reordered_samples,
    reordered_inputs,
    copied_samples,
    reflected_inputs,
    idle_input,
]


@st.composite
def cases(draw, spec):
    problem = draw(
        (separable if spec.task is Task.CLASSIFICATION else interpolable)(max_n=8, max_d=24)
    )
    return Case(problem.test.inputs, problem.test.labels, draw(st.sampled_from([1e-4, 1e-2, 1.0])))


def close(found, other, back):
    """Whether the weights agree as far as the two certificates say."""
    value = found.certificate.upper
    allowed = sum(
        np.sqrt(2 * (max(item.certificate.gap, 0) + ROUNDING) * value)
        + item.certificate.infeasibility * np.linalg.norm(found.w)
        for item in (found, other)
    )
    return np.linalg.norm(back(other.w) - found.w) <= allowed


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", SPECS)
def test_law(name, law):
    spec = SPECS[name]

    @settings(max_examples=5)
    @given(cases(spec), st.integers(0, 2**32 - 1))
    def holds(case, seed):
        changed = law(spec, case, np.random.default_rng(seed))
        found, other = spec.solve(case), spec.solve(changed.case)
        assert max(found.certificate.gap, other.certificate.gap) <= GAP
        low, high = (
            changed.factor * bound for bound in (found.certificate.lower, found.certificate.upper)
        )
        assert other.certificate.lower <= high * (1 + ROUNDING)
        assert low <= other.certificate.upper * (1 + ROUNDING)
        if spec.strongly_convex:
            assert close(found, other, changed.back)

    holds()


SCALINGS = [(name, scaled_inputs) for name in SPECS] + [
    (name, scaled_targets) for name, spec in SPECS.items() if spec.task is Task.REGRESSION
]


@pytest.mark.parametrize(("name", "law"), SCALINGS)
def test_a_wrong_power_breaks_the_law(name, law):
    """The enclosures are narrow enough to tell s^p from s^(p+1)."""
    spec = SPECS[name]
    rng = np.random.default_rng(0)
    case = Case(rng.standard_normal((6, 24)), np.sign(rng.standard_normal(6)), 1e-2)
    wrong = replace(spec, value_x=spec.value_x + 1, value_y=spec.value_y + 1)
    changed = law(wrong, case, rng)
    found, other = spec.solve(case), spec.solve(changed.case)
    low, high = (changed.factor * v for v in (found.certificate.lower, found.certificate.upper))
    assert other.certificate.lower > 1.01 * high or low > 1.01 * other.certificate.upper


@pytest.mark.parametrize("name", SPECS)
def test_the_certificate_rejects_a_perturbed_answer(name):
    """A change of a tenth in weights or multipliers opens the gap; enclosures still overlap."""
    spec = SPECS[name]

    @settings(max_examples=10)
    @given(cases(spec), st.integers(0, 2**32 - 1))
    def rejects(case, seed):
        case = replace(case, lam=1e-2)
        problem, found = spec.problem(case), spec.solve(case)
        noise = np.random.default_rng(seed).standard_normal
        size = 0.1 * np.linalg.norm(found.w) / np.sqrt(problem.d)
        w = found.w + size * noise(problem.d)
        # A linear program may have many dual optima: there the multipliers shrink. The L2 duals
        # are strictly concave but choose the best multiple: there the multipliers turn.
        turn = np.abs(found.multipliers).max() * np.linspace(0.5, 1.5, problem.n)
        mu = 0.9 * found.multipliers + (0.1 * turn if spec.strongly_convex else 0)
        for answer in ((w, found.multipliers), (found.w, mu)):
            bounds = spec.certify(problem, *answer, case.lam)
            assert max(bounds.gap, bounds.infeasibility) > 10 * GAP
            assert bounds.lower <= found.certificate.upper * (1 + ROUNDING)
            # An equality is charged to second order only: there the infeasibility tells.
            if bounds.infeasibility <= GAP:
                assert bounds.upper >= found.certificate.lower * (1 - ROUNDING)

    rejects()
