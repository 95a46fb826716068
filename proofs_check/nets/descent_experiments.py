"""Runs of gradient descent of linear students, which the claims about them look at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.simulations.nets.explicit.descent import Descent
from grokflow.simulations.nets.tasks.catalogue import teacher_student

_STUDENT_SIZES = (8, 10, 14, 18, 24, 32, 44, 60, 80)
_STUDENT_OUTPUTS = 40


class Students(NamedTuple):
    """Losses of linear students, one output's mean.

    Their shape is (draws, sizes, 2, steps), with training and test losses.
    """

    lr: float
    steps: np.ndarray
    sizes: np.ndarray
    losses: np.ndarray


@remembered
def linear_students(laboratory: Laboratory) -> Students:
    """Train linear students with d/n = 1/2 at nine sizes, each on independent draws."""
    draws = 100 if laboratory.thorough else 40
    lr, steps, sizes = 0.1, np.array([3, 12]), np.array(_STUDENT_SIZES)
    losses = np.zeros((draws, len(sizes), 2, len(steps)))
    for i, d in enumerate(_STUDENT_SIZES):
        laboratory.progress("linear students", i / len(sizes))
        children = np.random.SeedSequence((laboratory.seed, d)).generate_state(draws)
        for draw, child in enumerate(children):
            task = teacher_student(
                n=2 * d, d=d, outputs=_STUDENT_OUTPUTS, n_test=500, seed=int(child)
            )
            run = Descent(lr=lr).run(task, steps)
            losses[draw, i] = np.array([run.train_loss, run.test_loss]) / _STUDENT_OUTPUTS
    return Students(lr, steps, sizes, losses)
