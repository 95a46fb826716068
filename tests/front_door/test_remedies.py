"""Every remedy that a message names exists: options, public names, extras, settings; it helps."""

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator

import numpy as np
import pytest

import grokflow as gf
from grokflow.cli import build_parser, main
from tests.layout.modules import ROOT, modules
from tests.tables.test_cases import CASES

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
PUBLIC = re.compile(r"\bgf\.(\w+)")
EXTRA = re.compile(r"grokflow\[(\w+)\]")


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text of the package that is no docstring, with its module."""
    for module in modules():
        documented = {
            id(node.body[0].value)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        pieces = set()
        for node in ast.walk(module.tree):
            if isinstance(node, ast.JoinedStr):
                pieces |= set(map(id, node.values))
                yield module.name, "".join(map(_spelled, node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                if id(node) not in documented | pieces:
                    yield module.name, node.value


def _spelled(piece: ast.expr) -> str:
    """Return a piece of a text that is filled in, ``{}`` for what it is filled in with."""
    return str(piece.value) if isinstance(piece, ast.Constant) else "{}"


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield all options of a parser and those below it."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from options(below)


TEXTS = list(texts())


def test_every_option_that_is_named_exists():
    # Those of the command line, and that which the plugin adds to pytest's.
    known = set(options(build_parser())) | {"--claim-seed"}
    named = {(home, option) for home, text in TEXTS for option in OPTION.findall(text)}
    assert len(named) > 40
    assert not {(home, option) for home, option in named if option not in known}


def test_every_public_name_that_is_named_exists():
    named = {(home, name) for home, text in TEXTS for name in PUBLIC.findall(text)}
    assert len(named) > 20
    # A name may be followed by what the message fills in.
    assert not {
        (home, name) for home, name in named if not any(n.startswith(name) for n in dir(gf))
    }


def test_every_extra_that_is_named_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {extra for _, text in TEXTS for extra in EXTRA.findall(text)}
    assert named and named <= set(project["optional-dependencies"])


def test_the_search_reads_messages_and_not_docstrings():
    assert any("--missing drop" in text for _, text in TEXTS)
    assert not any(text.startswith("Return ") and text.endswith(".") for _, text in TEXTS)


# Tables that leave something open, as (file name, text); the message names at least one remedy.
OPEN = {
    "categories": (CASES / "categorical.csv").read_text(),
    "gaps": (CASES / "missing.csv").read_text(),
    "no header": (CASES / "noheader.csv").read_text(),
    "split": "a,b,y,split\n1,2,0,train\n2,1,1,holdout\n3,1,0,test\n0,1,1,train\n",
    "blank split": "a,b,y,split\n1,2,0,train\n2,1,1,\n3,1,0,test\n0,1,1,train\n",
    "dates": "a,b,when,y\n1,2,2020-01-01,0\n2,1,2020-01-02,1\n3,1,2020-02-03,0\n0,1,2021-01-01,1\n",
    "decimal": "a;b;y\n1,234;2;0\n2,345;1;1\n3,456;3;0\n4,567;7;1\n",
    "no target": "a,b,c\n1,2,0\n2,1,1\n3,1,0\n0,1,1\n",
    "two targets": "a,Target,TARGET\n1,2,0\n2,1,1\n3,1,0\n0,1,1\n",
    "one class": "a,b,y\n1,2,7\n2,1,7\n3,1,7\n0,1,7\n",
    "infinite": "a,b,y\n1,2,0\n2,1,1\n3,1e999,0\n0,1,1\n",
    "unlabelled": "a,b,y\n1,2,0\n2,1,1\n3,1,0\n0,1,\n4,1,1\n",
    "counter": "t,b,y\n1,2,0\n2,1,1\n3,1,0\n4,1,1\n",
}
SETTING = re.compile(r"(\w+)=('[^']*'|True)")
SPELLED = re.compile(r"\(--(\w+) ?([^)]*)\)")


def complaint(path, **settings):
    """Return what is said of a file: the refusal, or what is noted as doubtful."""
    try:
        problem = gf.load(path, **settings)
    except ValueError as error:
        return str(error)
    return next((note for note in problem.notes if "--" in note), "")


@pytest.mark.parametrize("name", OPEN)
def test_every_remedy_of_a_refused_file_helps(tmp_path, capsys, name):
    path = tmp_path / "open.csv"
    path.write_text(OPEN[name])
    first = complaint(path)
    assert "\n" not in first
    remedies = {key: ast.literal_eval(value) for key, value in SETTING.findall(first)}
    assert remedies
    for key, value in remedies.items():
        tried = "Target" if value == "NAME" else value
        assert complaint(path, **{key: tried}) != first, (key, value)
    spelled = SPELLED.findall(first)
    assert {key for key, _ in spelled} <= set(remedies)
    for key, value in spelled:
        words = ["Target" if value == "NAME" else value] if value else []
        code = main(["predict", str(path), f"--{key}", *words])
        said = capsys.readouterr()
        assert code in (0, 1, 2) and first not in said.out + said.err


def test_the_remedy_for_data_with_several_classes_helps(tmp_path):
    with pytest.raises(ValueError) as refused:
        gf.data_family(CASES / "iris3.csv")
    remedies = {key: ast.literal_eval(value) for key, value in SETTING.findall(str(refused.value))}
    assert set(remedies) == {"positive", "regression"}
    for key, value in remedies.items():
        assert isinstance(gf.load(CASES / "iris3.csv", **{key: value}), gf.Problem)


def test_the_target_that_a_message_proposes_is_the_last_column(tmp_path):
    np.savetxt(tmp_path / "a.csv", [[0.5, 1.5, 0], [1.5, 2.5, 1], [2.5, 1, 0], [3, 4, 1]])
    with pytest.raises(ValueError, match=r"target='3' \(--target 3\)$"):
        gf.load(tmp_path / "a.csv")
    assert gf.load(tmp_path / "a.csv", target="3").d == 2


def test_leaving_out_a_copied_input_helps_a_deep_net_on_inputs_of_one_size():
    """The labels are one of these columns of ±1, which is there twice but for rounding."""
    x = np.random.default_rng(12).choice([-1.0, 1.0], (26, 12))
    x[:, 1] = x[:, 0] * (1 + 2.0**-50)
    y = x[:, 0].astype(int)

    def predicted(inputs):
        problem = gf.as_problem(inputs, y, inputs, y)
        return gf.forecast(problem, alpha=10.0, lam=1e-3, loss=gf.LOSSES["square"], depth=3)

    with pytest.raises(gf.NotResolved, match=r"independent inputs: .*--drop NAME") as told:
        predicted(x)
    assert "take the square loss" not in str(told.value)
    assert np.argmax(np.abs(predicted(np.delete(x, 1, axis=1)).late.w)) == 0
    # What is the same to the last digit shares its weight.
    x[:, 1] = x[:, 0]
    first, second, *others = np.abs(predicted(x).late.w)
    assert first == second > max(others)


# Those that functions say, and the command line repeats.
SAID = [item for item in TEXTS if item[0].startswith(("grokflow.theory", "grokflow.simulations"))]
# What reads the command line, or writes a command line for it, speaks of nothing but options.
OF_COMMANDS = ("net_request", "net_methods", "options", "cases", "own_results")
BRACKETS = re.compile(r"[^()]*\([^()]*--[a-z][^()]*\)")


def test_messages_of_functions_name_options_in_brackets_behind_what_python_calls_them():
    named = [
        (home, text)
        for home, text in SAID
        if OPTION.search(text) and not home.endswith(OF_COMMANDS)
    ]
    assert len(named) > 15
    bare = [(home, text) for home, text in named if OPTION.search(BRACKETS.sub("", text))]
    # An option alone at the head of a text is a piece of a command that is written out.
    assert not [item for item in bare if not item[1].startswith(" --")]


def standardised_problem(y, **changes):
    x = np.random.default_rng(0).standard_normal((20, 50))
    task = "regression" if len(set(y)) > 2 else "classification"
    return gf.make_problem("p", task, x, y, gf.StoredTestSet(x, y), **changes)


REAL = np.random.default_rng(1).standard_normal(20)


def own_loss(problem):
    return gf.LOSSES["logistic" if problem.is_classification else "square"]


def unresolved(y, **changes):
    """Return what is said of a gap that double precision does not have."""
    problem = standardised_problem(y, **changes)
    with pytest.raises(gf.NotResolved) as refused:
        gf.L1Penalised(
            gf.LOSSES["logistic" if problem.is_classification else "square"], 1e-3, 1e-30
        ).predict(problem)
    return str(refused.value)


def pressed(y, **changes):
    """Return what is said of a weight decay that is much too large."""
    problem = standardised_problem(y, **changes)
    return gf.forecast(problem, alpha=10.0, lam=1e2, loss=own_loss(problem)).remark


@pytest.mark.parametrize("says", [unresolved, pressed])
@pytest.mark.parametrize("y", [REAL, np.sign(REAL)], ids=["targets", "classes"])
def test_standardising_is_advised_unless_it_is_done(says, y):
    advice = "standardise the inputs with standardise=True (--standardise)"
    assert advice in says(y)
    assert "standardise" not in says(y, standardise=True)


def test_one_function_alone_advises_to_standardise():
    """It leaves the advice out where it is followed; a column that no double holds is none's."""
    advising = {home for home, text in SAID if "standardise" in text and " " in text}
    asking = {"input_transform", "checks", "problem", "door", "table", "options"}
    assert {home.rpartition(".")[2] for home in advising} <= asking
