"""Training on corrupted labels: gradients, limits, resumption."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from grokflow.simulations.modular.data import CorruptedTask
from grokflow.simulations.modular.dropout import Dropout
from grokflow.simulations.modular.pairs import Pairs
from grokflow.simulations.modular.rule import ModularCell, ModularOptimizer, ModularStart
from grokflow.simulations.modular.tensor_program import Architecture, ModularCells, ModularLoss
from grokflow.simulations.modular.training import ModularTraining, groups
from grokflow.simulations.modular.trajectory import ModularTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.steps import every_steps
from grokflow.simulations.runs.stopping import Interrupted, Stopped
from grokflow.theory.modular.net import ModularActivation, ModularWeights, Normalisation, NormKind
from grokflow.theory.modular.operations import operation

RNG = np.random.default_rng(0)
DATA = CorruptedTask(p=7, corruption=0.3).draw()


def _cells(shape, count=2):
    rngs = [np.random.default_rng([4, i]) for i in range(count)]
    cells = ModularCells(shape, rngs, [1.0] * count, torch.float64, "cpu")
    for part in cells.parts[2:]:  # not the start: every slope must matter
        part += torch.from_numpy(0.3 * RNG.standard_normal(tuple(part.shape)))
    return cells


def _reference(shape, parts, pairs, keep):
    """Return the mean loss summed over cells, by one-hot products and torch's own functions."""
    p = shape.p
    rows = torch.nn.functional.one_hot(pairs.rows.view(2, -1, 2) % (2 * p), 2 * p)
    x = torch.bmm(rows.sum(2).double(), parts[0]) * keep
    h = torch.relu(x) if shape.activation is ModularActivation.RELU else x**shape.activation.degree
    total = torch.zeros((), dtype=torch.float64)
    for cell in range(2):
        g = h[cell]
        if shape.normalisation is NormKind.BATCH:
            g = torch.nn.functional.batch_norm(
                g, None, None, parts[2][cell], parts[3][cell], training=True
            )
        elif shape.normalisation is NormKind.LAYER:
            g = torch.nn.functional.layer_norm(g, (shape.width,), parts[2][cell], parts[3][cell])
        f = shape.prefactor * g @ parts[1][cell].T
        labels = pairs.labels[cell]
        if shape.loss is ModularLoss.CROSS_ENTROPY:
            total = total + torch.nn.functional.cross_entropy(f, labels)
        else:
            target = torch.nn.functional.one_hot(labels, p).double()
            total = total + torch.nn.functional.mse_loss(f, target)
    return total


@pytest.mark.parametrize(
    ("activation", "normalisation", "loss", "dropout"),
    list(product(ModularActivation, [None, *NormKind], ModularLoss, [False, True])),
)
def test_the_gradient_is_that_of_automatic_differentiation(
    activation, normalisation, loss, dropout
):
    shape = Architecture(
        p=7,
        width=12,
        activation=activation,
        normalisation=normalisation,
        loss=loss,
        prefactor=0.7,
        deviation=0.8,
    )
    cells = _cells(shape)
    draw = torch.from_numpy(RNG.integers(0, 7, size=(3, 2, 20)))
    pairs = Pairs.of(*draw, 7)
    seeds = np.random.SeedSequence(5).spawn(2)
    draws = [Dropout([0.3, 0.0], seeds, 12, torch.float64, "cpu") for _ in range(2)]
    whole = draws[0].factors(pairs.blocks(1000)[0])
    assert set(np.unique(whole[0])) == {0.0, 1 / (1 - 0.3)} and set(np.unique(whole[1])) == {1.0}
    cells.block = 8  # blocks of parts of cells
    cells.differentiate(pairs, draws[1] if dropout else None)
    parts = [part.clone().requires_grad_() for part in cells.parts]
    ones = torch.ones(2, 20, 12, dtype=torch.float64)
    slopes = torch.autograd.grad(_reference(shape, parts, pairs, whole if dropout else ones), parts)
    for found, expected in zip(cells.slopes, slopes, strict=True):
        size = float(expected.abs().max())
        # Sums of at most 20 · 12 terms, divided by deviations of at least sqrt(1e-5) ≈ 3e-3.
        assert float((found - expected).abs().max()) <= 100 * 2.3e-16 * 240**0.5 * max(size, 1e-3)


