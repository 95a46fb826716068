"""Certificate files: every kind is proved by a program of its own, and nothing false is."""

import ast
import copy
import io
import json
import os
import subprocess
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import grokflow as gf
from grokflow import cli
from grokflow.certificates import write
from grokflow.checker import check
from grokflow.simulations.models.exact import ExactRequest
from grokflow.theory.certified.linear import linear_statement
from grokflow.theory.linear.classes.softmax import stacked_problem
from grokflow.theory.objective import Provable
from tests.front_door.false_statements import FALSE, TRUE, loss

LAM = 1e-2


def gaussian(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def samples(x, y):
    task = gf.Task.REGRESSION if y.dtype == float else gf.Task.CLASSIFICATION
    return gf.make_problem("mine", task, x, y, gf.StoredTestSet(x, y))


def linear(predictor, x, y):
    problem = samples(x, y)
    return problem, predictor.predict(problem)


def entries(predictor, shape):
    rng = np.random.default_rng(2)
    places = rng.choice(shape[0] * shape[1], 9, replace=False)
    size = shape[0] if shape[0] == shape[1] else shape
    where = np.divmod(places, shape[1])
    if shape[0] == shape[1]:
        where = np.minimum(*where), np.maximum(*where)
        keep = np.unique(where[0] * shape[1] + where[1], return_index=True)[1]
        where = where[0][keep], where[1][keep]
    values = rng.standard_normal(len(where[0]))
    problem = gf.make_entries_problem("mine", size, *where, values)
    return problem, predictor.predict(problem)


def signs(n, seed=1):
    return np.where(np.random.default_rng(seed).random(n) < 0.5, -1, 1)


def softmax(late):
    problem = gf.make_classes_problem(
        "mine", gaussian(9, 12), np.tile(["a", "b", "c"], 3), gaussian(9, 12), ["a", "b", "c"] * 3
    )
    found = gf.forecast_softmax(problem, alpha=10.0, lam=LAM)
    return stacked_problem(problem), found.late if late else found.early


def not_separable():
    x, y = gaussian(20, 2), signs(20)
    problem = samples(x, y)
    with pytest.raises(gf.NotSeparable) as raised:
        gf.MaxL2Margin().predict(problem)
    return problem, raised.value.certificate


def kernel(predictor, y):
    x = gaussian(6, 10)
    return y, predictor.predict(gf.DiagonalTangent(), x, y)


WIDE, TALL = (gaussian(6, 10), signs(6)), (gaussian(20, 2), signs(20))
TARGETS = gaussian(6, 1, 3).ravel()
KINDS = {
    "max-L1-margin": lambda: linear(gf.MaxL1Margin(), *WIDE),
    "max-L2-margin": lambda: linear(gf.MaxL2Margin(), *WIDE),
    "min-L1-norm": lambda: linear(gf.MinL1Norm(), WIDE[0], TARGETS),
    "min-L2-norm": lambda: linear(gf.MinL2Norm(), WIDE[0], TARGETS),
    **{
        f"{kind.__name__} {loss}": lambda kind=kind, loss=loss: linear(
            kind(gf.LOSSES[loss], LAM), WIDE[0], TARGETS if loss == "square" else WIDE[1]
        )
        for kind, loss in product((gf.L1Penalised, gf.L2Penalised), gf.LOSSES)
    },
    "min-logistic-loss": lambda: linear(gf.MinLoss(gf.LOSSES["logistic"]), *TALL),
    "min-exponential-loss": lambda: linear(gf.MinLoss(gf.LOSSES["exponential"]), *TALL),
    "min-square-loss": lambda: linear(
        gf.MinLoss(gf.LOSSES["square"]), TALL[0], gaussian(20, 1, 4).ravel()
    ),
    "hard margin of Crammer and Singer": lambda: softmax(late=False),
    "penalised cross-entropy": lambda: softmax(late=True),
    **{
        f"{kind.name} {shape}": lambda kind=kind, shape=shape: entries(kind, shape)
        for kind, shape in product(
            (gf.MinFrobeniusNorm(), gf.MinNuclearNorm(), gf.NuclearPenalised(LAM)),
            ((5, 5), (4, 6), (6, 4)),
        )
    },
    "max-kernel-margin": lambda: kernel(gf.MaxKernelMargin(), signs(6)),
    "min-kernel-norm": lambda: kernel(gf.MinKernelNorm(), TARGETS),
    "not separable": not_separable,
}
OPTIMA = [kind for kind in KINDS if kind != "not separable"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a function that writes a kind's certificate once: its file, problem and answer."""
    made = {}

    def of(kind):
        if kind not in made:
            file = tmp_path_factory.mktemp("certificates") / "it.json"
            problem, answer = KINDS[kind]()
            gf.write_certificate(file, problem, it=answer)
            made[kind] = file, problem, answer
        return made[kind]

    return of


def content(file):
    loaded = json.loads(file.read_text("utf-8"))
    return loaded["statements"]["it"], loaded["tables"]


def accepted(statement, tables):
    try:
        check.verify(statement, tables)
    except check.FAILURES:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_proved(kind, written, capsys):
    file, _, _ = written(kind)
    assert list(gf.check_certificate(file)) == ["it"]
    assert check.main(str(file)) == 0
    assert "NOT PROVED" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", OPTIMA)
def test_the_bounds_are_those_of_the_float_certificate_or_better(kind, written):
    file, _, answer = written(kind)
    statement, _ = content(file)
    lower, upper = check.number(statement["lower"]), check.number(statement["upper"])
    assert lower <= upper
    # Weights are the same; a factor of 1e-12 is given away for the spectral norm.
    room = 1e-11 * abs(answer.certificate.upper)
    assert lower >= answer.certificate.lower - room
    assert upper <= answer.certificate.upper + room


@pytest.mark.parametrize("kind", ["max-L1-margin", "min-L1-norm", "L2Penalised logistic"])
def test_the_file_holds_the_data_as_they_are_stored(kind, written):
    file, problem, _ = written(kind)
    _, tables = content(file)
    (table,) = tables.values()
    np.testing.assert_array_equal(table["rows"], problem.inputs.to_array(), strict=True)
    np.testing.assert_array_equal(table["targets"], problem.targets)


def test_the_checker_is_one_program_of_the_standard_library(written):
    source = Path(check.__file__)
    tree = ast.walk(ast.parse(source.read_text("utf-8")))
    found = {
        name.split(".")[0]
        for node in tree
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
    }
    assert found == {"json", "math", "sys", "decimal", "fractions", "typing"}
    # -I and -S: neither the current folder nor installed packages can be imported.
    done = subprocess.run(
        [sys.executable, "-I", "-S", source, written("penalised cross-entropy")[0]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "it: the least the mean logistic loss" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_that_lacks_letters_is_no_fault_of_the_file(encoding, written):
    """The program and the command prove what they prove where λ and ‖w‖ cannot be printed."""
    file, environment = written("max-L1-margin")[0], os.environ | {"PYTHONIOENCODING": encoding}
    for program in ([Path(check.__file__)], ["-m", "grokflow", "check"]):
        done = subprocess.run(
            [sys.executable, *program, file], capture_output=True, env=environment, check=False
        )
        assert done.returncode == 0 and not done.stderr
        assert rb"it: the least \u2016w\u2016\u2081 with A w" in done.stdout


def test_a_printer_that_fails_is_no_fault_of_the_file(written, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    with pytest.raises(UnicodeEncodeError):
        check.main(str(written("max-L1-margin")[0]))


def test_the_checker_without_a_file_says_how_it_is_called():
    done = subprocess.run(
        [sys.executable, check.__file__], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: python check.py FILE\n"


def scaled(value, factor):
    """Multiply every number of nested lists and mappings."""
    if isinstance(value, dict):
        return {key: scaled(item, factor) for key, item in value.items()}
    if isinstance(value, list):
        return [scaled(item, factor) for item in value]
    product = check.number(value) * Fraction(factor)
    return f"{product.numerator}/{product.denominator}"


CHANGES = [("lower", "101/100"), ("upper", "99/100")]
CHANGES += product(("strength", "primal", "dual"), ("101/100", "99/100"))


@pytest.mark.parametrize("kind", OPTIMA)
def test_a_changed_statement_is_not_proved(kind, written):
    statement, tables = content(written(kind)[0])
    for part, factor in CHANGES:
        if part != "strength" or statement["strength"]:
            changed = statement | {part: scaled(statement[part], factor)}
            assert not accepted(changed, tables), (part, factor)


@pytest.mark.parametrize("kind", OPTIMA)
def test_a_changed_table_is_not_proved(kind, written):
    statement, tables = content(written(kind)[0])
    (table,) = tables.values()
    for part, factor in product(("rows", "targets"), ("101/100", "99/100")):
        if part == "targets" and statement["data"] in ("logistic", "exponential"):
            continue  # losses of margins have none
        if part == "rows" and statement["strength"] == 0:
            continue  # the least loss is the same in every unit of the inputs
        changed = table | {part: scaled(table[part], factor)}
        assert not accepted(statement, {statement["table"]: changed}), (part, factor)


def test_rows_that_do_not_cancel_do_not_prove_that_no_weights_fit(written):
    statement, tables = content(written("not separable")[0])
    (table,) = tables.values()
    for i, multiplier in enumerate(statement["dual"]):
        rows = copy.deepcopy(table["rows"])
        rows[i] = scaled(rows[i], "101/100")
        changed = {statement["table"]: table | {"rows": rows}}
        assert accepted(statement, changed) == (multiplier == 0)


@pytest.mark.parametrize("name", TRUE)
def test_small_statements_are_proved(name):
    assert check.verify(*TRUE[name])


def test_the_strength_of_a_penalty_reads_as_a_factor():
    part, tables = copy.deepcopy(TRUE["‖(1, 1)‖² / 2"])
    said = check.verify(part | {"strength": 2, "upper": 2}, tables)
    assert said.startswith("the least 2 · ½ ‖w‖² with ")


@pytest.mark.parametrize("name", FALSE)
def test_false_statements_are_not_proved(name):
    assert not accepted(*FALSE[name])


def test_bounds_that_are_off_by_a_rounding_are_not_proved():
    """What is below e^-1 is no upper bound on it, and what is above log 2 no lower one."""
    below, above = check.exp(Fraction(-1))[0], check.log_above(Fraction(2))
    assert not accepted(*loss("exponential", [[1]], primal=[1], dual=[0], upper=below))
    assert not accepted(*loss("logistic", [[0]], dual=[0.5], lower=above))
    assert accepted(*loss("logistic", [[0]], dual=[0.5], lower=above - Fraction(1, 2**90)))


ROWS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=3)
SMALL = st.fractions(-1, 1, max_denominator=6)


@given(
    rows=ROWS,
    w=st.tuples(SMALL, SMALL),
    mu=st.lists(SMALL, min_size=3, max_size=3),
    margins=st.booleans(),
    too_much=st.sampled_from([0, 0, Fraction(1, 100)]),
    impossible=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_what_is_accepted_is_true(rows, w, mu, margins, too_much, impossible):
    """Whatever the numbers are: linear programs in floating point know the optimum."""
    mu = [abs(m) for m in mu[: len(rows)]] if margins else mu[: len(rows)]
    reached = [sum(x * v for x, v in zip(row, w, strict=True)) for row in rows]
    targets = [Fraction(1)] * len(rows) if margins else reached
    w = [3 * v for v in w] if margins else w
    table = {"shape": [2, 1], "rows": rows, "targets": targets, "group": 1}
    statement = {"table": "t", "norm": "l1", "strength": 1, "primal": w, "dual": mu}
    statement["lower"] = sum(m * t for m, t in zip(mu, targets, strict=True)) + too_much
    statement["upper"] = None if impossible else sum(map(abs, w)) - too_much
    statement["data"] = "at least" if margins else "equal"
    if accepted(statement, {"t": table}):
        assert impossible or not too_much
        a, b = np.array(rows, float), np.array(targets, float)
        both = np.hstack([a, -a])
        sides = {"A_ub": -both, "b_ub": -b} if margins else {"A_eq": both, "b_eq": b}
        found = linprog(np.ones(4), **sides)
        assert found.success != impossible
        assert impossible or statement["lower"] - 1e-9 <= found.fun <= statement["upper"] + 1e-9


@given(x=st.fractions(-2000, 700, max_denominator=10**6))
@settings(max_examples=200, deadline=None)
def test_exponentials_and_logarithms_are_enclosed(x):
    with ctx.workprec(400):
        true = arb(fmpq(x.numerator, x.denominator)).exp()
        low, high = (fmpq(*y.as_integer_ratio()) for y in check.exp(x))
        assert not arb(low) > true
        assert not arb(high) < true
        assert high - low <= high / 2**120
        for y in (low, 1 + low, 1 - low / (1 + high)):  # near 0, near 1, and large
            above = check.log_above(Fraction(int(y.p), int(y.q)))
            true_log = arb(y - 1).log1p() if y > fmpq(1, 2) else arb(y).log()
            assert not arb(fmpq(*above.as_integer_ratio())) < true_log
            assert arb(fmpq(*above.as_integer_ratio())) <= true_log + abs(true_log) / 2**70


@pytest.mark.parametrize(
    "change",
    [
        lambda s, t: s["primal"].pop(),
        lambda s, t: s["dual"].append(0),
        lambda s, t: t["targets"].pop(),
        lambda s, t: t["rows"][0].append(1.0),
        lambda s, t: t.update(shape=[5, 1]),
        lambda s, t: t.update(group=-1),
        lambda s, t: t.update(counts=[0] * 6),
        lambda s, t: s.update(upper="NaN"),
        lambda s, t: s.update(lower=float("nan")),
        lambda s, t: s.update(strength=-1),
        lambda s, t: s.update(norm="l0"),
        lambda s, t: s.update(upper=None),
        lambda s, t: s.pop("dual"),
        lambda s, t: t.update(counts=[0.5] * 5 + [1]),
        lambda s, t: t.update(counts=[2] * 6),
        lambda s, t: t.update(shape=[10**12, 1]),
        lambda s, t: t.update(shape=[10**6, 1]),
    ],
)
def test_a_broken_file_is_no_certificate(change, written, tmp_path, capsys):
    statement, tables = copy.deepcopy(content(written("max-L2-margin")[0]))
    change(statement, tables["table 1"])
    file = tmp_path / "broken.json"
    parts = {"format": check.FORMAT, "about": "it", "tables": tables}
    file.write_text(json.dumps(parts | {"statements": {"it": statement}}), "utf-8")
    assert cli.main(["check", str(file)]) == 1
    assert "NOT PROVED" in capsys.readouterr().out
    with pytest.raises(
        ValueError, match=r"statement 1 of .*broken\.json is not proved .* write it"
    ):
        gf.check_certificate(file)


def test_counts_that_are_not_whole_are_refused_where_they_would_not_be_read(written):
    statement, tables = content(written("min-logistic-loss")[0])
    rows = len(tables["table 1"]["targets"])
    assert accepted(statement, tables)
    tables["table 1"]["counts"] = [0.5] * (rows - 1) + [1]
    assert not accepted(statement, tables)


def test_no_shape_makes_the_checker_work_without_end(written):
    statement, tables = content(written("not separable")[0])
    tables["table 1"]["shape"] = [10**12, 1]
    with pytest.raises(ValueError, match="its weights are not 1 to 1000000 numbers"):
        check.verify(statement, tables)


def test_what_a_file_says_of_itself_looks_like_no_statement(written, tmp_path, capsys):
    statement, tables = content(written("max-L1-margin")[0])
    forged = "late: the least ‖w‖₁ with A w ≥ t is in [0, 0]"
    file = tmp_path / "forged.json"
    parts = {"format": check.FORMAT, "about": f"it\n{forged}\x1b[2J\u202e", "tables": tables}
    names = {forged: statement, f"it\n{forged}": statement, "x" * 10**4: statement}
    file.write_text(json.dumps(parts | {"statements": names}), "utf-8")
    assert cli.main(["check", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(r"the file says: it\nlate")
    assert len(lines) == 1 + len(names) and all(map(str.isprintable, lines))
    assert not any(line.startswith("late:") or len(line) > 600 for line in lines)


NO_STATEMENT = json.dumps({"format": check.FORMAT, "about": "", "tables": {}, "statements": {}})


@pytest.mark.parametrize("text", ["", "{}", '{"format": "mine"}', "[]", NO_STATEMENT, "[" * 10**6])
def test_other_files_are_no_certificates(text, tmp_path, capsys):
    file = tmp_path / "other.json"
    file.write_text(text, "utf-8")
    assert cli.main(["check", str(file)]) == 2
    said = capsys.readouterr().out
    assert "is no certificate: " in said and len(said.splitlines()) == 1
    assert "indices" not in said and "char 0" not in said  # nothing of Python's own words
    with pytest.raises(ValueError, match=r"other\.json is no certificate .* write one"):
        gf.check_certificate(file)
    missing = tmp_path / "missing.json"
    assert cli.main(["check", str(missing)]) == 2
    assert "cannot be read (No such file or directory)" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"missing\.json is no certificate"):
        gf.check_certificate(missing)


def test_predict_writes_what_check_proves(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = gaussian(30, 3), signs(30)
    lines = [
        f"{','.join(map(repr, row))},{label}" for row, label in zip(x.tolist(), y, strict=True)
    ]
    Path("data.csv").write_text("\n".join(["a,b,c,y", *lines]), "utf-8")
    assert cli.main(["predict", "data.csv", "--certificate", "proof.json"]) == 0
    out = capsys.readouterr().out
    assert "proved: data, no w has A w ≥ t" in out
    assert "`grokflow check proof.json`" in out
    assert cli.main(["check", "proof.json"]) == 0
    shown = capsys.readouterr().out
    assert "SHA-256" in shown
    assert {line.split(":")[0] for line in shown.splitlines()[1:]} == {"early", "late", "data"}


def test_a_limit_with_rounded_outputs_is_named_as_not_proved(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.vstack([gaussian(4, 6)] * 2)
    y = np.random.default_rng(1).standard_normal(8)
    np.savez("twice.npz", X=x, y=y)
    assert cli.main(["predict", "twice.npz", "--lam", "1e-4", "--certificate", "proof.json"]) == 0
    out = capsys.readouterr().out
    assert "not proved: late limit, for it is that of the outputs of least loss" in out
    assert set(gf.check_certificate("proof.json")) == {"early", "late", "data"}


def test_predictors_of_problems_that_are_not_convex_are_named(tmp_path, capsys):
    file = tmp_path / "deep.json"
    asked = ["predict", "sparse", "--set", "n=12", "d=20", "n_test=20", "--depth", "3"]
    assert cli.main([*asked, "--certificate", str(file)]) == 0
    assert "not proved: late, for quasi-norm-penalised is not the minimiser" in (
        capsys.readouterr().out
    )
    assert set(gf.check_certificate(file)) == {"early", "early_limit"}


def test_what_cannot_be_certified_is_refused_in_one_line(tmp_path):
    file = tmp_path / "none.json"
    large = gf.sparse(n=40, d=8000, k=3, n_test=10)
    found = gf.MaxL2Margin().predict(large)
    with pytest.raises(
        ValueError, match=r"40 rows of 8000 numbers, expected at most 300000 .* use"
    ):
        gf.write_certificate(file, large, early=found)
    with pytest.raises(ValueError, match="no answer found, expected predictors by name"):
        gf.write_certificate(file, large)
    with pytest.raises(ValueError, match="int of Problem found, expected a Prediction or Farkas"):
        gf.write_certificate(file, large, early=3)
    assert not file.exists()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["sparse", "--set", "n=40", "d=8000"], "the table has 40 rows of 8000 numbers"),
        (["completion", "--set", "d=400"], "the matrix is 400 × 400"),
        (["classes.csv"], "the table has 675 rows of 500 numbers"),
        # Two other classes for each of the rows that are not held out, and weights of all three.
        (["classes.csv", "--loss", "cross-entropy"], "the table has 1350 rows of 1500 numbers"),
    ],
)
def test_data_that_are_too_many_for_a_certificate_are_refused_before_the_forecast(
    asked, found, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    table = np.column_stack([gaussian(900, 500).round(3), np.arange(900) % 3])
    names = ",".join([*(f"x{i}" for i in range(500)), "y"])
    np.savetxt("classes.csv", table, "%g", ",", header=names, comments="")
    monkeypatch.setattr(ExactRequest, "forecast", lambda self, progress: pytest.fail("predicts"))
    assert cli.main(["predict", *asked, "--certificate", "proof.json"]) == 2
    out, error = capsys.readouterr()
    assert out == "" and len(error.splitlines()) == 1
    assert found in error and "use fewer rows or columns, or leave --certificate out" in error


def test_kernels_that_are_too_large_or_singular_are_refused(tmp_path):
    file = tmp_path / "none.json"
    x, y = gaussian(160, 200), np.ones(160)
    found = gf.MinKernelNorm().predict(gf.DiagonalTangent(), x, y)
    with pytest.raises(ValueError, match="160 rows, expected at most 150 to be checked"):
        gf.write_certificate(file, y, kernel=found)
    x, y = np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([1.0, 2.0])
    found = gf.MinKernelNorm().predict(gf.DiagonalTangent(), x, y)
    with pytest.raises(ValueError, match="not proved to be positive, expected independent"):
        gf.write_certificate(file, y, kernel=found)
    with pytest.raises(ValueError, match=r"3 targets and a kernel of shape .2, 2. found"):
        gf.write_certificate(file, np.ones(3), kernel=found)


def test_wrong_answers_prove_little_and_nothing_false(tmp_path):
    """The solver is not trusted: weights and multipliers of another problem widen the bounds."""
    problem, found = linear(gf.MaxL1Margin(), *WIDE)
    other = linear(gf.MaxL2Margin(), *WIDE)[1]
    file = tmp_path / "wide.json"
    write(file, "it", {"it": Provable(problem, found)})
    narrow = content(file)[0]
    wrong = copy.copy(found)
    object.__setattr__(wrong, "w", other.w)
    write(file, "it", {"it": Provable(problem, wrong)})
    wide = content(file)[0]
    assert check.number(wide["upper"]) > check.number(narrow["upper"])
    assert check.number(wide["lower"]) == check.number(narrow["lower"])


def test_rows_of_several_sizes_that_depend_on_each_other_are_proved_as_exactly_as_others(tmp_path):
    """The multipliers of independent rows are those of all samples only where sizes are taken."""
    rng = np.random.default_rng(0)
    x = np.column_stack(
        [rng.normal(size=(15, 2)) * np.exp2(rng.integers(-4, 4, (15, 1))), np.ones(15)]
    )
    problem = gf.as_problem(x, np.full(15, 3.5), regression=True)
    found = gf.forecast(problem, alpha=10.0, lam=1e-3, loss=gf.LOSSES["square"]).early
    statement = linear_statement(problem, found)
    # Half of the square of 3.5, the weight of the ones.
    half = fmpq(49, 8)
    assert half * (1 - fmpq(1, 10**12)) <= statement.lower <= half <= statement.upper
