"""A laboratory runs the experiments that claims and figures share, each of them once.

An experiment is a function of the laboratory with the decorator `remembered`, such as those of
`grokflow.proofs_check.diagonal.experiments`. A claim, its broken variants and its figure then look
at the same data. The laboratory itself knows no experiment.

Several processes share results through a folder: what one of them has run is a file there, which
the others load.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from hashlib import sha256
from inspect import signature
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from grokflow.simulations.runs.files import check_path, read_sealed, write_sealed
from grokflow.theory.arguments import check_flag, check_seed

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

# What experiments of several models have in common: constants c of the time windows T_c^- and
# T_c^+, and a scale of the start from which corrections in 1/α are below rounding.
WINDOW, WINDOWS = 0.5, (0.25, 0.5, 0.75)
SLOW_ALPHA = 1e8


def remembered(
    run: Callable[Concatenate[Laboratory, Arguments], Result],
) -> Callable[Concatenate[Laboratory, Arguments], Result]:
    """Run an experiment once in a laboratory for the same arguments, which can be hashed.

    Examples
    --------
    >>> import grokflow as gf
    >>> draw = gf.remembered(lambda laboratory, size: print("drawn") or list(range(size)))
    >>> laboratory = gf.Laboratory()
    >>> draw(laboratory, 3) is draw(laboratory, 3)
    drawn
    True
    """

    @wraps(run)
    def once(
        laboratory: Laboratory, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        key = _key(run, *args, **kwargs)
        return laboratory.remember(key, partial(run, laboratory, *args, **kwargs))

    return once


def _key(run: Callable[..., object], *args: object, **kwargs: object) -> tuple[object, ...]:
    """Return under which key a remembered function keeps its result for these arguments."""
    given = signature(run).bind(None, *args, **kwargs)
    given.apply_defaults()
    return (run.__module__, run.__qualname__, *tuple(given.arguments.values())[1:])


@dataclass(frozen=True)
class Experiment:
    """A remembered function with its arguments, which can be run before a claim asks for it.

    Parameters
    ----------
    run : callable
        The function, with the decorator `remembered`.
    arguments : tuple
        What it takes beside the laboratory.
    seconds : float
        Roughly how long it takes on one core: the longest are started first.
    """

    run: Callable[..., object]
    arguments: tuple[Hashable, ...] = ()
    seconds: float = field(default=1.0, kw_only=True, compare=False)

    def __call__(self, laboratory: Laboratory) -> object:
        """Run it in a laboratory, or recall its result."""
        return self.run(laboratory, *self.arguments)


@dataclass(eq=False)
class Laboratory:
    """Runs the experiments of claims, and remembers their results.

    Parameters
    ----------
    seed : int
        Seed of every problem.
    thorough : bool
        Whether limits are taken over more points.
    progress : callable
        Called with the name of an experiment and its fraction done.
    folder : Path, optional
        Where results are kept for other processes with the same seed.

    Examples
    --------
    >>> import grokflow as gf
    >>> laboratory = gf.Laboratory(seed=0)
    >>> for attempt in range(2):  # the second time it is remembered
    ...     value = laboratory.remember(("square", 3), lambda: print("computed") or 3**2)
    computed
    >>> value
    9
    """

    seed: int = 0
    thorough: bool = False
    progress: Callable[[str, float], None] = lambda name, fraction: None
    folder: Path | None = None
    _done: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no seed, no choice and no folder."""
        check_seed(self.seed)
        check_flag("thorough", self.thorough)
        if self.folder is not None:
            check_path("folder", self.folder)
            self.folder = Path(self.folder)
            if not self.folder.is_dir():
                raise ValueError(f"folder {self.folder} is none, expected one: create it first")

    def remember(self, key: tuple[object, ...], run: Callable[[], Result]) -> Result:
        """Return the result of an experiment, run if there is none under this key yet."""
        if key not in self._done:
            self._done[key] = run() if self.folder is None else self._shared(key, run)
        result: Result = self._done[key]
        return result

    def put(self, run: Callable[..., Result], arguments: Sequence[object], result: Result) -> None:
        """Put `result` in place of what a remembered function would return for these arguments.

        Where the function draws a problem, every experiment is then run on the one that is put.
        """
        self._done[_key(run, *arguments)] = result

    def draws(self, name: str, count: int) -> list[int]:
        """Return seeds of `count` draws of what is named; no other name or laboratory has them.

        More draws begin with the same ones.
        """
        stream = int.from_bytes(sha256(name.encode()).digest()[:8])
        sequence = np.random.SeedSequence((self.seed, stream))
        return [int(state) for state in sequence.generate_state(count)]

    def _shared(self, key: tuple[object, ...], run: Callable[[], Result]) -> Result:
        """Load what another process has run under the same key, else run it and keep it."""
        assert self.folder is not None
        # Keys that print alike are alike: they hold numbers, words and frozen dataclasses of them.
        file = self.folder / sha256(repr(key).encode()).hexdigest()
        if file.exists() and (content := read_sealed(file)) is not None:
            result: Result = pickle.loads(content)
            return result
        result = run()
        write_sealed(file, pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL))
        return result
