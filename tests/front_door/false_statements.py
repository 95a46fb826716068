"""Small statements for the checker of certificates: true ones, and false ones that come close."""

from typing import Any


def statement(rows: list[Any], targets: list[float], **given: Any) -> tuple[Any, Any]:
    """Return a statement and its tables; what is not given is that of ``min ‖w‖₁``, ``Aw ≥ t``."""
    table = {"rows": rows, "targets": targets, "group": given.pop("group", 1)}
    table["shape"] = given.pop("shape", [len(rows[0]), 1])
    if "counts" in given:
        table["counts"] = given.pop("counts")
    usual = {"table": "t", "norm": "l1", "strength": 1, "data": "at least"}
    return usual | {"lower": 0, "upper": 1} | given, {"t": table}


EYE = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
IDENTITY = [1, 0, 0, 1]


def matrix(**given: Any) -> tuple[Any, Any]:
    """Return a statement about the nuclear norm of the 2×2 identity, which is 2."""
    wide = {"left": [[1, 0], [0, 1]], "right": [[1, 0], [0, 1]], "rest": {}}
    usual = {"shape": [2, 2], "norm": "nuclear", "data": "equal", "primal": wide, "dual": IDENTITY}
    usual |= {"factor": [[0, 0], [0, 0]], "lower": 2, "upper": 2}
    return statement(EYE, IDENTITY, **usual | given)


def loss(data: str, rows: list[Any], **given: Any) -> tuple[Any, Any]:
    """Return a statement about a loss without a penalty."""
    usual = {"data": data, "strength": 0, "primal": [0] * len(rows[0])}
    return statement(rows, given.pop("targets", [0] * len(rows)), **usual | given)


def kernel(**given: Any) -> tuple[Any, Any]:
    """Return a statement about a kernel of two samples with targets 1."""
    rows, targets = given.pop("rows", [[2, 1], [1, 1]]), given.pop("targets", [1, 1])
    usual = {"norm": "kernel", "data": "equal", "primal": [0, 1], "dual": [0, 1]}
    usual |= {"shape": [2, 1], "factor": [[1, 1], [0, 1]], "lower": 0.5, "upper": 0.5}
    return statement(rows, targets, **usual | given)


# log 2 is 0.6931...
TRUE = {
    "the least w with w ≥ 1": statement([[1]], [1], primal=[1], dual=[1], lower=1),
    "‖(1, 1)‖² / 2": statement(
        [[1, 0], [0, 1]], [1, 1], norm="l2", data="equal", primal=[1, 1], dual=[1, 1], lower=1
    ),
    "the nuclear norm of the identity": matrix(),
    "a logistic loss without inputs": loss("logistic", [[0]], dual=[0.5], lower=0.693, upper=0.694),
    "three alternatives": loss(
        "logistic", [[0], [0]], group=2, dual=["1/3", "1/3"], lower=1.098, upper=1.099
    ),
    "an exponential loss without inputs": loss("exponential", [[0]], dual=[1], lower=1),
    "two targets": loss("square", [[1], [1]], targets=[0, 2], primal=[1], dual=[-1, 1], lower=1),
    "a square loss with counts": loss(
        "square",
        [[1], [1]],
        targets=[0, 2],
        counts=[3, 1],
        primal=[0.5],
        dual=[-0.75, 0.75],
        lower=0.75,
        upper=0.75,
    ),
    # K is the square of [[1, 1], [0, 1]] with its transpose: K c = (1, 1) at c = (0, 1).
    "a kernel": kernel(),
    "w ≥ 1 and -w ≥ 1": statement([[1], [-1]], [1, 1], dual=[1, 1], upper=None),
    "w = 0 and w = 1": statement([[1], [1]], [0, 1], data="equal", dual=[-1, 1], upper=None),
}

