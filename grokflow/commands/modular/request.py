"""What the actions of ``grokflow modular`` share: data, net, training, and their description."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch

from grokflow.progress import bar
from grokflow.simulations.modular.data import CorruptedTask
from grokflow.simulations.modular.rule import IprRecord, ModularCell, ModularOptimizer, ModularStart
from grokflow.simulations.modular.tensor_program import ModularLoss
from grokflow.simulations.modular.training import ModularTraining
from grokflow.simulations.modular.trajectory import ModularTrajectory
from grokflow.simulations.runs.checkpoint import Checkpoint
from grokflow.simulations.runs.steps import every_steps
from grokflow.theory.modular.net import ModularActivation, ModularWeights, NormKind
from grokflow.theory.modular.operations import Basis, operation
from grokflow.theory.modular.participation import IprConvention, NeuronIpr, neuron_ipr


@dataclass(frozen=True)
class ModularRequest:
    """A net, what it learns, how it is trained, and of what its neurons are judged."""

    task: CorruptedTask
    cell: ModularCell
    method: ModularTraining
    convention: IprConvention
    checkpoint: Checkpoint | None
    steps: int
    every: int

    def train(self) -> ModularTrajectory:
        """Train, with a progress bar."""
        with bar() as show:
            return self.method.run(
                self.cell,
                every_steps(self.steps, self.every),
                ipr=IprRecord(self.basis, self.convention),
                checkpoint=self.checkpoint,
                progress=lambda fraction: show("training", fraction),
            )

    def settings(self, found: ModularTrajectory) -> dict[str, object]:
        """Return what reproduces a training, with the steps between two records."""
        return dict(found.settings) | {"every": self.every}

    @property
    def basis(self) -> Basis:
        """The order of residues in which the operation is an addition."""
        return self.task.operation.basis(self.task.p)

    def neurons(self, weights: ModularWeights) -> NeuronIpr:
        """Return the ratios of the neurons in the operation's own basis."""
        return neuron_ipr(weights, self.basis, self.convention)

    def caveat(self) -> list[str]:
        """Return a line on rules whose neurons need not be periodic, none for the others."""
        if self.basis.own:
            return []
        return [
            f"{self.task.operation.name} mod {self.task.p} has no order of m and n in which it is "
            "an addition: IPR and frequencies are of raw indices, where neurons that learned it "
            "need not be periodic"
        ]

    def describe(self) -> str:
        """Return one line that says what is trained."""
        task, data, cell, method = self.task, self.cell.data, self.cell, self.method
        kinds = [
            f"{task.operation.name} mod {task.p} ({len(data.train)} of {len(data.first)} pairs, "
            f"{len(data.corrupted)} corrupted)",
            f"{method.width} {method.activation.value} neurons",
            f"{method.optimizer.value}, lr {method.lr:g}",
            f"weight decay {cell.weight_decay:g}",
        ]
        if cell.dropout:
            kinds.append(f"dropout {cell.dropout:g}")
        if method.normalisation:
            kinds.append(f"{method.normalisation.value} normalisation")
        return ", ".join(kinds)


def read(arguments: argparse.Namespace) -> ModularRequest:
    """Return what was asked for.

    Raises
    ------
    ValueError
        For settings that mean nothing.
    """
    task = CorruptedTask(
        p=arguments.p,
        operation=operation(arguments.operation),
        fraction=arguments.fraction,
        corruption=arguments.corruption,
        with_truth=not arguments.without_truth,
        seed=arguments.seed,
    )
    method = method_of(arguments)
    task.operation.basis(task.p)  # refused before the work, not after it
    cell = ModularCell(
        data=task.draw(),
        weight_decay=arguments.weight_decay,
        dropout=arguments.dropout,
        seed=arguments.seed,
    )
    checkpoint = Checkpoint(arguments.checkpoint) if arguments.checkpoint else None
    return ModularRequest(
        task,
        cell,
        method,
        IprConvention(arguments.ipr),
        checkpoint,
        arguments.steps,
        arguments.every,
    )


def method_of(arguments: argparse.Namespace) -> ModularTraining:
    """Return net and method; ValueError for settings that mean nothing."""
    return ModularTraining(
        width=arguments.width,
        lr=arguments.lr,
        activation=ModularActivation(arguments.activation),
        normalisation=NormKind(arguments.norm) if arguments.norm else None,
        loss=ModularLoss(arguments.loss),
        batch=arguments.batch,
        optimizer=ModularOptimizer(arguments.optimizer),
        start=ModularStart(arguments.start),
        dtype=torch.float64 if arguments.double else torch.float32,
        device=arguments.device,
    )
