"""Measure the flow and the predictors at the paper's sizes: ``python -m benchmarks``."""

import resource
import sys
from importlib import import_module

SUITES = (
    "flow_at_paper_size",
    "cost_of_scale",
    "predictors",
    "nuclear",
    "completion_flow",
    "net_flow",
)


def main(wanted):
    for name in wanted or SUITES:
        print(f"\n# {name}", flush=True)
        import_module(f"benchmarks.{name}").main()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\npeak memory of this process: {peak:.2f} GiB")


if __name__ == "__main__":
    main(sys.argv[1:])
