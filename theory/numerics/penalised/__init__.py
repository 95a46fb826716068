"""Losses with an L1 or L2 penalty: solvers for data of any scale, and bounds on the optimum."""
