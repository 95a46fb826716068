"""What random draws say of trained neurons: intervals by bootstrap, and random pruning orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.neuron_groups import fit_mixtures
from grokflow.theory.modular.participation import NeuronIpr
from grokflow.theory.modular.pruning import LabelledPairs, PruningCurve, prune
from grokflow.theory.summary import Summarised, ends
from grokflow.theory.transition.intervals import Estimate

# The accuracies of a pruning curve.
KINDS = ("train", "test", "corrupted", "uncorrupted")


class NeuronSplit(NamedTuple):
    """Memorising and periodic neurons, as a mixture of two groups of ratios tells them apart.

    ``threshold`` is the ratio at which both are equally likely, ``memorising`` the number of
    neurons below it, ``preference`` the BIC of one group minus that of two: positive where there
    are two.
    """

    threshold: Estimate
    memorising: int
    means: tuple[float, float]
    preference: float


@dataclass(frozen=True, eq=False, repr=False)
class PruningStudy(Summarised):
    """Curves by ascending, by descending ratio, and those of random orders.

    ``random`` has the curve of the means; ``low`` and ``high`` hold the band from the 2.5th to the
    97.5th percentile at every number of removed neurons.
    """

    low_first: PruningCurve
    high_first: PruningCurve
    random: PruningCurve
    low: PruningCurve
    high: PruningCurve

    def _summary(self) -> Mapping[str, object]:
        """Return how many neurons there are, and how the accuracies change as they are removed."""
        return {
            "neurons": int(self.low_first.pruned[-1]),
            "train, low first": ends(self.low_first.train),
            "test, low first": ends(self.low_first.test),
        }


def split_neurons(ipr: NeuronIpr, rng: np.random.Generator, *, draws: int = 200) -> NeuronSplit:
    """Tell memorising neurons from periodic ones by two groups among their participation ratios.

    Parameters
    ----------
    ipr : NeuronIpr
        The ratios, from `neuron_ipr`; neurons without one are left out.
    rng : Generator
        Draws the resamples of neurons that the interval of the threshold comes from.
    draws : int
        Number of resamples.

    Returns
    -------
    NeuronSplit
        The threshold between the groups, with its interval, and the number of memorising neurons.

    Raises
    ------
    ValueError
        For fewer than four neurons with a ratio.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> values = np.concatenate([np.linspace(0.1, 0.2, 30), np.linspace(0.8, 0.9, 20)])
    >>> ipr = gf.NeuronIpr(values, gf.IprConvention.ONE_SIDED)
    >>> gf.split_neurons(ipr, np.random.default_rng(0)).memorising
    30
    """
    values = ipr.values[ipr.alive]
    fit = fit_mixtures(values[None])
    resampled = values[rng.integers(0, len(values), (draws, len(values)))]
    thresholds = fit_mixtures(resampled).thresholds
    threshold = float(fit.thresholds[0])
    low, high = np.exp(fit.means[0])
    return NeuronSplit(
        _interval(threshold, thresholds),
        int(np.count_nonzero(values < threshold)),
        (float(low), float(high)),
        float(fit.preference[0]),
    )


def rank_correlation(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator, *, draws: int = 1000
) -> Estimate:
    """Return Spearman's coefficient of two quantities of the same neurons.

    Pairs that hold a NaN are left out, and the others resampled for the interval.
    """
    both = np.isfinite(x) & np.isfinite(y)
    if np.count_nonzero(both) < 3:
        raise ValueError(
            f"{np.count_nonzero(both)} pairs of finite numbers found, expected at least 3: leave "
            "out collapsed neurons"
        )
    pairs = np.stack([x[both], y[both]])
    count = pairs.shape[1]
    chosen = np.vstack([np.arange(count), rng.integers(0, count, (draws, count))])
    first, second = rankdata(pairs[:, chosen], axis=-1)
    first, second = (part - part.mean(axis=1, keepdims=True) for part in (first, second))
    spread = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    # A resample of equal values has no ranks to compare.
    found = (first * second).sum(axis=1) / np.where(spread > 0, spread, 1)
    return _interval(float(found[0]), found[1:])


def study_pruning(
    weights: ModularWeights,
    pairs: LabelledPairs,
    ipr: NeuronIpr,
    rng: np.random.Generator,
    *,
    draws: int = 50,
    points: int = 20,
) -> PruningStudy:
    """Prune from both ends of the participation ratios, and in random orders.

    Parameters
    ----------
    weights : ModularWeights
        The net.
    pairs : LabelledPairs
        The pairs with their labels, such as `CorruptedData`.
    ipr : NeuronIpr
        The ratios, from `neuron_ipr`.
    rng : Generator
        Draws the random orders.
    draws : int
        Number of random orders.
    points : int
        Random orders are followed at `points` + 1 numbers of removed neurons.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell = gf.PhaseDiagram(training=gf.ModularTraining(), p=(7,)).cells()[0].modular()
    >>> net = gf.ModularTraining(width=64).run(cell, np.array([100])).weights
    >>> ipr, rng = gf.neuron_ipr(net, gf.operation("addition").basis(7)), np.random.default_rng(0)
    >>> print(gf.study_pruning(net, cell.data, ipr, rng, draws=2, points=4).random.train[[0, -1]])
    [1. 0.]
    """
    order = ipr.ascending()
    counts = np.unique(np.linspace(0, weights.width, points + 1).round().astype(np.int64))
    curves = [prune(weights, pairs, rng.permutation(weights.width), counts) for _ in range(draws)]
    values = np.array([[getattr(curve, name) for name in KINDS] for curve in curves])
    bands = (values.mean(axis=0), *np.percentile(values, [2.5, 97.5], axis=0))
    fraction = counts / weights.width
    return PruningStudy(
        prune(weights, pairs, order),
        prune(weights, pairs, order[::-1]),
        *(PruningCurve(counts, fraction, *band) for band in bands),
    )


def _interval(value: float, draws: np.ndarray) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
