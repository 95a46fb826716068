"""Print which arguments that are no numbers, or far out of range, are not refused in one line."""

import numpy as np

import grokflow as gf

NONSENSE = (np.nan, np.inf, -1, 10**400, "a", None, [], np.array([1.0, 2.0]), True)
# Whole numbers of any size are seeds, and there may be any number of steps.
TAKEN = {("seed", 10**400), ("max_steps", 10**400), ("max_steps", np.inf), ("width", 10**400)}
# So are flags that are true, ends of an interval on either side, and names of any length.
TAKEN |= {("standardise", True), ("thorough", True), ("attained", True), ("drop", 10**400)}
TAKEN |= {("low", -1), ("high", -1), ("high", np.inf)}
# What may be left out, or be empty.
TAKEN |= {("drop", None), ("drop", "[]"), ("folder", None), ("places", None)}
LOSS = gf.LOSSES["logistic"]
X, Y = np.eye(8), np.arange(8.0) % 3 - 1.5
TEST = gf.StoredTestSet(X, Y)
MAKERS = {
    "n": lambda value: gf.sparse(n=value),
    "d": lambda value: gf.completion(d=value),
    "seed": lambda value: gf.sparse(seed=value),
    "max_steps": lambda value: gf.DiagonalFlow(lam=1e-3, loss=LOSS, max_steps=value),
    "width": lambda value: gf.ModularRule(width=value),
    "lam": lambda value: gf.DiagonalFlow(lam=value, loss=LOSS),
    "gap": lambda value: gf.MinL1Norm(gap=value),
    "gamma": lambda value: gf.gaussian_margin(gamma=value),
    "noise": lambda value: gf.sparse_regression(noise=value),
    "drop": lambda value: gf.as_problem(X, Y, drop=value),
    "intercept": lambda value: gf.as_problem(X, Y, intercept=value),
    "standardise": lambda value: gf.as_problem(X, Y, standardise=value),
    "seed ": lambda value: gf.as_problem(X, Y, seed=value),
    "holdout": lambda value: gf.as_problem(X, Y, holdout=value),
    "folder": lambda value: gf.Laboratory(folder=value),
    "thorough": lambda value: gf.Laboratory(thorough=value),
    "places": lambda value: gf.make_problem("own", "regression", X, Y, TEST, places=value),
    "rtol": lambda value: gf.SlowManifold(rtol=value),
    "misfit": lambda value: gf.SlowManifold(misfit=value),
    "reach": lambda value: gf.SlowManifold(reach=value),
    "max_steps ": lambda value: gf.SlowManifold(max_steps=value),
    "low": lambda value: gf.PullRange(low=value),
    "high": lambda value: gf.PullRange(high=value),
    "attained": lambda value: gf.PullRange(attained=value),
    "alpha": lambda value: gf.CompletionStart(gf.completion(d=5, fraction=0.6), alpha=value),
}


def fault(name, value):
    """Return what is wrong with how one value is refused, or nothing."""
    try:
        MAKERS[name](value)
    except ValueError as error:
        said = str(error)
        one_line = len(said.splitlines()) == 1 and len(said) < 400
        return "" if name.strip() in said and one_line else f"says {said[:100]!r}"
    except Exception as error:
        return f"raises {type(error).__name__}: {str(error)[:100]}"
    return "is taken"


if __name__ == "__main__":
    for name in MAKERS:
        for value in NONSENSE:
            told = str(value) if isinstance(value, list | np.ndarray) else value
            if (name.strip(), told) not in TAKEN and (found := fault(name, value)):
                print(f"{name} = {str(value)[:20]} {found}")
