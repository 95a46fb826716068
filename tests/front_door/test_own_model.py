"""A kind of model that only this file knows is predicted, simulated, drawn and scanned.

The model is a linear net of two weights. Its one sample sees the first weight, which fits it at
once; the second weight starts at α and only decays, as ``α e^{-s}``. On the test inputs ``(1, z)``
the output ``1 + α e^{-s} z`` has the right sign once the second weight has faded: the net groks.
"""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

import grokflow as gf
from grokflow.cli import main
from grokflow.simulations.models.options import call_with_numbers
from grokflow.simulations.runs.work import SolverWork
from grokflow.theory.transition.scores import kind_of
from grokflow.theory.transition.times import crossing, leading_order

CLOSED_FORM = SolverWork("closed form", 0, 0, 0.0)


@dataclass(frozen=True, eq=False)
class FadingProblem:
    """The second coordinates z of the test inputs."""

    z: np.ndarray
    settings: dict
    name: str = "fading"
    notes: tuple = ()
    n: int = 1
    d: int = 2


def fading(*, n_test: int = 400, seed: int = 0) -> FadingProblem:
    """Draw test inputs."""
    z = np.random.default_rng(seed).standard_normal(n_test)
    return FadingProblem(z, {"n_test": n_test, "seed": seed})


def scores_of(problem, second_weight):
    """Judge nets by their second weights."""
    error = np.mean(1 + np.multiply.outer(second_weight, problem.z) < 0, axis=1)
    spread = np.sqrt(error * (1 - error) / len(problem.z))
    return gf.Scores(1 - error, error, error, len(problem.z), spread, 0.5)


@dataclass(frozen=True, eq=False)
class FadingTrajectory:
    problem: FadingProblem
    lambda_t: np.ndarray
    alpha: float
    measured: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    work: SolverWork = CLOSED_FORM

    def test_scores(self):
        return scores_of(self.problem, self.alpha * np.exp(-self.lambda_t))

    def transition(self, early, late):
        return crossing(self.lambda_t, self.test_scores().error, early, late)

    def curves(self):
        ones = np.ones_like(self.lambda_t)
        return {
            "train_accuracy": ones,
            "test_accuracy": self.test_scores().accuracy,
            "train_loss": 0 * ones,
            "norms": np.hypot(1, self.alpha * np.exp(-self.lambda_t)),
        }

    def to_dataset(self, settings=None):
        import xarray

        curves = {name: ("lambda_t", values) for name, values in self.curves().items()}
        return xarray.Dataset(curves, {"lambda_t": self.lambda_t})


@dataclass(frozen=True, eq=False)
class BoundFading(gf.BoundModel):
    problem: FadingProblem
    lam: float

    @property
    def degree(self):
        return 1

    def describe(self, alpha):
        return gf.Description(
            words=f"two weights, the second one fading from α = {alpha:g}",
            problem={"name": "fading", **self.problem.settings},
            model="fading weight",
            loss="logistic",
            alpha=alpha,
            norm=float(np.hypot(1, alpha)),
            lam=self.lam,
        )

    def forecast(self, alpha, progress=lambda fraction: None):
        scale = np.geomspace(1e3, 1e-3, 400)
        times, along = np.log(alpha / scale), scores_of(self.problem, scale)
        scores = scores_of(self.problem, np.array([1e12, 0.0, 0.0]))
        when = crossing(times, along.error, *scores.error[:2])
        early, late, limit = (
            gf.PredictorResult(name, float(error), gf.Certificate(1.0, 1.0, 0.0), 1 - float(error))
            for name, error in zip(("drowned", "faded", "gone"), scores.error, strict=True)
        )
        constant = when.lambda_t - np.log(alpha)
        return gf.ModelForecast(
            early, late, limit, scores, kind_of(scores), when, leading_order(alpha), constant,
            times, along,
        )  # fmt: skip

    def follow(self, alpha, lambda_t, measure=frozenset(), progress=lambda fraction: None):
        return FadingTrajectory(self.problem, np.asarray(lambda_t), alpha)


@dataclass(frozen=True)
class FadingModel(gf.ExactModel):
    names = ("fading",)
    alpha = 100.0

    def maker(self, problem, regression=None):
        return fading

    def holds(self, problem):
        return isinstance(problem, FadingProblem)

    def default_loss(self, problem):
        return "logistic"

    def check_scale(self, alpha, settings):
        pass

    def bind(self, problem, settings):
        return BoundFading(problem, settings.lam)

    def read(self, options):
        return BoundFading(call_with_numbers("fading", fading, options.numbers()), self.lam)


@pytest.fixture(autouse=True)
def model():
    registered = FadingModel()
    gf.register_model(registered)
    yield registered
    gf.unregister_model(registered)


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert code == 0
    return captured.out


def test_it_is_predicted(capsys, tmp_path):
    path = tmp_path / "out.json"
    out = run(capsys, "predict", "fading", "--set", "n_test=1000", "--alpha", "1e3", "--json", path)
    assert "early: drowned, test accuracy" in out and "kind: grokking" in out
    record = json.loads(path.read_text())
    # Half of the test inputs with z < 0 are right where α e^{-s} is 1 over the quartile of -z.
    assert record["transition"]["predicted"] == pytest.approx(np.log(1e3) - 0.39, abs=0.15)
    assert record["problem"] == {"name": "fading", "n_test": 1000, "seed": 0}
    assert record["diagnosis"]["kind"] == "grokking" and record["diagnosis"]["advice"]


def test_it_is_simulated_and_drawn(capsys, tmp_path):
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "png", "nc")}
    arguments = ["--json", files["json"], "--plot", files["png"], "--out", files["nc"]]
    out = run(capsys, "simulate", "fading", "--points", 400, *arguments)
    assert "closed form: 0 evaluations" in out and "transition at λt*" in out
    record = json.loads(files["json"].read_text())
    assert record["alpha"] == 100 and len(record["test_accuracy"]) == 400
    assert record["test_accuracy"][0] < 0.6 and record["test_accuracy"][-1] == 1
    assert record["transition"]["lambda_t"] == pytest.approx(np.log(100) - 0.39, abs=0.25)
    assert files["png"].read_bytes()[:4] == b"\x89PNG" and files["nc"].exists()


def test_it_is_scanned_and_obeys_the_law(capsys, tmp_path):
    path = tmp_path / "out.json"
    values = ["--alpha", "1e5:1e7:3", "--lam", "1e-2,1e-3", "--set", "n_test=4000"]
    out = run(capsys, "scan", "fading", *values, "--seeds", 2, "--jobs", 1, "--json", path)
    assert "grokking: 12" in out and "0 failed" in out
    record = json.loads(path.read_text())
    assert all(cell["kind"] == "grokking" for cell in record["cells"])
    times = {cell["alpha"]: cell["transition"]["lambda_t"] for cell in record["cells"]}
    assert times[1e7] - times[1e5] == pytest.approx(np.log(100), abs=1e-6)
    assert record["shift_law"]["cells"] == 4 and record["shift_law"]["holds"]


def test_its_names_are_among_those_expected(capsys):
    assert main(["predict", "fadin"]) == 2
    assert "completion, fading or a data file" in capsys.readouterr().err


def test_a_model_is_gone_when_it_is_taken_away(model, capsys):
    gf.unregister_model(model)
    assert main(["predict", "fading"]) == 2
    assert "problem is 'fading', expected sparse" in capsys.readouterr().err
    gf.register_model(model)
