"""The report: one self-contained HTML page, and the same table for the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jinja2
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from grokflow.figures.curves import draw
from grokflow.figures.diagonal import collapse
from grokflow.figures.modular import curves as modular_curves
from grokflow.figures.modular import neurons, pruning
from grokflow.figures.modular import report_panels as corrupted
from grokflow.figures.nets import scales as figure_2
from grokflow.figures.nets import weight_decays
from grokflow.figures.style import save, to_svg
from grokflow.proofs_check.completion.experiments import FIGURE_3, CompletionExperiment, figure_3
from grokflow.proofs_check.diagonal.experiments import (
    COLLAPSE_SCORES,
    COLLAPSES,
    FIGURE_1_LAM,
    FLOW_A,
    FLOW_B,
    FORECASTS,
    DiagonalExperiment,
    figure_1,
)
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.modular.experiments import trainings
from grokflow.proofs_check.nets.figure_2_experiments import (
    ADDITIONS,
    modular_decays,
    modular_scales,
)
from grokflow.proofs_check.outcome import ClaimOutcome, row_of, said_of_seeds, summarise
from grokflow.proofs_check.scope import statements
from grokflow.simulations.models.completion import completion_forecast, completion_picture
from grokflow.simulations.models.diagonal import diagonal_forecast
from grokflow.simulations.models.picture import Picture, picture_of
from grokflow.simulations.runs.files import versions, write_whole


@dataclass(frozen=True)
class Panel:
    """A figure of the report with its words."""

    name: str
    title: str
    caption: str
    figure: Figure


# What the panels take from the laboratory: run beside the claims when there are several processes.
PANEL_EXPERIMENTS = (
    FLOW_A,
    FLOW_B,
    *FORECASTS,
    *COLLAPSES.values(),
    *COLLAPSE_SCORES,
    *ADDITIONS,
    FIGURE_3,
    *trainings(*corrupted.REGIMES),
)


def panels(laboratory: Laboratory) -> list[Panel]:
    """Draw Figures 1a, 1b, 2b, 2c, 3 and the collapse, from the laboratory's experiments."""
    first, second = figure_1(laboratory, "a"), figure_1(laboratory, "b")
    grokking = _picture(first, "Figure 1a: n = 256, d = 100 000, 3-sparse labels")
    misgrokking = _picture(second, "Figure 1b: n = 32, d = 100 000, dense direction, γ = 25")
    shared, third = collapse.data(laboratory), figure_3(laboratory)
    filled = completion_picture(
        third.trajectory,
        completion_forecast(third.forecast),
        f"Figure 3: d = {third.problem.d}, {third.problem.n} entries of a matrix of rank 1",
    )
    return [
        Panel("figure-1a", "Grokking", _caption(first), draw(grokking)),
        Panel("figure-1b", "Misgrokking", _caption(second), draw(misgrokking)),
        Panel(
            "collapse",
            "Collapse",
            "After the data are fitted, the state depends on α and t only through α e^(−λt): "
            f"curves for {len(shared.accuracy)} scales lie on top of each other, and the "
            f"quasi-static path puts the crossing at {shared.predicted:.2f} before any of them "
            "is simulated.",
            collapse.draw(shared),
        ),
        *_addition_panels(laboratory),
        Panel("figure-3", "Matrix completion", _completion_caption(third), draw(filled)),
        *_corrupted_panels(laboratory),
    ]


def _picture(experiment: DiagonalExperiment, title: str) -> Picture:
    """Return the curves of an experiment on a diagonal net, with what was predicted."""
    forecast = diagonal_forecast(experiment.forecast)
    return picture_of(experiment.flow.trajectory, forecast, title)


def _addition_panels(laboratory: Laboratory) -> list[Panel]:
    """Draw modular addition from three scales of the start, and at four weight decays."""
    scales = modular_scales(laboratory)
    shown = figure_2.data(scales)
    title = f"Figure 2c: {figure_2.title(scales.addition)}"
    decays = weight_decays.data(modular_decays(laboratory), title)
    return [
        Panel(
            "figure-2b",
            "Scales of the start",
            figure_2.caption(shown, scales),
            figure_2.draw(shown),
        ),
        Panel(
            "figure-2c",
            "Weight decays",
            weight_decays.caption(decays),
            weight_decays.draw(decays),
        ),
    ]


def _corrupted_panels(laboratory: Laboratory) -> list[Panel]:
    """Draw both stages, pruning and neurons of nets that learn with wrong labels."""
    shown = corrupted.data(laboratory)
    return [
        Panel(
            "corrupted-stages",
            "Wrong labels: two stages",
            "With weight decay a net first memorises every label, then learns the rule, and then "
            "unlearns the wrong labels: training accuracy falls to that of the true answers.",
            modular_curves.draw(shown.stages),
        ),
        Panel(
            "corrupted-pruning",
            "Wrong labels: pruning",
            "Without a regulariser, neurons of low inverse participation ratio hold the wrong "
            "labels, and the others the rule. Removing as many at random costs both.",
            pruning.draw(shown.pruning),
        ),
        Panel(
            "corrupted-neurons",
            "Wrong labels: neurons",
            "Weight decay leaves almost no memorising neurons, dropout a part of them. BatchNorm "
            "leaves them, and gives them small factors γ.",
            neurons.draw(*shown.neurons),
        ),
    ]


