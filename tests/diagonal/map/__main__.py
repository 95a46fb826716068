"""Judge flows, keep the verdicts in a file, and print the table of all that the file holds.

``python -m tests.diagonal.map FILE FIRST END`` judges those from FIRST to END that the file lacks.
"""

import json
import sys
from pathlib import Path

from tests.diagonal.map.table import read, record_of, table

if __name__ == "__main__":
    file, first, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    known = {record["number"] for record in read(file)}
    with file.open("a") as lines:
        for number in sorted(set(range(first, end)) - known):
            lines.write(json.dumps(record_of(number)) + "\n")
            lines.flush()
    print(table(read(file)))
