"""Xu, Vardi and Safran: ridge regression fits fast, and generalises log(scale)/(ηλ) steps later.

How it is measured: gradient descent, step by step, from Gaussian starts of several scales and from
starts whose part inside the span of the samples is along the first or the last singular vector,
where the bounds on the fit are attained. Inputs are isotropic, so that the test error is
``‖w - w*‖²``. The first step that fits and the first that generalises are counted, and compared
with the bounds, which are computed from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from hypothesis import strategies as st

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    ForEvery,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.theory.homogeneous.ridge_steps import Steps, fit_steps, generalisation_steps

_SAMPLES, _INPUTS = 10, 20
_SCALES = (1e2, 1e4)
# λ over the least curvature of the loss.
_DECAYS = (0.02, 0.04)
# η times the largest curvature: short enough for a tenth of the fit to be some steps.
_FIT_STEP, _GENERAL_STEP = 0.05, 0.5
_FIT, _GENERAL = 0.1, 0.25
_UNSEEN = 0.01
_UNCHANGED = Steps(1.0, 1.0)
_DERIVATION = (
    "one step, since bounds are no whole numbers, and a rounding of each of the products of a step "
    "as a delay; where a bound is attained, from the other side by what the end leaves"
)


@dataclass(frozen=True, eq=False)
class Runs:
    """Samples, a teacher, and the starts with the decay of each.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Inputs.
    teacher : ndarray, shape (d,)
        w*, a hundredth of which no sample sees.
    starts : ndarray, shape (d, m)
        Weights before the first step, in turn in a Gaussian direction from w*, and along the first
        and the last singular vector and outside of the span.
    lams : ndarray, shape (m,)
        Weight decay.
    """

    x: np.ndarray
    teacher: np.ndarray
    starts: np.ndarray
    lams: np.ndarray

    @property
    def curvatures(self) -> np.ndarray:
        """Eigenvalues of ``2 XᵀX/n`` other than 0."""
        return 2 * np.linalg.svd(self.x, compute_uv=False) ** 2 / len(self.x)

    def lr(self, step: float) -> float:
        """Return η, from its product with the largest curvature."""
        return step / float(self.curvatures.max())

    def first(self, seen: np.ndarray, step: float, target: float) -> np.ndarray:
        """Return the first steps, of all starts, with ``‖seen (w - w*)‖`` at most the target."""
        away, lr = self.starts - self.teacher[:, None], self.lr(step)
        pull, kept = 2 * lr / len(self.x) * self.x.T, 1 - lr * self.lams
        drift = (kept - 1) * self.teacher[:, None]
        found = np.full(away.shape[1], -1)
        count = 0
        while (found < 0).any():
            left = seen @ away
            found[(found < 0) & (np.einsum("im,im->m", left, left) <= target**2)] = count
            away = kept * away - pull @ (self.x @ away) + drift
            count += 1
        return found


@remembered
def inputs(laboratory: Laboratory) -> np.ndarray:
    """Draw Gaussian samples."""
    (seed,) = laboratory.draws("inputs of ridge regression", 1)
    return np.random.default_rng(seed).standard_normal((_SAMPLES, _INPUTS))


@remembered
def runs(laboratory: Laboratory) -> Runs:
    """Draw a teacher, and take all scales, directions and decays."""
    (seed,) = laboratory.draws("ridge regression", 1)
    rng, x = np.random.default_rng(seed), inputs(laboratory)
    n, d = x.shape
    right = np.linalg.svd(x)[2]
    inside, outside = right[:n], right[n:]
    # Most of what the end misses is along the last singular vector, whose bound it attains so.
    seen = _unit(rng.standard_normal(n) @ inside + 3 * inside[-1])
    unseen = _unit(rng.standard_normal(len(outside)) @ outside)
    teacher = np.sqrt(1 - _UNSEEN**2) * seen + _UNSEEN * unseen
    shapes = (rng.standard_normal(d), inside[0] + unseen, -inside[-1] - unseen)
    least = 2 * np.linalg.svd(x, compute_uv=False)[-1] ** 2 / n
    cases = list(product(_SCALES, _DECAYS, shapes))
    starts = np.column_stack([teacher + scale * _unit(shape) for scale, _, shape in cases])
    return Runs(x, teacher, starts, np.array([least * decay for _, decay, _ in cases]))


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector))


@remembered
def counts(laboratory: Laboratory) -> tuple[np.ndarray, np.ndarray]:
    """Return the first steps that fit, and the first that generalise."""
    data = runs(laboratory)
    n, d = data.x.shape
    for lam in np.unique(data.lams).tolist():
        missed = _end(data, lam) - data.teacher
        misfit, error = np.linalg.norm(data.x @ missed) / np.sqrt(n), np.linalg.norm(missed)
        if misfit >= _FIT or error >= _GENERAL:
            raise ValueError(
                f"descent ends with a misfit of {misfit:.2g} and an error of {error:.2g}, expected "
                f"less than {_FIT:g} and {_GENERAL:g}: draw smaller inputs"
            )
    return (
        data.first(data.x, _FIT_STEP, np.sqrt(n) * _FIT),
        data.first(np.eye(d), _GENERAL_STEP, _GENERAL),
    )


def check(
    laboratory: Laboratory,
    fit: Steps = _UNCHANGED,
    general: Steps = _UNCHANGED,
    whole: bool = False,
) -> Evidence:
    """Compare with multiples of the bounds; with the `whole` start for what is outside, or not."""
    data, found = runs(laboratory), counts(laboratory)
    parts = []
    for i, lam in enumerate(data.lams.tolist()):
        start = data.starts[:, i]
        direction = i % 3
        parts += [
            _fits(data, start, lam, float(found[0][i]), fit, direction),
            _generalises(data, start, lam, float(found[1][i]), general, whole),
        ]
    return weakest(parts)


def _fits(
    data: Runs, start: np.ndarray, lam: float, count: float, factor: Steps, direction: int
) -> Evidence:
    lr, end = data.lr(_FIT_STEP), _end(data, lam)
    misfit, floor = (
        float(np.linalg.norm(data.x @ w) / np.sqrt(len(data.x)))
        for w in (start - end, end - data.teacher)
    )
    bounds = fit_steps(data.curvatures, lr, lam, misfit, floor, _FIT)
    left = float(np.log((_FIT + floor) / (_FIT - floor))) / lr
    # Along the first singular vector the lower bound is attained, along the last the upper one.
    gaps = [np.inf, np.inf]
    if direction:
        gaps[direction - 1] = left / float(
            (data.curvatures.max(), data.curvatures.min())[direction - 1]
        )
    return _between(count, bounds, factor, Steps(*gaps), sum(data.x.shape) / (lr * lam))


def _generalises(
    data: Runs, start: np.ndarray, lam: float, count: float, factor: Steps, whole: bool
) -> Evidence:
    lr, end = data.lr(_GENERAL_STEP), _end(data, lam)
    span = np.linalg.pinv(data.x) @ data.x
    outside, unseen = (float(np.linalg.norm(w - span @ w)) for w in (start, data.teacher))
    if whole:
        outside = float(np.linalg.norm(start))
    # What is left inside of the span at the first of these steps: -log(1 - x) ≤ x/(1 - x).
    shrunk = 1 - lr * lam
    first = np.log(outside / (_GENERAL + unseen)) * shrunk / (lr * lam)
    slowest = shrunk - lr * float(data.curvatures.min())
    inside = float(np.linalg.norm(span @ (end - data.teacher)))
    inside += float(np.linalg.norm(span @ (start - end))) * slowest**first
    bounds = generalisation_steps(lr, lam, outside, unseen, inside, _GENERAL)
    least = np.sqrt(_GENERAL**2 - inside**2) - unseen
    left = float(np.log((_GENERAL + unseen) / least)) / (lr * lam)
    return _between(count, bounds, factor, Steps(left, left), sum(data.x.shape) / (lr * lam))


def _between(count: float, bounds: Steps, factor: Steps, gaps: Steps, products: float) -> Evidence:
    """Ask for a count between these multiples of bounds, and within the gaps where attained.

    A step has so many `products`, in units of what decay shrinks in it.
    """
    least, most = factor.least * bounds.least, factor.most * bounds.most
    excess = float(
        np.max([least - count, count - most, count - least - gaps.least, most - count - gaps.most])
    )
    # An error of a step grows as the shrinking of the step is undone.
    blur = 1 + count * products * float(np.finfo(np.float64).eps)
    return Evidence(excess, blur, _DERIVATION, resolution=2.0)


def _end(data: Runs, lam: float) -> np.ndarray:
    """Return the weights at which descent ends."""
    n, d = data.x.shape
    curvature = 2 / n * data.x.T @ data.x
    return np.linalg.solve(curvature + lam * np.eye(d), curvature @ data.teacher)


def _of_size_one() -> st.SearchStrategy[np.ndarray]:
    """Return a strategy of fewer samples than inputs, all independent, of a mean square near 1."""
    found = strategies.tables(max_n=6, max_d=12, min_d=7, decades=0, general=True)
    return found.map(lambda x: np.sqrt(len(x)) * x / np.linalg.norm(x, 2))


CLAIM = Claim(
    label="ridge-delay",
    statement="ridge regression from a large start fits after log(scale)/(η(λ + σ)) steps, σ among "
    "the curvatures, and generalises after log(scale)/(ηλ), scale the part of the start outside of "
    "the span of the samples; with constants, and bounds that are attained",
    hypotheses=(
        f"gradient descent on {_SAMPLES} noiseless Gaussian samples of {_INPUTS} inputs; y = Xw*, "
        f"a part {_UNSEEN:g} of w* outside of their span",
        f"scales {_SCALES[0]:g} and {_SCALES[1]:g}, Gaussian starts and those that are worst for "
        f"the bounds; λ = {_DECAYS[0]:g} and {_DECAYS[1]:g} of the least curvature",
        f"fitted at ‖Xw - y‖/√n = {_FIT:g}, general at ‖w - w*‖ = {_GENERAL:g}",
    ),
    source="Xu, Vardi and Safran 2026 (arXiv 2601.19791), of whom we have read the abstract: that "
    "there are two-sided bounds; these bounds are ours",
    kind=StatementKind.INEQUALITY,
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken(
            "a tenth more steps to generalise at least", partial(check, general=Steps(1.1, 1.1))
        ),
        Broken("a tenth fewer to generalise at most", partial(check, general=Steps(0.9, 0.9))),
        Broken("a tenth more to fit at least", partial(check, fit=Steps(1.1, 1.0))),
        Broken("a tenth fewer to fit at most", partial(check, fit=Steps(1.0, 0.9))),
        Broken("the whole start for what is outside", partial(check, whole=True)),
    ),
    formulas=(fit_steps, generalisation_steps),
    equivalent={
        "fit_steps: target + floor becomes target": "the lower bound is attained along the first "
        "singular vector, where the end misses next to nothing",
        "fit_steps: lam + np.max(curvatures) becomes np.max(curvatures)": "λ is a thousandth of "
        "the largest curvature: less than a step",
    },
    error_rate=NO_CHANCE,
    scope=Scope((), "linear model", ("square",), (1,)),
    for_every=(ForEvery(inputs, _of_size_one),),
)
