"""A function in a process of its own: it can be ended, and its peak memory is its own.

``with Child(prepare, arguments, limit=60.0) as child`` starts a process that builds
``solve = prepare(*arguments)``, untimed; ``child.run(setting)`` then times ``solve(setting)``
there. The caller judges the answer and decides what to run next.
"""

import math
import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

# Address space of a child in bytes.
MEMORY = 12 * 2**30
# Seconds for starting Python, importing, drawing data, compiling.
PREPARATION = 120.0
# By the clock a busy machine may take this many times the seconds of the processor.
_PATIENCE = 10


class Failed(Exception):
    """A call that gave no answer; the message says why."""


class Ended(Failed):
    """A call that its process did not survive."""


class Run(NamedTuple):
    """What a call gave; seconds by the clock and of the processor; peak memory in bytes so far."""

    result: Any
    seconds: float
    cpu: float
    peak: int


class Child:
    """A process in which ``prepare(*arguments)`` waits for settings.

    Parameters
    ----------
    prepare : callable
        A function of a module, or a partial of one; returns ``solve``.
    arguments : tuple
        What it takes.
    limit : float
        Seconds of the processor that one call of ``solve`` may take; ten times that by the clock.
    threads : int
        Threads for BLAS, torch, JAX and our own passes.
    quiet : bool
        Whether what it prints is thrown away.
    """

    def __init__(
        self,
        prepare: Callable[..., Callable[[Any], Any]],
        arguments: tuple[Any, ...] = (),
        *,
        limit: float,
        threads: int = 1,
        quiet: bool = True,
    ) -> None:
        self.limit = limit
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        work = theirs, prepare, arguments, limit, quiet
        self._process = context.Process(target=_serve, args=work, daemon=True)
        with _environment(threads):
            self._process.start()
        theirs.close()
        self._ready = False

    def run(self, setting: Any = None) -> Run:
        """Call ``solve(setting)``.

        Raises
        ------
        Failed
            When it raises.
        Ended
            When it takes longer than the limit, needs more memory than there is, or dies, or the
            preparation failed.
        """
        if not self._ready:
            try:
                self._answer(PREPARATION)
            except Failed as error:
                raise Ended(f"preparation: {error}") from None
            self._ready = True
        self._pipe.send(setting)
        return Run(*self._answer(self.limit))

    def _answer(self, limit: float) -> Any:
        if not self._pipe.poll(_PATIENCE * limit):
            self._process.kill()
            raise Ended(f"> {_PATIENCE * limit:.0f} s by the clock")
        try:
            failure, answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            overdue = self._process.exitcode == -signal.SIGXCPU
            raise Ended(f"> {limit:.0f} s" if overdue else "killed") from None
        if failure is not None:
            raise failure
        return answer

    def __enter__(self) -> "Child":
        """Return the child, which is starting."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def peak_memory() -> int:
    """Return the largest resident memory of this process in bytes.

    On Linux ``getrusage`` starts from what the parent had; the status file does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _environment(threads: int):
    """Set the number of threads of the processes started meanwhile."""
    wanted = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    if threads == 1:
        wanted["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe, prepare, arguments, limit, quiet):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # Compiled solvers print their complaints; what matters comes back as a message.
    for stream in (1, 2) if quiet else ():
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    _limit_processor(PREPARATION)
    failure, solve = _attempt(lambda: prepare(*arguments))
    pipe.send((failure, None))
    while solve is not None and not isinstance(failure, Ended):
        setting = pipe.recv()
        _limit_processor(limit)
        started, worked = time.perf_counter(), time.process_time()
        failure, result = _attempt(lambda chosen=setting: solve(chosen))
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
        pipe.send((failure, (result, seconds, cpu, peak_memory())))


def _limit_processor(seconds):
    """End this process when it has worked that much longer."""
    spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(spent + seconds), resource.RLIM_INFINITY))


def _attempt(call):
    """Return how `call` failed, or None, and its result."""
    try:
        return None, call()
    except MemoryError:
        return Ended(f"needs more than {MEMORY >> 30} GiB"), None
    except Exception as error:
        return Failed((str(error).splitlines() or [type(error).__name__])[0]), None
