"""The plan of the house: the same rooms on every floor, none crowded, no name that repeats."""

from collections import Counter

import pytest

from tests.layout.modules import FLOORS, ROOT, modules

MODULES = modules()
# The rooms that every floor shares, as far as it has something to put there.
ROOMS = {
    *("linear", "diagonal", "completion", "homogeneous"),
    *("nets", "modular", "scan", "misgrokking"),
}
# What a floor has besides. CONTRIBUTING.md says what each is for.
MORE = {
    "theory": {
        "numerics",
        "numerics/penalised",
        "transition",
        "certified",
        "linear/classes",
        "linear/least_loss",
        "diagonal/classes",
        "diagonal/finite_decay",
        "diagonal/partly",
        "completion/spaces",
    },
    "simulations": {
        *("models", "runs", "tables", "diagonal/classes"),
        *("nets/explicit", "nets/implicit", "nets/tasks"),
        *("tables/binary", "tables/doubts", "tables/text"),
    },
    "proofs_check": {
        *("evidence", "mutants", "seeds", "falsification", "ranges"),
        *("diagonal/regimes", "diagonal/classes", "diagonal/kernel"),
    },
    "figures": set(),
    "grokflow/commands": {"shared"},
    "grokflow/checker": set(),
    "tests": {
        "claims",
        "diagonal/map",
        "front_door",
        "front_door/sample_package",
        "layout",
        "mutation",
        "numerics",
        "reference",
        "runs",
        "tables",
        "transition",
    },
}


def rooms_of(floor):
    folders = {path.parent for path in (ROOT / floor).rglob("*.py")} - {ROOT / floor}
    return {folder.relative_to(ROOT / floor).as_posix() for folder in folders}


@pytest.mark.parametrize("floor", MORE)
def test_floors_share_the_names_of_their_rooms(floor):
    assert rooms_of(floor) <= ROOMS | MORE[floor]
    assert MORE[floor] <= rooms_of(floor)


def test_every_layer_is_a_floor():
    assert set(FLOORS) < set(MORE)


def test_the_picture_in_contributing_shows_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = {name.rpartition("/")[2] for more in MORE.values() for name in more} | ROOMS
    assert not {name for name in names if name not in text}


def test_no_folder_holds_more_than_fifteen_modules():
    held = Counter(module.folder for module in MODULES if not module.is_package)
    assert not {folder: count for folder, count in held.items() if count > 15}


def test_no_module_repeats_the_name_of_its_folder():
    repeating = [
        module.name
        for module in MODULES
        for folder in module.path.parts[1:-1]
        if folder in module.path.stem.split("_")
    ]
    assert not repeating


def test_every_module_says_what_it_is_for():
    silent = [module.name for module in MODULES if not module.source.lstrip().startswith('"""')]
    assert not silent


def test_modules_are_short():
    lengths = {module.name: len(module.source.splitlines()) for module in MODULES}
    assert not {name: length for name, length in lengths.items() if length > 350}


def test_functions_are_short():
    longest = dict(function for module in MODULES for function in module.functions())
    assert not {name: lines for name, lines in longest.items() if lines > 50}
