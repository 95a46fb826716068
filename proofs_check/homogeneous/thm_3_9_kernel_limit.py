"""Theorem 3.9: in regression the function at T_c^- tends to the min-norm kernel predictor.

How it is measured: the largest difference between ``f(θ(T_c^-); x)`` and ``⟨∇f(θ̄; x), h*⟩`` over
test inputs, relative to the largest target, with λ = α^-2c, at several α, extrapolated. For
diagonal nets c is ¼, ½ and ¾, for the quadratic net ½. The predictor comes from a kernel of inner
products, the function from the flow. For diagonal nets of depth 2, 3 and 4 the kernel has a closed
form; a symmetrised two-layer quadratic net (L = 3) has its own by differentiation. In both, the
even terms beyond the linear one cancel between the two halves, which leaves a relative error
``(α e^{-λt})^{-2L} = α^{-2cL}``; the data are fitted to ``λ (α e^{-λt})^{-2(L-1)}``, which is
α^{-2cL} too. Corrections: its first three powers, two of them for the quadratic net.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import torch

from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.diagonal.kernel_phase import (
    DEPTHS,
    FOR_EVERY_TARGETS,
    rtol,
    small_problem,
)
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import WINDOW, WINDOWS, Laboratory, remembered
from grokflow.proofs_check.nets.experiments import DEGREE, follow, quadratic_forms
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.theory.diagonal.tangent import DiagonalTangent
from grokflow.theory.homogeneous.kernel_machine import MinKernelNorm
from grokflow.theory.linear.l1 import MinL1Norm
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.tangent import module_tangent
from grokflow.theory.transition.times import window

# 1/λ = α^2c.
_INVERSE_LAMS = np.geomspace(10.0, 1000.0, 8)
# Where the kernel is ill-conditioned the corrections in α^-L are still large at smaller α.
_NET_ALPHAS = np.geomspace(40.0, 240.0, 6)
_NET_RTOL = 1e-4

_DERIVATION = extrapolated("in powers of α^-L") + ", plus ten times the integrator's tolerance"

Predict = Callable[[Problem, int, np.ndarray], np.ndarray]


def kernel(problem: Problem, depth: int, x: np.ndarray) -> np.ndarray:
    """Return the outputs of the min-norm kernel predictor at the inputs `x`."""
    inputs = problem.inputs.to_array()
    predictor = MinKernelNorm().predict(DiagonalTangent(depth), inputs, problem.targets)
    return np.asarray(predictor.outputs(x))


def with_a_tenth_of_l1(problem: Problem, depth: int, x: np.ndarray) -> np.ndarray:
    """Return them with a tenth of the outputs of the min-L1-norm interpolant mixed in."""
    late = np.asarray(x @ MinL1Norm().predict(problem).w)
    return 0.9 * kernel(problem, depth, x) + 0.1 * late


def check(laboratory: Laboratory, predict: Predict = kernel, end: int = 0) -> Evidence:
    """Extrapolate the distances of diagonal nets at T_c^- (end 0) or T_c^+ (end 1)."""
    problem = small_problem(laboratory, LOSSES["square"])
    x = np.random.default_rng([laboratory.seed, 39]).standard_normal((50, problem.d))
    parts = []
    for depth, c in product(DEPTHS, WINDOWS):
        expected = predict(problem, depth, x)
        flows = [_weights(laboratory, depth, c, ratio) for ratio in _INVERSE_LAMS.tolist()]
        outputs = [x @ weights[:, end] for weights in flows]
        corrections = powers(_INVERSE_LAMS ** -float(depth), 4)
        parts.append(_limit(np.array(outputs), expected, corrections, rtol(depth)))
    return weakest(parts)


def _limit(
    outputs: np.ndarray, expected: np.ndarray, corrections: np.ndarray, tolerance: float
) -> Evidence:
    """Extrapolate the largest distance from `expected`, relative to its largest value."""
    distances = np.abs(outputs - expected).max(axis=1) / np.abs(expected).max()
    limit = extrapolate(distances, corrections)
    allowed = limit.halfwidth + 10 * tolerance
    return Evidence(abs(limit.value), allowed, _DERIVATION, resolution=0.01)


@remembered
def _weights(laboratory: Laboratory, depth: int, c: float, inverse_lam: float) -> np.ndarray:
    """Return the weights at both ends of the window, shape (d, 2)."""
    loss, alpha = LOSSES["square"], inverse_lam ** (0.5 / c)
    flow = DiagonalFlow(lam=1 / inverse_lam, loss=loss, rtol=rtol(depth))
    problem = small_problem(laboratory, loss)
    return flow.run(DiagonalStart(problem, alpha, depth), np.array(window(alpha, c))).weights


def check_net(laboratory: Laboratory, draw: int = 0, end: int = 0) -> Evidence:
    """Extrapolate the distances of the net from the kernel predictor of the net number `draw`."""
    module, problem = quadratic_forms(laboratory)
    x, tested = problem.x.numpy(), problem.x_test[:50]
    tangent = module_tangent(quadratic_forms(laboratory, draw=draw).module, x)
    expected = MinKernelNorm().predict(tangent, x, problem.y[:, 0].numpy()).outputs(tested.numpy())
    net = ModuleMap.of(module)
    outputs = []
    for alpha in _NET_ALPHAS.tolist():
        time = np.array([window(alpha, WINDOW)[end]])
        theta = follow(laboratory, alpha, 1 / alpha, time, _NET_RTOL).theta[0]
        outputs.append(net.outputs(torch.from_numpy(theta), tested).numpy()[:, 0])
    corrections = powers(_NET_ALPHAS ** -float(DEGREE))
    return _limit(np.array(outputs), expected, corrections, _NET_RTOL)


def check_both(laboratory: Laboratory) -> Evidence:
    """Extrapolate the distances of diagonal nets and of the quadratic net."""
    return weakest([check(laboratory), check_net(laboratory)])


CLAIM = Claim(
    label="thm-3.9",
    statement="f(θ(T_c^-); x) tends to ⟨∇f(θ̄; x), h*⟩, h* the min-norm interpolant (K2)",
    hypotheses=(
        "diagonal nets of depth 2, 3 and 4; a symmetrised two-layer quadratic net (L = 3)",
        "square loss, λ = α^-2c, c = ¼, ½ and ¾, and ½ for the quadratic net",
        "independent features (A3.8)",
    ),
    source="Lyu et al. 2024, Theorem 3.9",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Theorem 3.9",), "diagonal net, two-layer quadratic net", ("square",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check_both,
    no_formulas="in the solution of K μ = y a factor of the kernel cancels, and both kernels are "
    "inner products without another number; the variants have other predictors and kernels",
    broken=(
        Broken("at T_c^+ instead of T_c^-", partial(check, end=1)),
        Broken(
            "a tenth of the min-L1-norm interpolant mixed in",
            partial(check, predict=with_a_tenth_of_l1),
        ),
        Broken("the kernel of a net drawn anew", partial(check_net, draw=1)),
    ),
    for_every=FOR_EVERY_TARGETS,
)
