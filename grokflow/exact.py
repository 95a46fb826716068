"""Certificates in exact arithmetic: bounds on an optimum in which nothing is rounded.

Each function takes a problem's arrays and a floating-point answer, and returns rational bounds on
the optimum. They are meant for small problems.

Examples
--------
The least ``‖w‖₁`` with ``w₁ + 3 w₂ ≥ 1`` is one third, without any rounding:

>>> import numpy as np
>>> import grokflow as gf
>>> z, w, multipliers = np.array([[1.0, 3.0]]), np.array([0.0, 1 / 3]), np.array([1 / 3])
>>> gf.exact.max_l1_margin(z, w, multipliers)
Enclosure(lower=Fraction(1, 3), upper=Fraction(1, 3))
"""

from grokflow.theory.completion.exact import (
    ObservedEntries,
    min_nuclear_norm,
    nuclear_norm_above,
    nuclear_penalised,
    spectral_norm_above,
)
from grokflow.theory.linear.exact import (
    ExactFarkas,
    farkas,
    l1_penalised,
    max_l1_margin,
    max_l2_margin,
    min_l1_norm,
    min_l2_norm,
)
from grokflow.theory.numerics.rational import Enclosure

__all__ = [
    "Enclosure",
    "ExactFarkas",
    "ObservedEntries",
    "farkas",
    "l1_penalised",
    "max_l1_margin",
    "max_l2_margin",
    "min_l1_norm",
    "min_l2_norm",
    "min_nuclear_norm",
    "nuclear_norm_above",
    "nuclear_penalised",
    "spectral_norm_above",
]
