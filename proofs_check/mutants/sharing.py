"""Which results of a laboratory a formula enters: a mutant needs only those anew."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import TypeVar

from grokflow.proofs_check.laboratory import Laboratory

Result = TypeVar("Result")


@dataclass(eq=False)
class WatchedLaboratory(Laboratory):
    """A laboratory that notes which code has run on the way to which of its results.

    Parameters
    ----------
    codes : frozenset of code
        The code that is looked for: that of formulas.
    """

    codes: frozenset[CodeType] = frozenset()
    _ran: dict[tuple[object, ...], set[CodeType]] = field(default_factory=dict)
    _under_way: list[set[CodeType]] = field(default_factory=list)

    def remember(self, key: tuple[object, ...], run: Callable[[], Result]) -> Result:
        """Return the result of an experiment, and note what has run for it."""
        ran = self._ran.setdefault(key, set())
        self._under_way.append(ran)
        try:
            result = super().remember(key, run)
        finally:
            self._under_way.pop()
        # What runs for a result has run for all that are made of it.
        if self._under_way:
            self._under_way[-1].update(ran)
        return result

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note which code runs in this block."""
        before = sys.getprofile()
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(before)

    def without(self, code: CodeType) -> Laboratory:
        """Return a laboratory that remembers the results for which this code has not run."""
        kept = {key: value for key, value in self._done.items() if code not in self._ran[key]}
        return Laboratory(self.seed, _done=kept)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and self._under_way and frame.f_code in self.codes:
            self._under_way[-1].add(frame.f_code)
