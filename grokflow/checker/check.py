"""Check a certificate file in exact arithmetic, from the file alone: ``python check.py FILE``.

Each statement is ``lower ≤ min_w F(A w) + N(w) ≤ upper``. The weights `primal` show `upper`, the
multipliers `dual` show `lower`: the minimum is at least ``inf_q [F(q) + <μ, q>]`` plus ``inf_w
[N(w) - <Aᵀμ, w>]``. A JSON number is the double nearest to it, a string "p/q" a rational number.
"""

import json
import math
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction as Q
from typing import Any

FORMAT, FAR, MOST, LONGEST = "grokflow certificate 1", 10**5, 10**6, 400
NORMS = {"l1": "‖w‖₁", "l2": "½ ‖w‖²", "nuclear": "the nuclear norm of w", "kernel": "½ <w, A w>"}
LOSSES = {name: f"the mean {name} loss" for name in ("square", "logistic", "exponential")}
CONDITIONS = {"at least": "A w ≥ t", "equal": "A w = t"}
WRONG = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, OSError)
FAILURES = (*WRONG, RecursionError, MemoryError)
Sparse = tuple[list[dict[int, int]], int]  # rows of whole numbers, and what divides all of them


def need(holds: bool, what: str) -> None:
    """Refuse the statement unless something holds."""
    if not holds:
        raise ValueError(what)


def shown(text: object) -> str:
    """Return text in one line of bounded length, with what moves the cursor or hides escaped."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text)[: LONGEST + 1])
    return line if len(line) <= LONGEST else line[:LONGEST] + " ..."


def number(x: Any) -> Q:
    """Return a number of the file as the rational number that it is."""
    top, _, below = str(x).partition("/")
    return Q(int(top, 0), int(below or "1", 0)) if isinstance(x, str) else Q(x)


def sparse(rows: Any) -> Sparse:
    """Return the numbers of each row by their places."""
    pairs = [row.items() if isinstance(row, dict) else enumerate(row) for row in rows]
    found = [{int(j): number(x) for j, x in row} for row in pairs]
    below = math.lcm(*(x.denominator for row in found for x in row.values()))
    return [{j: int(x * below) for j, x in row.items() if x} for row in found], below


def product(left: Sparse, right: Sparse) -> list[Q]:
    """Return the entries of ``L Rᵀ``, row after row."""
    (rows, a), (others, b) = left, right
    return [Q(sum(x * c.get(j, 0) for j, x in r.items()), a * b) for r in rows for c in others]


def cut(x: Q, up: bool) -> Q:
    """Round a positive number to 160 binary digits, upwards or downwards."""
    unit = Q(2) ** (x.numerator.bit_length() - x.denominator.bit_length() - 160)
    return (math.ceil if up else math.floor)(x / unit) * unit


def exp(x: Q) -> tuple[Q, Q]:
    """Return numbers below and above e^x: Taylor's series at x / 2^k, squared k times."""
    if x > 0:
        low, high = exp(-x)
        return 1 / high, 1 / low
    if x == 0 or x < -FAR:
        return Q(x == 0), Q(1, 1 if x == 0 else 2**FAR)
    k, one = math.ceil(-x).bit_length() + 1, 2**200
    step, term, total = math.floor(-x * one / 2**k), one, one
    for i in range(1, 40):
        term = -term * step // (one * i)
        total += term
    low, high = Q(total - 128, one), Q(total + 128, one)  # fewer than 128 roundings
    for _ in range(k):
        low, high = cut(low, False) ** 2, cut(high, True) ** 2
    return low, high


def log_above(x: Q) -> Q:
    """Return a number above log x, from ``log r ≤ r - 1`` for r = x / e^y with y near log x."""
    y = 0.0 if abs(x - 1) < Q(1, 2**75) else math.log(x.numerator) - math.log(x.denominator)
    if Q(1, 2**75) <= abs(x - 1) < Q(1, 2):
        y = math.log1p(x - 1)
    return Q(y) + x / exp(Q(y))[0] - 1


def loss_above(data: str, q: list[Q], t: list[Q], counts: list[Q], group: int) -> Q:
    """Return a number not below F(q), after checking that q is allowed."""
    pairs = [*zip(q, t, counts, strict=True)]
    if data in CONDITIONS:
        allowed = all(x >= y if data == "at least" else x == y for x, y, _ in pairs)
        need(allowed, "the weights miss their condition")
        return Q(0)
    if data == "square":
        return sum((c * (x - y) ** 2 for x, y, c in pairs), Q(0)) / sum(counts, Q(0))
    lost = [exp(-x)[1] for x in q]
    if data == "logistic":
        lost = [log_above(sum(lost[i : i + group], Q(1))) for i in range(0, len(q), group)]
    return sum(lost, Q(0)) / len(lost)


