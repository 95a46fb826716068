"""The figures of the report: they show what is simulated, predicted and published."""

import numpy as np
import pytest

from grokflow.figures.diagonal import collapse
from grokflow.figures.report import panels, typeset, write_page
from grokflow.proofs_check.completion.experiments import figure_3
from grokflow.proofs_check.diagonal.experiments import FIGURE_1_LAM, figure_1
from grokflow.proofs_check.registry import CLAIMS
from grokflow.proofs_check.verify import verify
from grokflow.simulations.models.completion import completion_forecast, completion_picture
from grokflow.simulations.models.diagonal import diagonal_forecast
from grokflow.simulations.models.picture import picture_of


@pytest.mark.slow
def test_figure_1_agrees_with_the_paper(laboratory):
    """Accuracies as published: 51 % then 100 %, and about 100 % then little above chance."""
    grokking, misgrokking = figure_1(laboratory, "a"), figure_1(laboratory, "b")
    early, late = grokking.flow.scores.accuracy[[0, -1]]
    assert 0.48 <= early <= 0.54
    assert late == 1.0
    fitted = np.argmax(misgrokking.flow.trajectory.train_error == 0)
    assert misgrokking.flow.scores.accuracy[fitted] >= 0.99
    assert 0.5 <= misgrokking.flow.scores.accuracy[-1] <= 0.6
    for experiment in (grokking, misgrokking):
        predicted = experiment.forecast.transition.lambda_t
        # Exponential tails: the margin level is only known to O(1) out of m ~ log 1/λ.
        assert abs(experiment.transition.lambda_t - predicted) <= 1 / np.log(1 / FIGURE_1_LAM)
        assert experiment.flow.trajectory.work.rhs_evaluations <= 700
        assert experiment.flow.trajectory.work.jacobian_evaluations <= 15


@pytest.mark.slow
def test_collapse_curves_agree_for_every_scale(laboratory):
    shown = collapse.data(laboratory)
    assert set(shown.accuracy) == {1e2, 1e4, 1e8, 1e16, 1e64, 1e100}
    reference = shown.accuracy[1e100]
    for accuracy in shown.accuracy.values():
        # One test point in ten thousand may sit on the boundary.
        assert np.abs(accuracy - reference).max() <= 3e-4
    assert abs(np.interp(0.76, reference, shown.shifted) - shown.predicted) <= 0.15


@pytest.mark.slow
def test_the_report_shows_every_claim_and_figure(laboratory, tmp_path):
    outcomes = [verify(CLAIMS["cor-3.6"], laboratory)]
    page = write_page(tmp_path / "report", outcomes, panels(laboratory))
    text = page.read_text()
    assert text.count("<svg") == 9
    figures = ("Grokking", "Collapse", "Scales of the start", "Matrix completion")
    for word in ("cor-3.6", *figures, "refuted", "as expected"):
        assert word in text
    # Links within the page are no files.
    for source in ("src=", "href=", "@import", "url(http"):
        assert source not in text.replace("xlink:href=", "").replace('href="#', "")
    assert len(list((tmp_path / "report").glob("*.png"))) == 9


@pytest.mark.slow
def test_the_data_behind_figure_1a_are_the_simulation(laboratory):
    experiment = figure_1(laboratory, "a")
    forecast = diagonal_forecast(experiment.forecast)
    shown = picture_of(experiment.flow.trajectory, forecast, "title")
    assert np.array_equal(shown.test, experiment.flow.scores.accuracy)
    assert shown.early == experiment.forecast.scores.accuracy[0]
    assert shown.predicted == experiment.forecast.transition.lambda_t


def test_figure_3_groks_when_predicted(laboratory):
    experiment = figure_3(laboratory)
    flow = experiment.trajectory
    shown = completion_picture(flow, completion_forecast(experiment.forecast), "title")
    assert shown.simulated == experiment.transition.lambda_t
    assert np.array_equal(shown.train, flow.train_error)
    # The path leaves out terms of order λN.
    assert abs(shown.simulated - shown.predicted) <= flow.system.lam * experiment.problem.n
    assert np.isclose(shown.test[-1], shown.late, rtol=0.01)
    # The matrix has rank 1: one eigenvalue is left.
    spectrum = shown.modes.values[-1]
    assert np.abs(np.sort(np.abs(spectrum))[:-1]).max() <= 0.01 * spectrum.max()
    assert flow.work.rhs_evaluations <= 600


@pytest.mark.parametrize(
    ("plain", "set_up"),
    [
        ("order η^-2", "order η<sup>−2</sup>"),
        ("at T_c^-, before", "at T<sub>c</sub><sup>−</sup>, before"),
        ("α^{2(L-1)c}/λ", "α<sup>2(L-1)c</sup>/λ"),
        ("α e^(-λt)", "α e<sup>-λt</sup>"),
        ("λ‖X*‖_*/2 < 1", "λ‖X*‖<sub>*</sub>/2 &lt; 1"),
        ("of order α^0.1.", "of order α<sup>0.1</sup>."),
        ("x^2 by `train --x_y 2^3`", "x<sup>2</sup> by <code>train --x_y 2^3</code>"),
    ],
)
def test_formulas_of_the_claims_are_typeset(plain, set_up):
    assert typeset(plain) == set_up
