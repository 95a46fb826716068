"""Try all mutations, or those that are named: ``python -m tests.mutation [ID …]``."""

import sys

from tests.mutation.kills import copy_of_checkout, killed, mutations


def main(wanted: list[str]) -> int:
    """Print the fate of each mutation and return how many survive."""
    survivors = 0
    with copy_of_checkout() as copy:
        for mutation in mutations():
            if not wanted or mutation.id in wanted:
                dead = killed(copy, mutation)
                survivors += not dead
                print(f"{mutation.id:24} {'killed' if dead else 'SURVIVES'}", flush=True)
    return survivors


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
