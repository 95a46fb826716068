"""Data frames of pandas: truth with gaps, columns of several kinds."""

import numpy as np
import pandas as pd
import pytest

import grokflow as gf

INPUTS = np.random.default_rng(0).normal(size=(24, 2))
CLASSES = [0, 1] * 12
TRUTH = [True, None] + [False, True] * 11
WITH_GAPS = {
    "nullable": pd.array(TRUTH, dtype="boolean"),
    "of pyarrow": pd.array(TRUTH, dtype="bool[pyarrow]"),
    "None among objects": pd.Series(TRUTH, dtype=object),
    "NaN among objects": pd.Series([True, np.nan, *TRUTH[2:]], dtype=object),
    "categories": pd.Categorical(TRUTH),
}


def frame(**columns):
    """Return two columns of numbers, and others."""
    return pd.DataFrame({"a": INPUTS[:, 0], "b": INPUTS[:, 1], **columns})


@pytest.mark.parametrize("kind", WITH_GAPS)
@pytest.mark.parametrize("as_file", [False, True])
def test_truth_that_lacks_a_value_is_treated_as_a_number_that_does(tmp_path, kind, as_file):
    table = frame(known=WITH_GAPS[kind], y=CLASSES)
    table.to_parquet(tmp_path / "a.parquet")

    def read(**asked):
        if as_file:
            return gf.load(tmp_path / "a.parquet", **asked)
        return gf.as_problem(table, **asked)

    with pytest.raises(ValueError, match=r"^column 'known' has no value in row 2 .*missing='drop'"):
        read()
    dropped, filled = read(missing="drop"), read(missing="mean")
    assert dropped.n + dropped.test.size == 23
    assert filled.n + filled.test.size == 24
    trained = filled.inputs.to_array()[:, 2] * filled.signs
    values = {*trained.tolist(), *filled.test.inputs[:, 2].tolist()}
    assert {0.0, 1.0} < values and len(values) == 3
    assert "True read as 1, False as 0: column 'known'" in dropped.notes
    with pytest.raises(ValueError, match=r"^column 'known' has no value in row 2 \(1 missing\)"):
        read(target="known")
    assert any("False as -1" in note for note in read(target="known", missing="drop").notes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "x", *range(22)], "column 'c' of X holds 1 in row 1 and 'x' in row 2, expected one"),
        ([None, True, "x", *[False] * 21], "holds True in row 2 and 'x' in row 3, expected one"),
        ([10**25, *[1] * 23], r"column 'c' of X holds int values such as 10+ that are neither"),
        ([1j] * 24, r"column 'c' of X holds complex values such as 1j that are neither"),
    ],
)
def test_a_column_that_is_of_no_one_kind_is_named_with_its_rows(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        gf.as_problem(frame(c=pd.Series(values, dtype=object)), CLASSES)
    assert "\n" not in str(caught.value)
