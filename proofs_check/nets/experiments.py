"""The flow of a small net, shared by the claims about general homogeneous nets.

A symmetrised two-layer quadratic net (L = 3) on targets ``⟨β, x⟩²`` in four dimensions: 7 samples
for the 10 coefficients of a quadratic form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.simulations.nets.implicit.flow import NetFlow, NetSolver
from grokflow.simulations.nets.modules import MLP, Activation, he_start
from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.trajectory import NetTrajectory
from grokflow.theory.nets.losses import NET_LOSSES
from grokflow.theory.nets.problem import NetProblem
from grokflow.theory.nets.symmetrised import Symmetrised

DEGREE, INPUTS = 3, 4
_SAMPLES = 7


class QuadraticForms(NamedTuple):
    """A net at its initial direction θ̄, and what it learns."""

    module: Symmetrised
    problem: NetProblem


@remembered
def quadratic_forms(laboratory: Laboratory, loss: str = "square", draw: int = 0) -> QuadraticForms:
    """Draw data and a net; another `draw` gives another net for the same data.

    For the exponential loss labels say which targets are above the middle one.
    """
    rng = np.random.default_rng((laboratory.seed, 3))
    x, beta = rng.standard_normal((200 + _SAMPLES, INPUTS)), rng.standard_normal(INPUTS)
    y = torch.from_numpy((x @ beta / np.linalg.norm(beta)) ** 2)[:, None]
    if loss == "exponential":
        y = torch.where(y > y[:_SAMPLES].median(), 1.0, -1.0).double()[:, 0]
    inputs, kind = torch.from_numpy(x), NET_LOSSES[loss]
    train, test = slice(0, _SAMPLES), slice(_SAMPLES, None)
    problem = NetProblem("quadratic forms", kind, inputs[train], y[train], inputs[test], y[test])
    net = MLP((INPUTS, 12, 1), Activation.QUADRATIC, bias=False)
    start = he_start(net, np.random.default_rng((laboratory.seed, 3, draw)))
    return QuadraticForms(Symmetrised(start), problem)


def follow(
    laboratory: Laboratory,
    alpha: float,
    lam: float,
    times: np.ndarray,
    rtol: float,
    loss: str = "square",
    solver: NetSolver = NetSolver.MULTISTEP,
) -> NetTrajectory:
    """Follow the net from scale α, keeping its parameters at all times."""

    def run() -> NetTrajectory:
        module, problem = quadratic_forms(laboratory, loss)
        flow = NetFlow(lam=lam, rtol=rtol, solver=solver)
        return flow.run(NetStart(module, problem, alpha), times)

    return laboratory.remember(("net", loss, alpha, lam, tuple(times.tolist()), rtol, solver), run)
