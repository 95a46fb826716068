"""Lemmas D.6 and D.7: in the kernel regime of regression h tends to the min-norm interpolant h*.

With ``θ = α(s)(θ̄ + δ)`` and ``h = α(s)^L δ`` as in Lemma C.6, K the tangent kernel:

* D.6: ``‖h‖ = Θ(1)`` from the end of the initial fit to T_c^- as α → ∞. The paper prints α → 0;
  below α = 1 there is no T_c^-.
* D.7: at T_c^- h tends to ``h* = Σ (K⁻¹y)_i ∇f_i(θ̄)``.

How it is measured: ``‖h‖/‖h*‖`` is extrapolated to 1 at a tenth, a half and all of T_c^-, and the
ten largest components of ``h - h*`` to 0, in α^{-cL} and 1/A (c that of the time). For the printed
limit α falls to 1, and h to its start, 0.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict, weakest
from grokflow.proofs_check.diagonal.kernel.experiments import (
    DEGREES,
    FOR_EVERY_TARGETS,
    REGRESSION,
    SQUARE_RUNS,
    Targets,
    draw_targets,
    small_scale_runs,
    square_runs,
)
from grokflow.proofs_check.diagonal.kernel.square_limits import HYPOTHESES, judge_limit
from grokflow.proofs_check.diagonal.kernel.uneven_nets import UnevenNet
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED, NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope

_COMPONENTS = 10


def check_limit(laboratory: Laboratory, even: bool = False, scale: float = 1.0) -> Evidence:
    """Compare h at T_c^- with h*, times `scale`, or with that of the kernel of an `even` start."""
    parts: list[Evidence] = []
    for window in REGRESSION:
        setting = draw_targets(laboratory, window.degree)
        runs = square_runs(laboratory, window)
        claimed = scale * (_of_the_even_start(setting) if even else setting.shortest)
        size = float(np.abs(setting.shortest).max())
        largest = np.argsort(np.abs(setting.shortest))[-_COMPONENTS:]
        misses = np.array([run.h[-1] - claimed for run in runs])[:, largest] / size
        parts.extend(judge_limit(values, runs, 0.0) for values in misses.T)
    return weakest(parts)


def _of_the_even_start(setting: Targets) -> np.ndarray:
    """Return the h that fits the targets and whose weights w are shortest, as from ``u = v``."""
    net = setting.net
    w = np.linalg.lstsq(net.inputs, setting.targets, rcond=None)[0]
    # Of the h with these weights, the shortest.
    up = w / (net.degree * (1 + net.ratio))
    return np.concatenate([up, -np.sqrt(net.ratio) * up])


def check_small_scales(laboratory: Laboratory, scale: float = 1.0) -> Evidence:
    """Ask that ‖h‖ at T_c^- come closer to ‖h*‖ times `scale` as α falls from 1000 to 1."""
    parts: list[Evidence] = []
    for degree in DEGREES:
        setting = draw_targets(laboratory, degree)
        length = scale * float(np.linalg.norm(setting.shortest))
        first, last = (
            abs(float(np.linalg.norm(run.h[-1])) - length) / length
            for run in small_scale_runs(laboratory, degree)
        )
        derivation = "the distance at α = 1000, which one that tends to zero falls below"
        parts.append(Evidence(last, first, f"{derivation}; no chance enters"))
    return weakest(parts)


def check_lengths(laboratory: Laboratory, scale: float = 1.0, power: float = 0.0) -> Evidence:
    """Compare ``‖h‖ / (α^power ‖h*‖)`` with `scale` at all recorded times."""
    parts: list[Evidence] = []
    for window in REGRESSION:
        setting = draw_targets(laboratory, window.degree)
        runs = square_runs(laboratory, window)
        lengths = np.array([np.linalg.norm(run.h, axis=1) for run in runs])
        growth = np.exp([power * run.log_alpha for run in runs])
        shares = lengths / np.linalg.norm(setting.shortest) / growth[:, None]
        parts.extend(
            judge_limit(values, runs, scale, record=record)
            for record, values in enumerate(shares.T)
        )
    return weakest(parts)


LIMIT = Claim(
    label="lem-d.7",
    statement="in regression h at T_c^- tends to the min-norm interpolant h* in the tangent "
    "features",
    hypotheses=HYPOTHESES,
    source="Lyu et al. 2024, Lemma D.7",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma D.7",), "diagonal net", ("square",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check_limit,
    formulas=(UnevenNet.features,),
    broken=(
        Broken("the kernel of an even start", partial(check_limit, even=True)),
        Broken("h* a tenth longer", partial(check_limit, scale=1.1)),
    ),
    experiments=SQUARE_RUNS,
    for_every=FOR_EVERY_TARGETS,
)

LENGTHS_PRINTED = Claim(
    label="lem-d.6-printed",
    statement="in regression ‖h‖ at T_c^- is Θ(1) as α → 0: it tends to ‖h*‖",
    hypotheses=(
        *HYPOTHESES[:1],
        "c = ½, λ = 1/α; α falls to 1, below which T_c^- is negative",
    ),
    source="Lyu et al. 2024, Lemma D.6 as printed (v2)",
    kind=StatementKind.LIMIT,
    error_rate=NO_CHANCE,
    scope=Scope(("Lemma D.6",), "diagonal net", ("square",), (2, 3, 4)),
    expected=Verdict.REFUTED,
    check=check_small_scales,
    broken=(Broken("to a tenth more", partial(check_small_scales, scale=1.1)),),
)

LENGTHS = Claim(
    label="lem-d.6",
    statement="in regression ‖h‖ = Θ(1) from the end of the initial fit to T_c^-: it tends to ‖h*‖",
    hypotheses=(*HYPOTHESES, "at a tenth, a half and all of T_c^-"),
    source="Lyu et al. 2024, Lemma D.6 with α → ∞; the limit is derived here",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Lemma D.6",), "diagonal net", ("square",), (2, 3, 4)),
    expected=Verdict.SUPPORTED,
    check=check_lengths,
    formulas=(UnevenNet.features,),
    equivalent={
        "UnevenNet.features: -np.sqrt(self.ratio) becomes np.sqrt(self.ratio)": "‖h*‖ comes from "
        "products of features with each other, in which their signs cancel"
    },
    broken=(
        Broken("a tenth longer", partial(check_lengths, scale=1.1)),
        Broken("of order α^0.1", partial(check_lengths, power=0.1)),
        Broken("α → 0, as printed", check_small_scales),
    ),
    experiments=SQUARE_RUNS,
    for_every=FOR_EVERY_TARGETS,
)
