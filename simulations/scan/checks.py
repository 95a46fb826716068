"""What a scan refuses before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping

from grokflow.simulations.models.registry import exact_model_of
from grokflow.simulations.scan.cells import Cell, Value, data_keys

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


def check_model(cell: Cell, problem: object) -> None:
    """Refuse a model that the problem does not have, as the commands do."""
    settings = cell.model_settings()
    model = exact_model_of(problem)
    model.bind(problem, settings)
    model.check_scale(cell.alpha, settings)


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
