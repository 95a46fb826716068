"""Every exception of the package travels between processes with its message and what it carries."""

import inspect
import pickle
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pkgutil import walk_packages
from types import SimpleNamespace

import numpy as np
import pytest

import grokflow
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.certificate import Farkas
from grokflow.theory.diagonal.partly.split import PartlySeparable
from grokflow.theory.predictor import NotSeparable

# What the exceptions are made from that are not made from a message.
MADE = {
    Stopped: lambda: Stopped("raise rtol", SimpleNamespace(lambda_t=[1.0, 2.0])),
    Interrupted: lambda: Interrupted(SimpleNamespace(lambda_t=[1.0, 2.0])),
    NotSeparable: lambda: NotSeparable(Farkas(np.array([0.5, 0.5]), 1e-17)),
    PartlySeparable: lambda: PartlySeparable(np.array([3]), n=20),
}


def exceptions():
    """Find the exception classes that the modules of the package define."""
    found = set()
    for module in walk_packages(grokflow.__path__, "grokflow."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(import_module(module.name)).values():
            if inspect.isclass(value) and issubclass(value, BaseException):
                found.add(value)
    return sorted((v for v in found if v.__module__.startswith("grokflow")), key=str)


def made(kind):
    return MADE[kind]() if kind in MADE else kind("what happened: what to change")


def raise_one(error):
    raise error


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("kind", exceptions(), ids=lambda kind: kind.__name__)
def test_exceptions_are_pickled_whole(kind, pool):
    error = made(kind)
    copies = [pickle.loads(pickle.dumps(error))]
    copies.append(pool.submit(raise_one, error).exception(timeout=120))
    for copy in copies:
        assert type(copy) is kind and str(copy) == str(error)
        assert set(vars(error)) <= set(vars(copy))
