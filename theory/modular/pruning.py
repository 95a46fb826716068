"""Accuracy of a net while its neurons are removed, without training in between.

Removing neuron k takes the rank-one term ``W[:, k] h_k(m, n)`` out of the logits, so that a whole
curve costs one forward pass. The sums are built up from the empty net, neuron by neuron in reverse:
the last nets of a curve, with a handful of neurons, are then free of what rounding leaves of the
others.

A removed neuron has row k of U and V and column k of W zero. BatchNorm, whose statistics are of one
neuron each, does not notice; in those of LayerNorm the neuron counts as one that gives out zero.

References
----------
Doshi, Das, He, Gromov, "To grok or not to grok", ICLR 2024, arXiv 2310.13061, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from scipy.linalg.blas import dgemm

from grokflow.theory.modular.net import ModularWeights, Normalisation, NormKind
from grokflow.theory.summary import Summarised, ends

# Pairs at once: logits of so many pairs stay in the cache while all neurons pass by.
_PAIRS_PER_CHUNK = 512
# Recorded numbers of neurons for which it is decided together which pairs may turn.
_RECORDS_PER_BLOCK = 16


@runtime_checkable
class LabelledPairs(Protocol):
    """Pairs with labels in groups: `grokflow.simulations.modular.data.CorruptedData`."""

    @property
    def first(self) -> np.ndarray:
        """First residues, shape (m,)."""

    @property
    def second(self) -> np.ndarray:
        """Second residues, shape (m,)."""

    @property
    def labels(self) -> np.ndarray:
        """Classes to be answered, shape (m,)."""

    @property
    def test(self) -> np.ndarray:
        """Indices of test pairs."""

    @property
    def corrupted(self) -> np.ndarray:
        """Indices of training pairs with a random label."""

    @property
    def uncorrupted(self) -> np.ndarray:
        """Indices of the other training pairs."""


@dataclass(frozen=True, eq=False, repr=False)
class PruningCurve(Summarised):
    """Accuracies after m numbers of removed neurons; NaN for a group without pairs.

    Parameters
    ----------
    pruned : ndarray of int, shape (m,)
        Numbers of removed neurons, ascending.
    fraction : ndarray, shape (m,)
        The same as a fraction of all neurons.
    train, test, corrupted, uncorrupted : ndarray, shape (m,)
        Fractions of pairs answered with their label.
    """

    pruned: np.ndarray
    fraction: np.ndarray
    train: np.ndarray
    test: np.ndarray
    corrupted: np.ndarray
    uncorrupted: np.ndarray

    def _summary(self) -> Mapping[str, object]:
        """Return how many neurons are removed, and how the accuracies change."""
        accuracies = {name: ends(getattr(self, name)) for name in ("train", "test")}
        return {"pruned": f"{self.pruned[0]} → {self.pruned[-1]}"} | accuracies


def prune(
    weights: ModularWeights,
    pairs: LabelledPairs,
    order: np.ndarray,
    pruned: np.ndarray | None = None,
) -> PruningCurve:
    """Remove neurons in the given order and return the accuracies on the way.

    A pair is right when the logit of its label is above all others; the empty net, whose logits are
    all zero, is right on no pair.

    Parameters
    ----------
    weights : ModularWeights
        The net.
    pairs : LabelledPairs
        The pairs with their labels, such as `CorruptedData`.
    order : ndarray of int, shape (N,)
        All neurons, the first to go first.
    pruned : ndarray of int, shape (m,), optional
        Numbers of removed neurons to record, ascending; by default 0, 1, …, N.

    Raises
    ------
    ValueError
        For an order that is no permutation, and for numbers outside 0, …, N or out of order.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> data = gf.CorruptedTask(p=7, corruption=0.25).draw()
    >>> net = gf.ModularTraining(width=64).run(gf.ModularCell(data=data), np.array([100])).weights
    >>> print(gf.prune(net, data, np.arange(64), np.array([0, 32, 64])).train)
    [1. 1. 0.]
    """
    width = weights.width
    counts = np.arange(width + 1) if pruned is None else np.asarray(pruned)
    _check(order, counts, width)
    groups = (pairs.test, pairs.corrupted, pairs.uncorrupted)
    right = np.stack([_count_right(weights, pairs, group, order, counts) for group in groups])
    sizes = np.array([[len(group)] for group in groups])
    test, corrupted, uncorrupted = _shares(right, sizes)
    train = _shares(right[1:].sum(axis=0), sizes[1:].sum(axis=0))
    return PruningCurve(counts, counts / width, train, test, corrupted, uncorrupted)


def _check(order: np.ndarray, counts: np.ndarray, width: int) -> None:
    if not np.array_equal(np.sort(order), np.arange(width)):
        raise ValueError(
            f"order of {len(order)} neurons found, expected each of 0 to {width - 1} once: pass a "
            "permutation"
        )
    if counts.size == 0 or np.any(np.diff(counts) <= 0) or counts[0] < 0 or counts[-1] > width:
        raise ValueError(
            f"numbers of removed neurons {counts.tolist()} found, expected ascending ones from 0 "
            f"to {width}: sort them, and drop those outside"
        )


def _shares(right: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    shares = np.full(right.shape, np.nan)
    np.divide(right, sizes, out=shares, where=sizes > 0)
    return shares


def _count_right(
    weights: ModularWeights,
    pairs: LabelledPairs,
    group: np.ndarray,
    order: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """Return how many pairs of a group are right after each number of removed neurons."""
    total = np.zeros(len(counts), dtype=np.int64)
    # Neurons in the order in which they come back, one in each row.
    back = order[::-1]
    w = np.ascontiguousarray(weights.prefactor * weights.w[:, back].T, dtype=np.float64)
    stops = (weights.width - counts)[::-1]
    norm = weights.normalisation
    layer = norm if norm is not None and norm.kind is NormKind.LAYER else None
    for start in range(0, len(group), _PAIRS_PER_CHUNK):
        chosen = group[start : start + _PAIRS_PER_CHUNK]
        outputs = weights.activated if layer else weights.hidden
        hidden = outputs(pairs.first[chosen], pairs.second[chosen])
        h = np.ascontiguousarray(hidden[:, back].T, dtype=np.float64)
        labels = pairs.labels[chosen]
        if layer is None:
            total += _build_up(h, w, labels, stops)
        else:
            total += _build_up_layer(h, w, labels, stops, _Layer.of(layer, back, h))
    return total[::-1]


def _build_up(h: np.ndarray, w: np.ndarray, labels: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Return how many pairs are right with the first neurons, for each number in `stops`.

    `h` has shape (N, pairs) and `w` (N, classes). In a block of neurons only those pairs are
    followed whose margin the block could turn.
    """
    answer = np.zeros((len(h) + 1, len(labels)))
    np.cumsum(h * w[:, labels], axis=0, out=answer[1:])
    reach = np.abs(h) * np.ptp(w, axis=1)[:, None]
    others = np.zeros((w.shape[1], len(labels)))
    others[labels, np.arange(len(labels))] = -np.inf
    right = np.zeros(len(stops), dtype=np.int64)
    begin = 0
    for block in np.split(
        np.arange(len(stops)), range(_RECORDS_PER_BLOCK, len(stops), _RECORDS_PER_BLOCK)
    ):
        end = int(stops[block[-1]])
        margin = answer[begin] - others.max(axis=0)
        may_turn = np.abs(margin) <= reach[begin:end].sum(axis=0)
        right[block] = np.count_nonzero(margin[~may_turn] > 0)
        followed = np.flatnonzero(may_turn)
        part = others.take(followed, axis=1)
        last = begin
        for i in block:
            _add(part, h[last : stops[i], followed], w[last : stops[i]])
            last = int(stops[i])
            right[i] += np.count_nonzero(answer[last, followed] > part.max(axis=0))
        _add(others, h[begin:end], w[begin:end])
        begin = end
    return right


