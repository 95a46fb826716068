"""Measure how near forecasts of λt* are to the flow, over random small problems.

``python -m tests.transition.coverage FILE FIRST END`` measures those from FIRST to END that the
file lacks, and prints the table of all that it holds. With ``classes`` after it these are problems
of several classes, one against the rest, and with ``joint`` those of one net under cross-entropy.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from grokflow.simulations.completion.data import completion
from grokflow.simulations.models.bound import BoundModel, ModelSettings
from grokflow.simulations.models.registry import exact_model_of
from grokflow.simulations.runs.stopping import Stopped
from grokflow.theory.linear.classes.problem import ClassesProblem, make_classes_problem
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.predictor import NoPredictor
from grokflow.theory.samples import StoredTestSet
from grokflow.theory.transition.change import change_of
from grokflow.theory.transition.times import crossing

SEED = 2028
# Tails are the hard case, and the one of which the fewest draws have a visible change.
MODELS = ("exponential", "logistic") * 3 + ("square", "completion")
LOSSES_OF_CLASSES = ("exponential", "logistic", "one-hot")
JOINT = "cross-entropy"
DEPTHS = (2, 2, 3, 4)
DATA = ("plain", "signs", "correlated", "columns", "gap")
# λt between the times at which the flow is recorded, and how long after both times it is followed.
_STEP, _BEYOND = 0.01, 8.0
# How many times what can be seen a large jump is.
LARGE = 3.0
Record = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A forecast to be compared with its flow."""

    problem: object
    model: str
    depth: int
    alpha: float
    lam: float
    data: str

    def bound(self) -> BoundModel:
        """Return the model with its data."""
        loss = None if self.model == "completion" else self.model
        settings = ModelSettings(lam=self.lam, loss=loss, depth=self.depth)
        return exact_model_of(self.problem).bind(self.problem, settings)


def drawn(rng: np.random.Generator) -> Drawn:
    """Draw a problem, a net and its training."""
    model, data = str(rng.choice(MODELS)), str(rng.choice(DATA))
    alpha, lam = _scales(rng)
    if model == "completion":
        d, seed = int(rng.integers(5, 10)), int(rng.integers(2**31))
        problem: object = completion(d=d, fraction=float(rng.uniform(0.4, 0.7)), seed=seed)
        return Drawn(problem=problem, model=model, depth=2, alpha=alpha, lam=lam, data=model)
    problem = _linear(rng, data, classes=model != "square")
    depth = int(rng.choice(DEPTHS))
    return Drawn(problem=problem, model=model, depth=depth, alpha=alpha, lam=lam, data=data)


def drawn_classes(rng: np.random.Generator) -> Drawn:
    """Draw a problem of several classes, the nets of all of them and their training."""
    model, data = str(rng.choice(LOSSES_OF_CLASSES)), str(rng.choice(DATA))
    (alpha, lam), depth = _scales(rng), int(rng.choice(DEPTHS))
    problem = _classes(rng, data)
    return Drawn(problem=problem, model=model, depth=depth, alpha=alpha, lam=lam, data=data)


def drawn_jointly(rng: np.random.Generator) -> Drawn:
    """Draw a problem of several classes, and the training of one net under cross-entropy."""
    data = str(rng.choice(DATA))
    alpha, lam = _scales(rng)
    return Drawn(problem=_classes(rng, data), model=JOINT, depth=2, alpha=alpha, lam=lam, data=data)


DRAWS = {"two": drawn, "classes": drawn_classes, "joint": drawn_jointly}


def _scales(rng: np.random.Generator) -> tuple[float, float]:
    """Draw α and λ."""
    return 10.0 ** rng.uniform(1, 8), 10.0 ** rng.uniform(-8, -2)


def _classes(rng: np.random.Generator, data: str) -> ClassesProblem:
    """Draw samples of the class whose weights, sparse or dense, give the largest output."""
    count, n, d = (int(rng.integers(*ends)) for ends in ((3, 6), (10, 61), (10, 121)))
    m = int(rng.integers(300, 3001))
    true = rng.standard_normal((d, count))
    if rng.random() < 0.75:
        kept = int(rng.integers(1, 3))
        true *= np.arange(d)[:, None] // kept == np.arange(count)
    x = _inputs(rng, data, n + m, d)
    outputs = x @ (true / np.linalg.norm(x[:n], axis=0)[:, None])
    if data == "gap":
        x += (
            true.T[outputs.argmax(axis=1)]
            * rng.uniform(0.5, 4)
            / np.linalg.norm(true, axis=0).max()
        )
    if rng.random() < 0.3:
        outputs += 0.3 * outputs.std() * rng.standard_normal(outputs.shape)
    labels = outputs.argmax(axis=1)
    labels[:count] = np.arange(count)  # all classes occur in training
    return make_classes_problem("drawn", x[:n], labels[:n], x[n:], labels[n:])


