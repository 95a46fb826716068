"""The scikit-learn estimators: its own checks, and agreement with the predictors they wrap."""

import subprocess
import sys
import zlib

import numpy as np
import pandas
import polars
import pytest
from scipy.sparse import coo_matrix, csr_array
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import grokflow as gf
from grokflow.theory.predictor import NoPredictor, NotSeparable, Remedy
from grokflow.theory.samples import StoredTestSet

HARD = (
    gf.MaxL2MarginClassifier,
    gf.MaxL1MarginClassifier,
    gf.MinL2NormRegressor,
    gf.MinL1NormRegressor,
)
SOFT = (gf.L1PenalisedClassifier, gf.L1PenalisedRegressor)

# These checks fit data with more samples than inputs, which no weights separate or interpolate:
# refusing them is what the theory asks for. The same checks pass below on lifted inputs, where the
# linear programs differ from the L2 estimators by the name of the predictor only.
NO_PREDICTOR = """
    check_fit_score_takes_y check_estimators_overwrite_params check_dont_overwrite_parameters
    check_estimators_fit_returns_self check_readonly_memmap_input
    check_n_features_in_after_fitting check_positive_only_tag_during_fit check_estimators_dtypes
    check_dtype_object check_pipeline_consistency check_estimators_nan_inf check_estimators_pickle
    check_f_contiguous_array_estimator check_classifier_data_not_an_array check_classifiers_train
    check_regressors_train check_regressor_data_not_an_array check_regressors_int
    check_supervised_y_2d check_methods_sample_order_invariance check_methods_subset_invariance
    check_fit2d_1feature check_dict_unchanged check_fit_idempotent check_fit_check_is_fitted
    check_n_features_in check_fit2d_predict1d check_estimator_sparse_tag
    check_estimator_sparse_array check_estimator_sparse_matrix
""".split()
# Which of them are for regressors only, and for classifiers only.
OTHER_KIND = {
    True: ["check_regressors_train", "check_regressor_data_not_an_array", "check_regressors_int"],
    False: ["check_classifiers_train", "check_classifier_data_not_an_array"],
}


def run_checks(estimator, expected=()):
    """Run scikit-learn's checks; return the names of those that failed as expected."""
    reasons = dict.fromkeys(expected, "explained beside the list")
    outcomes = check_estimator(
        estimator, expected_failed_checks=reasons, on_skip=None, on_fail="raise"
    )
    assert len(outcomes) > 50
    return {outcome["check_name"] for outcome in outcomes if outcome["status"] == "xfail"}


@pytest.mark.parametrize("estimator", SOFT)
def test_scikit_learn_accepts_the_penalised_estimators(estimator):
    assert not run_checks(estimator())


@pytest.mark.parametrize("estimator", HARD)
def test_scikit_learn_accepts_the_others_but_for_data_without_a_predictor(estimator):
    expected = set(NO_PREDICTOR) - set(OTHER_KIND[issubclass(estimator, ClassifierMixin)])
    assert run_checks(estimator(), NO_PREDICTOR) == expected


def lift(x):
    """Replace each row by random inputs drawn from its hash: distinct rows are independent."""
    seeds = [zlib.crc32(row.tobytes()) for row in np.ascontiguousarray(x, dtype=np.float64)]
    return np.array([np.random.default_rng(seed).standard_normal(500) for seed in seeds])


@pytest.mark.parametrize("estimator", HARD[::2])
def test_scikit_learn_accepts_the_others_on_lifted_inputs(estimator):
    # A Pipeline fits its steps in place.
    in_place = {"check_estimators_overwrite_params", "check_dont_overwrite_parameters"}
    pipeline = make_pipeline(FunctionTransformer(lift, validate=True), estimator())
    assert run_checks(pipeline, in_place) == in_place


