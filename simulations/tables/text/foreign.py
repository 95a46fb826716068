"""Text that is no table with delimiters: what it is, and in one line how to make a table of it."""

from __future__ import annotations

import re

# Digits can be told apart in one way only: in another the time would double with each number.
_NUMBER = r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?"
_CSV = "to_csv('data.csv', index=False)"
# Each is looked for at the start of the text, after blank lines; the first that fits decides.
_KINDS = {
    r"\{.*\}\s*\n\s*\{": f"it is JSON by lines: pandas.read_json(FILE, lines=True).{_CSV} makes a "
    "table of it",
    r'(\{\s*"|\[\s*[\[{"\d-])': f"it is JSON: pandas.read_json(FILE).{_CSV} makes a table of it",
    rf"{_NUMBER}(,{_NUMBER})*([ \t]+(qid|\d+):{_NUMBER})+[ \t]*(#.*)?$": "it is in the format of "
    "libsvm: x, y = sklearn.datasets.load_svmlight_file(FILE) and gf.as_problem(x, y) read it",
    r"(%.*\n\s*)*(?i:@relation\s)": "it is an ARFF file: put one line with the names of its "
    "attributes, with commas between them, in the place of all lines up to @data",
    r"<(?i:!doctype|html|\?xml|!--)": "it is a web page or XML: download the file itself, or "
    "save its table as CSV",
    r"version https://git-lfs": "it is a pointer of git-lfs: git lfs pull fetches the file",
}
_PATTERNS = {re.compile(rf"\s*{kind}", re.MULTILINE): reason for kind, reason in _KINDS.items()}


def foreign_format(text: str) -> str | None:
    """Return what a text is and how to convert it, or None where it may be a table."""
    return next((why for pattern, why in _PATTERNS.items() if pattern.match(text)), None)
