"""Classes of which some samples can be classified ever better, while the others overlap.

There is one largest set of samples that some weights classify without changing the outputs of all
others (Ji and Telgarsky 2019 [1]_); the loss of these others, the core, has a minimum of its own. A
linear program proposes the two parts, and both are proved on their own: the direction, projected
off the core's rows, has positive margins on the rest, and the minimum of the core's loss exists.

References
----------
.. [1] Ji and Telgarsky, The implicit bias of gradient descent on nonseparable data, COLT 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import svd
from scipy.optimize import linprog
from scipy.sparse import csc_array, eye_array, hstack

from grokflow.theory.linear.least_loss.predictor import least_coordinates
from grokflow.theory.linear.problem import Problem, Task
from grokflow.theory.linear.row_space import RowSpace
from grokflow.theory.losses import ConcordantLoss
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.predictor import NoPredictor, Remedy

# Rounding of a projection, relative to the terms of a margin: below it the sign is not known.
_ROUNDING = 1e-12


class PartlySeparable(NoPredictor):
    """Some samples can be classified ever better, and the others overlap.

    Parameters
    ----------
    samples : ndarray, shape (k,)
        Numbers of the samples that can, among those for training, from 0.
    n : int
        Number of all samples for training.
    places : ndarray, shape (n,), optional
        The places of all samples among the rows that the user gave, from 0.
    intercept_helps : bool
        Whether an intercept separates all of them.

    Examples
    --------
    What `forecast` raises at depth 3 where one input is nonzero in sample 3 alone, and classes
    overlap in all others:

    >>> import numpy as np
    >>> import grokflow as gf
    >>> print(gf.PartlySeparable(np.array([3]), n=20))
    1 of 20 samples can be classified ever better and the others overlap, ...
    """

    def __init__(
        self,
        samples: np.ndarray,
        n: int,
        *,
        places: np.ndarray | None = None,
        intercept_helps: bool = False,
    ) -> None:
        first = int(samples[0])
        where = f"training row {first + 1}"
        if places is not None:
            where = f"row {places[first] + 1} of the data"
        found = (
            f"{len(samples)} of {n} samples can be classified ever better and the others overlap"
        )
        remedy = (
            "take depth 2 or the square loss, or leave out what sets these samples apart (the "
            f"first is {where})"
        )
        super().__init__(
            f"{found}, expected all of either kind: the forecast covers this at depth 2 only, so "
            f"{Remedy.INTERCEPT.value if intercept_helps else remedy}"
        )
        self.finding = f"{found}, which the forecast covers at depth 2 only"
        self.samples = samples


@dataclass(frozen=True, eq=False)
class Parts:
    """Both parts of the classes, and what is held of them: ``R w = c*`` and ``Z w ≥ m``.

    Parameters
    ----------
    rest : ndarray, shape (k,)
        Numbers of the samples that can be classified ever better.
    problem : Problem
        The rows that are held, as a regression: R, independent rows of the core, with the outputs
        c* at which its loss is least, and then Z, those of the rest, with targets of 1.
    equal : ndarray of bool, shape (r + k,)
        Which rows are R, whose outputs are equal to their targets; margins of Z are at least 1.
    """

    rest: np.ndarray
    problem: Problem
    equal: np.ndarray

    def at_level(self, level: float) -> Problem:
        """Return what is held of ``w/m``, m the level of the margins of the rest."""
        targets = np.where(self.equal, self.problem.targets / level, 1.0)
        return replace(self.problem, targets=targets)


def split(problem: Problem, loss: ConcordantLoss) -> Parts | None:
    """Return both parts of classes, proved on their own, and what is held of them.

    None where double precision does not prove that some samples can be classified ever better, and
    that no others can.
    """
    space = problem.row_space
    if space.basis is None:
        return None
    proposed = _proposed(space.basis / np.abs(space.basis).max(axis=1, keepdims=True))
    if proposed is None or proposed.rest.all() or not proposed.rest.any():
        return None
    # Copies of a row are copies in X, but only up to rounding in its coordinates: what rank the
    # core has is asked of its rows in X.
    inputs = problem.inputs.of_samples(np.flatnonzero(~proposed.rest))
    core = replace(problem, inputs=inputs, targets=np.ones(inputs.shape[0]), signs=None)
    if not _separates(space, proposed, core.row_space.rank):
        return None
    try:
        outputs = least_coordinates(core, loss)
    except NoPredictor:
        return None
    rest = np.flatnonzero(proposed.rest)
    rows = core.row_space.rows.to_array(), problem.inputs.of_samples(rest).to_array()
    held = replace(
        problem,
        task=Task.REGRESSION,
        inputs=DataMatrix.from_array(np.vstack(rows)),
        targets=np.append(outputs, np.ones(len(rest))),
        signs=None,
    )
    return Parts(rest, held, np.arange(held.n) < len(outputs))


class _Proposal(NamedTuple):
    """A direction in the coordinates of the row space, and which samples it is to separate."""

    direction: np.ndarray
    rest: np.ndarray


def _proposed(margins: np.ndarray) -> _Proposal | None:
    """Return a direction with the largest number of margins above 1, and which they are.

    With ``0 ≤ s ≤ 1`` and ``s_i ≤ q_i`` the largest sum of s has every s_i at 0 or 1, for a
    direction can be made as long as is needed, and two of them add.
    """
    n, r = margins.shape
    found = linprog(
        np.append(np.zeros(r), -np.ones(n)),
        A_ub=hstack([csc_array(-margins), csc_array(eye_array(n))], format="csc"),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * r + [(0.0, 1.0)] * n,
        method="highs",
    )
    return None if found.x is None else _Proposal(found.x[:r], found.x[r:] > 0.5)


def _separates(space: RowSpace, proposed: _Proposal, core_rank: int) -> bool:
    """Whether the direction has positive margins on the rest without its part along the core."""
    basis, (direction, rest) = space.basis, proposed
    assert basis is not None and space.rounding is not None
    across = svd(basis[~rest].T, full_matrices=False)[0][:, :core_rank]
    apart = direction - across @ (across.T @ direction)
    error = _ROUNDING * (np.abs(basis[rest]) @ np.abs(direction))
    error += space.rounding[rest] * float(np.linalg.norm(direction))
    return bool((basis[rest] @ apart > error).all())