FALSE = {
    "a negative multiplier": statement([[1], [2]], [1, 1], primal=[1], dual=[2, -0.5], lower=1.5),
    "multipliers that pull too much": statement([[1]], [1], primal=[1], dual=[2], lower=2),
    "weights that miss a margin": statement([[1]], [1], primal=[0.5], dual=[0], upper=0.5),
    "weights that miss a target": statement(
        [[1]], [1], data="equal", primal=[0.5], dual=[0], upper=0.5
    ),
    "a lower bound that nothing shows": statement([[1]], [1], primal=[1], dual=[0.5], lower=1.5),
    "an upper bound that nothing shows": statement([[1]], [1], primal=[1], dual=[1], upper=0.5),
    "half of the cost of ½ ‖w‖²": statement(
        [[1]], [1], norm="l2", data="equal", primal=[1], dual=[1], lower=0.6
    ),
    "less than ½ ‖w‖²": statement(
        [[1]], [1], norm="l2", data="equal", primal=[1], dual=[1], upper=0.4
    ),
    # s² I - MᵀM is [[0.395, 0.605], [0.605, 0.395]].
    "multipliers that pull a tenth too much": statement(
        EYE,
        [1, -1, -1, 1],
        shape=[2, 2],
        norm="nuclear",
        data="equal",
        primal={"left": [[1], [-1]], "right": [[1], [-1]], "rest": {}},
        dual=[0.55, -0.55, -0.55, 0.55],
        factor=[[0, 0], [0, 0]],
        lower=2.2,
        upper=2,
    ),
    "a negative strength": statement(
        [[1]], [1], norm="l2", data="equal", strength=-1, primal=[1], dual=[1], lower=1
    ),
    "a place that counts twice": statement(
        [{"0": 1, "00": 1}], [1], shape=[1, 1], primal=[0.5], dual=[0], upper=0.5
    ),
    "factors of another shape": matrix(
        primal={"left": [["6/5"]], "right": [["5/6"], [0], [0], ["5/6"]], "rest": {}},
        dual=[0, 0, 0, 0],
        factor=[[1, 0], [0, 1]],
        lower=0,
        upper=1.42,
    ),
    "factors a little too small": matrix(upper=1.99),
    "a rest that is not counted": matrix(
        primal={"left": [[0], [0]], "right": [[0], [0]], "rest": {"0": 1, "3": 1}}, upper=1.5
    ),
    "no factor": matrix(dual=[2, 0, 0, 2], factor=[], lower=4),
    "multipliers that pull a matrix too much": matrix(dual=[1.1, 0, 0, 1.1], lower=2.2),
    # ‖M‖₂ = 2 though no entry is above 1: s² I - MᵀM is [[-1, -2], [-2, -1]].
    "multipliers of small entries that pull too much": statement(
        EYE,
        [1, 1, 1, 1],
        shape=[2, 2],
        norm="nuclear",
        data="equal",
        dual=[1, 1, 1, 1],
        primal={"left": [[1], [1]], "right": [[1], [1]], "rest": {}},
        factor=[[0, 0], [0, 0]],
        lower=4,
        upper=2,
    ),
    "multipliers of more samples than there are": loss(
        "logistic", [[1]], primal=[10], dual=[0, 0.25], lower=0.3, upper=0.5
    ),
    "a sample of too few rows": loss(
        "logistic", [[0]] * 3, group=2, dual=["1/3", "1/3", 0.5], lower=1.5, upper=1.0
    ),
    "rows of one sample for an exponential loss": loss(
        "exponential", [[0], [0]], group=2, dual=[1, 1], lower=1.5, upper=1
    ),
    "pulls that no logistic loss has": loss("logistic", [[0]], dual=[2], lower=0.7, upper=0.7),
    "too much of log 2": loss("logistic", [[0]], dual=[0.5], lower=0.6932, upper=0.694),
    "too little of log 2": loss("logistic", [[0]], dual=[0.5], lower=0.693, upper=0.6931),
    "too much of e⁰": loss("exponential", [[0]], dual=[1], lower=1.0001, upper=1),
    "too little of e⁻¹": loss("exponential", [[1]], primal=[1], dual=[0], lower=0, upper=0.36787),
    "less than the norm in a kernel": kernel(upper=0.4),
    "more than the multipliers show in a kernel": kernel(dual=[0, 0.9], lower=0.4999),
    # A w = (1, 1) at w = (0, 1) alone, where ½ <w, A w> is ½.
    "a kernel that is not symmetric": kernel(
        rows=[[1, 1], [-1, 1]], factor=[[0, 0], [0, 0]], dual=[1, 1], lower=1
    ),
    # With c = (1, -1), ½ <c, K c> is -1.
    "a kernel that is not positive": kernel(
        rows=[[1, 2], [2, 1]],
        factor=[[0, 0], [0, 0]],
        targets=[-1, 1],
        primal=[1, -1],
        dual=[0, 0],
        lower=0,
        upper=0,
    ),
    "a negative count": loss(
        "square", [[0], [0]], targets=[0, 1], counts=[3, -1], dual=[0, 5], lower=10, upper=0
    ),
    "counts of a loss that has none": loss(
        "logistic", [[0], [0]], counts=[5, 1], dual=[0.25, 0.25], lower=0.693, upper=0.694
    ),
    "too little of the cost of a square": loss(
        "square", [[1], [1]], targets=[0, 2], primal=[1], dual=[-1.1, 1.1], lower=1.0
    ),
    "w ≥ 1 is impossible": statement([[1]], [1], dual=[1], upper=None),
    "0 = 0 is impossible": statement([[0]], [0], data="equal", dual=[1], upper=None),
    "w ≥ 1 with w ≥ 1 is impossible": statement([[1], [1]], [1, 2], dual=[-1, 1], upper=None),
    "a square loss is impossible": loss("square", [[0]], targets=[1], dual=[1], upper=None),
    "a norm that is not known": statement([[1]], [1], norm="l0", primal=[1], dual=[1]),
    "a loss that is not known": loss("hinge", [[0]], dual=[0]),
}
