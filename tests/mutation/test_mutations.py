"""A formula that is mutated makes a test fail."""

import ast

import pytest

from tests.layout.modules import ROOT
from tests.mutation.kills import copy_of_checkout, fails, killed, mutations


@pytest.mark.parametrize("mutation", mutations(), ids=lambda mutation: mutation.id)
def test_a_mutation_stands_once_in_its_file_and_can_be_run(mutation):
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1
    ast.parse(text.replace(mutation.old, mutation.new))


@pytest.fixture(scope="module")
def copy():
    with copy_of_checkout() as copy:
        yield copy


@pytest.mark.slow
def test_the_copy_passes_the_tests_while_nothing_is_mutated(copy):
    # Otherwise every mutation would count as killed.
    assert not fails(copy, sorted({name for mutation in mutations() for name in mutation.tests}))


@pytest.mark.slow
@pytest.mark.parametrize("mutation", mutations(), ids=lambda mutation: mutation.id)
def test_a_mutation_is_noticed(copy, mutation):
    assert killed(copy, mutation)