def test_evaluation_is_that_of_the_weights_that_are_returned():
    data = CorruptedTask(p=7, corruption=0.3).draw()
    for kind in (None, *NormKind):
        method = ModularTraining(width=9, normalisation=kind, dtype=torch.float64, lr=0.1)
        result = method.run(ModularCell(data=data, weight_decay=1.0), np.array([0, 3]))
        f = result.weights.outputs(data.first, data.second)
        squares = ((f - np.eye(7)[data.labels]) ** 2).mean(axis=1)
        hits = f.argmax(axis=1) == data.labels
        for name in ("train", "test", "corrupted", "uncorrupted"):
            rows = getattr(data, name)
            assert getattr(result, name)[-1] == hits[rows].mean()
            loss = getattr(result, f"{name}_loss")[-1]
            assert abs(loss - squares[rows].mean()) <= 100 * 2.3e-16 * squares.max() * 10
        weights = result.weights
        size = np.sqrt(sum((x**2).sum() for x in (weights.u, weights.v, weights.w)))
        assert abs(result.norms[-1] - size) <= 1e-14 * size


def _torch_run(data, method, cell):
    """Train with torch.optim.AdamW and one-hot products; return u, v, w."""
    start = method.run(ModularCell(data=data, seed=cell.seed), np.array([0])).weights
    u, v, w = (torch.from_numpy(x).clone().requires_grad_() for x in (start.u, start.v, start.w))
    optimizer = torch.optim.AdamW(
        [u, v, w], lr=method.lr, betas=(0.9, 0.98), weight_decay=cell.weight_decay
    )
    eye = torch.eye(data.p, dtype=torch.float64)
    first, second = eye[data.first[data.train]], eye[data.second[data.train]]
    target = eye[data.labels[data.train]]
    for _ in range(20):
        optimizer.zero_grad()
        f = (first @ u.T + second @ v.T) ** 2 @ w.T
        torch.nn.functional.mse_loss(f, target).backward()
        optimizer.step()
    return u.detach().numpy(), v.detach().numpy(), w.detach().numpy()


def test_steps_are_those_of_adamw_with_decoupled_decay():
    data = CorruptedTask(p=7, corruption=0.3).draw()
    method = ModularTraining(width=9, dtype=torch.float64)
    cell = ModularCell(data=data, weight_decay=5.0, seed=3)
    expected = _torch_run(data, method, cell)
    found = method.run(cell, np.array([20])).weights
    for name, value in zip("uvw", expected, strict=True):
        # Twenty steps of size lr; rounding enters each through m / sqrt(v).
        assert np.abs(getattr(found, name) - value).max() <= 20 * 0.01 * 1e-8


def test_plain_descent_in_gromovs_parametrisation():
    data = CorruptedTask(p=7).draw()
    method = ModularTraining(
        width=9,
        lr=2.0,
        optimizer=ModularOptimizer.GD,
        start=ModularStart.GROMOV,
        dtype=torch.float64,
    )
    result = method.run(ModularCell(data=data), np.array([0, 1]), snapshots=[0, 1])
    start = result.snapshots[0]
    assert start.prefactor == 1 / (2 * 7 * 9)
    assert 0.8 < np.std(np.r_[start.u.ravel(), start.v.ravel(), start.w.ravel()]) < 1.2
    rows = data.train
    h = start.hidden(data.first[rows], data.second[rows])
    f = start.outputs(data.first[rows], data.second[rows])
    error = 2 * (f - np.eye(7)[data.labels[rows]]) / f.size
    slope = start.prefactor * error.T @ h
    assert np.abs(result.snapshots[1].w - (start.w - 2.0 * slope)).max() < 1e-15


def test_cells_trained_together_are_the_cells_trained_alone():
    data = [CorruptedTask(p=7, corruption=xi, seed=1).draw() for xi in (0.0, 0.4)]
    cells = [
        ModularCell(data=d, weight_decay=wd, dropout=drop, seed=seed)
        for seed, (d, wd, drop) in enumerate(product(data, (0.0, 3.0), (0.0, 0.4)))
    ]
    for batch in (None, 10):
        method = ModularTraining(width=6, batch=batch, dtype=torch.float64)
        together = method.run_cells(cells, every_steps(15, 4))
        for cell, found in zip(cells, together, strict=True):
            alone = method.run(cell, every_steps(15, 4))
            assert np.array_equal(found.steps, [0, 4, 8, 12, 15])
            assert np.abs(found.weights.u - alone.weights.u).max() <= 15 * 0.01 * 1e-8
            assert np.allclose(found.test_loss, alone.test_loss, rtol=1e-8)


