"""Measure flows and predictors: ``python -m benchmarks [--limit SECONDS] [SUITE ...]``."""

import argparse
from importlib import import_module

from benchmarks.child import Failed

SUITES = (
    "flow_at_paper_size",
    "cost_of_scale",
    "flow_peers",
    "completion_flow",
    "net_flow",
    "predictors",
    "nuclear",
    "modular",
    "pruning",
    "scan",
)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--limit", type=float, help="seconds one call may take (each has its own)")
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - set(SUITES):
        parser.error(f"unknown {', '.join(unknown)}, expected {', '.join(SUITES)}")
    for name in arguments.suites or SUITES:
        print(f"\n# {name}", flush=True)
        options = {} if arguments.limit is None else {"limit": arguments.limit}
        try:
            import_module(f"benchmarks.{name}").main(**options)
        except Failed as failed:
            print(f"{name} stopped: {failed}: raise --limit", flush=True)


if __name__ == "__main__":
    main()
