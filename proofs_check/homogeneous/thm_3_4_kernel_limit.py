"""Theorem 3.4: the function at T_c^-, divided by Z(α), tends to the kernel predictor.

The theorem prints ``Z = (1/γ) log(α^c/λ)``; its proof gives ``(1/γ) log(α^{2(L-1)c}/λ)``. The
theorem is about every c between 0 and 1, every depth, every λ that is a power of 1/α, and every
input x; formulas that are the same at one of them differ at others. Checked are L = 2, 3, 4,
c = ¼, ½, ¾ and λ = α^-½, α^-1, α^-2 at inputs that the net has not seen.

How it is measured: with λ = α^-p the exponent in Z is ``log(α^{2(L-1)c}/λ) = (2(L-1)c + p) log α``.
The output at T_c^-, divided by Z, minus its predicted limit and relative to the largest one, is
extrapolated for every input in the corrections of the Lambert function,
``W(x) = log x - log log x + o(1)``, with A = γZ: in ``log A / A``, ``1/A`` and ``log A / A²``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

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
    FOR_EVERY_CLASSES,
    rtol,
    small_problem,
)
from grokflow.proofs_check.evidence.corrections import lambert
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import WINDOWS, Experiment, Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.theory.arguments import LAM_RANGE
from grokflow.theory.diagonal.tangent import DiagonalTangent
from grokflow.theory.homogeneous.kernel_machine import MaxKernelMargin
from grokflow.theory.homogeneous.normaliser import Normaliser, log_normaliser
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.times import window

POWERS = (0.5, 1.0, 2.0)
_UNSEEN = 10
_DERIVATION = (
    extrapolated("(A = γZ) in log A/A, 1/A, log A/A² of the output at an unseen input")
    + ", plus the integrator's tolerance"
)

# Of α, λ, c and the degree: γZ.
LogNormaliser = Callable[..., float]


class KernelOutputs(NamedTuple):
    """Outputs of one net at unseen inputs.

    Parameters
    ----------
    alphas : ndarray, shape (m,)
        Scales of the start.
    outputs : ndarray, shape (m, 3, k)
        ``f(θ(T_c^-); x)`` for every c of `WINDOWS` at k inputs.
    largest_error : ndarray, shape (m, 3)
        What the integrator's tolerance may change in them.
    limits : ndarray, shape (k,)
        ``⟨∇f(θ̄; x), h*⟩ / γ``.
    """

    alphas: np.ndarray
    outputs: np.ndarray
    largest_error: np.ndarray
    limits: np.ndarray


@remembered
def kernel_outputs(laboratory: Laboratory, depth: int, power: float) -> KernelOutputs:
    """Follow the nets with ``λ = α^-power`` through the kernel regime."""
    problem = small_problem(laboratory, LOSSES["exponential"])
    (seed,) = laboratory.draws("unseen inputs of Theorem 3.4", 1)
    unseen = np.random.default_rng(seed).standard_normal((_UNSEEN, problem.d))
    predictor = MaxKernelMargin().predict(
        DiagonalTangent(depth), problem.inputs.to_array(), problem.targets
    )
    largest = min(1e100, (10 * LAM_RANGE[0]) ** (-1 / power))
    # A sample whose margin exceeds the least one by a share s is pulled e^{-sA} as much as others:
    # where A is smaller this is no small correction.
    alphas = np.geomspace(np.sqrt(largest), largest, 17 if laboratory.thorough else 9)
    weights = []
    for alpha in alphas.tolist():
        flow = DiagonalFlow(lam=alpha**-power, loss=LOSSES["exponential"], rtol=rtol(depth))
        times = np.array([window(alpha, c).early for c in reversed(WINDOWS)])
        weights.append(flow.run(DiagonalStart(problem, alpha, depth), times).weights.T[::-1])
    w = np.array(weights)
    errors = rtol(depth) * np.linalg.norm(w, axis=2) * np.linalg.norm(unseen, axis=1).max()
    return KernelOutputs(alphas, w @ unseen.T, errors, predictor.outputs(unseen))


def instances(laboratory: Laboratory, log_z: LogNormaliser) -> Iterator[Evidence]:
    """Judge the limit at every depth, c and λ: of the unseen inputs the worst counts."""
    for depth, power in product(DEPTHS, POWERS):
        found = kernel_outputs(laboratory, depth, power)
        largest = float(np.abs(found.limits).max())
        for i, c in enumerate(WINDOWS):
            z = np.array(
                [log_z(alpha=a, lam=a**-power, c=c, degree=depth) for a in found.alphas.tolist()]
            )
            misses = (found.outputs[:, i] / z[:, None] - found.limits) / largest
            error = float((found.largest_error[:, i] / z).max()) / largest
            # What a c in Z that is a quarter too large changes, as a share of Z.
            own = 2 * (depth - 1) * c
            resolution = own / 4 / (own + power)
            yield weakest([_limit(v, lambert(z), error, resolution) for v in misses.T])


def _limit(
    values: np.ndarray, corrections: np.ndarray, error: float, resolution: float
) -> Evidence:
    limit = extrapolate(values, corrections)
    return Evidence(abs(limit.value), limit.halfwidth + error, _DERIVATION, resolution)


def check(laboratory: Laboratory, log_z: LogNormaliser) -> Evidence:
    """Ask that the limit hold at every depth, c and λ."""
    return weakest(list(instances(laboratory, log_z)))


def _power_of_alpha(exponent: Callable[[float, int], float]) -> LogNormaliser:
    """Return ``log(α^exponent/λ)`` for an exponent that depends on c and L."""

    def log_z(*, alpha: float, lam: float, c: float, degree: int) -> float:
        return exponent(c, degree) * float(np.log(alpha)) - float(np.log(lam))

    return log_z


_CORRECTED = partial(log_normaliser, Normaliser.CORRECTED)
_PRINTED = partial(log_normaliser, Normaliser.PRINTED)


def _variant(name: str, exponent: Callable[[float, int], float]) -> Broken:
    return Broken(name, partial(check, log_z=_power_of_alpha(exponent)))


_HYPOTHESES = (
    "diagonal nets of depth L = 2, 3, 4 from u = v = α",
    "exponential loss, λ = α^-½, α^-1 and α^-2",
    "separable NTK features (A3.3)",
    "T_c^- = (1-c) log α / λ with c = ¼, ½ and ¾, at unseen x",
)
_EXPERIMENTS = tuple(
    Experiment(kernel_outputs, instance, seconds=1.0) for instance in product(DEPTHS, POWERS)
)

CORRECTED = Claim(
    label="thm-3.4",
    statement="f(θ(T_c^-); x) / Z(α) tends to the max-margin kernel predictor, with "
    "Z = (1/γ) log(α^{2(L-1)c}/λ)",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, Theorem 3.4 with the normaliser of its proof (Lemma C.9)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Theorem 3.4", "Lemma C.9"), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=partial(check, log_z=_CORRECTED),
    formulas=(log_normaliser,),
    broken=(
        Broken("Z = (1/γ) log(α^c/λ), as printed", partial(check, log_z=_PRINTED)),
        _variant("Z = (1/γ) log(α^{Lc}/λ)", lambda c, degree: degree * c),
        _variant("Z = (1/γ) log(α^{L-1}/λ)", lambda c, degree: degree - 1),
        _variant("T_c^- of a c smaller by a fifth", lambda c, degree: 2.5 * (degree - 1) * c),
    ),
    experiments=_EXPERIMENTS,
    for_every=FOR_EVERY_CLASSES,
)

PRINTED = Claim(
    label="thm-3.4-printed",
    statement="f(θ(T_c^-); x) / Z(α) tends to the max-margin kernel predictor, with "
    "Z = (1/γ) log(α^c/λ)",
    hypotheses=_HYPOTHESES,
    source="Lyu et al. 2024, Theorem 3.4 as printed (v2)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Theorem 3.4",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.REFUTED,
    check=partial(check, log_z=_PRINTED),
    broken=(_variant("Z = (1/γ) log(α^{1.2c}/λ)", lambda c, degree: 1.2 * c),),
    experiments=_EXPERIMENTS,
    for_every=FOR_EVERY_CLASSES,
)