def test_groups_are_of_equal_sizes():
    half, most = (CorruptedTask(p=7, fraction=share).draw() for share in (0.5, 0.8))
    cells = [ModularCell(data=d) for d in (half, most, half)]
    assert groups(cells) == [[0, 2], [1]]
    with pytest.raises(ValueError, match="split them with groups"):
        ModularTraining(width=3).run_cells(cells, np.array([1]))


def test_dropout_before_the_square_scales_training_outputs():
    pairs = Pairs.of(*torch.zeros(3, 1, 24, dtype=torch.int64), 7)
    dropout = Dropout([0.3], [np.random.SeedSequence(0)], 4000, torch.float64, "cpu")
    keep = dropout.factors(pairs.blocks(100)[0]).numpy()
    assert abs(keep.mean() - 1) < 6 * np.sqrt(0.3 / 0.7 / keep.size)
    assert abs((keep**2).mean() - 1 / 0.7) < 6 * np.sqrt(0.3 / 0.7**3 / keep.size)


@pytest.mark.parametrize("normalisation", [None, NormKind.BATCH])
def test_a_run_that_is_resumed_is_bit_for_bit_the_run_that_was_not(tmp_path, normalisation):
    data = CorruptedTask(p=7, corruption=0.3).draw()
    cells = [ModularCell(data=data, dropout=0.2, weight_decay=1.0, seed=s) for s in (0, 1)]
    method = ModularTraining(width=6, batch=10, normalisation=normalisation)
    whole = method.run_cells(cells, every_steps(33, 5), snapshots=[7, 20])
    checkpoint = Checkpoint(tmp_path / "run.pt")
    for steps in (21, 27, 33):
        parts = method.run_cells(
            cells, every_steps(steps, 5), snapshots=[7, 20], checkpoint=checkpoint
        )
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one.weights.u, other.weights.u)
        assert np.array_equal(one.weights.w, other.weights.w)
        assert np.array_equal(one.snapshots[7].v, other.snapshots[7].v)
        shared = np.isin(other.steps, one.steps)
        assert np.array_equal(other.test_loss[shared], one.test_loss)
    with pytest.raises(ValueError, match="run with lr"):
        replace(method, lr=0.02).run_cells(cells, every_steps(33, 5), checkpoint=checkpoint)
    other = [replace(cell, data=CorruptedTask(p=7, seed=9).draw()) for cell in cells]
    with pytest.raises(ValueError, match="run with cells"):
        method.run_cells(other, every_steps(33, 5), checkpoint=checkpoint)
    with pytest.raises(ValueError, match="ask for a later end"):
        method.run_cells(cells, np.array([5]), checkpoint=checkpoint)


def test_an_interrupted_run_keeps_its_last_record(tmp_path):
    data = CorruptedTask(p=7, corruption=0.3).draw()
    method, times = ModularTraining(width=6), every_steps(30, 5)
    checkpoint = Checkpoint(tmp_path / "run.pt")

    def interrupt(fraction):
        if fraction >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        method.run(ModularCell(data=data), times, checkpoint=checkpoint, progress=interrupt)
    assert caught.value.trajectory.steps.tolist() == [0, 5, 10, 15]
    resumed = method.run(ModularCell(data=data), times, checkpoint=checkpoint)
    whole = method.run(ModularCell(data=data), times)
    assert np.array_equal(resumed.weights.u, whole.weights.u)
    assert np.array_equal(resumed.test_loss[:4], caught.value.trajectory.test_loss)


def _trajectory(steps, test, corrupted):
    """Return a trajectory of p = 10 with given curves."""
    p, flat = 10, np.zeros(len(steps))
    weights = ModularWeights(np.ones((3, p)), np.ones((3, p)), np.ones((p, 3)))
    rest = dict.fromkeys(
        ("train", "uncorrupted", "train_loss", "test_loss", "corrupted_loss", "uncorrupted_loss"),
        flat,
    )
    return ModularTrajectory(
        steps=steps,
        lambda_t=flat,
        test=test,
        corrupted=corrupted,
        norms=flat,
        weights=weights,
        **rest,
    )


