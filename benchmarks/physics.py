"""Relative L2 error of networks trained on equations, beside a classical solver, and the time.

Medians over seeds, exactly as a user types it. Bars: 1e-4 within 60 s of CPU on ordinary equations,
2e-3 on heat. Lotka and Volterra's equations are scored against `solve_ivp`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from typing import Any

from measuring import MLZOO, arguments, middle, run_well, shown, table, verdict

BARS = {
    "exponential-decay": 1e-4,
    "damped-oscillator": 1e-4,
    "lotka-volterra": 1e-4,
    "heat": 2e-3,
}
ORDINARY_SECONDS = 60.0


def measure(problem: str, seeds: int, backend: str, out: str) -> tuple[list[Any], bool]:
    """Train on a problem with several seeds; its line of the table, and whether its bar is met."""
    errors, seconds, classical = [], [], None
    for seed in range(seeds):
        typed = [MLZOO, "train", "pinn", problem, "--seed", seed]
        print(shown(typed), flush=True)
        cost = run_well([*typed, "--out", out, "--json"], KERAS_BACKEND=backend)
        record = json.loads(cost.out)
        errors.append(record["headline"]["value"])
        seconds.append(cost.cpu)
        classical = record["test"]["baselines"].get("classical")
    error, cpu = middle(errors), middle(seconds)
    held = error <= BARS[problem] and (problem == "heat" or cpu <= ORDINARY_SECONDS)
    beside = [classical["relative_l2"], classical["note"]] if classical else ["", "the reference"]
    return [problem, error, max(errors), cpu, BARS[problem], verdict(held), *beside], held


def main() -> None:
    parser = arguments(__doc__, seeds=5, backend="jax")
    parser.add_argument("--problems", nargs="+", default=list(BARS), choices=BARS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        rows = [measure(name, args.seeds, args.backend, out) for name in args.problems]
    header = ["problem", "relative L2", "worst", "CPU s", "bar", "", "classical", "by"]
    table(header, [row for row, _ in rows])
    sys.exit(0 if all(held for _, held in rows) else 1)


if __name__ == "__main__":
    main()