def _linear(rng: np.random.Generator, data: str, *, classes: bool) -> Problem:
    """Draw samples with sparse or dense true weights, some of them with noise."""
    n, d, m = int(rng.integers(5, 41)), int(rng.integers(6, 121)), int(rng.integers(300, 3001))
    true = rng.standard_normal(d)
    if rng.random() < 0.75:
        true[int(rng.integers(1, 5)) :] = 0.0
    x = _inputs(rng, data, n + m, d)
    y = x @ (true / np.linalg.norm(x[:n], axis=0))
    if data == "gap":
        x += np.outer(np.sign(y), true / np.linalg.norm(true) * rng.uniform(0.5, 4))
    if rng.random() < 0.3:
        y += 0.3 * y.std() * rng.standard_normal(n + m)
    task, targets = Task.REGRESSION, y
    if classes:
        task, targets = Task.CLASSIFICATION, np.where(y > 0, 1.0, -1.0)
        targets[:2] = 1.0, -1.0  # both classes occur in training
    return make_problem("drawn", task, x[:n], targets[:n], StoredTestSet(x[n:], targets[n:]))


def _inputs(rng: np.random.Generator, data: str, rows: int, d: int) -> np.ndarray:
    if data == "signs":
        return rng.choice([-1.0, 1.0], (rows, d))
    x = rng.standard_normal((rows, d))
    if data == "correlated":
        return x @ (np.eye(d) + 0.5 * rng.standard_normal((d, d)) / np.sqrt(d)) + x[:, :1]
    if data == "columns":
        return x * 10.0 ** rng.uniform(-1, 1, d)
    return x


#: Draws a case.
Draw: TypeAlias = Callable[[np.random.Generator], Drawn]


def case_of(number: int, draw: Draw = drawn) -> Drawn:
    """Return the case of a number."""
    return draw(np.random.default_rng([SEED, number]))


def record_of(number: int, draw: Draw = drawn) -> Record:
    """Return a case with the predicted and the simulated λt*, None where there is none."""
    case = case_of(number, draw)
    names = ("model", "depth", "alpha", "lam", "data")
    record: Record = {"number": number, **{name: getattr(case, name) for name in names}}
    bound = case.bound()
    try:
        found = bound.forecast(case.alpha)
    except NoPredictor as error:
        return {**record, "refused": str(error)}
    when = found.transition.lambda_t
    record |= {"tailed": found.tailed, "kind": found.kind.value, "regime": found.regime}
    if not (found.kind.is_visible and np.isfinite(when)):
        return record
    change = change_of(found.scores, kind=found.kind)
    seen = 3 * change.error  # zero where all that could be tested is tested
    record |= {"predicted": when, "jump": abs(change.drop) / seen if seen else np.inf}
    record |= {"low": found.interval.low, "high": found.interval.high}
    end = max(np.log(case.alpha), when) + _BEYOND
    times = np.linspace(0, end, int(end / _STEP) + 1)[1:]
    try:
        flow = bound.follow(case.alpha, times)
    except Stopped as stopped:
        return {**record, "stopped": str(stopped)}
    return {**record, "simulated": crossing(times, flow.test_scores().error, *found.ends).lambda_t}


def read(file: Path) -> list[Record]:
    """Return the records of a file, one for each case: the last one."""
    lines = file.read_text().splitlines() if file.exists() else []
    records = {record["number"]: record for record in map(json.loads, lines)}
    return [records[number] for number in sorted(records)]


def compared(records: Sequence[Record]) -> list[Record]:
    """Return those with a predicted and a simulated time."""
    return [r for r in records if np.isfinite([r.get(k, np.nan) for k in _TIMES]).all()]


_TIMES, _ENDS = ("predicted", "simulated"), ("low", "high")


def errors_of(records: Sequence[Record]) -> np.ndarray:
    """Return ``|predicted / simulated - 1|``."""
    predicted, simulated = np.array([[r[k] for k in _TIMES] for r in records]).reshape(-1, 2).T
    return np.asarray(np.abs(predicted / simulated - 1))


def with_interval(records: Sequence[Record]) -> list[Record]:
    """Return those with an interval."""
    return [r for r in records if np.isfinite([r.get(k, np.nan) for k in _ENDS]).any()]


def covered(record: Record) -> bool:
    """Whether the simulated time is in the interval, up to the spacing at which it is read."""
    return record["low"] - _STEP <= record["simulated"] <= record["high"] + _STEP


def table(records: Sequence[Record]) -> str:
    """Return how far predicted times are off, by kind, as a table in Markdown."""
    known = compared(records)
    tails = [r for r in known if r["tailed"]]
    rows = {
        "square loss, completion, classes that overlap": [r for r in known if not r["tailed"]],
        "tails": tails,
        f"tails, jump > {LARGE:g} times what can be seen": [r for r in tails if r["jump"] > LARGE],
    }
    lines = [
        "| relative error of λt* | n | median | 90 % | 95 % | largest | in the interval |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, chosen in rows.items():
        errors = errors_of(chosen)
        levels = np.quantile(errors, [0.5, 0.9, 0.95, 1]) if len(errors) else [np.nan] * 4
        numbers = " | ".join(f"{100 * level:.2g} %" for level in levels)
        told = with_interval(chosen)
        inside = f"{sum(map(covered, told))} of {len(told)}"
        lines.append(f"| {name} | {len(errors)} | {numbers} | {inside} |")
    return "\n".join(lines)


if __name__ == "__main__":
    file, first, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    draw = DRAWS[sys.argv[4] if sys.argv[4:] else "two"]
    known = {record["number"] for record in read(file)}
    with file.open("a") as lines:
        for number in sorted(set(range(first, end)) - known):
            lines.write(json.dumps(record_of(number, draw)) + "\n")
            lines.flush()
    print(table(read(file)))
