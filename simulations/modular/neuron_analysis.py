"""What the neurons of a trained net do: which ones memorise, and what the others compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grokflow.simulations.modular.neuron_statistics import (
    NeuronSplit,
    rank_correlation,
    split_neurons,
)
from grokflow.theory.modular.closed_form import PeriodicNeurons
from grokflow.theory.modular.harmonics import Harmonics, harmonics
from grokflow.theory.modular.net import ModularWeights
from grokflow.theory.modular.operations import Basis
from grokflow.theory.modular.participation import IprConvention, NeuronIpr, neuron_ipr
from grokflow.theory.summary import Summarised
from grokflow.theory.transition.intervals import Estimate


@dataclass(frozen=True, eq=False)
class GammaRank:
    """BatchNorm's factors γ of the neurons, and how far their size ranks with the IPR."""

    values: np.ndarray
    spearman: Estimate


@dataclass(frozen=True, eq=False, repr=False)
class NeuronAnalysis(Summarised):
    """What is known of the neurons of one net.

    Parameters
    ----------
    ratios : mapping of IprConvention to NeuronIpr
        Inverse participation ratios by either Fourier transform.
    convention : IprConvention
        The one that memorising and periodic neurons are told apart by.
    split : NeuronSplit
        Memorising and periodic neurons.
    periodic : int
        How many neurons are periodic.
    waves : PeriodicNeurons
        Frequencies and phases of those with one frequency in U, V and W.
    harmonics : Harmonics
        What else is in the Fourier transforms.
    gamma : GammaRank or None
        None without a normalisation.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell, rule = gf.ModularCell(data=gf.CorruptedTask(p=7).draw()), gf.operation("addition")
    >>> net = gf.ModularTraining(width=64).run(cell, np.array([100])).weights
    >>> analysis = gf.analyse_neurons(net, rule.basis(7), np.random.default_rng(0))
    >>> len(analysis.ipr.values) == analysis.split.memorising + analysis.periodic
    True
    """

    ratios: Mapping[IprConvention, NeuronIpr]
    convention: IprConvention
    split: NeuronSplit
    periodic: int
    waves: PeriodicNeurons
    harmonics: Harmonics
    gamma: GammaRank | None

    def _summary(self) -> Mapping[str, object]:
        """Return how many neurons memorise and how many are periodic."""
        return {
            "memorising": self.split.memorising,
            "periodic": self.periodic,
            "collapsed": self.ipr.collapsed,
            "convention": self.convention,
        }

    @property
    def ipr(self) -> NeuronIpr:
        """The ratios that neurons are told apart by."""
        return self.ratios[self.convention]


def analyse_neurons(
    weights: ModularWeights,
    basis: Basis,
    rng: np.random.Generator,
    convention: IprConvention = IprConvention.ONE_SIDED,
) -> NeuronAnalysis:
    """Tell memorising neurons from periodic ones, and read the frequencies of the latter.

    Parameters
    ----------
    weights : ModularWeights
        The net, such as ``trajectory.weights``.
    basis : Basis
        The order in which the operation is an addition: ``operation(name).basis(p)``.
    rng : Generator
        Draws the bootstrap samples of all intervals.
    convention : IprConvention
        Fourier transform of which the ratio is.

    Returns
    -------
    NeuronAnalysis
        Ratios, groups, frequencies and phases.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> cell, rule = gf.ModularCell(data=gf.CorruptedTask(p=7).draw()), gf.operation("addition")
    >>> net = gf.ModularTraining(width=64).run(cell, np.array([100])).weights
    >>> gf.analyse_neurons(net, rule.basis(7), np.random.default_rng(0))
    NeuronAnalysis(memorising=..., periodic=..., collapsed=0, convention=one-sided)
    """
    ratios = {kind: neuron_ipr(weights, basis, kind) for kind in IprConvention}
    ipr, norm = ratios[convention], weights.normalisation
    split = split_neurons(ipr, rng)
    periodic = ipr.values >= split.threshold.value
    spectrum = harmonics(weights, basis)
    gamma = None
    if norm is not None:
        gamma = GammaRank(norm.gamma, rank_correlation(np.abs(norm.gamma), ipr.values, rng))
    count = int(np.count_nonzero(periodic))
    return NeuronAnalysis(
        ratios, convention, split, count, spectrum.neurons(periodic), spectrum, gamma
    )
