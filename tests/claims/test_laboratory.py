"""The laboratory: an experiment is run once for the same arguments, however they are given."""

import pytest

from grokflow.proofs_check.laboratory import Laboratory, remembered


@pytest.fixture
def runs():
    return []


@pytest.fixture
def experiment(runs):
    @remembered
    def run(laboratory, alpha, *, sigma=0.0):
        runs.append((laboratory.seed, alpha, sigma))
        return [alpha, sigma]

    return run


def test_the_same_arguments_give_the_same_result_by_name_position_or_default(experiment, runs):
    laboratory = Laboratory()
    first = experiment(laboratory, 1.0)
    assert experiment(laboratory, alpha=1.0) is first
    assert experiment(laboratory, 1.0, sigma=0.0) is first
    assert runs == [(0, 1.0, 0.0)]


def test_other_arguments_and_laboratories_run_anew(experiment, runs):
    laboratory = Laboratory()
    experiment(laboratory, 1.0)
    experiment(laboratory, 1.0, sigma=2.0)
    experiment(laboratory, 2.0)
    experiment(Laboratory(seed=5), 1.0)
    assert runs == [(0, 1.0, 0.0), (0, 1.0, 2.0), (0, 2.0, 0.0), (5, 1.0, 0.0)]


def test_experiments_of_one_name_in_two_places_are_two(experiment, runs):
    @remembered
    def run(laboratory, alpha, *, sigma=0.0):
        return "another"

    laboratory = Laboratory()
    assert experiment(laboratory, 1.0) != run(laboratory, 1.0) == "another"


def test_an_experiment_that_failed_is_run_again():
    failures = [ValueError("first"), None]

    @remembered
    def run(laboratory):
        if failure := failures.pop(0):
            raise failure
        return "done"

    laboratory = Laboratory()
    with pytest.raises(ValueError, match="first"):
        run(laboratory)
    assert run(laboratory) == "done"
