"""DeepXDE on the heat equation, u_t = .1 u_xx with u = sin(pi x) at the start and 0 at the ends.

Runs in an environment of its own, with a backend in DDE_BACKEND: `python equations.py STEPS SEED`
prints a JSON object: `seconds` of CPU for the steps after the first ones, which compile, and
`relative_l2`, the error on a grid after all. Points are drawn once. DeepXDE takes the points of its
conditions for points of the equation too, so that it differentiates twice at 1,300, of which 1,000
are in the loss of the equation.
"""

from __future__ import annotations

import json
import sys
import time

import deepxde as dde
import numpy as np

HIDDEN, POINTS, FACE_POINTS, RATE = (32, 32, 32), 1000, 100, 2e-3
DIFFUSIVITY, FIRST, NODES = 0.1, 100, 64


def residual(x, y):
    """Return u_t - a u_xx (n, 1) at points x and t (n, 2)."""
    slope, curvature = dde.grad.jacobian(y, x, i=0, j=1), dde.grad.hessian(y, x, i=0, j=0)
    if dde.backend.backend_name == "jax":  # pairs of a value and its function
        slope, curvature = slope[0], curvature[0]
    return slope - DIFFUSIVITY * curvature


def measured(steps: int, seed: int) -> dict[str, float]:
    """Train for some steps of Adam; return their seconds and the error."""
    dde.config.set_random_seed(seed)
    interval = dde.geometry.Interval(0, 1)
    domain = dde.geometry.GeometryXTime(interval, dde.geometry.TimeDomain(0, 1))
    ends = dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary)
    start = dde.icbc.IC(domain, lambda x: np.sin(np.pi * x[:, :1]), lambda _, initial: initial)
    data = dde.data.TimePDE(
        domain,
        residual,
        [ends, start],
        num_domain=POINTS - 3 * FACE_POINTS,
        num_boundary=2 * FACE_POINTS,
        num_initial=FACE_POINTS,
    )
    network = dde.nn.FNN([2, *HIDDEN, 1], "tanh", "Glorot normal")
    model = dde.Model(data, network)
    model.compile("adam", lr=RATE)
    model.train(iterations=FIRST, display_every=steps, verbose=0)
    began = time.process_time()
    model.train(iterations=steps, display_every=steps, verbose=0)
    seconds = time.process_time() - began
    line = np.linspace(0, 1, NODES)
    x, t = (each.reshape(-1, 1) for each in np.meshgrid(line, line))
    exact = np.exp(-DIFFUSIVITY * np.pi**2 * t) * np.sin(np.pi * x)
    error = np.asarray(model.predict(np.hstack([x, t]).astype("float32"))) - exact
    return {"seconds": seconds, "relative_l2": float(np.linalg.norm(error) / np.linalg.norm(exact))}


if __name__ == "__main__":
    print(json.dumps(measured(*map(int, sys.argv[1:]))))
