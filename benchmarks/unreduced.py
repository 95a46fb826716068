"""The flows as the papers write them, in (u, v) or (U, V): what general solvers are given.

In slow time s = λt; rates, exact products with the Jacobian, dense Jacobians, and the same rate
for JAX. Every solver starts from these, at no cost that the reduced flows do not have either.
"""

from functools import cached_property

import numpy as np


class DiagonalSystem:
    """``w = u² - v²`` on the margins of a classification problem, logistic loss."""

    def __init__(self, problem, alpha, lam):
        self.z, self.lam = problem.inputs.to_array(), lam
        self.start = np.full(2 * problem.d, float(alpha))
        self.calls = 0

    def output(self, y):
        """Return w; for several states one a row."""
        u, v = np.split(y, 2, axis=-1)
        return u * u - v * v

    def rate(self, s, y):
        """Return dy/ds."""
        self.calls += 1
        gradient = self._gradient(y)
        return np.concatenate([-gradient, gradient]) * (2 / self.lam * y) - y

    def _pull(self, y):
        """Return ``-l'/n`` and ``l''/n`` of the logistic loss."""
        from scipy.special import expit

        q = self.z @ self.output(y)
        pull = expit(-q)
        return pull / len(q), pull * expit(q) / len(q)

    def _gradient(self, y):
        return -(self._pull(y)[0] @ self.z)

    def product(self, y, x):
        """Return the Jacobian times x."""
        pull, curvature = self._pull(y)
        (u, v), (a, b) = np.split(y, 2), np.split(x, 2)
        moved = (curvature * (self.z @ (2 * (u * a - v * b)))) @ self.z
        gradient = -(pull @ self.z)
        both = np.concatenate([-moved, moved]) * y + np.concatenate([-gradient, gradient]) * x
        return 2 / self.lam * both - x

    def jacobian(self, s, y):
        """Return the Jacobian."""
        pull, curvature = self._pull(y)
        gradient = -(pull @ self.z)
        u, v = np.split(y, 2)
        tangent = np.sqrt(curvature)[:, None] * np.hstack([self.z * (2 * u), self.z * (-2 * v)])
        matrix = tangent.T @ tangent
        matrix /= -self.lam
        slope = 2 / self.lam * np.concatenate([-gradient, gradient]) - 1
        matrix[np.diag_indices_from(matrix)] += slope
        return matrix

    def jax_rate(self):
        """Return the rate as diffrax wants it."""
        import jax
        import jax.numpy as jnp

        z, n = jnp.asarray(self.z), len(self.z)

        def rate(s, y, lam):
            u, v = jnp.split(y, 2)
            gradient = -(jax.nn.sigmoid(-(z @ (u * u - v * v))) @ z) / n
            return jnp.concatenate([-gradient, gradient]) * (2 / lam * y) - y

        return rate


class CompletionSystem:
    """``W = UUᵀ - VVᵀ`` on observed entries, square loss."""

    def __init__(self, problem, alpha, lam):
        self.problem, self.lam, self.d = problem, lam, problem.d
        self.start = float(alpha) * np.stack([np.eye(self.d)] * 2).ravel()
        self.calls = 0

    def _split(self, y):
        return y.reshape(*y.shape[:-1], 2, self.d, self.d)

    def output(self, y):
        """Return W; for several states one a row."""
        both = self._split(y)
        u, v = both[..., 0, :, :], both[..., 1, :, :]
        return u @ u.swapaxes(-1, -2) - v @ v.swapaxes(-1, -2)

    def rate(self, s, y):
        """Return dy/ds."""
        self.calls += 1
        u, v = self._split(y)
        g = 2 / self.lam * self.problem.gradient(self.output(y))
        return np.stack([-g @ u - u, g @ v - v]).ravel()

    def product(self, y, x):
        """Return the Jacobian times x."""
        (u, v), (a, b) = self._split(y), self._split(x)
        problem = self.problem
        g = 2 / self.lam * problem.gradient(self.output(y))
        half = a @ u.T - b @ v.T
        moved = problem.measurements.apply(half + half.T)
        h = 2 / self.lam * problem.measurements.adjoint(2 * problem.weights * moved)
        return np.stack([-g @ a - h @ u - a, g @ b + h @ v - b]).ravel()

    @cached_property
    def _matrices(self):
        return np.array([self.problem.measurements.adjoint(e) for e in np.eye(len(self._counts))])

    @property
    def _counts(self):
        return self.problem.weights

    def jacobian(self, s, y):
        """Return the Jacobian."""
        u, v = self._split(y)
        m = len(self._counts)
        tangent = 2 * np.stack([self._matrices @ u, -(self._matrices @ v)], axis=1).reshape(m, -1)
        matrix = (tangent.T * (-2 / self.lam * self._counts)) @ tangent
        g = 2 / self.lam * self.problem.gradient(self.output(y))
        blocks = matrix.reshape(2, self.d, self.d, 2, self.d, self.d)
        for k in range(self.d):
            blocks[0, :, k, 0, :, k] -= g
            blocks[1, :, k, 1, :, k] += g
        matrix[np.diag_indices_from(matrix)] -= 1
        return matrix

    def jax_rate(self):
        """Return the rate as diffrax wants it."""
        import jax.numpy as jnp

        problem, d = self.problem, self.d
        rows, columns = problem.measurements.rows, problem.measurements.columns
        scatter = jnp.asarray(2 * problem.weights * problem.measurements.norms**2)
        values = jnp.asarray(problem.values)

        def rate(s, y, lam):
            u, v = y.reshape(2, d, d)
            w = u @ u.T - v @ v.T
            pull = scatter * (w[rows, columns] - values)
            g = jnp.zeros((d, d)).at[rows, columns].set(pull).at[columns, rows].set(pull)
            g = 2 / lam * g
            return jnp.stack([-g @ u - u, g @ v - v]).ravel()

        return rate
