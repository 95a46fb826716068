"""Figure 2: modular addition from three scales of the start, and at four weight decays.

``python -m grokflow.figures.nets.scales FOLDER p=97 width=1024 fraction=0.4`` is the size of the
paper: λt* is printed, and checkpoints in the folder let it go on after an interruption.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokflow.figures.curves import draw as draw_curves
from grokflow.figures.nets import weight_decays
from grokflow.figures.style import EARLY, LATE, PREDICTED, TEST, canvas, save, styled
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.nets.figure_2_experiments import (
    DECAY_SCALE,
    SCALES,
    Addition,
    Scales,
    modular_decays,
    modular_scales,
)
from grokflow.simulations.models.net_request import net_picture

_COLOURS = (EARLY, LATE, TEST)


@dataclass(frozen=True, eq=False)
class ScaleCurves:
    """What the picture shows.

    Parameters
    ----------
    lambda_t, test : dict of float to ndarray, shape (m,)
        Slow times and test accuracies by scale.
    times : ndarray, shape (k,)
        λt* by scale.
    title : str
        Text.
    """

    lambda_t: dict[float, np.ndarray]
    test: dict[float, np.ndarray]
    times: np.ndarray
    title: str

    @property
    def predicted(self) -> np.ndarray:
        """The last λt* less the logarithm of the ratio of scales, shape (k,)."""
        scales = np.log(np.array(list(self.test)))
        return np.asarray(self.times[-1] + scales - scales[-1])

    @property
    def increments(self) -> np.ndarray:
        """Increments of λt* from scale to scale, shape (k - 1,)."""
        return np.diff(self.times)


def data(scales: Scales) -> ScaleCurves:
    """Collect the curves of the three runs."""
    size = scales.addition
    return ScaleCurves(
        {scale: run.lambda_t for scale, run in scales.runs.items()},
        {scale: 1 - run.test_error for scale, run in scales.runs.items()},
        scales.times(),
        f"Figure 2b: {title(size)}, λ = {size.lam:g}",
    )


def title(size: Addition) -> str:
    """Say what is trained."""
    share = f"{100 * size.fraction:g} % of the pairs"
    return f"a + b mod {size.p}, ReLU, width {size.width}, {share}"


def caption(curves: ScaleCurves, scales: Scales) -> str:
    """Say what was measured and what was predicted."""
    times = ", ".join(f"{time:.2f}" for time in curves.times)
    steps = " and ".join(f"{step:.2f}" for step in curves.increments)
    size = scales.addition
    paper = (size.p, size.width, size.fraction) == (97, 1024, 0.4)
    what = "The size of the paper" if paper else "Smaller than the p = 97 of the paper"
    return (
        f"Test accuracy of a two-layer ReLU net passes one half at λt* = {times} from the He start "
        f"times 1, 10 and 100: increments {steps}, where the theory says ln 10 = {np.log(10):.2f} "
        f"up to what a start of size one leaves behind. {what}; {scales.gradients()} gradients, "
        f"{scales.seconds():.0f} s."
    )


def draw(curves: ScaleCurves) -> Figure:
    """Draw accuracies over slow time, above the same over shifted slow time."""
    with styled():
        figure = canvas(height=5.4)
        plain, shifted = figure.subplots(2, 1)
        for index, (scale, colour) in enumerate(zip(curves.test, _COLOURS, strict=True)):
            _draw_scale(plain, shifted, curves, index, scale, colour)
        plain.set_xlim(0, max(t[-1] for t in curves.lambda_t.values()))
        ends = [t[-1] - np.log(scale) for scale, t in curves.lambda_t.items()]
        shifted.set_xlim(-1, min(ends))
        plain.set_xlabel("slow time λt")
        shifted.set_xlabel("shifted slow time λt − log(scale)")
        for axes in (plain, shifted):
            axes.set_ylim(-0.02, 1.02)
            axes.set_ylabel("test accuracy")
        plain.set_title(curves.title, fontsize=10, loc="left")
        figure.legend(
            *plain.get_legend_handles_labels(), loc="outside lower center", fontsize=8.5, ncols=2
        )
    return figure


def _draw_scale(
    plain: Axes, shifted: Axes, curves: ScaleCurves, index: int, scale: float, colour: str
) -> None:
    """Draw the curve of one scale, and when it was predicted from the largest one."""
    t, test, time = curves.lambda_t[scale], curves.test[scale], curves.times[index]
    plain.plot(t, test, color=colour, lw=2, label=f"He start × {scale:g}, λt* = {time:.2f}")
    shifted.plot(t - np.log(scale), test, color=colour, lw=(5, 3.5, 1.5)[index])
    if index < len(curves.times) - 1:
        label = f"predicted from × 100: {curves.predicted[index]:.2f}"
        plain.axvline(curves.predicted[index], color=PREDICTED, ls=(":", "--")[index], label=label)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    known = ", ".join(f"{key}={value:g}" for key, value in vars(Addition()).items())
    made = argparse.ArgumentParser(
        prog="python -m grokflow.figures.nets.scales",
        description="Draw Figure 2: modular addition from three scales, at four weight decays.",
    )
    made.add_argument(
        "folder",
        nargs="?",
        type=_folder,
        default=Path("figures_out"),
        help="where pictures and checkpoints go (default: figures_out)",
    )
    made.add_argument(
        "settings", nargs="*", type=_setting, metavar="KEY=NUMBER", help=f"by default {known}"
    )
    return made


def _folder(text: str) -> Path:
    """Return a folder; a setting in its place is bad usage."""
    if "=" in text:
        raise argparse.ArgumentTypeError(f"{text!r} found, expected a folder: name it first")
    return Path(text)


def _setting(text: str) -> tuple[str, float]:
    """Return the name and the value of a setting."""
    key, _, value = text.partition("=")
    kinds = {name: type(default) for name, default in vars(Addition()).items()}
    try:
        return key, kinds[key](value)
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} found, expected one of {', '.join(kinds)} with a number: for example p=97"
        ) from None


def main(folder: Path, size: Addition) -> None:
    """Run at the size asked for, print λt* and draw into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    laboratory = Laboratory()
    scales = modular_scales(laboratory, size, folder)
    curves = data(scales)
    save(draw(curves), folder / "figure-2b.png")
    print(caption(curves, scales))
    middle = scales.runs[DECAY_SCALE]
    trained = net_picture(
        middle, float(curves.times[SCALES.index(DECAY_SCALE)]), np.nan, title(size)
    )
    save(draw_curves(trained), folder / "figure-2a.png")
    name = f"Figure 2c: {title(size)}"
    decays = weight_decays.data(modular_decays(laboratory, size, folder), name)
    save(weight_decays.draw(decays), folder / "figure-2c.png")
    print(weight_decays.caption(decays))


if __name__ == "__main__":
    arguments = parser().parse_args()
    main(arguments.folder, Addition(**dict(arguments.settings)))