def test_both_stages_are_read_off_their_curves():
    steps = np.arange(0, 401, 10)
    test = np.interp(steps, [100, 200], [0.1, 1.0])
    corrupted = np.interp(steps, [0, 50, 150, 350], [0.1, 0.9, 0.9, 0.1])
    found = _trajectory(steps, test, corrupted)
    grokking, unlearning = found.grokking(), found.unlearning()
    assert abs(grokking.step - 150) < 1e-9 and abs(grokking.width - 50) < 1e-9
    assert abs(unlearning.step - 250) < 1e-9 and abs(unlearning.width - 100) < 1e-9
    first, second = found.stages(level=0.1)
    assert np.allclose([*first, *second], [110, 190, 170, 330])
    assert abs(found.overlap(level=0.1) - 20) < 1e-9


def test_a_stage_that_does_not_take_place_has_no_time():
    steps = np.arange(0, 401, 10)
    flat = np.full(len(steps), 0.1)
    found = _trajectory(steps, flat, np.full(len(steps), np.nan))
    times = (*found.grokking(), *found.unlearning(), found.overlap())
    assert np.isnan(times).all()
    grokked = _trajectory(steps, np.interp(steps, [100, 200], [0.1, 1.0]), flat)
    assert np.isfinite(grokked.grokking()).all() and np.isnan(grokked.overlap())


def test_small_nets_memorise_and_big_decay_forgets():
    data = CorruptedTask(p=11, corruption=0.3).draw()
    method = ModularTraining(width=200)
    plain, decayed = method.run_cells(
        [ModularCell(data=data, weight_decay=wd) for wd in (0.0, 60.0)], every_steps(150, 10)
    )
    assert plain.train[-1] == plain.corrupted[-1] == 1.0
    assert decayed.norms[-1] < 0.1 * plain.norms[-1]
    assert decayed.train[-1] < 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: operation("power"), "operation 'power' found, expected one of"),
        (lambda: operation("division").table(12), "p is 12 for division, expected a prime"),
        (lambda: operation("multiplication").basis(9), "expected a prime"),
        (lambda: operation("division").basis(9), "p is 9 for division, expected a prime"),
        (lambda: operation("addition").table(1), "p is 1, expected at least 2"),
        (lambda: CorruptedTask(fraction=1.5), "fraction is 1.5, expected 0 to 1"),
        (lambda: CorruptedTask(corruption=-0.1), "corruption is -0.1, expected 0 to 1"),
        (lambda: CorruptedTask(p=7, fraction=1.0).draw(), "leaves 49 to train on and 0 to test"),
        (lambda: CorruptedTask(p=7, fraction=0.0).draw(), "leaves 0 to train on"),
        (lambda: ModularTraining(width=0), "width is 0, expected at least 1"),
        (lambda: ModularTraining(lr=0.0), "lr is 0, expected a finite number above 0"),
        (
            lambda: ModularTraining(lr=0.1).run(
                ModularCell(data=DATA, weight_decay=15.0), np.array([1])
            ),
            "lr·weight_decay is 1.5, expected below 1",
        ),
        (
            lambda: ModularTraining().run(ModularCell(data=DATA), np.array([5]), snapshots=[6]),
            r"snapshots after steps \[6\] found, expected 0 to 5",
        ),
        (lambda: ModularTraining(dtype=torch.float16), "expected float32 or float64"),
        (lambda: ModularCell(data=DATA, dropout=1.0), "dropout is 1.0, expected 0 to below 1"),
        (
            lambda: ModularCell(data=DATA, alpha=0.0),
            "alpha is 0.0, expected a finite number above 0",
        ),
        (lambda: ModularCell(data=DATA, weight_decay=-1.0), "weight_decay is -1.0"),
        (
            lambda: ModularWeights(np.zeros((0, 5)), np.zeros((0, 5)), np.zeros((5, 0))),
            "N at least 1",
        ),
        (lambda: Normalisation(NormKind.BATCH, np.ones(3), np.zeros(3)), "missing for batch"),
    ],
)
def test_what_means_nothing_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value) and ":" in str(caught.value)


def test_divergence_says_what_to_change():
    data = CorruptedTask(p=7).draw()
    method = ModularTraining(width=6, lr=1e30, optimizer=ModularOptimizer.GD)
    with pytest.raises(Stopped, match="lower lr") as caught:
        method.run(ModularCell(data=data), every_steps(40, 10))
    assert caught.value.trajectory.steps.tolist() == [0]