def _caption(experiment: DiagonalExperiment) -> str:
    """Say what was predicted, what was simulated, and what it cost."""
    prediction, work = experiment.forecast, experiment.flow.trajectory.work
    early, late = 100 * (1 - prediction.scores.error[:2])
    verb = ("rises" if late > early else "falls") if prediction.kind.is_visible else "stays"
    return (
        f"Test accuracy {verb} from {early:.1f} % at the {prediction.early.name} "
        f"predictor to {late:.1f} % at the {prediction.late.name} one. The transition is predicted "
        f"at λt* = {prediction.transition.lambda_t:.2f} and simulated at "
        f"{experiment.transition.lambda_t:.2f}; log α alone says {prediction.leading_order:.2f}. "
        f"λ = {FIGURE_1_LAM:g}, α = {experiment.flow.alpha:.3g}; {work.name} took "
        f"{work.rhs_evaluations} evaluations of the flow and {work.jacobian_evaluations} "
        f"Jacobians, {work.seconds:.1f} s."
    )


def _completion_caption(experiment: CompletionExperiment) -> str:
    """Say what was predicted, what was simulated, and what it cost."""
    prediction, flow = experiment.forecast, experiment.trajectory
    early, late = (float(error) for error in prediction.scores.error[:2])
    return (
        f"Mean squared error over the hidden entries falls from {early:.2g} at the "
        f"{prediction.early.name} predictor, which is zero there, to {late:.1e} at the "
        f"{prediction.late.name} one, while one eigenvalue grows and the others vanish. The "
        f"transition is predicted at λt* = {prediction.transition.lambda_t:.2f} and simulated at "
        f"{experiment.transition.lambda_t:.2f}; log α alone says {prediction.leading_order:.2f}. "
        f"λ = {flow.system.lam:g}, α = {flow.system.alpha:g}, up to λt = {flow.lambda_t[-1]:g} or "
        f"1e7 steps of 0.1; {flow.work.name} took {flow.work.rhs_evaluations} evaluations and "
        f"{flow.work.jacobian_evaluations} factors, {flow.work.seconds:.1f} s."
    )


def write_page(folder: Path, outcomes: Sequence[ClaimOutcome], drawn: Sequence[Panel]) -> Path:
    """Write ``index.html`` and the figures as PNG into `folder`, and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["typeset"] = typeset
    figures = [
        {"title": item.title, "caption": item.caption, "svg": Markup(to_svg(item.figure))}
        for item in drawn
    ]
    rows = [row_of(outcome) for outcome in outcomes]
    covered = [
        (item, [row for row in rows if item.label in row.covers]) for item in statements().values()
    ]
    text = environment.get_template("template.html").render(
        claims=list(zip(rows, map(said_of_seeds, outcomes), strict=True)),
        covered=covered,
        error_rates=_numbered(row.error_rate for row in rows),
        figures=figures,
        summary=summarise(outcomes),
        all_expected=all(outcome.as_expected for outcome in outcomes),
        seeds=_seeds(outcomes),
        versions=versions(),
        number=number,
    )
    page = folder / "index.html"
    write_whole(page, lambda target: target.write_text(text, encoding="utf-8"))
    for item in drawn:
        write_whole(folder / f"{item.name}.png", partial(save, item.figure))
    return page


def _numbered(sentences: Iterable[str]) -> dict[str, int]:
    """Return the sentences with their numbers from 1 on, each once, without what is empty."""
    distinct = dict.fromkeys(sentence for sentence in sentences if sentence)
    return {sentence: place for place, sentence in enumerate(distinct, start=1)}


def _seeds(outcomes: Sequence[ClaimOutcome]) -> str:
    """Return the seeds of a report, which claims that take long have only the first of."""
    seeds = sorted({seed for outcome in outcomes for seed in outcome.seeds})
    return f"Seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def typeset(text: str) -> Markup:
    """Turn ``x^{y}``, ``x^(y)``, ``x^y`` and ``x_y`` of the claims into raised and lowered text.

    What stands between backticks is a command.
    """
    # Every other part stands between two of them.
    parts = enumerate(str(escape(text)).split("`"))
    return Markup("".join(f"<code>{part}</code>" if i % 2 else _set_up(part) for i, part in parts))


def _set_up(safe: str) -> str:
    exponent = r"\^(?:\{([^}]*)\}|\(([^)]*)\)|(−?\w+(?:\.\d+)?|[−+]))"
    raised = re.sub(exponent, r"<sup>\1\2\3</sup>", safe.replace("^-", "^−"))
    return re.sub(r"_([\w*])", r"<sub>\1</sub>", raised)


def number(value: float) -> str:
    """Format a discrepancy with two significant digits."""
    return f"{value:.1e}".replace("-", "−") if value == value else "—"
