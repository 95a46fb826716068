"""Certificates in exact arithmetic: bounds on an optimum in which nothing is rounded.

Each function takes a problem's arrays and a floating-point answer, and returns rational bounds on
the optimum. Meant for small instances. Needs the extra ``exact``.
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
