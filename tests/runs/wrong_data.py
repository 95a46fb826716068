"""Data and settings as users have them, for a process in which no types are checked.

``python -m tests.runs.wrong_data`` prints as JSON what each call comes to.
"""

import json

import numpy as np

import grokflow as gf
from tests.runs.wrong_arguments import classes, entries, outcome

X, Y = [[1, 2], [3, -1], [2, 2], [0, -1]], [1, -1, 1, -1]
TEST = gf.StoredTestSet(X, Y)


def targets():
    return gf.sparse_regression(n=8, d=30, n_test=50)


def penalised(loss, problem=None, lam=0.1):
    return gf.L1Penalised(loss, lam).predict(problem or classes())


def near(problem, **settings):
    early = (gf.MaxL2Margin() if problem.is_classification else gf.MinL2Norm()).predict(problem)
    kind = gf.MaxQuasiMargin if problem.is_classification else gf.MinQuasiNorm
    return kind(**settings).predict(problem, near=early.w)


def made(x=X, y=Y, test=TEST, task="classification"):
    return gf.make_problem("mine", task, x, y, test)


# What is refused, by how the message begins.
REFUSED = {
    "loss is 'hinge', expected exponential, logistic, square, or an object": lambda: penalised(
        "hinge"
    ),
    "loss is a NoneType, expected exponential": lambda: gf.DiagonalFlow(lam=0.1, loss=None),
    "loss is a int, expected exponential": lambda: classes().score(np.ones(20), 3),
    "lam is 0, expected a finite number above 0: for λ → 0 take": lambda: penalised(
        "logistic", lam=0.0
    ),
    "lam is nan, expected a finite number": lambda: gf.L2Penalised("square", float("nan")),
    "lam is -1, expected a finite number": lambda: gf.NuclearPenalised(-1.0),
    "lam is a str, expected a number": lambda: gf.QuasiPenalised("logistic", "0.1", 3),
    "gap is 0, expected a finite number": lambda: gf.NuclearPenalised(0.1, gap=0.0),
    "depth is 1, expected 2 to 8": lambda: near(classes(), depth=1),
    "depth is 0, expected 2 to 8": lambda: near(targets(), depth=0),
    "depth is 9, expected 2 to 8": lambda: gf.trace(classes(), np.array([1.0, 0.1]), depth=9),
    "alpha is -1, expected a finite number": lambda: gf.window(-1.0, 0.1),
    "logistic is asked for sparse-regression, a regression": lambda: penalised(
        "logistic", targets()
    ),
    "max-L1-margin is asked for sparse-regression": lambda: gf.MaxL1Margin().predict(targets()),
    "max-L2-margin is asked for sparse-regression": lambda: gf.MaxL2Margin().predict(targets()),
    "problem is a CompletionProblem, expected a Problem": lambda: gf.MinL1Norm().predict(entries()),
    "problem is a Problem, expected a CompletionProblem": lambda: gf.MinNuclearNorm().predict(
        classes()
    ),
    "regression is a str, expected a bool": lambda: gf.as_problem(X, Y, regression="x"),
    "standardise is a str, expected True or False": lambda: gf.as_problem(X, Y, standardise="x"),
    "intercept is a str, expected a number": lambda: gf.as_problem(X, Y, intercept="x"),
    "drop is a object, expected names": lambda: gf.as_problem(X, Y, drop=object()),
    "test is a NoneType, expected a test set": lambda: made(test=None),
    "test inputs has shape (0, 2), expected": lambda: made(
        test=gf.StoredTestSet(np.zeros((0, 2)), np.zeros(0))
    ),
    "test inputs[0, 1] is nan, expected finite": lambda: made(
        test=gf.StoredTestSet([[1.0, np.nan]], [1])
    ),
    "y_test holds 2, expected -1, 1": lambda: made(test=gf.StoredTestSet(X, [1, -1, 2, 2])),
    "test labels[1] is nan, expected": lambda: made(test=gf.StoredTestSet(X[:2], [1, np.nan])),
    "X is no array: its rows differ in length": lambda: made(x=[[1, 2], [3]]),
    "X[0, 1] is 'a', expected real numbers": lambda: made(x=np.array([[1.0, "a"]], dtype=object)),
    "X[0, 0] is nan, expected finite": lambda: made(x=[[None, 1]]),
    "X holds complex128, expected real numbers": lambda: made(x=np.eye(4, 2) * 1j),
    "X is a dict, expected an array": lambda: made(x={}),
    "y has shape (3,), expected (4,)": lambda: made(y=[1, -1, 1]),
    "y has 3 classes (a, b, c), expected 2": lambda: made(y=list("abca")),
    "target is a list, expected one name: give labels as y": lambda: gf.as_problem(X, target=Y),
    "positive is a list, expected one name": lambda: gf.as_problem(X, Y, positive=Y),
    "the path is a list, expected the name of a file: gf.as_problem": lambda: gf.load(X),
    "d is [1, 2, 3], expected a number of rows": lambda: gf.make_entries_problem(
        "mine", [1, 2, 3], [0], [0], [1.0]
    ),
}
# What is accepted, with what comes of it.
ACCEPTED = {
    "a loss by its name": lambda: penalised("logistic").certificate.gap < 1e-6,
    "a loss by its name, in a forecast": lambda: (
        gf.forecast(classes(), alpha=10.0, lam=0.1, loss="logistic").early.certificate.gap < 1e-6
    ),
    "a loss by its name, in a flow": lambda: (
        gf.DiagonalFlow(lam=0.1, loss="square").loss is gf.LOSSES["square"]
    ),
    "a loss by its name, in a score": lambda: classes().score([1.0] * 20, "logistic").size == 50,
    "the square loss on classes": lambda: penalised("square").certificate.gap < 1e-6,
    "lists": lambda: made().inputs.to_array()[1].tolist() == [-3, 1],
    "bytes": lambda: made(x=np.array(X, dtype=np.int8)).inputs.to_array()[1].tolist() == [-3, 1],
    "the smallest byte": lambda: (
        made(x=np.array([[-128, 1], [-128, 2], [1, 1], [1, 2]], dtype=np.int8)).inputs.to_array()[
            1, 0
        ]
        == 128
    ),
    "words": lambda: (
        made(y=list("baba"), test=gf.StoredTestSet(X, list("abab"))).notes
        == ("y read as 2 classes: a as -1 (2 rows), b as +1 (2 rows)",)
    ),
    "0/1 labels of a test set": lambda: (
        made(test=gf.StoredTestSet(X, [1, 0, 1, 0])).score(np.array([1.0, 1.0])).accuracy[0]
        == made().score(np.array([1.0, 1.0])).accuracy[0]
    ),
    "kernel machines on lists": lambda: (
        gf.MaxKernelMargin().predict(gf.DiagonalTangent(), X, Y).margin > 0
    ),
    "words as one class each": lambda: (
        gf.one_vs_rest(["b", "a", "b"]).tolist() == [[-1, 1], [1, -1], [-1, 1]]
    ),
    "entries as lists": lambda: (
        gf.make_entries_problem("e", np.int64(2), [0, 1], [1, 1], [1, 2]).n == 2
    ),
    "measurements as lists": lambda: (
        gf.make_measurement_problem("m", [[[1, 0], [0, 1]]], [3]).n == 1
    ),
    "a matrix with gaps": lambda: gf.make_matrix_problem("m", [[1, None, 3], [2, 3, 4]]).n == 5,
}

if __name__ == "__main__":
    calls = {**REFUSED, **ACCEPTED}
    print(json.dumps({name: outcome(call) for name, call in calls.items()}))
