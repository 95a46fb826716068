"""``grokflow new-claim``: a file with a claim of one's own to start from."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from grokflow.simulations.runs.files import write_whole

TEMPLATE = '''"""State what is claimed, how it is measured, and why so much error is allowed."""

import numpy as np

import grokflow as gf


def check(laboratory, factor=3.0):
    """Compare the end of the window with `factor` times its beginning."""
    rng = np.random.default_rng(laboratory.draws("{name}", 1)[0])
    alphas = np.exp(rng.uniform(1, 200, 20))
    windows = [gf.window(float(alpha), 0.5) for alpha in alphas]
    apart = max(abs(late / early - factor) for early, late in windows)
    return gf.Evidence(
        discrepancy=apart,
        allowed=1e-14,
        derivation="a few roundings of double precision",
        resolution=0.1,  # the smallest discrepancy that a false statement would show
    )


CLAIM = gf.Claim(
    label="{name}",
    statement="at c = 1/2 the window ends at three times its beginning",
    hypotheses=("alpha > 1", "c = 1/2"),
    source="Lyu et al. 2024, Theorems 3.4 and 3.5",
    kind=gf.StatementKind.EQUALITY,
    expected=gf.Verdict.SUPPORTED,
    check=check,
    broken=(gf.Broken("a tenth more", lambda laboratory: check(laboratory, 3.3)),),
)
'''


def run(arguments: argparse.Namespace) -> int:
    """Write NAME.py, and say how to check it."""
    name: str = arguments.name
    module = name.replace("-", "_")
    if not module.isidentifier():
        raise ValueError(
            f"name is {name!r}, expected letters, digits and dashes: for example my-claim"
        )
    file = Path(f"{module}.py")
    if file.exists():
        raise ValueError(f"{file} exists, expected a new file: choose another name")
    if module in sys.modules or find_spec(module):
        raise ValueError(
            f"name is {name!r}, as a module of Python or of a package is called, which the file "
            f"would hide, expected another name: for example {name}-claim"
        )
    write_whole(file, lambda target: target.write_text(TEMPLATE.format(name=name), "utf-8"))
    print(f"{file}: check it with `grokflow verify --claim {module}:CLAIM`")
    return 0
