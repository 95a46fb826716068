"""Who computes the cells of a scan: local processes, or a Dask cluster.

Any ``concurrent.futures.Executor`` will do for `grokflow.simulations.scan.runner.Scan.run`; these
are the two that the command line offers. No scheduler of our own: a lost worker's tasks are run
again by Dask, and local processes that die end the scan, whose store holds what was finished.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from threading import Thread
from time import sleep
from typing import Any, TypeVar

from grokflow.theory.arguments import check_count
from grokflow.theory.numerics.threads import default_threads

Cell = TypeVar("Cell")
Outcome = TypeVar("Outcome")

# One thread of BLAS for each process: set before numpy is imported there.
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


@contextmanager
def local_workers(jobs: int | None = None) -> Iterator[Executor | None]:
    """Yield local processes, by default one a core; None, this process, for one job.

    They are loky's, and leave when the parent is killed.

    Parameters
    ----------
    jobs : int, optional
        Number of processes.

    Yields
    ------
    Executor or None
        What `Scan.run` takes as ``executor``.

    Raises
    ------
    RuntimeError
        When one of them dies.

    Examples
    --------
    >>> import grokflow as gf
    >>> scan = gf.Scan.over("sparse-regression", alpha=[1e3, 1e4], lam=1e-4, n=20, d=50, k=2)
    >>> with gf.local_workers(jobs=1) as executor:
    ...     print(scan.run(executor=executor).good)
    [ True  True]
    """
    if jobs is not None:
        check_count("jobs", jobs)
    count = jobs or os.cpu_count() or 1
    if count == 1:
        yield None
        return
    from loky import ProcessPoolExecutor

    pool: Executor = ProcessPoolExecutor(  # type: ignore[no-untyped-call]
        count, env=_ONE_THREAD, initializer=_leave_with, initargs=(os.getpid(),)
    )
    try:
        yield pool
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a worker process died, perhaps for lack of memory; finished cells are stored: resume, "
            "with fewer jobs"
        ) from error
    finally:
        pool.shutdown(wait=False, kill_workers=True)  # type: ignore[call-arg]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, of BLAS and of our own, so that sums are those of a worker."""
    from threadpoolctl import threadpool_limits

    with default_threads(1), threadpool_limits(limits=1):  # type: ignore[no-untyped-call]
        yield


def _leave_with(parent: int) -> None:
    """End this worker soon after its parent, which may have been killed without a word."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(0.5)
        os._exit(1)

    Thread(target=watch, daemon=True).start()
    # Ctrl-C reaches the whole group; the parent answers it and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """Yield the workers of the Dask scheduler at `address`, such as ``tcp://host:8786``.

    Raises
    ------
    ValueError
        When Dask is not installed or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError(
            "dask is missing, expected it for a cluster: install grokflow[scan]"
        ) from error
    try:
        client = Client(address, timeout="5s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no Dask scheduler answers at {address} ({error}), expected one such as "
            "tcp://host:8786: start `dask scheduler` and `dask worker` first"
        ) from error
    with client:
        executor: Executor = client.get_executor()  # type: ignore[no-untyped-call]
        yield executor


def compute(
    tasks: Sequence[list[Cell]],
    measure: Callable[[Sequence[Cell]], list[Outcome]],
    executor: Executor | None,
) -> Iterator[tuple[list[Cell], list[Outcome]]]:
    """Yield every task with its outcomes, as soon as they are known; None is this process.

    When the loop over them ends early, what was submitted is the executor's to drop.
    """
    if executor is None:
        yield from ((task, measure(task)) for task in tasks)
        return
    pending = {executor.submit(measure, task): task for task in tasks}
    for future in as_completed(pending):
        yield pending.pop(future), future.result()


Result = TypeVar("Result")


def results_as_completed(
    executor: Executor | None, function: Callable[..., Result], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[Result]:
    """Yield the results of ``function(*task)``, in order here, as they come from an executor."""
    if executor is None:
        yield from (function(*task) for task in tasks)
        return
    # After an interruption what is pending goes with the executor, which its owner shuts down.
    for future in as_completed([executor.submit(function, *task) for task in tasks]):
        yield future.result()
