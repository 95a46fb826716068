"""Files of users, items and values: which matrix they are of, ids of any kind, and what follows."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from grokflow.cli import main
from grokflow.simulations.completion.data import holds_entries, load_entries
from grokflow.simulations.misgrokking.data_families import data_family, save_instance
from grokflow.theory.completion.forecast import forecast_completion
from grokflow.theory.completion.nuclear import MinNuclearNorm
from grokflow.theory.completion.spaces.blocks import BlockMatrices
from grokflow.theory.completion.spaces.symmetric import SymmetricMatrices
from grokflow.theory.transition.scores import Kind

CASES = Path(__file__).parents[1] / "cases"
# The minimum nuclear norm of the block form of ratings10_plain.csv, by Clarabel.
RATINGS10 = 112.994148


def table(path, rows, header="user,item,value"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "space", "n"),
    [
        ("comp_bom", SymmetricMatrices(12), 40),
        ("comp_names", SymmetricMatrices(12), 113),
        ("movielens_sparse_ids", BlockMatrices(40, 60), 346),
        ("ratings10_plain", BlockMatrices(10, 10), 88),
        ("ratings10_embedded", BlockMatrices(10, 10), 88),
    ],
)
def test_files_as_people_have_them_are_read(name, space, n):
    path = CASES / f"{name}.csv"
    assert holds_entries(path)
    problem = load_entries(path, holdout=0.0)
    assert problem.space == space
    assert problem.n == n
    kind = "symmetric" if space.square else "rectangular"
    assert problem.notes[0].startswith(f"read as a {kind} {space.shape[0]} × {space.shape[1]} mat")


def test_the_row_without_an_id_is_named():
    with pytest.raises(ValueError, match=r"row 6 of .*comp_nan_index.csv has no i, expected an id"):
        load_entries(CASES / "comp_nan_index.csv")


@pytest.mark.parametrize("name", ["ratings10_plain", "ratings10_embedded"])
def test_ratings_have_the_nuclear_norm_of_their_block_form(name):
    problem = load_entries(CASES / f"{name}.csv", holdout=0.0)
    found = MinNuclearNorm().predict(problem)
    # The reference is given to 1e-6, the certificate to a relative 1e-7.
    assert found.certificate.upper == pytest.approx(RATINGS10, abs=1e-6 + 2e-7 * RATINGS10)
    assert found.certificate.lower == pytest.approx(RATINGS10, abs=1e-6 + 2e-7 * RATINGS10)
    singular = np.linalg.svd(found.matrix, compute_uv=False)
    assert 2 * singular.sum() == pytest.approx(RATINGS10, rel=1e-6)


def test_the_block_form_read_as_symmetric_is_the_same_problem():
    whole = load_entries(CASES / "ratings10_embedded.csv", rectangular=False)
    assert whole.space == SymmetricMatrices(20)
    norm = MinNuclearNorm().predict(load_entries(CASES / "ratings10_embedded.csv", holdout=0.0))
    same = load_entries(CASES / "ratings10_embedded.csv", holdout=0.0, rectangular=False)
    bounds = MinNuclearNorm().predict(same).certificate
    assert bounds.upper == pytest.approx(norm.certificate.upper, rel=2e-7)


def test_ids_are_words_numbers_with_gaps_or_of_64_bits(tmp_path):
    big = 2**62 + 1
    rows = [f"ann,{big},1", f"bob,{big + 1},2", f"ann,{big + 1},4", "Zoë,-7,5"]
    problem = load_entries(table(tmp_path / "a.csv", rows), holdout=0.0)
    assert problem.space == BlockMatrices(3, 3)
    assert problem.names.rows == ("Zoë", "ann", "bob")
    assert problem.names.columns == ("-7", str(big), str(big + 1))
    at = problem.names.rows.index("bob"), problem.names.columns.index(str(big + 1))
    filled = np.zeros((3, 3))
    filled[problem.measurements.rows, problem.measurements.columns] = problem.values
    assert filled[at] == 2
    far = [f"{10**12},{10**12 + 5},1", f"{10**12 + 5},{10**12 + 9},2"]
    gaps = load_entries(table(tmp_path / "b.csv", far, "i,j,value"), holdout=0.0)
    assert gaps.space == SymmetricMatrices(3)
    assert gaps.names.rows == (str(10**12), str(10**12 + 5), str(10**12 + 9))
    assert "3 ids stand for the rows 0 to 2" in gaps.notes[1]


def test_movielens_columns_are_recognised_and_the_time_is_left_out(tmp_path):
    path = table(
        tmp_path / "u.data",
        ["1\t10\t3\t881250949", "2\t10\t4\t881250950", "2\t11\t5\t881250951"],
        "userId\tmovieId\trating\ttimestamp",
    )
    assert holds_entries(path)
    problem = load_entries(path, holdout=0.0)
    assert problem.space == BlockMatrices(2, 2)
    assert any("'timestamp' is left out" in note for note in problem.notes)


def test_decimal_commas_compression_and_rows_for_validation_are_read(tmp_path):
    lines = ["a;x;1,5;train", "b;x;2,5;Train", "b;y;3,5;TEST", "a;y;9;val"]
    text = "\n".join(["user;item;rating;split", *lines]) + "\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode("utf-16")))
    problem = load_entries(tmp_path / "a.csv.gz")
    assert problem.values.tolist() == [1.5, 2.5]
    assert problem.test.values.tolist() == [3.5]
    assert any("1 rows for validation left out" in note for note in problem.notes)


@pytest.mark.parametrize(
    ("rows", "header", "settings", "square", "reason"),
    [
        (["0,1,2", "1,0,2"], "i,j,value", {}, True, "share 2 of 2 ids, all 1 mirrored"),
        (["0,1,2", "1,0,3"], "i,j,value", {}, False, "1 of 1 entries differ from their mirrors"),
        (["0,1,2", "1,0,2"], "user,item,value", {}, False, "called user and item"),
        (["0,a,2", "1,b,2"], "i,j,value", {}, False, "numbers and words"),
        (["0,8,2", "1,9,2"], "i,j,value", {}, False, "share 0 of 2 ids"),
        (["0,1,2", "1,2,2"], "i,j,value", {}, True, "share 1 of 2 ids"),
        (["0,8,2", "1,9,2"], "i,j,value", {"rectangular": 0}, True, "as asked for"),
        (["0,1,2", "1,0,2"], "i,j,value", {"rectangular": 1}, False, "as asked for"),
        (["0,8,2", "1,9,2"], "i,j,value", {"d": 10}, True, "as asked for"),
    ],
)
def test_the_rule_for_symmetric_and_rectangular(tmp_path, rows, header, settings, square, reason):
    path = table(tmp_path / "a.csv", rows, header)
    problem = load_entries(path, holdout=0.0, **settings)
    assert problem.space.square == square
    assert reason in problem.notes[0]
    other = f"set rectangular={int(square)} for the other kind"
    assert other in problem.notes[0]


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (["0,1,2"], {"rectangular": 2}, "rectangular is 2, expected 1 or 0"),
        (["0,1,2", "1,1,2"], {"d": 3, "rectangular": 1}, "d is 3, expected none for a rectangular"),
        (["0,1,2", "1,0,3"], {"rectangular": 0}, r"\(0, 1\) is 2.0 but \(1, 0\) is 3.0, expected"),
        (["0,1,2", "1,0,3"], {"holdout": 0.3}, "would leave a row or a column without any"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, rows, settings, message):
    path = table(tmp_path / "a.csv", rows, "i,j,value")
    with pytest.raises(ValueError, match=message):
        load_entries(path, **{"holdout": 0.0, **settings})


def test_ratings_given_again_count_with_their_mean(tmp_path):
    path = table(tmp_path / "a.csv", ["a,x,1", "a,x,4", "b,x,2"])
    problem = load_entries(path, holdout=0.0)
    assert problem.values.tolist() == [2.5, 2.0]
    assert problem.counts.tolist() == [2, 1]
    assert any("1 of 3 entries are observed again" in note for note in problem.notes)


@pytest.mark.parametrize("seed", range(10))
def test_every_row_gives_the_same_share_and_keeps_an_entry(tmp_path, seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.nonzero(rng.random((12, 30)) < 0.5)
    np.savez(tmp_path / "a.npz", user=rows, item=columns, value=rng.standard_normal(len(rows)))
    problem = load_entries(tmp_path / "a.npz", seed=seed, holdout=0.3)
    held = np.bincount(problem.test.rows, minlength=12)
    size = held + np.bincount(problem.measurements.rows, minlength=12)
    given_back = round(0.3 * len(rows)) - held.sum()
    assert 0 <= given_back + 1 <= 4
    assert np.all(held <= 0.3 * size + 1)
    assert np.abs(held - 0.3 * size).sum() <= 12 + given_back
    assert len(np.unique(problem.measurements.rows)) == 12
    assert len(np.unique(problem.measurements.columns)) == len(np.unique(columns))
    again = load_entries(tmp_path / "a.npz", seed=seed, holdout=0.3)
    assert np.array_equal(again.test.rows, problem.test.rows)


def test_a_truth_of_another_shape_is_rectangular(tmp_path):
    truth = np.arange(6.0).reshape(2, 3)
    np.savez(tmp_path / "a.npz", i=[0, 1], j=[2, 0], value=truth[[0, 1], [2, 0]], truth=truth)
    problem = load_entries(tmp_path / "a.npz")
    assert problem.space == BlockMatrices(2, 3)
    assert problem.test.values.tolist() == [0.0, 1.0, 4.0, 5.0]
    square = np.arange(4.0).reshape(2, 2)
    np.savez(tmp_path / "b.npz", i=[0], j=[1], value=[1.0], truth=square)
    assert load_entries(tmp_path / "b.npz", rectangular=True).test.values.tolist() == [0, 2, 3]
    with pytest.raises(
        ValueError, match=r"expected a symmetric \(d, d\) matrix: symmetrise it, or"
    ):
        load_entries(tmp_path / "b.npz")


def unlearned(path):
    """Write ratings whose hidden entries are small and of the other sign than rank one says."""
    rng = np.random.default_rng(0)
    x, y = rng.choice([-1.0, 1.0], 12), rng.choice([-1.0, 1.0], 18)
    seen = rng.random((12, 18)) < 0.5
    lines = [
        f"u{a},m{b},{x[a] * y[b] * (2 if seen[a, b] else -0.2)},{'train' if seen[a, b] else 'test'}"
        for a, b in np.ndindex(12, 18)
    ]
    return table(path, lines, "user,item,value,split")


def test_ratings_that_misgrok_are_forecast_simulated_and_found(tmp_path):
    path = unlearned(tmp_path / "mine.csv")
    problem = load_entries(path)
    forecast = forecast_completion(problem, alpha=100.0, lam=1e-4)
    assert forecast.kind is Kind.MISGROKKING
    # Hidden entries are -0.2 of what rank one says them to be: 0.2² and 2.2².
    assert forecast.scores.error[0] == pytest.approx(0.04, rel=1e-12)
    assert forecast.scores.error[2] == pytest.approx(4.84, rel=1e-3)
    instance = data_family(path).problem({"n": 60, "seed": 0})
    assert instance.space == problem.space
    assert len(instance.values) == 60
    save_instance(tmp_path / "saved.npz", instance)
    again = load_entries(tmp_path / "saved.npz")
    assert again.space == problem.space
    assert np.array_equal(again.values, instance.values)
    assert np.array_equal(again.test.rows, problem.test.rows)


def test_commands_say_how_a_file_was_read(capsys, tmp_path):
    path, out = unlearned(tmp_path / "mine.csv"), tmp_path / "out.json"
    options = ["--alpha", "100", "--json", str(out)]
    assert main(["simulate", str(path), "--points", "40", *options]) == 0
    text = capsys.readouterr().out
    assert "read as a rectangular 12 × 18 matrix: the columns are called user and item" in text
    assert "A = PQᵀ" in text
    assert "largest singular values" in text
    simulated = json.loads(out.read_text())["transition"]["lambda_t"]
    assert main(["predict", str(path), *options]) == 0
    record = json.loads(out.read_text())
    assert record["kind"] == "misgrokking"
    # λ = 1e-4: the flow is within O(λ) of the path, and 40 times resolve the crossing to 1 %.
    assert record["transition"]["predicted"] == pytest.approx(simulated, rel=0.02)
