"""Boursier et al.: as λ → 0 the flow follows the Riemannian flow on the zero-loss set, to O(λ).

How it is measured: a two-layer quadratic net has its own outputs at three samples as targets, so
that it starts on their zero-loss set, whatever its weights and the samples are, as long as its
Jacobian J has full rank there. The distance, over four slow times, between the flow with
weight decay and the flow of ``½‖θ‖²`` on the set, at nine λ; the local slope of its logarithm in
log λ, extrapolated to λ = 0, must be 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import Broken, Claim, Evidence, ForEvery, StatementKind, Verdict
from grokflow.proofs_check.evidence.corrections import order_in_lam
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolated
from grokflow.proofs_check.evidence.orders import order_in
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.nets.implicit.flow import NetFlow, NetSolver
from grokflow.simulations.nets.modules import MLP, Activation, he_start
from grokflow.simulations.nets.start import NetStart
from grokflow.theory.homogeneous.slow_manifold import SlowManifold
from grokflow.theory.nets.losses import SquaredError
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.outputs import ModuleOutputs
from grokflow.theory.nets.problem import NetProblem

_INPUTS, _HIDDEN = 3, 4
_TIMES = np.array([0.25, 0.5, 1.0, 2.0])
_RTOL, _PATH_RTOL = 1e-7, 1e-8
# λ over the least squared singular value of J along the path: the zero-loss set holds θ by that.
_RATIOS = np.geomspace(0.05, 5e-4, 9)


def check(
    laboratory: Laboratory, order: float = 1.0, speed: float = 1.0, project: bool = True
) -> Evidence:
    """Compare the order in λ with `order` times that claimed.

    `speed` and `project` break the path that is compared with.
    """
    followed = _follow(laboratory)
    path = followed.path(speed * _TIMES)
    if not project:
        path = np.exp(-_TIMES)[:, None] * followed.start
    # A mean square over times is smooth in λ where the largest distance changes its place.
    distances = np.array([np.linalg.norm(run - path) for run in followed.runs])
    # Flow and path are off by their tolerances of θ, at both ends of an interval of λ.
    off = (_RTOL + _PATH_RTOL) * float(np.linalg.norm(path)) / float(distances.min())
    limit = order_in(_RATIOS, distances)
    return Evidence(
        abs(limit.value - order * order_in_lam()),
        limit.halfwidth + 2 * off / float(np.log(_RATIOS[0] / _RATIOS[1])),
        extrapolated("of the slope")
        + ", plus what the tolerances of flow and path change in the slope at the smallest λ",
        resolution=0.1,
    )


@dataclass(frozen=True, eq=False)
class _Followed:
    """The start on the set, the flows at all λ, and the model on which the path runs."""

    start: np.ndarray
    runs: list[np.ndarray]
    model: ModuleOutputs
    targets: np.ndarray

    def path(self, s: np.ndarray) -> np.ndarray:
        """Return θ on the zero-loss set at the slow times s."""
        found = SlowManifold(rtol=_PATH_RTOL).predict(self.model, self.targets, self.start, s)
        return found.theta


@remembered
def samples(laboratory: Laboratory) -> np.ndarray:
    """Draw the inputs of three samples."""
    return np.random.default_rng((laboratory.seed, 4)).standard_normal((3, _INPUTS))


@remembered
def hidden_weights(laboratory: Laboratory) -> np.ndarray:
    """Draw the weights of the hidden layer."""
    return np.random.default_rng((laboratory.seed, 5)).standard_normal((_HIDDEN, _INPUTS))


def _net(laboratory: Laboratory) -> torch.nn.Module:
    """Return the net with these hidden weights, in units of their mean size."""
    layers = MLP((_INPUTS, _HIDDEN, 1), Activation.QUADRATIC, bias=False)
    net = he_start(layers, np.random.default_rng((laboratory.seed, 6)))
    with torch.no_grad():
        next(net.parameters()).copy_(torch.from_numpy(_of_mean_size_1(hidden_weights(laboratory))))
    return net


def _of_mean_size_1(table: np.ndarray) -> np.ndarray:
    """Return a table over its root mean square: `NetFlow` takes λ up to 100 alone."""
    return np.asarray(table / np.sqrt((table**2).mean()))


@remembered
def _follow(laboratory: Laboratory) -> _Followed:
    x, net = _of_mean_size_1(samples(laboratory)), _net(laboratory)
    model = ModuleOutputs(ModuleMap.of(net), x, memory=2**24)
    # A net with its own outputs as targets starts on the zero-loss set, whatever was drawn.
    y = model.outputs(model.theta)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)[:, None]
    problem = NetProblem("three", SquaredError(), inputs, targets, inputs, targets)
    followed = _Followed(model.theta, [], model, y)
    states = np.vstack([model.theta, followed.path(_TIMES)])
    held = min(np.linalg.svd(model.jacobian(theta), compute_uv=False)[-1] for theta in states)
    for ratio in _RATIOS.tolist():
        flow = NetFlow(lam=ratio * float(held) ** 2, rtol=_RTOL, solver=NetSolver.MULTISTEP)
        followed.runs.append(flow.run(NetStart(net, problem, 1.0), _TIMES).theta)
    return followed


CLAIM = Claim(
    label="slow-limit",
    statement="in slow time the flow is within O(λ) of the flow of ½‖θ‖² on the zero-loss set",
    hypotheses=(
        "two-layer quadratic net, square loss",
        "start on the zero-loss set, J of full rank",
        "λ from 5e-2 to 5e-4 of the least squared singular value of J, at fixed α",
    ),
    source="Boursier, Pesme and Dragomir 2025 (arXiv 2505.20172)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "two-layer quadratic net", ("square",), (3,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(order_in_lam,),
    for_every=(
        ForEvery(samples, partial(strategies.tables, 3, _INPUTS, 3, _INPUTS, 0, general=True)),
        ForEvery(
            hidden_weights,
            partial(strategies.tables, _HIDDEN, _INPUTS, _HIDDEN, _INPUTS, 0, general=True),
        ),
    ),
    broken=(
        Broken("within O(λ^1.1)", partial(check, order=1.1)),
        Broken("the path at 1.1 times its speed", partial(check, speed=1.1)),
        Broken("decay without projection on ker J", partial(check, project=False)),
    ),
)