def data(n=20, d=60, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x, np.where(x[:, 0] > 0, "yes", "no"), x[:, 0] - 2 * x[:, 1]


WRAPPED = [
    (gf.MaxL2MarginClassifier(), gf.MaxL2Margin()),
    (gf.MaxL1MarginClassifier(gap=1e-9), gf.MaxL1Margin(gap=1e-9)),
    (gf.L1PenalisedClassifier(0.1), gf.L1Penalised(gf.LOSSES["logistic"], 0.1)),
    (gf.L1PenalisedClassifier(0.1, "exponential"), gf.L1Penalised(gf.LOSSES["exponential"], 0.1)),
    (gf.L1PenalisedClassifier(0.1, "square"), gf.L1Penalised(gf.LOSSES["square"], 0.1)),
    (gf.MinL2NormRegressor(), gf.MinL2Norm()),
    (gf.MinL1NormRegressor(gap=1e-9), gf.MinL1Norm(gap=1e-9)),
    (gf.L1PenalisedRegressor(0.1), gf.L1Penalised(gf.LOSSES["square"], 0.1)),
]


@pytest.mark.parametrize(("estimator", "predictor"), WRAPPED, ids=lambda x: type(x).__name__)
def test_an_estimator_returns_the_weights_and_certificate_of_its_predictor(estimator, predictor):
    x, labels, targets = data()
    if hasattr(estimator, "decision_function"):
        signs = np.where(labels == "yes", 1.0, -1.0)
        problem = gf.make_problem("x", gf.Task.CLASSIFICATION, x, signs, StoredTestSet(x, signs))
        fitted = clone(estimator).fit(x, labels)
        (certificate,) = fitted.certificate_
        assert fitted.classes_.tolist() == ["no", "yes"]
        assert (fitted.predict(x) == labels).all()
        assert np.array_equal(fitted.decision_function(x), x @ fitted.coef_[0])
    else:
        problem = gf.make_problem("x", gf.Task.REGRESSION, x, targets, StoredTestSet(x, targets))
        fitted = clone(estimator).fit(x, targets)
        certificate = fitted.certificate_
        assert np.array_equal(fitted.predict(x), x @ fitted.coef_)
    found = predictor.predict(problem)
    assert np.array_equal(np.ravel(fitted.coef_), found.w)
    assert certificate == found.certificate
    assert fitted.n_features_in_ == 60


def test_the_penalised_regressor_is_scikit_learns_lasso():
    """Lasso halves the mean square: its strength is λ/4. Both are certified to 1e-9."""
    x, _, y = data(n=40, d=10)
    lasso = Lasso(alpha=0.1 / 4, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(x, y)
    ours = gf.L1PenalisedRegressor(0.1, gap=1e-9).fit(x, y)
    # Strong convexity of the mean square: μ ‖w - w'‖²/2 ≤ gap, μ = 2 λ_min(XᵀX)/n.
    curvature = 2 * np.linalg.eigvalsh(x.T @ x)[0] / len(x)
    allowed = np.sqrt(2 * 2e-9 * ours.certificate_.upper / curvature)
    assert np.linalg.norm(ours.coef_ - lasso.coef_) <= allowed


def test_several_classes_are_separated_one_from_the_rest():
    x, _, _ = data(n=30)
    y = np.arange(30) % 3
    fitted = gf.MaxL2MarginClassifier().fit(x, y)
    assert fitted.coef_.shape == (3, 60)
    assert len(fitted.certificate_) == 3
    assert (fitted.predict(x) == y).all()
    alone = gf.MaxL2MarginClassifier().fit(x, y == 1)
    assert np.allclose(fitted.coef_[1], alone.coef_[0])


def test_they_work_in_pipelines_and_searches():
    x, labels, _ = data(n=60, d=30)
    search = GridSearchCV(
        make_pipeline(StandardScaler(with_mean=False), gf.L1PenalisedClassifier()),
        {"l1penalisedclassifier__lam": [1e-2, 1e3]},
        cv=3,
    ).fit(x, labels)
    # At λ = 1000 the weights are zero: the smaller one must win, and find the one input.
    assert search.best_params_ == {"l1penalisedclassifier__lam": 1e-2}
    assert search.best_score_ > 0.8
    scores = cross_val_score(gf.MinL1NormRegressor(), *data(n=30, d=40)[::2], cv=3)
    assert scores.min() > 0.99


def test_bad_settings_and_hopeless_data_are_refused():
    x, labels, _ = data(n=40, d=3)
    y = np.random.default_rng(1).permutation(labels)
    for estimator in HARD[:2]:
        with pytest.raises(NotSeparable, match="not separable"):
            estimator().fit(x, y)
    for estimator in HARD[2:]:
        with pytest.raises(NoPredictor, match="no w interpolates"):
            estimator().fit(x, np.arange(40.0))
    for lam in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="expected a finite number above 0"):
            gf.L1PenalisedClassifier(lam).fit(x, y)
    with pytest.raises(ValueError, match="loss is 'hinge', expected one of exponential"):
        gf.L1PenalisedClassifier(loss="hinge").fit(x, y)
    with pytest.raises(ValueError, match="y holds one class, a, expected at least two"):
        gf.MaxL2MarginClassifier().fit(x, ["a"] * 40)


def run(code):
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_scikit_learn_is_imported_only_where_it_is_used():
    code = "import sys, grokflow as gf, grokflow.cli; print('sklearn' in sys.modules)"
    assert run(code) == "False\n"
    assert (
        run(code + "; gf.MaxL2MarginClassifier; print('sklearn' in sys.modules)")[-5:] == "True\n"
    )


def test_without_scikit_learn_the_extra_is_named():
    code = (
        "import sys; sys.modules['sklearn.base'] = None; import grokflow as gf\n"
        "try: gf.MaxL2MarginClassifier\n"
        "except ImportError as error: print(error)"
    )
    assert run(code) == "the estimators need scikit-learn: pip install 'grokflow[sklearn]'\n"


def as_words(y):
    return np.where(np.asarray(y) == "yes", "oui", "non")


def as_frame(x):
    return pandas.DataFrame(x, columns=[f"input {j}" for j in range(x.shape[1])])


FORMS = [np.ndarray.tolist, as_frame, polars.DataFrame, csr_array, coo_matrix]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("estimator", [e for e, _ in WRAPPED], ids=lambda x: type(x).__name__)
def test_inputs_of_any_form_are_read_alike(estimator, form):
    x, labels, targets = data()
    y = labels if isinstance(estimator, ClassifierMixin) else targets
    expected, found = clone(estimator).fit(x, y), clone(estimator).fit(form(x), list(y))
    # Products with zeros left out may be added in another order; the gaps are 1e-7 or less.
    size = np.abs(expected.coef_).max()
    assert np.allclose(found.coef_, expected.coef_, atol=1e-3 * size)
    assert found.predict(form(x)).shape == (20,)


def test_labels_may_be_booleans_and_words():
    x, labels, _ = data()
    weights = gf.MaxL2MarginClassifier().fit(x, labels).coef_
    for y in (labels == "yes", polars.Series(as_words(labels)), pandas.Series(as_words(labels))):
        fitted = gf.MaxL2MarginClassifier().fit(x, y)
        assert np.array_equal(fitted.coef_, weights)
        assert (fitted.predict(x) == np.asarray(y)).all()


@pytest.mark.parametrize("size", [0.0, 1e-140, 1e-30, 1e30, 1e150])
def test_targets_of_any_size_are_fitted(size):
    """The square loss knows no unit of the targets: λ in their unit gives weights in their unit."""
    x, _, targets = data()
    found = gf.L1PenalisedRegressor(1e-3 * (size or 1.0)).fit(x, size * targets)
    expected = size * gf.L1PenalisedRegressor(1e-3).fit(x, targets).coef_
    assert np.allclose(found.coef_, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("gap", ["1e-7", -1.0, 0.0, np.nan, None])
@pytest.mark.parametrize(
    "estimator",
    [gf.MaxL1MarginClassifier, gf.L1PenalisedClassifier, gf.MinL1NormRegressor],
)
def test_a_bad_gap_is_refused_in_one_line(estimator, gap):
    x, _, _ = data()
    with pytest.raises(ValueError, match=r"gap is .*, expected a (finite )?number") as caught:
        estimator(gap=gap).fit(x, np.sign(x[:, 0]))
    assert "\n" not in str(caught.value)


def test_errors_come_back_from_worker_processes():
    x = np.vstack([np.eye(3), -np.eye(3), np.eye(3)[:1] * 2])
    several = OneVsRestClassifier(gf.MaxL1MarginClassifier(), n_jobs=2)
    with pytest.raises(NotSeparable, match="not separable"):
        several.fit(np.abs(x), [0, 1, 2, 1, 2, 0, 1])


def test_remedies_of_estimators_are_those_of_python():
    x = np.arange(1.0, 7.0)[:, None]
    for estimator in (gf.MaxL1MarginClassifier(), gf.MaxL2MarginClassifier()):
        with pytest.raises(gf.NotSeparable, match=r"to X, which helps$") as refused:
            estimator.fit(x, x[:, 0] > 3)
        assert "--" not in str(refused.value)
        assert refused.value.remedy is Remedy.INTERCEPT
        assert str(refused.value).startswith(f"{refused.value.finding}: append a column")
        estimator.fit(np.column_stack([x, np.ones(6)]), x[:, 0] > 3)
        with pytest.raises(gf.NotSeparable, match=r"take gf\.L1PenalisedClassifier$"):
            estimator.fit(x, [0, 1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"^loss is \[\], expected one of"):
        gf.L1PenalisedClassifier(loss=[]).fit(x, x[:, 0] > 3)


@pytest.mark.parametrize("estimator", [gf.L1PenalisedClassifier(), gf.MinL2NormRegressor()])
def test_weights_of_samples_are_refused_with_the_reason_and_none_are_taken(estimator):
    x, y = np.eye(3), np.array([1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match=r"^sample_weight is given, .*alike: repeat rows.*$"):
        estimator.fit(x, y, sample_weight=np.ones(3))
    with pytest.raises(TypeError, match="has no argument 'weights'"):
        estimator.fit(x, y, weights=np.ones(3))
    assert np.array_equal(
        estimator.fit(x, y, sample_weight=None).coef_, clone(estimator).fit(x, y).coef_
    )
