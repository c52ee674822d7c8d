"""Reference of the named problem cavity: flow in a square whose lid moves, Re = 100.

Stream function and vorticity by central differences on a grid, with Thom's condition at the walls,
and Newton's method. The velocity on the vertical centerline is compared with the table of Ghia,
Ghia and Shin (1982); bar: the largest deviation is at most .01 of the lid's speed. --write writes
`mlzoo/data/problems/named/cavity.csv`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from measuring import arguments, table, verdict
from scipy import sparse
from scipy.interpolate import RectBivariateSpline
from scipy.sparse.linalg import spsolve
from scipy.stats import qmc

REYNOLDS, BAR, POINTS = 100.0, 0.01, 512
GHIA = {
    0.9766: 0.84123, 0.9688: 0.78871, 0.9609: 0.73722, 0.9531: 0.68717, 0.8516: 0.23151,
    0.7344: 0.00332, 0.6172: -0.13641, 0.5: -0.20581, 0.4531: -0.21090, 0.2813: -0.15662,
    0.1719: -0.10150, 0.1016: -0.06434, 0.0703: -0.04775, 0.0625: -0.04192, 0.0547: -0.03717,
}  # fmt: skip
FILE = Path(__file__).parents[1] / "mlzoo" / "data" / "problems" / "named" / "cavity.csv"


def solve(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes along a side (cells + 1,), and the stream function at (x, y)."""
    h, n = 1 / cells, cells - 1
    line = sparse.eye(n)
    second = sparse.diags([1.0, -2.0, 1.0], [-1, 0, 1], (n, n)) / h**2
    first = sparse.diags([-0.5, 0.5], [-1, 1], (n, n)) / h
    laplace = sparse.kron(second, line) + sparse.kron(line, second)
    dx, dy = sparse.kron(first, line).tocsr(), sparse.kron(line, first).tocsr()
    identity = sparse.eye(n * n)
    wall_x, wall_y, wall_laplace, lid = _walls(n, h)
    psi, omega = np.zeros(n * n), np.zeros(n * n)
    for _ in range(30):
        px, py = dx @ psi, dy @ psi
        wx = dx @ omega + wall_x @ psi
        wy = dy @ omega + wall_y @ psi + lid / (2 * h)
        diffusion = laplace @ omega + wall_laplace @ psi + lid / h**2
        residual = np.concatenate([laplace @ psi + omega, py * wx - px * wy - diffusion / REYNOLDS])
        by_psi = (
            sparse.diags(wx) @ dy
            - sparse.diags(wy) @ dx
            + sparse.diags(py) @ wall_x
            - sparse.diags(px) @ wall_y
            - wall_laplace / REYNOLDS
        )
        by_omega = sparse.diags(py) @ dx - sparse.diags(px) @ dy - laplace / REYNOLDS
        matrix = sparse.bmat([[laplace, identity], [by_psi, by_omega]]).tocsc()
        step = spsolve(matrix, -residual)
        psi, omega = psi + step[: n * n], omega + step[n * n :]
        if np.abs(step).max() < 1e-9:
            break
    return np.linspace(0, 1, cells + 1), np.pad(psi.reshape(n, n), 1)


def _walls(n: int, h: float) -> tuple[Any, Any, Any, np.ndarray]:
    """Return what vorticity at walls, -2 psi / h^2, adds to slopes and to Laplace's operator.

    The last is the vorticity at the lid that its speed of 1 makes, at the nodes below it.
    """
    ends = np.zeros(n)
    ends[[0, -1]] = 1
    signs = np.zeros(n)
    signs[0], signs[-1] = -1, 1
    line = sparse.eye(n)
    wall = -2 / h**2
    wall_x = sparse.kron(sparse.diags(signs), line) * wall / (2 * h)
    wall_y = sparse.kron(line, sparse.diags(signs)) * wall / (2 * h)
    both = sparse.kron(sparse.diags(ends), line) + sparse.kron(line, sparse.diags(ends))
    top = np.zeros(n)
    top[-1] = 1
    return wall_x, wall_y, both * wall / h**2, np.kron(np.ones(n), top) * -2 / h


def main() -> None:
    parser = arguments(__doc__, cells=128)
    parser.add_argument("--write", action="store_true", help="write the reference")
    args = parser.parse_args()
    x, psi = solve(args.cells)
    stream = RectBivariateSpline(x, x, psi)
    y = np.array([*GHIA])
    speed = stream.ev(np.full(len(y), 0.5), y, dy=1)
    rows = [[height, printed, u] for (height, printed), u in zip(GHIA.items(), speed, strict=True)]
    table(["y", "Ghia et al.", f"{args.cells} cells"], rows)
    apart = float(np.abs(speed - [*GHIA.values()]).max())
    print(f"largest deviation {apart:.2g}, bar {BAR:g} {verdict(apart <= BAR)}")
    if args.write:
        points = qmc.Sobol(2, seed=0).random(POINTS)
        values = stream.ev(*points.T)
        numbers = np.column_stack([points, values])
        np.savetxt(FILE, numbers, "%.6g", ",", header="x,y,s", comments="")
        print(f"{POINTS} points in {FILE}")
    sys.exit(0 if apart <= BAR else 1)


if __name__ == "__main__":
    main()