def gain_below(data: str, mu: list[Q], t: list[Q], counts: list[Q], group: int) -> Q:
    """Return a number not above ``inf_q [F(q) + <μ, q>]``, after checking that it is finite."""
    need(data in ("equal", "square") or min(mu) >= 0, "a multiplier is negative")
    if data in (*CONDITIONS, "square"):
        cost = sum(counts, Q(0)) / 4 if data == "square" else Q(0)
        return sum((m * y - cost * m**2 / c for m, y, c in zip(mu, t, counts, strict=True)), Q(0))
    n = len(mu) // (group if data == "logistic" else 1)
    if data == "exponential":
        return sum((m * (1 - log_above(n * m)) for m in mu if m), Q(0))
    pulls = [[n * m for m in mu[i : i + group]] for i in range(0, len(mu), group)]
    shares = [p for pull in pulls for p in (*pull, 1 - sum(pull, Q(0)))]
    need(min(shares) >= 0, "the multipliers of a sample are too large")
    return -sum((p * log_above(p) for p in shares if p), Q(0)) / n


def weights(norm: str, primal: Any, shape: list[int]) -> tuple[list[Q], Q]:
    """Return w, and a number not below its norm; a matrix is ``L Rᵀ`` plus what is left."""
    if norm != "nuclear":
        w = [number(x) for x in primal]
        return w, sum((x * x / 2 if norm == "l2" else abs(x) for x in w), Q(0))
    factors = sparse(primal["left"]), sparse(primal["right"])
    need([len(rows) for rows, _ in factors] == shape, "the factors have a wrong shape")
    w, rest = product(*factors), {int(j): number(x) for j, x in primal["rest"].items()}
    for j, x in rest.items():
        w[j] += x
    squares = [Q(x * x, 2 * below**2) for rows, below in factors for r in rows for x in r.values()]
    return w, sum([*squares, *map(abs, rest.values())], Q(0))


def need_positive(entries: list[Q], factor: Any, what: str) -> None:
    """Refuse unless S - LLᵀ is diagonally dominant: then the symmetric S has no eigenvalue < 0."""
    need(len(factor) ** 2 == len(entries), "the factor has a wrong size")
    k, square = len(factor), product(sparse(factor), sparse(factor))
    for i in range(k):
        line = [x - y for x, y in zip(entries[i * k : i * k + k], square[i * k :], strict=False)]
        need(2 * line[i] >= sum(map(abs, line)), what)


def held_below(norm: str, xi: list[Q], strength: Q, shape: list[int], factor: Any) -> Q:
    """Return ``inf_w [strength N(w) - <ξ, w>]``, after checking that it is finite."""
    if norm == "l2" and strength:
        return -sum((x * x for x in xi), Q(0)) / (2 * strength)
    if norm != "nuclear":
        need(max(map(abs, xi)) <= strength, "the multipliers pull more than the norm holds")
        return Q(0)
    rows = [xi[i : i + shape[1]] for i in range(0, len(xi), shape[1])]
    lines = sparse(rows if shape[0] < shape[1] else zip(*rows, strict=True))
    k, gram = min(shape), product(lines, lines)
    room = [strength**2 * (i % (k + 1) == 0) - x for i, x in enumerate(gram)]  # s² I - MᵀM ≥ 0
    need_positive(room, factor, "the multipliers pull more than the norm holds")
    return Q(0)


