"""The rule of stabilised explicit steps along the flow of a net."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from grokflow.simulations.runs.checks import check_effort, check_ranges
from grokflow.theory.arguments import check_kind


@dataclass(frozen=True, kw_only=True)
class ChebyshevRule:
    """How long a step is, and how much a walk of such steps may spend.

    `ChebyshevFlow` is such a rule that runs. The sharpness is the largest eigenvalue of
    ``Jᵀ l'' J / m + λ``.

    Parameters
    ----------
    lam : float
        Weight decay λ.
    part : float
        Step times sharpness over half of what is stable for the number of stages: stable below
        2, and above 1 only while the sharpness does not rise quickly.
    longest : float
        Largest step in slow time, λη: the error of the slow motion is proportional to it.
    dtype : torch.dtype
        float32 or float64.
    max_steps : int
        Gradients after which the run is given up.
    device : str
        Where torch computes.
    thin : int
        Keep the parameters of every thin-th record; 0 keeps the last only.

    Examples
    --------
    >>> import grokflow as gf
    >>> isinstance(gf.ChebyshevFlow(lam=1e-3), gf.ChebyshevRule)
    True
    >>> gf.ChebyshevRule(lam=1e-3).longest
    0.002
    """

    lam: float
    part: float = 1.0
    longest: float = 2e-3
    dtype: torch.dtype = torch.float64
    max_steps: int = 1_000_000
    device: str = "cpu"
    thin: int = 0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        check_ranges(self, lam=(1e-14, 1e2), part=(1e-3, 1.9), longest=(1e-8, 1e-1))
        check_ranges(self, thin=(0.0, math.inf))
        check_effort(self)
        check_kind("dtype", self.dtype, torch.dtype, "take torch.float32 or torch.float64")
        check_kind("device", self.device, str, "name one, as device='cpu'")

    @property
    def name(self) -> str:
        """What it is called in results."""
        return "chebyshev"
