"""How many threads share a pass over data, and the pools that they come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

# Threads of what is made in a context that has chosen a number.
_CHOSEN_THREADS: ContextVar[int | None] = ContextVar("threads", default=None)


@cache
def _workers(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="data-matrix")


# A forked process inherits the pools without their threads, so it makes pools of its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # type: ignore[no-untyped-call]


def thread_count() -> int:
    """Return how many threads share the passes over a data matrix that is made now.

    It is what `default_threads` has chosen, else OMP_NUM_THREADS, else the number of cores.
    """
    chosen = _CHOSEN_THREADS.get()
    if chosen is not None:
        return chosen
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) > 0 else (os.cpu_count() or 1)


@contextmanager
def default_threads(count: int) -> Iterator[None]:
    """Give the data matrices and test sets that are made meanwhile `count` threads.

    Other threads and processes are not affected.
    """
    token = _CHOSEN_THREADS.set(count)
    try:
        yield
    finally:
        _CHOSEN_THREADS.reset(token)


def parallel(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> list[Result]:
    """Map `function` over `items` on so many threads, each call with one BLAS thread."""
    if len(items) == 1:
        return [function(items[0])]
    with _blas().limit(limits=1):
        run = map if threads == 1 else _workers(threads).map
        return list(run(function, items))
