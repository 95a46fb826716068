"""Theorems 3.5 and 3.10: after the transition the parameters tend to KKT points of (R1) and (R2).

How it is measured: the KKT residual (`grokflow.theory.homogeneous.kkt`) of θ at T_c^+, one of the
times of the theorems, extrapolated to α → ∞. For diagonal nets of depth 2, 3 and 4 θ comes from the
reduced flow, at the scales beyond the last jump from one KKT point to another
(`grokflow.proofs_check.diagonal.late_phase`), c = 1 and c = 4; a symmetrised two-layer quadratic
net (L = 3) is followed in all its parameters from six scales, c = 9. It comes to rest like a small
power of α^-c, which at c = 1 is still seen at the scales that double precision leaves.

Of a diagonal net the residual says little more than that θ is sparse, with margins or targets as
they should be. Where the flow ends at a minimum of ``Σ |w_i|^{2/L}``, which for L ≥ 3 is strictly
concave where signs stay, no weights are left but those of independent inputs: these have
multipliers whatever the power of the weights in ∇f. At L = 2 there are other minima where inputs
are tied: of five inputs on a line, with two samples, all weights stay, and the residual tells
``u^{L-1}`` from ``u^{L-1.15}``. At every L the power is that of the claim `eq-23-24-33`, which
shares the function and refutes others. The quadratic net, whose θ is not sparse, tells the norm
from others.

Beyond stationarity a KKT point of (R1) has no multiplier at inactive samples. At λ that does not
fall the flow ends at stationary points with multipliers at all samples: that is a false variant.

(R1), exponential loss: margins at finite λ are log 1/λ up to O(1) that differ from sample to
sample, so the residual falls like 1/log 1/λ, with corrections in log log 1/λ/(log 1/λ)² and
1/(log 1/λ)²; Lemma C.12 asks for its square root. (R2), square loss: the data are missed by O(λ);
corrections in λ and λ².
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict, weakest
from grokflow.proofs_check.diagonal.kernel_phase import DEPTHS
from grokflow.proofs_check.diagonal.late_phase import (
    FOR_EVERY,
    LATE_PHASES,
    RTOL,
    LatePhases,
    late_phase,
    late_phases,
    settled_limit,
    tied_residuals,
)
from grokflow.proofs_check.evidence.corrections import powers, tails
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED, NO_CHANCE
from grokflow.proofs_check.evidence.extrapolation import (
    Limit,
    extrapolate,
    extrapolated,
    local_slopes,
)
from grokflow.proofs_check.laboratory import WINDOW, Laboratory
from grokflow.proofs_check.nets.experiments import DEGREE, INPUTS, follow, quadratic_forms
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.nets.implicit.flow import NetSolver
from grokflow.theory.homogeneous.comparisons import relative_distance
from grokflow.theory.homogeneous.kkt import stationarity
from grokflow.theory.nets.module_map import ModuleMap
from grokflow.theory.nets.symmetrised import Symmetrised
from grokflow.theory.transition.times import window

_DERIVATION = extrapolated("of the residual") + ", plus twice the integrator's tolerance"
_RATE_DERIVATION = (
    "twice the integrator's relative tolerance over the shortest interval between scales; the "
    "median of the slopes beyond the last jump counts"
)
_FIXED_DERIVATION = (
    "twice what the residual still changes from one scale to the next, plus twice the integrator's "
    "tolerance"
)
# Fewer intervals between scales say nothing of a rate.
_FEWEST_SLOPES = 5
# Residuals below are rounding.
_ROUNDING = 1e-12
# Scales of the quadratic net, and the power of 1/α that λ is: it ends at what `NetFlow` takes.
_NETS = {
    "exponential": (np.geomspace(16.0, 200.0, 6), 6.0),
    "square": (np.geomspace(20.0, 200.0, 6), 2.0),
}
_NET_RTOL = 1e-3
# At smaller c it is not at rest yet for some data.
_NET_C = 9.0
# A decay that does not fall, and the scales at which it is followed.
_FIXED_LAM, _FIXED_ALPHAS = 1e-2, (1e10, 1e20)


def check(laboratory: Laboratory, loss: str) -> Evidence:
    """Extrapolate the residuals of all nets at T_c^+."""
    return weakest([check_diagonal(laboratory, loss), check_net(laboratory, loss)])


def check_square(laboratory: Laboratory) -> Evidence:
    """Extrapolate those of (R2), also where inputs are tied."""
    return weakest([check_tied(laboratory), check(laboratory, "square")])


def check_tied(laboratory: Laboratory, power: float = 1.0) -> Evidence:
    """Extrapolate the residuals where inputs are tied, with gradients of ``u^{L - power}``."""
    log_lam, values = tied_residuals(laboratory, power)
    return _vanishes(settled_limit(values, _corrections("square", log_lam)), RTOL)


def check_diagonal(laboratory: Laboratory, loss: str, late: bool = True) -> Evidence:
    """Extrapolate the residuals of diagonal nets at T_c^+, or at T_c^- unless `late`."""
    parts = []
    for depth in DEPTHS:
        phases = late_phases(laboratory, loss, depth)
        measured = (phases.soon_residual, phases.late_residual)
        for values in measured if late else (phases.early_residual,):
            limit = settled_limit(values, _corrections(loss, phases.log_lam))
            parts.append(_vanishes(limit, RTOL))
    return weakest(parts)


def check_fixed(laboratory: Laboratory) -> Evidence:
    """Ask for KKT points of (R1) while λ stays: points there are stationary, but slack."""
    phases = [
        late_phase(laboratory, "exponential", 2, alpha, _FIXED_LAM) for alpha in _FIXED_ALPHAS
    ]
    largest = max(phase.late_residual for phase in phases)
    least = min(phase.late_residual for phase in phases)
    return Evidence(least, 2 * (largest - least) + 2 * RTOL, _FIXED_DERIVATION, resolution=0.1)


def check_net(laboratory: Laboratory, loss: str, first: float = 1.0) -> Evidence:
    """Extrapolate the residuals of the quadratic net.

    In the norm that is least the weights of the first layer count `first` times.
    """
    alphas, power = _NETS[loss]
    values = [_net_residual(laboratory, loss, a, a**-power, first) for a in alphas.tolist()]
    log_lam = power * np.log(alphas)
    limit = extrapolate(np.array(values), _corrections(loss, log_lam)[:, :3])
    return _vanishes(limit, _NET_RTOL)


def _corrections(loss: str, log_lam: np.ndarray) -> np.ndarray:
    """Return the correction terms at the given values of log 1/λ."""
    if loss == "square":
        return powers(np.exp(-log_lam))
    return tails(log_lam)


def _vanishes(limit: Limit, tolerance: float) -> Evidence:
    allowed = limit.halfwidth + 2 * tolerance
    return Evidence(abs(limit.value), allowed, _DERIVATION, resolution=0.1)


def _net_residual(
    laboratory: Laboratory, loss: str, alpha: float, lam: float, first: float
) -> float:
    module, problem = quadratic_forms(laboratory, loss)
    times = np.array([window(alpha, _NET_C).late])
    theta = follow(laboratory, alpha, lam, times, _NET_RTOL, loss, NetSolver.GRAM).theta[0]
    net, at = ModuleMap.of(module), torch.from_numpy(theta)
    outputs, y = net.outputs(at, problem.x)[:, 0].numpy(), problem.y.flatten().numpy()
    # In coordinates √k θ the norm that counts a weight k times is the plain one.
    roots = np.sqrt(_counts(module, first))
    gradients, theta = net.jacobian(at, problem.x).numpy().T / roots[:, None], roots * theta
    pulled = norm_gradient(theta)
    if loss == "square":
        missed = relative_distance(outputs, y, normalised=False)
        return float(np.hypot(stationarity(gradients, pulled).residual, missed))
    return stationarity(gradients * y, pulled, y * outputs, float(DEGREE)).total


def norm_gradient(theta: np.ndarray) -> np.ndarray:
    """Return the gradient of ``½‖θ‖²``: θ, or ``sign(θ) |θ|^{p-1}`` with p = 2."""
    return np.asarray(np.sign(theta) * np.abs(theta) ** 1)


def _counts(module: Symmetrised, first: float) -> np.ndarray:
    """Return how often each parameter counts: `first` times where it acts on the inputs."""
    return np.concatenate(
        [np.full(p.numel(), first if p.shape[-1] == INPUTS else 1.0) for p in module.parameters()]
    )


def residual_order() -> float:
    """Return the power of log 1/λ in the residual of (R1), -1/2."""
    return -1 / 2


def check_rate(laboratory: Laboratory, power: float = 1.0) -> Evidence:
    """Ask that the residual of (R1) fall at least like its order to this `power`.

    The median of the slopes between neighbouring scales counts. Where a sample becomes a support
    vector, or ceases to be one, the residual bends by a factor over a few scales.
    """
    order = power * residual_order()
    parts = [_rate(late_phases(laboratory, "exponential", depth), order) for depth in DEPTHS]
    return weakest(parts)


def _rate(phases: LatePhases, power: float) -> Evidence:
    if (phases.late_residual < _ROUNDING).all():
        # A net of one coordinate is at a KKT point at every λ.
        return Evidence(0.0, _ROUNDING, _RATE_DERIVATION, resolution=0.5)
    x = np.log(phases.log_lam)
    slopes = local_slopes(x, np.log(np.maximum(phases.late_residual, _ROUNDING))).values
    excess = float(np.median(slopes)) - power if len(slopes) >= _FEWEST_SLOPES else float("nan")
    noise = 2 * RTOL / float(np.diff(x).min()) if len(x) > 1 else float("nan")
    return Evidence(excess, noise, _RATE_DERIVATION, resolution=0.5)


_FASTER = "the residual falls like 1/log 1/λ, which is faster, so that this order holds as well"
_MODELS = "diagonal net, two-layer quadratic net"
_BOTH = "diagonal nets of depth 2, 3 and 4; a symmetrised two-layer quadratic net (L = 3)"
_WEIGHTED = "a norm in which the first layer counts a fifth more"
_EARLY = f"at T_c^-, c = {WINDOW:g}, instead of T_c^+"

MARGIN = Claim(
    label="thm-3.5",
    statement="at T_c^+ the direction of θ tends to KKT points of (R1), "
    "min ½‖θ‖² : y_i f(θ; x_i) ≥ 1",
    hypotheses=(
        _BOTH,
        "exponential loss, separable data, λ a power of 1/α",
        "c = 1 and 4 for diagonal nets, c = 9 for the quadratic net",
    ),
    source="Lyu et al. 2024, Theorem 3.5 (which says that such times exist)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Theorem 3.5",), _MODELS, ("exponential",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=partial(check, loss="exponential"),
    formulas=(norm_gradient,),
    broken=(
        Broken(_EARLY, partial(check_diagonal, loss="exponential", late=False)),
        Broken(_WEIGHTED, partial(check_net, loss="exponential", first=1.2)),
        Broken("λ = 0.01 for λ → 0", check_fixed),
    ),
    experiments=LATE_PHASES["exponential"],
    for_every=FOR_EVERY["exponential"],
)

RATE = Claim(
    label="lem-c.12",
    statement="the KKT residual of (R1) is O((log 1/λ)^{-1/2}) at T_c^+",
    hypotheses=(
        "diagonal nets of depth 2, 3 and 4 from u = v = α",
        "exponential loss, separable data, λ a power of 1/α",
        "c = 4",
    ),
    source="Lyu et al. 2024, Lemma C.12",
    kind=StatementKind.INEQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope(("Lemma C.12",), "diagonal net", ("exponential",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check_rate,
    formulas=(residual_order,),
    equivalent={
        "residual_order: -1 / 2 becomes -1 / 1.74": _FASTER,
    },
    broken=(Broken("O((log 1/λ)^{-5/4})", partial(check_rate, power=2.5)),),
    experiments=LATE_PHASES["exponential"],
    for_every=FOR_EVERY["exponential"],
)

INTERPOLATION = Claim(
    label="thm-3.10",
    statement="in regression θ(T_c^+) tends to KKT points of (R2), min ½‖θ‖² : f(θ; x_i) = y_i",
    hypotheses=(
        _BOTH,
        "square loss, independent features, λ a power of 1/α",
        "c = 1 and 4 for diagonal nets, c = 9 for the quadratic net",
    ),
    source="Lyu et al. 2024, Theorem 3.10 (which says that such times exist)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Theorem 3.10",), _MODELS, ("square",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check_square,
    formulas=(norm_gradient,),
    broken=(
        Broken(_EARLY, partial(check_diagonal, loss="square", late=False)),
        Broken(_WEIGHTED, partial(check_net, loss="square", first=1.2)),
        Broken("u^{L-1.15} for u^{L-1} in ∇f", partial(check_tied, power=1.15)),
    ),
    experiments=LATE_PHASES["square"],
    for_every=FOR_EVERY["square"],
)
