"""Tasks on which nets grok, with the nets of the papers, seeded.

Training set, test set, noise and weights come from separate streams of one seed.
"""

from __future__ import annotations

from collections.abc import Callable

from grokflow.simulations.nets.start import NetStart
from grokflow.simulations.nets.tasks.classes import digits, modular_addition, xor_clusters
from grokflow.simulations.nets.tasks.regression import polynomial, teacher_student

__all__ = [
    "TASKS",
    "digits",
    "modular_addition",
    "polynomial",
    "teacher_student",
    "xor_clusters",
]

TASKS: dict[str, Callable[..., NetStart]] = {
    "modular-addition": modular_addition,
    "xor": xor_clusters,
    "digits": digits,
    "polynomial": polynomial,
    "teacher-student": teacher_student,
}
