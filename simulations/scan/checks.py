"""What a scan refuses at the door, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping

from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import check_scale as check_completion_scale
from grokflow.simulations.diagonal.flow import DiagonalFlow, check_loss
from grokflow.simulations.diagonal.start import check_scale as check_diagonal_scale
from grokflow.simulations.scan.cells import Cell, Value, data_keys
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES

# Settings of the model; all others are the problem's.
MODEL = ("alpha", "lam", "p", "depth", "loss", "sigma", "seed")


def check_scales(axes: Mapping[str, tuple[Value, ...]]) -> None:
    """Refuse a scan without α, or without exactly one of λ and p."""
    if "alpha" not in axes or ("lam" in axes) == ("p" in axes):
        raise ValueError(
            f"axes are {', '.join(axes) or 'none'}, expected alpha and one of lam and p: give both"
        )
    for name in ("alpha", "lam", "p"):
        for value in axes.get(name, ()):
            if isinstance(value, str) or value <= 0:
                raise ValueError(f"{name} is {value!r}, expected a number above 0: correct it")


def check_model(cell: Cell, problem: Problem | CompletionProblem) -> None:
    """Refuse a model that the problem does not have, as the commands do."""
    if cell.loss not in LOSSES:
        raise ValueError(f"loss is {cell.loss!r}, expected {', '.join(LOSSES)}: pick one")
    if isinstance(problem, CompletionProblem):
        if cell.loss != "square" or cell.depth != 2:
            raise ValueError(
                f"loss is {cell.loss} and depth {cell.depth}, expected square and 2: completion "
                "is a regression with two factors"
            )
        check_completion_scale(cell.alpha, cell.sigma)
        CompletionFlow(lam=cell.lam)
        return
    if cell.sigma:
        raise ValueError(f"sigma is {cell.sigma}, expected 0: only completion has it")
    check_diagonal_scale(cell.alpha, cell.depth)
    DiagonalFlow(lam=cell.lam, loss=LOSSES[cell.loss])
    check_loss(problem, LOSSES[cell.loss])


def whole_numbers(
    problem: str, name: str, values: tuple[Value, ...], *, spaced: bool
) -> tuple[Value, ...]:
    """Return whole numbers for a setting that takes them; only spaced ones are rounded."""
    whole = isinstance(data_keys(problem).get(name), int) and name not in MODEL
    if not whole and name != "depth":
        return values
    for value in values:
        if isinstance(value, str) or (value != int(value) and not spaced):
            raise ValueError(f"{name} is {value}, expected whole numbers: round them")
    return tuple(dict.fromkeys(round(float(value)) for value in values))
