"""The kernel regime of diagonal nets: how long it lasts, and how far θ turns away from its start.

Shared by Lemmas C.5 and D.2 and by section 3.2.1. Six samples of 20 inputs, depths 2, 3 and 4;
the departure ``‖e^{λt} θ/α - θ̄‖`` comes from the weights and the invariants of the flow
(`grokflow.theory.diagonal.parameters`), so that it is known where it is 1e-200.
An error in the invariants would not show here: u and v are rebuilt by them, not integrated.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import ForEvery
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.linear.presets import sparse_regression
from grokflow.theory.diagonal.parameters import log_departure
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.losses import LOSSES, Loss

DEPTHS = (2, 3, 4)
# The departure at which the kernel regime counts as over.
_END = 0.5


class KernelPhase(NamedTuple):
    """The departure from the start, over the kernel regime.

    Parameters
    ----------
    end : float
        ``λT - log α``, T when the departure first is ½.
    log_departure : float
        Logarithm of the departure at T_c^-, c = ½.
    log_reach : float
        Logarithm of the largest departure, times ``(α e^{-λt})^L``, up to T.
    """

    end: float
    log_departure: float
    log_reach: float


@remembered
def small_problem(laboratory: Laboratory, loss: Loss) -> Problem:
    """Draw six samples of 20 normal inputs: targets of 2 of them for the square loss, else signs.

    Inputs of signs would let many margins be equal.
    """
    targets = sparse_regression(n=6, d=20, k=2, seed=laboratory.seed, n_test=200)
    if not loss.acts_on_margins:
        return targets
    x, y = targets.inputs.to_array(), np.sign(targets.targets)
    return make_problem("sparse signs", Task.CLASSIFICATION, x, y, targets.test)


# What claims on these problems range over: separable classes, and targets of independent samples.
FOR_EVERY_CLASSES = (ForEvery(small_problem, strategies.separable, (LOSSES["exponential"],)),)
FOR_EVERY_TARGETS = (
    ForEvery(
        small_problem,
        partial(strategies.interpolable, max_n=4, min_d=4, general=True),
        (LOSSES["square"],),
    ),
)


def log_capital_a(depth: int, alpha: np.ndarray, power: float) -> np.ndarray:
    """Return ``log A``, ``A = α^{2(L-1)} / λ``, with ``λ = α^-power``."""
    return np.asarray((2 * (depth - 1) + power) * np.log(alpha))


def log_length(problem: Problem) -> float:
    """Return the logarithm of the length of the shortest weights of margin one, or that fit."""
    shortest = MaxL2Margin() if problem.is_classification else MinL2Norm()
    return float(np.log(np.linalg.norm(shortest.predict(problem).w)))


@remembered
def kernel_phase(
    laboratory: Laboratory, loss: Loss, depth: int, alpha: float, power: float
) -> KernelPhase:
    """Follow the flow with ``λ = α^-power`` from scale α to the end of its kernel regime."""
    problem = small_problem(laboratory, loss)
    # The departure is ½ where (α e^{-λt})^L has come down to √2/L times the length of the weights.
    log_size = log_length(problem) + float(np.log(np.sqrt(2) / depth))
    if loss.acts_on_margins:
        log_size += float(np.log(log_capital_a(depth, np.array(alpha), power)))
    last, half = np.log(alpha) - log_size / depth, np.log(alpha) / 2
    times = np.unique([0.02 * half, half, *(last + np.arange(-1.0, 1.2, 0.05))])
    flow = DiagonalFlow(lam=alpha**-power, loss=loss, rtol=rtol(depth))
    weights = flow.run(DiagonalStart(problem, alpha, depth), times).weights
    scales = np.log(alpha) - times
    far = np.array(
        [log_departure(w, depth, float(x)) for w, x in zip(weights.T, scales, strict=True)]
    )
    return _measured(times, scales, far, depth, half)


def rtol(depth: int) -> float:
    """Return the tolerance of the flow."""
    return 1e-7 if depth == 2 else 1e-5


def _measured(
    times: np.ndarray, scales: np.ndarray, far: np.ndarray, depth: int, half: float
) -> KernelPhase:
    """Read the kernel phase off the logarithms `far` of the departure."""
    over = np.flatnonzero(far > np.log(_END))
    if not over.size:
        nan = float("nan")
        return KernelPhase(nan, nan, nan)
    i = int(over[0])
    end = np.interp(np.log(_END), far[i - 1 : i + 1], times[i - 1 : i + 1])
    return KernelPhase(
        float(end - times[0] - scales[0]),
        float(far[times == half][0]),
        float((far + depth * scales)[:i].max()),
    )
