"""Closed form, inverse participation ratios, groups of neurons, pruning and phases."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr

from grokflow.simulations.modular.data import CorruptedTask
from grokflow.simulations.modular.neuron_statistics import (
    rank_correlation,
    split_neurons,
    study_pruning,
)
from grokflow.simulations.modular.rule import ModularCell
from grokflow.simulations.modular.training import ModularTraining
from grokflow.simulations.runs.steps import every_steps
from grokflow.theory.modular.closed_form import (
    PeriodicNeurons,
    error_bound,
    expected_square_error,
    periodic_solution,
    unit_amplitude,
)
from grokflow.theory.modular.harmonics import harmonics
from grokflow.theory.modular.net import ModularWeights, Normalisation, NormKind
from grokflow.theory.modular.neuron_groups import fit_mixtures
from grokflow.theory.modular.operations import OPERATIONS
from grokflow.theory.modular.participation import IprConvention, NeuronIpr, neuron_ipr, ratio
from grokflow.theory.modular.phases import Phase, inverted_accuracy, phase
from grokflow.theory.modular.pruning import prune

ADDITION = OPERATIONS["addition"]


def draw_neurons(width, seed=0):
    phi, psi = np.random.default_rng(seed).uniform(0, 2 * np.pi, (2, width))
    return PeriodicNeurons.aligned(phi, psi)


def random_net(p=13, width=20, seed=0, **settings):
    rng = np.random.default_rng(seed)
    return ModularWeights(
        *(rng.standard_normal(shape) for shape in ((width, p), (width, p), (p, width))), **settings
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_closed_form_answers_every_operation(name):
    rule, p = OPERATIONS[name], 23
    net = periodic_solution(rule, p, draw_neurons(2000))
    table = rule.table(p)
    first, second = np.nonzero(table >= 0)
    assert np.array_equal(net.outputs(first, second).argmax(axis=1), table[first, second])


def test_the_mean_logit_is_one_at_the_answer_and_zero_elsewhere():
    p, width = 7, 4 * 7
    mean = np.zeros((p * p, p))
    first, second = np.divmod(np.arange(p * p), p)
    draws = 800
    for seed in range(draws):
        mean += periodic_solution(ADDITION, p, draw_neurons(width, seed)).outputs(first, second)
    truth = np.eye(p)[(first + second) % p]
    # Six standard errors of the mean; every logit has variance at most 17/16 · 4/N.
    assert np.abs(mean / draws - truth).max() <= 6 * np.sqrt(17 / 4 / width / draws)


@pytest.mark.parametrize(("p", "width"), [(5, 5), (5, 7), (8, 8), (9, 30)])
def test_the_expected_square_error_is_the_mean_over_phases(p, width):
    first, second = np.divmod(np.arange(p * p), p)
    truth = np.eye(p)[(first + second) % p]
    errors = []
    for seed in range(800):
        net = periodic_solution(ADDITION, p, draw_neurons(width, seed))
        errors.append(np.mean((net.outputs(first, second) - truth) ** 2))
    expected = expected_square_error(np.arange(1, width + 1), p)
    assert abs(np.mean(errors) - expected) <= 4 * np.std(errors) / np.sqrt(len(errors))


def test_the_expected_error_is_four_over_n_for_whole_rounds_of_frequencies():
    for p in (23, 97, 197):
        assert expected_square_error(np.arange(3 * p), p) == pytest.approx(
            4 / (3 * p) * (1 + 1 / (16 * p)), rel=1e-12
        )


@given(st.integers(2, 500), st.integers(0, 2000))
def test_the_error_bound_is_below_one_half_from_16_log_p_on(p, more):
    width = int(np.ceil(16 * np.log(p))) + more
    assert error_bound(width, p) <= 0.5
    # Φ(-x) ≤ exp(-x²/2)/2, and hardly less.
    assert error_bound(width, p) == pytest.approx((p - 1) * norm.sf(np.sqrt(width / 8)), rel=1e-9)


@pytest.mark.parametrize(
    ("convention", "cosine", "floor", "noise"),
    [(IprConvention.ONE_SIDED, 1.0, 1 / 49, 0.0404), (IprConvention.FULL, 0.5, 1 / 97, 0.0203)],
)
def test_both_conventions_have_their_known_values_at_p_97(convention, cosine, floor, noise):
    j = np.arange(97)
    assert ratio(np.cos(2 * np.pi * 5 * j / 97 + 0.3)[None], convention)[0] == pytest.approx(cosine)
    assert ratio(np.eye(97)[:1], convention)[0] == pytest.approx(floor)
    rows = np.random.default_rng(0).standard_normal((4000, 97))
    values = ratio(rows, convention)
    # Four standard errors, and half a unit of the last digit that the reference gives.
    assert abs(values.mean() - noise) <= 4 * values.std() / np.sqrt(4000) + 5e-5


@given(st.integers(2, 40), st.floats(1e-200, 1e200), st.integers(0, 100))
def test_ratios_lie_between_the_floor_and_one_and_ignore_scale_and_shift(p, scale, seed):
    row = np.random.default_rng(seed).standard_normal((1, p))
    for convention, least in (
        (IprConvention.ONE_SIDED, 1 / (p // 2 + 1)),
        (IprConvention.FULL, 1 / p),
    ):
        value = ratio(row, convention)[0]
        assert least * (1 - 1e-12) <= value <= 1 + 1e-12
        assert ratio(scale * row, convention)[0] == pytest.approx(value, rel=1e-9)
        assert ratio(np.roll(row, 1), convention)[0] == pytest.approx(value, rel=1e-9)


def test_each_of_the_three_weights_of_a_neuron_counts_for_a_third():
    p = 13
    wave, peak = np.cos(2 * np.pi * 3 * np.arange(p) / p), np.eye(p)[0]
    floor = 1 / (p // 2 + 1)
    waves = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]])
    u, v, w = (np.where(part[:, None], wave, peak) for part in waves.T)
    found = neuron_ipr(ModularWeights(u, v, w.T), ADDITION.basis(p)).values
    assert found == pytest.approx(floor + (1 - floor) * waves.mean(axis=1), rel=1e-12)


def test_collapsed_neurons_have_no_ratio_and_come_first():
    net = random_net()
    net.u[3] = 0
    net.w[:, 5] = 0
    net.v[7] *= 1e-9
    found = neuron_ipr(net, ADDITION.basis(13))
    assert found.collapsed == 3
    assert set(found.ascending()[:3]) == {3, 5, 7}
    # A net that shrinks as a whole keeps its ratios.
    small = ModularWeights(1e-30 * net.u, 1e-30 * net.v, 1e-30 * net.w)
    assert neuron_ipr(small, ADDITION.basis(13)).collapsed == 3
    assert np.isfinite(found.mean)
    dead = NeuronIpr(np.full(6, np.nan), IprConvention.FULL)
    assert np.isnan(dead.mean)
    with pytest.raises(ValueError, match="expected at least 4 positive ratios"):
        split_neurons(dead, np.random.default_rng(0))


def test_the_basis_of_the_operation_makes_products_periodic():
    rule = OPERATIONS["multiplication"]
    # Without the neuron for zero, which is no cosine.
    net = periodic_solution(rule, 23, draw_neurons(40))
    net = ModularWeights(net.u[:-1], net.v[:-1], net.w[:, :-1])
    assert neuron_ipr(net, rule.basis(23)).values == pytest.approx(1.0)
    assert neuron_ipr(net, ADDITION.basis(23)).mean < 0.4


@pytest.mark.parametrize("name", ["square-of-sum", "cube-of-sum"])
def test_classes_that_several_sums_share_are_read_once_for_each(name):
    rule = OPERATIONS[name]
    net = periodic_solution(rule, 23, draw_neurons(40))
    # Up to the class of zero, which one sum has and others two: one entry of W in 23.
    assert neuron_ipr(net, rule.basis(23)).values == pytest.approx(1.0, abs=1 / 23)


@pytest.mark.parametrize("name", ["addition", "subtraction", "multiplication", "sum-of-cubes"])
def test_harmonics_recover_the_frequencies_and_phases_of_the_closed_form(name):
    rule, p, width = OPERATIONS[name], 23, 10
    drawn = draw_neurons(width)
    net = periodic_solution(rule, p, drawn)
    found = harmonics(net, rule.basis(p))
    neurons = found.neurons(np.arange(net.width) < width)
    assert np.array_equal(neurons.frequencies, drawn.frequencies)
    assert np.exp(1j * neurons.phi) == pytest.approx(np.exp(1j * drawn.phi))
    assert np.abs(neurons.mismatch).max() <= 1e-12
    assert found.share[:, :width] == pytest.approx(1.0)


def test_secondary_peaks_are_found():
    p, j = 31, np.arange(31)
    row = np.cos(2 * np.pi * 9 * j / p) + 0.5 * np.cos(2 * np.pi * 18 * j / p + 1) + 7
    net = ModularWeights(row[None], row[None], row[:, None])
    found = harmonics(net, ADDITION.basis(p))
    # 18 periods are 31 - 18 = 13 of the one-sided transform.
    assert found.frequencies[:, 0].tolist() == [9] * 3
    assert found.secondary[:, 0].tolist() == [13] * 3
    assert found.doubled.all()
    assert found.share[0, 0] == pytest.approx(0.8)
    assert found.secondary_share[0, 0] == pytest.approx(0.2)


def test_the_mixture_recovers_two_groups_and_their_threshold():
    rng = np.random.default_rng(0)
    groups = np.exp(rng.normal(-3, 0.3, 700)), np.exp(rng.normal(-0.5, 0.3, 300))
    fit = fit_mixtures(np.concatenate(groups)[None])
    # Four standard errors of a mean, of a share and of a spread.
    assert fit.means[0] == pytest.approx([-3, -0.5], abs=4 * 0.3 / np.sqrt(300))
    assert fit.upper[0] == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 1000))
    assert fit.spread[0] == pytest.approx(0.3, abs=4 * 0.3 / np.sqrt(2000))
    assert fit.preference[0] > 0
    densities = norm.pdf(np.log(fit.thresholds[0]), fit.means[0], fit.spread[0])
    shares = 1 - fit.upper[0], fit.upper[0]
    assert shares[0] * densities[0] == pytest.approx(shares[1] * densities[1], rel=1e-9)


def test_the_mixture_is_a_stationary_point_of_the_likelihood():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(-2, 0.5, 60), rng.normal(-0.5, 0.5, 90)])
    fit = fit_mixtures(np.exp(x)[None])

    def likelihood(upper, low, high, spread):
        first = (1 - upper) * norm.pdf(x, low, spread)
        return np.log(first + upper * norm.pdf(x, high, spread)).sum()

    found = np.array([fit.upper[0], *fit.means[0], fit.spread[0]])
    assert likelihood(*found) == pytest.approx(fit.log_likelihood[0], rel=1e-12)
    for direction in np.eye(4) * 0.02:
        # The fit stops where a pass gains less than 1e-7 a value.
        for sign in (-1, 1):
            assert likelihood(*(found + sign * direction)) <= fit.log_likelihood[0] + 1e-4


def test_one_group_is_not_split_by_preference():
    values = np.exp(np.random.default_rng(1).normal(-1, 0.3, (20, 400)))
    assert np.mean(fit_mixtures(values).preference > 0) <= 0.2


def test_bootstrap_intervals_hold_the_estimate_and_shrink_with_the_sample():
    widths = []
    for size in (50, 800):
        rng = np.random.default_rng(2)
        values = np.exp(np.concatenate([rng.normal(-3, 0.3, size), rng.normal(-1, 0.3, size)]))
        split = split_neurons(NeuronIpr(values, IprConvention.ONE_SIDED), rng)
        assert split.threshold.low <= split.threshold.value <= split.threshold.high
        assert abs(split.memorising - size) <= 2
        widths.append(split.threshold.high - split.threshold.low)
    assert widths[1] < widths[0]


def test_the_rank_correlation_is_spearmans():
    rng = np.random.default_rng(3)
    x = rng.standard_normal(200).round(1)
    y = x + rng.standard_normal(200)
    found = rank_correlation(x, y, rng)
    assert found.value == pytest.approx(spearmanr(x, y).statistic, rel=1e-12)
    assert found.low < found.value < found.high
    apart = rank_correlation(x, rng.permutation(y), rng)
    assert apart.low < 0 < apart.high


def forward(net, data, group):
    """Return the accuracy of a net on a group by its own forward pass; no tie is right."""
    logits = net.outputs(data.first[group], data.second[group])
    each, labels = np.arange(len(group)), data.labels[group]
    answer = logits[each, labels]
    logits[each, labels] = -np.inf
    return np.mean(answer > logits.max(axis=1))


def without(net, removed):
    """Return the net without some neurons."""
    u, v, w = net.u.copy(), net.v.copy(), net.w.copy()
    u[removed], v[removed], w[:, removed] = 0, 0, 0
    return replace(net, u=u, v=v, w=w)


@pytest.mark.parametrize("kind", [None, *NormKind])
def test_a_pruning_curve_is_the_pruned_nets_own_forward_pass(kind):
    p, width = 13, 40
    rng = np.random.default_rng(4)
    statistics = rng.uniform(0.5, 2, (2 if kind is NormKind.LAYER else 4, width))
    normalisation = None if kind is None else Normalisation(kind, *statistics)
    net = random_net(p, width, prefactor=0.3, normalisation=normalisation)
    # Some neurons that solve the task, so that all accuracies move.
    solution = periodic_solution(ADDITION, p, draw_neurons(width))
    net = replace(net, **{k: getattr(net, k) / 3 + 2 * getattr(solution, k) for k in "uvw"})
    data = CorruptedTask(p=p, corruption=0.3, seed=1).draw()
    order = rng.permutation(width)
    curve = prune(net, data, order)
    assert curve.pruned.tolist() == list(range(width + 1))
    for count in range(width + 1):
        pruned = without(net, order[:count])
        for name in ("train", "test", "corrupted", "uncorrupted"):
            expected = forward(pruned, data, getattr(data, name))
            assert getattr(curve, name)[count] == pytest.approx(expected, abs=1e-12)
    coarse = prune(net, data, order, np.array([0, 7, 33, width]))
    assert np.array_equal(coarse.test, curve.test[[0, 7, 33, width]])


def test_a_pruning_curve_evaluates_the_hidden_layer_once_a_pair(monkeypatch):
    seen = []
    hidden = ModularWeights.hidden
    monkeypatch.setattr(
        ModularWeights, "hidden", lambda net, a, b: seen.append(len(a)) or hidden(net, a, b)
    )
    data = CorruptedTask(p=13, corruption=0.3).draw()
    prune(random_net(), data, np.arange(20))
    assert sum(seen) == 13 * 13


def test_pruning_studies_have_a_band_around_their_mean():
    net, data = random_net(width=40), CorruptedTask(p=13, corruption=0.3).draw()
    ipr = neuron_ipr(net, ADDITION.basis(13))
    study = study_pruning(net, data, ipr, np.random.default_rng(0), draws=20, points=10)
    assert study.low_first.fraction.size == 41
    assert study.random.pruned.tolist() == list(range(0, 41, 4))
    assert (study.low.test <= study.random.test + 1e-12).all()
    assert (study.random.test <= study.high.test + 1e-12).all()
    assert study.low.test[0] == study.high.test[0] == study.low_first.test[0]


def test_pruning_refuses_what_is_no_order():
    net, data = random_net(), CorruptedTask(p=13, corruption=0.3).draw()
    with pytest.raises(ValueError, match="each of 0 to 19 once: pass a permutation"):
        prune(net, data, np.zeros(20, dtype=int))
    for counts in ([3, 2], [0, 21], []):
        with pytest.raises(ValueError, match="ascending ones from 0 to 20: sort them"):
            prune(net, data, np.arange(20), np.array(counts, dtype=int))


def test_groups_without_pairs_have_no_accuracy():
    data = CorruptedTask(p=13, corruption=0.0).draw()
    curve = prune(random_net(), data, np.arange(20))
    assert np.isnan(curve.corrupted).all()
    assert np.isfinite(curve.train).all()


@pytest.mark.parametrize(
    ("train", "test", "corruption", "expected"),
    [
        (0.98, 0.98, 0.35, Phase.COEXISTENCE),
        (0.77, 1.0, 0.35, Phase.PARTIAL_INVERSION),
        (0.705, 1.0, 0.35, Phase.PARTIAL_INVERSION),
        (0.653, 1.0, 0.35, Phase.FULL_INVERSION),
        (0.91, 0.5, 0.35, Phase.MEMORIZATION),
        (0.5, 0.5, 0.35, Phase.CONFUSION),
        (0.901, 1.0, 0.1, Phase.COEXISTENCE),
        (0.89, 1.0, 0.1, Phase.FULL_INVERSION),
    ],
)
def test_phases_follow_the_table(train, test, corruption, expected):
    ends = np.array([0.1, train]), np.array([0.0, test]), np.array([1.0, 5.0])
    assert phase(*ends, corruption) is expected


def test_forgetting_needs_grokking_before_and_a_collapse_of_the_norm():
    train, norms = np.array([0.1, 0.65, 0.01]), np.array([5.0, 20.0, 0.01])
    grokked, never = np.array([0.0, 1.0, 0.01]), np.array([0.0, 0.5, 0.01])
    assert phase(train, grokked, norms, 0.35) is Phase.FORGETTING
    assert phase(train, never, norms, 0.35) is Phase.CONFUSION
    assert phase(train, grokked, np.full(3, 5.0), 0.35) is Phase.CONFUSION


def test_a_collapse_of_the_norm_is_judged_by_the_last_time_of_grokking():
    train, test = np.array([0.1, 0.6, 0.6, 0.01]), np.array([0.0, 1.0, 1.0, 0.01])
    # Weights that shrank while the net still answered have not collapsed afterwards.
    assert phase(train, test, np.array([5.0, 20.0, 4.0, 3.0]), 0.35) is Phase.CONFUSION
    assert phase(train, test, np.array([5.0, 4.0, 20.0, 3.0]), 0.35) is Phase.FORGETTING


def test_a_net_with_strong_weight_decay_groks_and_then_forgets():
    data = CorruptedTask(p=47, fraction=0.75, corruption=0.1).draw()
    cell = ModularCell(data=data, weight_decay=22.0)
    found = ModularTraining(width=200).run(cell, every_steps(700, 20))
    assert found.test.max() >= 0.99
    assert phase(found.train, found.test, found.norms, 0.1) is Phase.FORGETTING
    early = slice(found.steps.searchsorted(200))
    accuracies = found.train[early], found.test[early], found.norms[early]
    assert phase(*accuracies, 0.1) is Phase.COEXISTENCE


def test_inverted_accuracy_is_what_a_true_net_gets_on_corrupted_labels():
    p, corruption = 97, 0.35
    data = CorruptedTask(p=p, corruption=corruption).draw()
    right = np.mean(data.labels[data.train] == data.truth[data.train])
    count = len(data.corrupted)
    # Four standard deviations of the number of labels that happen to be true.
    spread = 4 * np.sqrt(count / p) / len(data.train)
    assert abs(right - inverted_accuracy(corruption, p)) <= spread + 1 / len(data.train)


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(ValueError, match="p is 9 for multiplication, expected a prime"):
        periodic_solution(OPERATIONS["multiplication"], 9, draw_neurons(4))
    with pytest.raises(ValueError, match="width is 0, expected at least 1: choose a larger one"):
        unit_amplitude(0)
    with pytest.raises(ValueError, match="expected 0 to 1: choose another corruption"):
        phase(*np.ones((3, 1)), 2.0)
    with pytest.raises(ValueError, match="expected as many of each and at least one"):
        phase(np.ones(2), np.ones(1), np.ones(1), 0.1)
    with pytest.raises(ValueError, match="expected at least 3: leave out collapsed"):
        rank_correlation(np.ones(2), np.ones(2), np.random.default_rng(0))