class _Layer(NamedTuple):
    """LayerNorm of the first neurons, the others giving out zero.

    ``gamma`` and ``beta`` have shape (N,), and ``mean`` and ``deviation`` (N + 1, pairs).
    """

    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, norm: Normalisation, back: np.ndarray, h: np.ndarray) -> _Layer:
        """Return statistics after each number of neurons that came back, `h` of shape (N, m)."""
        mean, square = np.zeros((2, len(h) + 1, h.shape[1]))
        np.cumsum(h / len(h), axis=0, out=mean[1:])
        np.cumsum(h**2 / len(h), axis=0, out=square[1:])
        deviation = np.sqrt(square - mean**2 + norm.epsilon)
        return cls(norm.gamma[back], norm.beta[back], mean, deviation)


def _build_up_layer(
    h: np.ndarray, w: np.ndarray, labels: np.ndarray, stops: np.ndarray, layer: _Layer
) -> np.ndarray:
    """Return the same with LayerNorm, `h` before it, whose every neuron moves all outputs.

    Logits times the deviation are a sum over neurons, less the mean times another one.
    """
    columns = np.arange(len(labels))
    factors, shifts = np.zeros((2, len(w) + 1, w.shape[1]))
    scaled = w * layer.gamma[:, None]
    np.cumsum(scaled, axis=0, out=factors[1:])
    np.cumsum(w * layer.beta[:, None], axis=0, out=shifts[1:])
    sums = np.zeros((w.shape[1], len(labels)))
    right = np.zeros(len(stops), dtype=np.int64)
    last = 0
    for i, stop in enumerate(stops):
        _add(sums, h[last:stop], scaled[last:stop])
        last = int(stop)
        logits = sums - np.outer(factors[stop], layer.mean[stop])
        logits += np.outer(shifts[stop], layer.deviation[stop])
        answer = logits[labels, columns]
        logits[labels, columns] = -np.inf
        right[i] = np.count_nonzero(answer > logits.max(axis=0))
    return right


def _add(logits: np.ndarray, h: np.ndarray, w: np.ndarray) -> None:
    """Add ``wᵀh``, what some neurons give, to logits of shape (classes, pairs) in place."""
    if h.size:
        dgemm(1.0, h.T, w.T, 1.0, logits.T, trans_b=1, overwrite_c=1)
