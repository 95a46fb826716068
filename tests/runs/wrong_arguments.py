"""Calls with arguments of the wrong kind, for a process in which no types are checked.

``python -m tests.runs.wrong_arguments`` prints as JSON what each of them comes to.
"""

import json
from dataclasses import replace

import numpy as np
import torch

import grokflow as gf
from tests.runs.test_protocols import CASES


def followed(name, other):
    """Let a flow run from the start of another one, or from a problem."""
    flow, start, times = CASES[name]()
    return flow.run(start.problem if other == "problem" else CASES[other]()[1], times)


def measured(name):
    """Let a flow measure what is no measure."""
    flow, start, times = CASES[name]()
    return flow.run(start, times, measure=3)


def classes():
    return gf.sparse(n=8, d=20, n_test=50)


def entries():
    return gf.completion(d=6)


def net():
    return torch.nn.Linear(4, 1, bias=False, dtype=torch.float64)


# The flows of nets start alike.
KINDS = {name: "net" if name in ("chebyshev", "descent") else name for name in CASES}
RUNS = {
    f"{name} from {other}": lambda name=name, other=other: followed(name, other)
    for name in CASES
    for other in ("diagonal", "completion", "net", "modular", "problem")
    if KINDS[name] != other
}
MEASURES = {f"{name} measures 3": lambda name=name: measured(name) for name in CASES}


def several():
    """Return data of three classes."""
    x, y = np.eye(6), ["a", "b", "c"] * 2
    return gf.make_classes_problem("several", x, y, x, y)


# The message names what takes several classes.
SEVERAL = "problem is a ClassesProblem, expected a Problem: gf.forecast_softmax and "
STARTS = {
    SEVERAL: lambda: gf.DiagonalStart(several(), 1.0),
    "problem is a CompletionProblem, expected a Problem: ": lambda: gf.DiagonalStart(entries(), 1),
    "problem is a Problem, expected a CompletionProblem: ": lambda: gf.CompletionStart(
        classes(), 1.0
    ),
    "problem is a Problem, expected a NetProblem: ": lambda: gf.NetStart(net(), classes()),
    "net is a function, expected a Module: ": lambda: replace(CASES["net"]()[1], net=net),
    "alpha is a str, expected a number: ": lambda: gf.DiagonalStart(classes(), "1"),
    "alpha is a list, expected a number: ": lambda: gf.CompletionStart(entries(), [1.0]),
    "alpha is a NoneType, expected a number: ": lambda: replace(CASES["net"]()[1], alpha=None),
    "data is a Problem, expected a CorruptedData: ": lambda: gf.ModularCell(data=classes()),
    "alpha is a bytes, expected a number: ": lambda: replace(CASES["modular"]()[1], alpha=b"1"),
    "depth is 2.5, expected a whole number: ": lambda: gf.DiagonalStart(classes(), 1.0, 2.5),
}


def forecast(problem=None, **changed):
    """Forecast diagonal nets, or completion where a problem is given."""
    settings = {"alpha": 10.0, "lam": 1e-3} | changed
    if problem is not None:
        return gf.forecast_completion(problem, **settings)
    return gf.forecast(classes(), loss=gf.LOSSES["logistic"], **settings)


FORECASTS = {
    SEVERAL: lambda: gf.forecast(several(), alpha=1.0, lam=0.1, loss="square"),
    f"{SEVERAL}gf.forecast_classes": lambda: gf.MinLoss(gf.LOSSES["square"]).predict(several()),
    "problem is a CompletionProblem, expected a Problem: gf.forecast_completion": lambda: (
        gf.forecast(entries(), alpha=1.0, lam=0.1, loss="square")
    ),
    "problem is a list, expected a Problem: make one with gf.as_problem(x, y)": lambda: gf.forecast(
        [[1.0]], alpha=1.0, lam=0.1, loss="square"
    ),
    "problem is a Problem, expected a ClassesProblem: gf.forecast and": lambda: gf.follow_classes(
        gf.DiagonalFlow(lam=0.1, loss="square"), classes(), alpha=1.0, times=[0.0]
    ),
    "problem is a Problem, expected a name, from which every cell makes its data": lambda: (
        gf.Scan.over(classes(), alpha=1.0, lam=0.1)
    ),
    "alpha is -10, expected 1e-12 to": lambda: forecast(alpha=-10.0),
    "alpha is nan, expected": lambda: forecast(alpha=float("nan")),
    "lam is 0, expected 1e-140 to": lambda: forecast(lam=0),
    "lam is -1, expected": lambda: forecast(lam=-1.0),
    "problem is a Problem, expected a ClassesProblem": lambda: gf.forecast_classes(
        classes(), alpha=10.0, lam=1e-3, loss=gf.LOSSES["logistic"]
    ),
    "depth is 1, expected 2 to 8": lambda: forecast(depth=1),
    "depth is 2.5, expected a whole number": lambda: forecast(depth=2.5),
    "alpha is -1, expected": lambda: forecast(entries(), alpha=-1.0),
    "alpha is a str, expected a number": lambda: forecast(entries(), alpha="1"),
    "lam is nan, expected": lambda: forecast(entries(), lam=float("nan")),
    "problem is a Problem, expected a CompletionProblem": lambda: forecast(classes()),
}
CONSTRUCTORS = {
    "path is a NoneType, expected the name of a file: give one": lambda: gf.Checkpoint(None),
    "seconds is a str, expected a number: convert it": lambda: gf.Checkpoint("run.pt", "60"),
    "alpha is 1.00e+400, expected 1e-12 to": lambda: gf.DiagonalStart(classes(), 10**400),
    "alpha is a bool, expected a number: ": lambda: gf.DiagonalStart(classes(), True),
    "lam is 1.00e+400, expected 1e-140 to": lambda: gf.DiagonalFlow(lam=10**400, loss="square"),
    "lam is inf, expected a finite number above 0: ": lambda: gf.L1Penalised(
        "logistic", float("inf")
    ),
    "lam is 1.00e+400, expected a finite number above 0: ": lambda: gf.L1Penalised(
        "logistic", 10**400
    ),
}
# How a setting is made from its value, and a name that it has.
SETTINGS = {
    "optimizer": (lambda value: gf.Descent(lr=0.1, optimizer=value, batch=4), "sgd"),
    "solver": (lambda value: gf.NetFlow(lam=0.1, solver=value), "auto"),
} | {
    name: (lambda value, name=name: gf.ModularTraining(**{name: value}), known)
    for name, known in {
        "activation": "relu",
        "normalisation": "batch",
        "loss": "cross-entropy",
        "start": "gromov",
    }.items()
}
NAMED = {
    f"{name} {value}": lambda make=make, name=name, value=value: getattr(make(value), name).name
    for name, (make, known) in SETTINGS.items()
    for value in (known, "x")
}


def outcome(call):
    """Return the name of what is raised with its message, or what is returned."""
    try:
        return str(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    calls = RUNS | MEASURES | NAMED | {f"start: {name}": call for name, call in STARTS.items()}
    calls |= {f"forecast: {name}": call for name, call in FORECASTS.items()}
    calls |= {f"constructor: {name}": call for name, call in CONSTRUCTORS.items()}
    print(json.dumps({name: outcome(call) for name, call in calls.items()}))
