"""A loss of one's own, which no module knows, trains nets in every flow like a built-in one."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from grokflow.simulations.nets.explicit.chebyshev_flow import ChebyshevFlow
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.implicit.flow import NetFlow
from grokflow.simulations.nets.modules import MLP, Activation, he_start
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.runs.measure import Measure
from grokflow.theory.nets.losses import NET_LOSSES, CurvatureForm, NetLoss, TargetForm
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.symmetrised import Symmetrised

FLOWS = {
    "flow": (NetFlow(lam=1e-2, rtol=1e-3), np.array([0.5, 2.0])),
    "descent": (Descent(lam=1e-2, lr=1e-2), np.array([0, 40])),
    "chebyshev": (ChebyshevFlow(lam=1e-2), np.array([0.05, 0.1])),
}


@dataclass(frozen=True)
class PseudoHuber:
    """``2 δ² (√(1 + r²/δ²) - 1)``, which tends to r² for large δ."""

    delta: float
    name: str = "pseudo-Huber"
    target_form: TargetForm = TargetForm.VALUES
    curvature_form: CurvatureForm = CurvatureForm.FULL
    counts_errors: bool = False

    def _root(self, f, y):
        return (1 + ((f - y) / self.delta) ** 2).sqrt()

    def value(self, f, y):
        # r² / δ² = (root - 1) (root + 1) without cancellation.
        return (2 * (f - y) ** 2 / (self._root(f, y) + 1)).sum(dim=1)

    def gradient(self, f, y):
        return 2 * (f - y) / self._root(f, y)

    def curvature(self, f, y, v):
        return 2 * v / self._root(f, y) ** 3

    def errors(self, f, y):
        return ((f - y) ** 2).sum(dim=1)


class Own:
    """A built-in loss that is known by its members alone, with nothing said of its curvature."""

    def __init__(self, loss):
        self.name, self.curvature_form = "own", CurvatureForm.FULL
        self.target_form, self.counts_errors = loss.target_form, loss.counts_errors
        self.value, self.gradient = loss.value, loss.gradient
        self.curvature, self.errors = loss.curvature, loss.errors


def start(loss, outputs):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((12, 4)))
    target = torch.from_numpy(rng.standard_normal((12, outputs)))
    y = {
        TargetForm.VALUES: target,
        TargetForm.SIGNS: torch.sign(target[:, 0]),
        TargetForm.CLASSES: target.argmax(dim=1),
    }[loss.target_form]
    net = he_start(MLP((4, 30, outputs), Activation.QUADRATIC, bias=False), rng)
    problem = NetProblem("p", loss, x[:8], y[:8], x[8:], y[8:])
    return NetStart(Symmetrised(net), problem)


CASES = {
    "pseudo-Huber": (PseudoHuber(1e6), NET_LOSSES["square"], 2),
    "square": (Own(NET_LOSSES["square"]), NET_LOSSES["square"], 2),
    "logistic": (Own(NET_LOSSES["logistic"]), NET_LOSSES["logistic"], 1),
    "cross-entropy": (Own(NET_LOSSES["cross-entropy"]), NET_LOSSES["cross-entropy"], 3),
}


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("case", CASES)
def test_a_loss_of_ones_own_trains_like_the_built_in_one(case, name):
    own, known, outputs = CASES[case]
    assert isinstance(own, NetLoss)
    flow, times = FLOWS[name]
    given = start(known, outputs)
    mine = replace(given, problem=replace(given.problem, loss=own))
    wanted = Measure.EARLY, Measure.KKT, Measure.KKT_BOUND
    expected, found = (flow.run(s, times, measure=frozenset(wanted)) for s in (given, mine))
    assert found.classification == expected.classification
    # The same equations: only the roots of the curvature are computed in another way.
    assert np.allclose(found.theta, expected.theta, rtol=1e-7, atol=1e-7)
    assert np.allclose(found.train_loss, expected.train_loss, rtol=1e-6)
    assert np.array_equal(found.test_error, expected.test_error) or not found.classification
    for measured, values in expected.measured.items():
        # There is no slackness without a positive margin.
        near = np.allclose(found.measured[measured], values, rtol=1e-5, atol=1e-7, equal_nan=True)
        assert near


def test_an_outlier_spoils_a_robust_loss_less():
    given = start(NET_LOSSES["square"], 1)
    y = given.problem.y.clone()
    y[0] += 100.0
    problem = replace(given.problem, y=y)
    ends = {}
    for loss in (NET_LOSSES["square"], PseudoHuber(0.1)):
        flow = NetFlow(lam=1.0, rtol=1e-3)
        found = flow.run(replace(given, problem=replace(problem, loss=loss)), np.array([3.0]))
        ends[loss.name] = found.test_error[-1]
    assert ends["pseudo-Huber"] < ends["square"] / 10
