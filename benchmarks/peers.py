"""General solvers on the unreduced flows of `benchmarks.unreduced`.

Each function takes a system and increasing slow times and returns ``solve(rtol)``, which gives
the outputs at the times and the evaluations of the rate. They get the exact Jacobian or its exact
products, and an absolute tolerance a thousandth of the relative one.
"""

import time
from functools import partial

import numpy as np

TOLERANCES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 1e-6, 1e-8)
_ABSOLUTE = 1e-3
_STEPS = 1_000_000
TIMED_STEPS = 30


def by_scipy(method, system, times):
    """Scipy's implicit methods."""
    from scipy.integrate import solve_ivp

    def solve(rtol):
        system.calls = 0
        with np.errstate(over="ignore", invalid="ignore"):
            found = solve_ivp(
                system.rate,
                (0.0, times[-1]),
                system.start,
                method,
                t_eval=times,
                rtol=rtol,
                atol=_ABSOLUTE * rtol,
                jac=system.jacobian,
            )
        if not found.success:
            raise RuntimeError(found.message)
        return system.output(found.y.T), system.calls

    return solve


def by_lsoda(system, times):
    """ODEPACK's LSODA with no bound on its steps but the clock."""
    from scipy.integrate import odeint

    def solve(rtol):
        system.calls = 0
        found, info = odeint(
            system.rate,
            system.start,
            np.append(0.0, times),
            Dfun=system.jacobian,
            tfirst=True,
            rtol=rtol,
            atol=_ABSOLUTE * rtol,
            mxstep=_STEPS,
            full_output=True,
        )
        if info["message"] != "Integration successful.":
            raise RuntimeError(info["message"])
        return system.output(found[1:]), system.calls

    return solve


def by_cvode(system, times):
    """SUNDIALS' CVODE, BDF with GMRES and exact products."""
    from sksundae.cvode import CVODE, CVODEJacTimes

    def rate(s, y, out):
        out[:] = system.rate(s, y)

    def product(s, y, f, x, out):
        system.calls += 1  # as much work as a rate
        out[:] = system.product(y, x)

    def solve(rtol):
        system.calls = 0
        solver = CVODE(
            rate,
            jactimes=CVODEJacTimes(None, product),
            linsolver="gmres",
            krylov_dim=10,
            rtol=rtol,
            atol=_ABSOLUTE * rtol,
            max_num_steps=_STEPS,
        )
        solver.init_step(0.0, system.start)
        found = []
        for s in times:
            result = solver.step(float(s))
            if not result.success:
                raise RuntimeError(result.message)
            found.append(system.output(np.array(result.y).ravel()))
        return np.array(found), system.calls

    return solve


def by_diffrax(system, times):
    """Kvaerno5 of diffrax, with its own Newton iteration, compiled beforehand."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import diffrax

    term = diffrax.ODETerm(system.jax_rate())

    @jax.jit
    def integrate(rtol, ts):
        controller = diffrax.PIDController(rtol=rtol, atol=_ABSOLUTE * rtol)
        return diffrax.diffeqsolve(
            term,
            diffrax.Kvaerno5(),
            t0=0.0,
            t1=ts[-1],
            dt0=None,
            y0=system.start,
            args=system.lam,
            saveat=diffrax.SaveAt(ts=ts),
            stepsize_controller=controller,
            max_steps=_STEPS,
            throw=False,
        )

    compiled = integrate.lower(1e-2, times).compile()

    def solve(rtol):
        found = compiled(rtol, times)
        if not bool(found.result == diffrax.RESULTS.successful):
            raise RuntimeError(diffrax.RESULTS[found.result].splitlines()[0])
        # seven stages a step, and a Newton iteration or more for each of the six implicit ones
        return np.asarray(system.output(np.asarray(found.ys))), 7 * int(found.stats["num_steps"])

    return solve


PEERS = {
    "CVODE GMRES": by_cvode,
    "LSODA": by_lsoda,
    "scipy BDF": partial(by_scipy, "BDF"),
    "scipy Radau": partial(by_scipy, "Radau"),
    "diffrax Kvaerno5": by_diffrax,
}


def seconds_a_step(theta, loss, rate, lam, clock=time.process_time):
    """Time one step of torch's gradient descent with coupled weight decay, as the papers ran it."""
    import torch

    optimiser = torch.optim.SGD([theta], lr=rate, weight_decay=lam)

    def step():
        optimiser.zero_grad()
        loss(theta).backward()
        optimiser.step()

    for _ in range(5):
        step()
    started = clock()
    for _ in range(TIMED_STEPS):
        step()
    return (clock() - started) / TIMED_STEPS


def bandwidth():
    """Return bytes a second of one core reading memory."""
    block = np.ones(2**26)
    best = np.inf
    for _ in range(5):
        started = time.process_time()
        block.max()
        best = min(best, time.process_time() - started)
    return block.nbytes / best