def verify(statement: Any, tables: Any) -> str:
    """Return the sentence that a statement proves; an error when it proves nothing."""
    table, norm, data = tables[statement["table"]], statement["norm"], statement["data"]
    need(norm in NORMS and data in (*CONDITIONS, *LOSSES), "the kind of statement is unknown")
    rows, shape, group = sparse(table["rows"]), table["shape"], table["group"]
    width, t = shape[0] * shape[1], [number(x) for x in table["targets"]]
    counts = [number(c) for c in table.get("counts", [1] * len(t))]
    need(0 < width <= MOST and min(shape) > 0, f"its weights are not 1 to {MOST} numbers")
    mu, strength = [number(x) for x in statement["dual"]], number(statement["strength"])
    need(len(rows[0]) == len(t) == len(mu), "rows, targets and multipliers do not pair")
    need(all(0 <= j < width for row in rows[0] for j in row), "a place is outside the table")
    need(group > 0 and len(t) % group == 0 and strength >= 0, "a size is wrong")
    need(all(c >= 1 and c.denominator == 1 for c in counts), "a count is no whole number")
    need(data == "square" or max(counts) == 1, "a sample is counted twice")
    possible = statement["upper"] is not None
    w, size = weights(norm, statement["primal"], shape) if possible else ([], Q(0))
    need(len(w) == width or not possible, "weights and columns do not pair")
    columns: list[dict[int, int]] = [{} for _ in range(width)]
    for i, j, x in ((i, j, x) for i, row in enumerate(rows[0]) for j, x in row.items()):
        columns[j][i] = x
    xi, gain = product((columns, rows[1]), sparse([mu])), gain_below(data, mu, t, counts, group)
    if not possible:
        need(data in CONDITIONS and gain > 0 and not any(xi), "the rows do not cancel")
        return f"no w has {CONDITIONS[data]}"
    low, high = number(statement["lower"]), number(statement["upper"])
    q, factor = product(rows, sparse([w])), statement.get("factor")
    if norm == "kernel":
        need(width**2 <= MOST, f"the kernel has more than {MOST} numbers")
        need(rows[0] == columns and strength > 0, "the kernel is not symmetric")
        kernel = [Q(row.get(j, 0), rows[1]) for row in rows[0] for j in range(width)]
        need_positive(kernel, factor, "the kernel is not positive")
        size = sum((x * y for x, y in zip(w, q, strict=True)), Q(0)) / 2
        gain -= sum((x * y for x, y in zip(mu, xi, strict=True)), Q(0)) / (2 * strength)
    else:
        gain += held_below(norm, xi, strength, shape, factor)
    lost = loss_above(data, q, t, counts, group)
    need(lost + strength * size <= high, "the weights do not show the upper bound")
    need(low <= gain, "the multipliers do not show the lower bound")
    first, last = (
        Context(15, way).divide(Decimal(x.numerator), Decimal(x.denominator))
        for x, way in ((low, ROUND_FLOOR), (high, ROUND_CEILING))
    )
    factor = f"{float(strength)} ·".replace(".0 ·", " ·")
    penalty = NORMS[norm] if strength == 1 else f"{factor} {NORMS[norm]}"
    what = f"{penalty} with {CONDITIONS[data]}" if data in CONDITIONS else LOSSES[data]
    what += f" + {penalty}" if data in LOSSES and strength else ""
    return f"the least {what} is in [{first}, {last}]"


def read(path: str) -> Any:
    """Return the content of a file that has the form of a certificate, or say what it lacks."""
    content: Any = None
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except OSError as error:
        need(False, f"it cannot be read ({error.strerror})")
    except ValueError:
        need(False, "it holds no JSON")
    known = isinstance(content, dict) and content.get("format") == FORMAT
    need(known, f"it is no object of the format {FORMAT!r}")
    parts = [isinstance(content.get(key), dict) for key in ("statements", "tables")]
    need(all(parts) and "about" in content, "its statements or tables are missing")
    need(len(content["statements"]) > 0, "there is no statement")
    return content


def main(path: str) -> int:
    """Check every statement of a file and return the exit code.

    It is 0 where all of them hold, 1 where one is not proved, 2 where the file is no certificate.
    """
    try:
        content = read(path)
        about = shown(content["about"])
    except FAILURES as error:
        print(
            f"{shown(path)} is no certificate: {shown(error) or type(error).__name__}, expected a "
            "file that grokflow predict --certificate wrote"
        )
        return 2
    print(f"the file says: {about}")
    failed = 0
    for key, statement in content["statements"].items():
        name = shown(key).replace(":", "\\x3a")  # no name looks like a sentence that is proved
        try:
            said = verify(statement, content["tables"])
        except FAILURES as error:
            failed = 1
            said = f"NOT PROVED, {shown(error) or type(error).__name__}"
        print(f"{name}: {said}")
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: python check.py FILE", file=sys.stderr)
        sys.exit(2)
    # What the encoding of the terminal lacks is escaped.
    getattr(sys.stdout, "reconfigure", dict)(errors="backslashreplace")
    sys.exit(main(sys.argv[1]))
