"""Claims as tests: every `grokflow.Claim` in a test module, and every broken variant of it.

The plugin is there where grokflow is installed. A test module that holds claims is enough:

    from my_package.claims import CLAIM

Claims of one run share their experiments. ``pytest --claim-seed N`` checks them at another seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

try:
    import pytest
except ImportError as error:
    raise ImportError(
        "pytest is missing, expected it for claims as tests: pip install 'grokflow[pytest]'"
    ) from error

if TYPE_CHECKING:
    from grokflow.proofs_check.claim import Check, Claim, Verdict
    from grokflow.proofs_check.laboratory import Laboratory

_LABORATORY = pytest.StashKey["Laboratory"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses the seed."""
    group = parser.getgroup("grokflow")
    group.addoption(
        "--claim-seed", type=int, default=0, metavar="N", help="seed of grokflow's claims"
    )


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> pytest.Collector | None:
    """Collect a claim; other objects are pytest's."""
    # Runs that hold no claim must not pay for importing what checks them.
    if type(obj).__module__ != "grokflow.proofs_check.claim" or type(obj).__name__ != "Claim":
        return None
    return ClaimTests.from_parent(collector, name=name, claim=obj)


class ClaimTests(pytest.Collector):
    """The tests of a claim."""

    def __init__(self, *, claim: Claim, **others: Any) -> None:
        super().__init__(**others)
        self.claim = claim

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the test of the claim and those of its broken variants."""
        from grokflow.proofs_check.claim import Verdict

        claim = self.claim
        yield ClaimTest.from_parent(
            self, name=claim.label, check=claim.check, expected=claim.expected
        )
        for variant in claim.broken:
            yield ClaimTest.from_parent(
                self, name=variant.name, check=variant.check, expected=Verdict.REFUTED
            )


class ClaimTest(pytest.Item):
    """A check that must end with the expected verdict."""

    def __init__(self, *, check: Check, expected: Verdict, **others: Any) -> None:
        super().__init__(**others)
        self.check, self.expected = check, expected

    def runtest(self) -> None:
        """Check in the laboratory of this run."""
        evidence = self.check(_laboratory(self.config))
        if evidence.verdict is not self.expected:
            numbers = f"measured {evidence.discrepancy:.3g}, allowed {evidence.allowed:.3g}"
            raise UnexpectedVerdictError(
                f"{evidence.verdict.value}, expected {self.expected.value}: {numbers} "
                f"({evidence.derivation})"
            )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show an unexpected verdict in one line, and other errors as pytest does."""
        if isinstance(excinfo.value, UnexpectedVerdictError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Return where the test is, and what it is called."""
        return self.path, None, f"claim: {self.name}"


class UnexpectedVerdictError(Exception):
    """A verdict that is not the expected one."""


def _laboratory(config: pytest.Config) -> Laboratory:
    """Return the laboratory that all claims of a run share."""
    from grokflow.proofs_check.laboratory import Laboratory

    if _LABORATORY not in config.stash:
        config.stash[_LABORATORY] = Laboratory(seed=config.getoption("--claim-seed"))
    return config.stash[_LABORATORY]
