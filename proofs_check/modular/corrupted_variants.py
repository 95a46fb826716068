"""Too much weight decay, and multiplication: nets on corrupted labels with one thing changed.

How it is measured: as in `grokflow.proofs_check.modular.corrupted_labels`, on ten nets for each
regime. Weight decay is half as strong again as where nets unlearn corrupted labels, and lasts
longer. Multiplication is trained like addition; neurons are Fourier transformed in the order of the
discrete logarithm, and in that of the residues. The levels are those of the phases, but for the
ratio of both, which is ours.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Evidence, StatementKind
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import mean_at_least
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.modular.corrupted_labels import DECAY, claim
from grokflow.proofs_check.modular.experiments import CorruptedRun, corrupted_runs
from grokflow.theory.modular.operations import OPERATIONS
from grokflow.theory.modular.participation import neuron_ipr
from grokflow.theory.modular.phases import COLLAPSED_NORM_SHARE, HIGH_ACCURACY, INVERSION_MARGIN

# How many times the ratio in the order of the residues that in the order of the logarithm is.
_TIMES = 5.0


def check_forgetting(laboratory: Laboratory, name: str = "strong decay") -> Evidence:
    """Ask that nets grok, that they end with neither accuracy high, and that the norm collapses.

    The norm is compared with that at the last record at which test accuracy was high.
    """
    found = [run.trajectory for run in corrupted_runs(laboratory, name)]
    last = [np.flatnonzero(one.test >= HIGH_ACCURACY).max(initial=0) for one in found]
    left = [one.norms[-1] / one.norms[i] for one, i in zip(found, last, strict=True)]
    return judge_samples(
        mean_at_least([one.test.max() for one in found], HIGH_ACCURACY),
        mean_at_least([HIGH_ACCURACY - one.test[-1] for one in found], 0.0),
        mean_at_least([HIGH_ACCURACY - one.train[-1] for one in found], 0.0),
        mean_at_least(COLLAPSED_NORM_SHARE - np.array(left), 0.0),
    )


def check_multiplication(
    laboratory: Laboratory, name: str = "multiplication", *, shuffled: bool = False
) -> Evidence:
    """Ask for full inversion, and for neurons that are periodic in the discrete logarithm."""
    runs = corrupted_runs(laboratory, name)
    level = 1 + INVERSION_MARGIN - runs[0].regime.corruption
    gains = [
        _mean_ratio(run, "multiplication", i if shuffled else None) - _TIMES * _mean_ratio(run)
        for i, run in enumerate(runs)
    ]
    return judge_samples(
        mean_at_least([run.trajectory.test[-1] for run in runs], HIGH_ACCURACY),
        mean_at_least([level - run.trajectory.train[-1] for run in runs], 0.0),
        mean_at_least(gains, 0.0),
    )


def _mean_ratio(run: CorruptedRun, operation: str = "addition", order: int | None = None) -> float:
    """Return the mean ratio in the basis of an operation, shuffled by the seed `order`."""
    basis = OPERATIONS[operation].basis(run.regime.p)
    if order is not None:
        shuffle = np.random.default_rng(order).permutation(run.regime.p)
        basis = basis._replace(first=shuffle, second=shuffle, outer=shuffle)
    return float(np.nanmean(neuron_ipr(run.trajectory.weights, basis).values))


FORGETTING = claim(
    "corrupted-forgetting",
    "with too much weight decay a net that has grokked forgets: training and test accuracy end "
    "below 0.9, and the norm below half of what it was when test accuracy was last that high",
    StatementKind.INEQUALITY,
    check_forgetting,
    Broken("weight decay 12 (thorough: 15)", partial(check_forgetting, name="decay")),
    regimes=("strong decay", "decay"),
    covers=("Forgetting",),
    more=("weight decay 19, 1300 steps (thorough: 20, 3000 steps)",),
)
MULTIPLICATION = claim(
    "corrupted-multiplication",
    "multiplication is inverted by weight decay like addition, and the mean IPR of its neurons in "
    "the order of the discrete logarithm is at least five times that in the order of the residues",
    StatementKind.INEQUALITY,
    check_multiplication,
    Broken("an order drawn at random", partial(check_multiplication, shuffled=True)),
    Broken("the nets of addition", partial(check_multiplication, name="decay")),
    regimes=("multiplication", "decay"),
    covers=("Multiplication",),
    more=(DECAY, "multiplication mod p in place of addition"),
)
CLAIMS = (FORGETTING, MULTIPLICATION)
