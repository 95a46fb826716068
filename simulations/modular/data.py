"""Modular arithmetic with a fraction of wrong training labels (Doshi et al. 2024)."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field

import numpy as np

from grokflow.theory.arguments import check_count, check_flag, check_kind, check_number, check_seed
from grokflow.theory.modular.operations import OPERATIONS, Operation
from grokflow.theory.summary import Summarised


@dataclass(frozen=True, eq=False, repr=False)
class CorruptedData(Summarised):
    """All m pairs of residues, split into training and test pairs, some training labels wrong.

    `CorruptedTask` draws it.

    Parameters
    ----------
    p : int
        Modulus and number of classes.
    first, second : ndarray of int, shape (m,)
        The pairs.
    labels, truth : ndarray of int, shape (m,)
        What is trained on, and what the operation gives. They differ on corrupted pairs only.
    train, test, corrupted, uncorrupted : ndarray of int
        Indices of pairs. The last two split `train`.
    settings : mapping
        What reproduces the data.

    Examples
    --------
    >>> import grokflow as gf
    >>> task = gf.CorruptedTask(p=7, operation=gf.operation("addition"), corruption=0.25)
    >>> data = task.draw()
    >>> len(data.train), len(data.test), len(data.corrupted)
    (24, 25, 6)
    """

    p: int
    first: np.ndarray
    second: np.ndarray
    labels: np.ndarray
    truth: np.ndarray
    train: np.ndarray
    test: np.ndarray
    corrupted: np.ndarray
    uncorrupted: np.ndarray
    settings: dict[str, object] = field(default_factory=dict)

    def digest(self) -> str:
        """Return a digest of pairs, labels and split."""
        digest = hashlib.sha256()
        for part in (self.first, self.second, self.labels, self.truth, self.train, self.test):
            digest.update(np.ascontiguousarray(part, dtype=np.int64).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class CorruptedTask:
    """Draws the training set and its wrong labels.

    Parameters
    ----------
    p : int
        Modulus.
    operation : Operation
        The true rule.
    fraction : float
        Fraction of the pairs that is trained on.
    corruption : float
        ξ, fraction of the training pairs that get a random label.
    with_truth : bool
        Whether the random label may be the true one, as in the paper: then a net that ignores
        the corrupted labels still has training accuracy ``(1-ξ) + ξ/p``.
    seed : int
        Seed of the split and of the labels, which have streams of their own.

    Examples
    --------
    >>> import grokflow as gf
    >>> data = gf.CorruptedTask(p=7, fraction=0.6, corruption=0.5).draw()
    >>> len(data.train), len(data.corrupted)
    (29, 14)
    """

    p: int = 97
    operation: Operation = OPERATIONS["addition"]
    fraction: float = 0.5
    corruption: float = 0.0
    with_truth: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        for name in ("fraction", "corruption"):
            value = getattr(self, name)
            check_number(name, value)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, expected 0 to 1: choose another {name}")
        check_seed(self.seed)
        check_count("p", self.p, 2)
        check_flag("with_truth", self.with_truth)
        check_kind("operation", self.operation, Operation, "take gf.operation('addition')")

    def draw(self) -> CorruptedData:
        """Return the data.

        The first ⌊ξ n⌋ of the n training pairs, which are in random order, are corrupted.

        Raises
        ------
        ValueError
            When the training or the test set is empty, and for moduli that the operation does
            not allow.
        """
        table = self.operation.table(self.p)
        first, second = np.nonzero(table >= 0)
        truth = table[first, second]
        splits, noise = map(np.random.default_rng, np.random.SeedSequence(self.seed).spawn(2))
        order = splits.permutation(len(truth))
        size = int(np.floor(self.fraction * len(truth)))
        if not 0 < size < len(truth):
            raise ValueError(
                f"fraction {self.fraction} of {len(truth)} pairs leaves {size} to train on and "
                f"{len(truth) - size} to test on, expected some of both: choose another fraction"
            )
        train, test = order[:size], order[size:]
        corrupted, uncorrupted = np.split(train, [int(np.floor(self.corruption * size))])
        labels = truth.copy()
        labels[corrupted] = self._wrong(truth[corrupted], noise)
        settings = asdict(self) | {"operation": self.operation.name}
        return CorruptedData(
            self.p, first, second, labels, truth, train, test, corrupted, uncorrupted, settings
        )

    def _wrong(self, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        shift = rng.integers(0 if self.with_truth else 1, self.p, size=len(truth))
        return np.asarray((truth + shift) % self.p)
