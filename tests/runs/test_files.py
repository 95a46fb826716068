"""Files are named by text or by paths, whatever is read or written."""

import numpy as np
import pytest

import grokflow as gf


@pytest.mark.parametrize("named", [str, lambda path: path])
def test_files_are_named_by_text_or_by_paths(tmp_path, named):
    start, steps = gf.teacher_student(n=6, d=4, n_test=5), np.array([0, 5])
    file = gf.Checkpoint(named(tmp_path / "run.pt"))
    gf.Descent(lr=0.1).run(start, steps, checkpoint=file)
    assert file.file.exists()
    gf.Scan.over("sparse", alpha=10.0, lam=1e-2, n=8, d=16, n_test=50).run().write(
        named(tmp_path / "table.csv")
    )
    assert (tmp_path / "table.csv").exists()
    np.savez(tmp_path / "own.npz", X=np.eye(6), y=[-1, 1, -1, 1, -1, 1])
    assert gf.data_family(named(tmp_path / "own.npz")).name == "own"
