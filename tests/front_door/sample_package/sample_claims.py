"""Two claims of another package, one under a label that grokflow has too."""

import grokflow as gf


def check(laboratory: gf.Laboratory, factor: float = 3.0) -> gf.Evidence:
    """Compare the end of the window with `factor` times its beginning."""
    early, late = gf.window(1e4, 0.5)
    return gf.Evidence(abs(late - factor * early), 1e-12, "rounding", resolution=1.0)


def check_wrong(laboratory: gf.Laboratory) -> gf.Evidence:
    """Compare with a factor that is a tenth too large."""
    return check(laboratory, 3.3)


WINDOW = gf.Claim(
    label="window",
    statement="at c = 1/2 the window ends at three times its beginning",
    hypotheses=("alpha > 1",),
    source="Lyu et al. 2024, Theorems 3.4 and 3.5",
    kind=gf.StatementKind.EQUALITY,
    expected=gf.Verdict.SUPPORTED,
    check=check,
    broken=(gf.Broken("a tenth more", check_wrong),),
)
MISPRINT = gf.Claim(
    label="thm-3.4",
    statement="at c = 1/2 the window ends at 3.3 times its beginning",
    hypotheses=("alpha > 1",),
    source="a misprint",
    kind=gf.StatementKind.EQUALITY,
    expected=gf.Verdict.REFUTED,
    check=check_wrong,
    broken=(),
)
CLAIMS = (WINDOW, MISPRINT)
