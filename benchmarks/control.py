"""Returns of models that learn by acting, beside the optimum and random actions, and the time.

Exactly as a user types it, over seeds. Bar of grid-snake: .9 of the way from random actions to the
optimum, median over seeds, each within 20 minutes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from typing import Any

from measuring import MLZOO, arguments, middle, run_well, shown, table, verdict

CASES = {"grid-snake": ("dqn", "normalized_return", 0.9, 1200.0)}
"""Model, metric, bar and seconds a seed, by environment."""


def measure(environment: str, seeds: int, out: str) -> tuple[list[Any], bool]:
    """Train in an environment with several seeds; the line of the table, and whether it holds."""
    model, metric, bar, seconds = CASES[environment]
    scores, costs, beside = [], [], ""
    for seed in range(seeds):
        typed = [MLZOO, "train", model, environment, "--seed", seed]
        print(shown(typed), flush=True)
        cost = run_well([*typed, "--out", out, "--json"])
        test = json.loads(cost.out)["test"]
        scores.append(test["metrics"][metric])
        costs.append(cost)
        beside = ", ".join(f"{n} {b[metric]:.3g}" for n, b in test["baselines"].items())
        print(f"  {scores[-1]:.4g}, {cost.cpu:.0f} s of CPU, {cost.wall:.0f} s", flush=True)
    slowest = max(cost.wall for cost in costs)
    held = middle(scores) >= bar and slowest <= seconds
    cpu = middle([cost.cpu for cost in costs])
    row = [environment, model, metric, middle(scores), min(scores), cpu, slowest, bar]
    return [*row, verdict(held), beside], held


def main() -> None:
    parser = arguments(__doc__, seeds=5)
    parser.add_argument("--environments", nargs="+", default=list(CASES), choices=CASES)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        rows = [measure(name, args.seeds, out) for name in args.environments]
    header = ["environment", "model", "metric", "median", "worst", "CPU s", "slowest s", "bar"]
    table([*header, "", "beside (last seed)"], [row for row, _ in rows])
    sys.exit(0 if all(held for _, held in rows) else 1)


if __name__ == "__main__":
    main()
