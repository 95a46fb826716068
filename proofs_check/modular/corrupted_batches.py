"""What BatchNorm adds to the small batches that it comes with, against its controls.

How it is measured: as in `grokflow.proofs_check.modular.corrupted_labels`; nets with the same data,
start and steps, on batches with BatchNorm, on the same batches without it, and on all pairs at
once. Accuracy on corrupted pairs falls when the rule is learned and creeps up afterwards. BatchNorm
puts both off, so what it adds depends on when one looks: here after as many steps as the claims on
corrupted labels take, in the mean over the last quarter. It differs from seed to seed: twenty
small nets.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Evidence, StatementKind
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import mean_at_least
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.modular.corrupted_labels import BATCHES, claim
from grokflow.proofs_check.modular.experiments import (
    CorruptedRun,
    all_corrupted_runs,
    correlations_with_ipr,
)

_SOURCE = "grokflow; controls of Doshi, Das, He and Gromov 2024"


def check_batches(
    laboratory: Laboratory,
    control: str = "all pairs",
    normalised: str = "batch norm",
    sign: int = 1,
) -> Evidence:
    """Compare the accuracies on corrupted pairs.

    On batches it ends below half of that on all pairs, with BatchNorm at nine tenths of that or
    lower, and the batches take away more than BatchNorm does.
    """
    paired, without, with_it = (
        all_corrupted_runs(laboratory, name) for name in (control, "small batches", normalised)
    )
    ends = [np.array([_at_end(run) for run in runs]) for runs in (paired, without, with_it)]
    at_end = np.array([values[: len(paired)] for values in ends])
    by_batches, by_norm = at_end[:-1] - at_end[1:]
    return judge_samples(
        mean_at_least(0.5 - at_end[1] / at_end[0], 0.0),
        mean_at_least(0.9 - ends[2] / ends[1], 0.0),
        mean_at_least(sign * (by_batches - by_norm), 0.0),
    )


def _at_end(run: CorruptedRun) -> float:
    """Return the mean accuracy on corrupted pairs in the last quarter of the steps."""
    found = run.trajectory
    return float(found.corrupted[found.steps >= 0.75 * found.steps[-1]].mean())


def check_strength(
    laboratory: Laboratory, *, shuffled: float = 0.0, name: str = "small batches"
) -> Evidence:
    """Correlate what neurons give out with their ratios; the level is ours."""
    found = correlations_with_ipr(laboratory, name, _strength, stream=3, shuffled=shuffled)
    return judge_samples(mean_at_least(found, 0.75))


def _strength(run: CorruptedRun) -> np.ndarray:
    """Return the deviation over all pairs of the logits that each neuron gives, shape (N,)."""
    net, data = run.trajectory.weights, run.data
    hidden = net.hidden(data.first, data.second)
    return np.asarray(hidden.std(axis=0) * np.linalg.norm(net.w, axis=0))


BATCH_NORM = claim(
    "corrupted-batch-norm",
    "small batches leave less than half of the accuracy on corrupted pairs, and take away more of "
    "it than BatchNorm on the same batches does, which after as many steps leaves a tenth less of "
    "it at least",
    StatementKind.INEQUALITY,
    check_batches,
    Broken("batches instead of all pairs", partial(check_batches, control="small batches")),
    Broken("BatchNorm taken away again", partial(check_batches, normalised="small batches")),
    Broken("BatchNorm takes away more than the batches", partial(check_batches, sign=-1)),
    regimes=("all pairs", "small batches", "batch norm"),
    covers=("Inversion by BatchNorm", "Inversion by small batches"),
    more=(BATCHES,),
    source=_SOURCE,
)
STRENGTH = claim(
    "corrupted-strength",
    "neurons of low IPR give out less without BatchNorm too: Spearman's correlation of "
    "std(h_k) ‖w_k‖, of which γ is a factor, with the IPR is at least 0.75 on small batches alone",
    StatementKind.INEQUALITY,
    check_strength,
    Broken("IPR shuffled among two thirds of the neurons", partial(check_strength, shuffled=2 / 3)),
    regimes=("small batches",),
    covers=("Factor of BatchNorm",),
    more=(BATCHES,),
    source=_SOURCE,
)
CLAIMS = (BATCH_NORM, STRENGTH)
