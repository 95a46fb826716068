"""Print which arguments that are no numbers, or far out of range, are not refused in one line."""

import numpy as np

import grokflow as gf

NONSENSE = (np.nan, np.inf, -1, 10**400, "a", None, [], np.array([1.0, 2.0]), True)
# Whole numbers of any size are seeds, and there may be any number of steps.
TAKEN = {("seed", 10**400), ("max_steps", 10**400), ("max_steps", np.inf), ("width", 10**400)}
LOSS = gf.LOSSES["logistic"]
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
    "alpha": lambda value: gf.CompletionStart(gf.completion(d=5, fraction=0.6), alpha=value),
}


def fault(name, value):
    """Return what is wrong with how one value is refused, or nothing."""
    try:
        MAKERS[name](value)
    except ValueError as error:
        said = str(error)
        one_line = len(said.splitlines()) == 1 and len(said) < 400
        return "" if name in said and one_line else f"says {said[:100]!r}"
    except Exception as error:
        return f"raises {type(error).__name__}: {str(error)[:100]}"
    return "is taken"


if __name__ == "__main__":
    for name in MAKERS:
        for value in NONSENSE:
            taken = isinstance(value, float | int) and (name, value) in TAKEN
            if not taken and (found := fault(name, value)):
                print(f"{name} = {str(value)[:20]} {found}")
