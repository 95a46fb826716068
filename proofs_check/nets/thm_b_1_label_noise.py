"""Label noise makes a diagonal net generalise after a number of steps of order η^-2.

How it is measured: descent with fresh noise of ±1 on every target, at eight steps η; the number of
steps T at which the error of the weights, averaged over 128 independent runs, falls for good below
half of that of noiseless descent. ``log T = a + b log η + c η`` is fitted: the theorem is about the
drift, of order η² a step, and noise leaves an error of order η. The theorem says b = -2.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.nets.descent_experiments import decay_delays, label_noise_delays
from grokflow.proofs_check.scope import Scope

DERIVATION = (
    "95 % interval of the fitted exponent, plus twice the changes when the correction or the "
    "largest third of the steps is dropped"
)


class _Exponent(NamedTuple):
    value: float
    error: float


def check(laboratory: Laboratory, exponent: float = -2.0, noise: bool = True) -> Evidence:
    """Compare the fitted exponent; without `noise`, weight decay takes its place."""
    runs = label_noise_delays(laboratory) if noise else decay_delays(laboratory)
    order = np.argsort(runs.lrs)[::-1]
    log_lr, log_steps = np.log(runs.lrs[order]), np.log(runs.steps[order])
    full = _fit(log_lr, log_steps, True)
    third = len(order) // 3
    fewer = _fit(log_lr[third:], log_steps[third:], True)
    plain = _fit(log_lr, log_steps, False)
    change = abs(full.value - plain.value) + abs(full.value - fewer.value)
    quantile = float(student.ppf(0.975, len(order) - 3))
    allowed = quantile * full.error + 2 * change
    return Evidence(abs(full.value - exponent), allowed, DERIVATION, resolution=0.5)


def _fit(log_lr: np.ndarray, log_steps: np.ndarray, corrected: bool) -> _Exponent:
    """Return the exponent and its standard error."""
    columns = [log_lr, np.ones_like(log_lr), np.exp(log_lr)]
    design = np.column_stack(columns if corrected else columns[:2])
    coefficients, *_ = np.linalg.lstsq(design, log_steps, rcond=None)
    residual = log_steps - design @ coefficients
    variance = float(residual @ residual) / (len(log_lr) - design.shape[1])
    covariance = variance * np.linalg.inv(design.T @ design)
    return _Exponent(float(coefficients[0]), float(np.sqrt(covariance[0, 0])))


CLAIM = Claim(
    label="thm-b.1",
    statement="with label noise a diagonal net generalises after a number of steps of order η^-2",
    hypotheses=(
        "depth-2 diagonal net, square loss, fresh noise ±1 on every target of every step",
        "Gaussian inputs, targets of one input, no weight decay",
    ),
    source="Lyu et al. 2024, Theorem B.1, restated from Li, Wang and Arora 2022",
    kind=StatementKind.LIMIT,
    error_rate="an interval of 95 % and twice the changes: a true statement may be refuted at one "
    "seed in twenty",
    scope=Scope(("Theorem B.1",), "diagonal net", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("a number of steps of order η^-1", partial(check, exponent=-1.0)),
        Broken("weight decay in place of label noise", partial(check, noise=False)),
    ),
)
