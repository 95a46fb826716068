"""A laboratory runs the experiments that claims and figures share, each of them once.

An experiment is a function of the laboratory with the decorator `remembered`, such as those of
`grokflow.proofs_check.diagonal.experiments`. A claim, its broken variants and its figure then look
at the same data. The laboratory itself knows no experiment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

# What experiments of several models have in common: the constant c of the time windows T_c^- and
# T_c^+, and a scale of the start from which corrections in 1/α are below rounding.
WINDOW = 0.5
SLOW_ALPHA = 1e8


def remembered(
    run: Callable[Concatenate[Laboratory, Arguments], Result],
) -> Callable[Concatenate[Laboratory, Arguments], Result]:
    """Run an experiment once in a laboratory for the same arguments, which can be hashed."""
    parameters = signature(run)

    @wraps(run)
    def once(
        laboratory: Laboratory, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        given = parameters.bind(laboratory, *args, **kwargs)
        given.apply_defaults()
        key = (run.__module__, run.__qualname__, *tuple(given.arguments.values())[1:])
        return laboratory.remember(key, partial(run, laboratory, *args, **kwargs))

    return once


@dataclass(eq=False)
class Laboratory:
    """Runs and remembers experiments.

    Parameters
    ----------
    seed : int
        Seed of every problem.
    thorough : bool
        More points in every limit.
    progress : callable
        Called with the name of an experiment and its fraction done.
    """

    seed: int = 0
    thorough: bool = False
    progress: Callable[[str, float], None] = lambda name, fraction: None
    _done: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def remember(self, key: tuple[object, ...], run: Callable[[], Result]) -> Result:
        """Return the result of an experiment, run if there is none under this key yet."""
        if key not in self._done:
            self._done[key] = run()
        result: Result = self._done[key]
        return result
