"""DeepXDE on two equations, with zeros at the ends, or on the edges, and sin(pi x) at the start.

`heat` is u_t = .1 u_xx, `poisson` u_xx + u_yy = -2 pi^2 sin(pi x) sin(pi y). Runs in an environment
of its own, with a backend in DDE_BACKEND: `python equations.py PROBLEM STEPS SEED` prints a JSON
object: `seconds` of CPU for the steps after the first ones, which compile, and `relative_l2`, the
error on a grid after all. Points are drawn once. DeepXDE takes the points of its conditions for
points of the equation too, so that it differentiates at all of them, of which 1,000 are in the loss
of the equation.
"""

from __future__ import annotations

import json
import sys
import time

import deepxde as dde
import numpy as np

HIDDEN, POINTS, FACE_POINTS, RATE = (32, 32, 32), 1000, 100, 2e-3
DIFFUSIVITY, FIRST, NODES = 0.1, 100, 64


def plain(derivative):
    """Return the values (n, 1) of a derivative: on JAX it is a pair of a value and its function."""
    return derivative[0] if dde.backend.backend_name == "jax" else derivative


def heat(x, y):
    """Return u_t - a u_xx (n, 1) at points x and t (n, 2)."""
    slope, curvature = dde.grad.jacobian(y, x, i=0, j=1), dde.grad.hessian(y, x, i=0, j=0)
    return plain(slope) - DIFFUSIVITY * plain(curvature)


def poisson(x, y):
    """Return u_xx + u_yy + 2 pi^2 sin(pi x) sin(pi y) (n, 1) at points x and y (n, 2)."""
    curvatures = plain(dde.grad.hessian(y, x, i=0, j=0)) + plain(dde.grad.hessian(y, x, i=1, j=1))
    sin = dde.backend.sin
    return curvatures + 2 * np.pi**2 * sin(np.pi * x[:, :1]) * sin(np.pi * x[:, 1:])


def heat_data():
    """Return the equation and its conditions."""
    interval = dde.geometry.Interval(0, 1)
    domain = dde.geometry.GeometryXTime(interval, dde.geometry.TimeDomain(0, 1))
    ends = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary)
    start = dde.icbc.IC(domain, lambda x: np.sin(np.pi * x[:, :1]), lambda _, initial: initial)
    return dde.data.TimePDE(
        domain,
        heat,
        [ends, start],
        num_domain=POINTS - 3 * FACE_POINTS,
        num_boundary=2 * FACE_POINTS,
        num_initial=FACE_POINTS,
    )


def poisson_data():
    """Return the equation and its condition."""
    domain = dde.geometry.Rectangle([0, 0], [1, 1])
    edges = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary)
    inside = POINTS - 4 * FACE_POINTS
    return dde.data.PDE(domain, poisson, edges, num_domain=inside, num_boundary=4 * FACE_POINTS)


PROBLEMS = {
    "heat": (heat_data, lambda x, t: np.exp(-DIFFUSIVITY * np.pi**2 * t) * np.sin(np.pi * x)),
    "poisson": (poisson_data, lambda x, y: np.sin(np.pi * x) * np.sin(np.pi * y)),
}


def measured(problem: str, steps: int, seed: int) -> dict[str, float]:
    """Train for some steps of Adam; return their seconds and the error."""
    dde.config.set_random_seed(seed)
    data, exact = PROBLEMS[problem]
    network = dde.nn.FNN([2, *HIDDEN, 1], "tanh", "Glorot normal")
    model = dde.Model(data(), network)
    model.compile("adam", lr=RATE)
    model.train(iterations=FIRST, display_every=steps, verbose=0)
    began = time.process_time()
    model.train(iterations=steps, display_every=steps, verbose=0)
    seconds = time.process_time() - began
    line = np.linspace(0, 1, NODES)
    grid = [each.reshape(-1, 1) for each in np.meshgrid(line, line)]
    expected = exact(*grid)
    error = np.asarray(model.predict(np.hstack(grid).astype("float32"))) - expected
    relative = np.linalg.norm(error) / np.linalg.norm(expected)
    return {"seconds": seconds, "relative_l2": float(relative)}


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], *map(int, sys.argv[2:]))))
