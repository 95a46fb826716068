"""The picture of a scan: λt* over (α, λ), the law with its residuals, and the collapse."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokflow.figures.style import PREDICTED, TEST, canvas, styled
from grokflow.simulations.scan.law import LawFit
from grokflow.simulations.scan.table import ScanTable


@dataclass(frozen=True, eq=False)
class TimesPanel:
    """Times averaged over seeds, on the grid of α and λ.

    Parameters
    ----------
    alpha, lam : ndarray, shapes (k,) and (m,)
        Increasing values.
    simulated, predicted : ndarray, shape (m, k)
        λt* of the scan and of the path; NaN where a seed has none.
    """

    alpha: np.ndarray
    lam: np.ndarray
    simulated: np.ndarray
    predicted: np.ndarray


def data(table: ScanTable) -> TimesPanel:
    """Average over seeds and whatever else the cells differ in."""
    alpha, lam = (np.unique(table[name]) for name in ("alpha", "lam"))
    grids = []
    for name in ("lambda_t", "predicted"):
        grid = np.full((len(lam), len(alpha)), np.nan)
        for i, j in np.ndindex(grid.shape):
            here = (table["lam"] == lam[i]) & (table["alpha"] == alpha[j])
            grid[i, j] = table[name][here].mean() if here.any() else np.nan
        grids.append(grid)
    return TimesPanel(alpha, lam, *grids)


def draw(table: ScanTable, fits: list[LawFit], title: str) -> Figure:
    """Draw the first combination of the other axes that has a fit, or all cells without one."""
    shown = table
    if fits:
        for name, value in fits[0].settings.items():
            shown = shown.where(shown[name] == value)
        title += "".join(f", {name} = {value}" for name, value in fits[0].settings.items())
    panel = data(shown)
    with styled():
        figure = canvas(13.0, 4.2)
        grid = figure.add_gridspec(2, 3, height_ratios=(2.2, 1))
        _times(figure.add_subplot(grid[:, 0]), figure, panel)
        if fits:
            law = figure.add_subplot(grid[0, 1])
            _law(law, figure.add_subplot(grid[1, 1]), fits[0])
        _collapse(figure.add_subplot(grid[:, 2]), panel, fits)
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def _times(axes: Axes, figure: Figure, panel: TimesPanel) -> None:
    """Draw λt* as a map with the path's contours, or as a line where one axis has one value."""
    axes.set_xscale("log")
    axes.grid(False)
    if min(panel.simulated.shape) < 2:
        moving = panel.alpha if len(panel.alpha) > 1 else panel.lam
        axes.plot(moving, panel.simulated.ravel(), "o-", color=TEST, label="scan")
        axes.plot(moving, panel.predicted.ravel(), ":", color=PREDICTED, label="path")
        axes.set(xlabel="α" if len(panel.alpha) > 1 else "λ", ylabel="λt*")
        axes.legend(fontsize=8.5)
        return
    axes.set_yscale("log")
    shaded = axes.pcolormesh(panel.alpha, panel.lam, panel.simulated, shading="nearest")
    figure.colorbar(shaded, ax=axes, label="transition λt*, mean over seeds")
    if np.isfinite(panel.predicted).sum() > 3:
        lines = axes.contour(
            panel.alpha, panel.lam, panel.predicted, 8, colors="white", linestyles="dashed",
            linewidths=0.9,
        )  # fmt: skip
        axes.clabel(lines, fontsize=7.5)
    axes.set(xlabel="α", ylabel="λ")
    axes.set_title("simulated (colour), path (contours)", fontsize=9.5, loc="left")


def _law(law: Axes, below: Axes, fit: LawFit) -> None:
    """Draw simulated against fitted times, and what is left over λ."""
    times = fit.table["lambda_t"]
    fitted = times - fit.residuals
    ends = np.array([fitted.min(), fitted.max()])
    law.plot(ends, ends, color=PREDICTED, lw=1, ls=":")
    law.plot(fitted, times, "o", ms=3, color=TEST)
    law.set(xlabel="fitted, a log α + b log log(1/λ) + C of the seed", ylabel="λt*")
    words = (f"{name} = {getattr(fit, name).value:.3f}" for name in ("a", "b", "C"))
    law.set_title(", ".join(words), fontsize=9.5, loc="left")
    below.axhline(0, color=PREDICTED, lw=1, ls=":")
    below.semilogx(fit.table["lam"], fit.residuals, "o", ms=3, color=TEST)
    below.set(xlabel="λ", ylabel="residual")


def _collapse(axes: Axes, panel: TimesPanel, fits: list[LawFit]) -> None:
    """Draw ``λt* - log α``, one curve for every α, over log log(1/λ)."""
    x = np.log(-np.log(panel.lam[panel.lam < 1]))
    inside = panel.lam < 1
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(panel.alpha)))
    widths = np.linspace(6, 1.2, len(panel.alpha))
    for j, (alpha, colour, width) in enumerate(zip(panel.alpha, colours, widths, strict=True)):
        label = f"α = {alpha:.3g}" if j in (0, len(panel.alpha) - 1) else None
        moved = panel.simulated[inside, j] - np.log(alpha)
        axes.plot(x, moved, "-o", ms=width / 2 + 1, color=colour, lw=width, label=label)
    path = panel.predicted[inside, -1] - np.log(panel.alpha[-1])
    axes.plot(x, path, ":", color=PREDICTED, lw=1.4, label="path")
    if fits and np.isfinite(fits[0].theory.C):
        theory = fits[0].theory
        axes.plot(x, theory.C + theory.b * x, "--", color="black", lw=1, label="law as λ → 0")
    axes.set(xlabel="log log(1/λ)", ylabel="λt* − log α")
    axes.set_title("collapse: one curve for every α", fontsize=9.5, loc="left")
    axes.legend(fontsize=8)
