"""Returns of models that learn by acting, beside the optimum and random actions, and the time.

Exactly as a user types it, over seeds. Bars: on grid-snake .9 of the way from random actions to the
optimum, as the median over seeds, each within 20 minutes; on CartPole-v1 a return of 475 over 100
episodes by 4 of 5 seeds, each within 10 minutes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from statistics import median
from typing import Any

from measuring import MLZOO, arguments, run_well, shown, table, verdict

CASES = {
    "grid-snake": ("dqn", "normalized_return", 0.9, 0.5, 1200.0),
    "CartPole-v1": ("actor_critic", "mean_return", 475.0, 0.8, 600.0),
}
"""Model, metric, bar, share of the seeds that reach it and seconds a seed, by environment."""


def measure(environment: str, seeds: int, out: str) -> tuple[list[Any], bool]:
    """Train in an environment with several seeds; the line of the table, and whether it holds."""
    model, metric, bar, share, seconds = CASES[environment]
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
    reached = sum(score >= bar for score in scores)
    held = reached >= share * seeds and slowest <= seconds
    cpu = median(cost.cpu for cost in costs)
    row = [environment, model, metric, median(scores), min(scores), bar, f"{reached} of {seeds}"]
    row += [cpu, slowest]
    return [*row, verdict(held), beside], held


def main() -> None:
    parser = arguments(__doc__, seeds=5)
    parser.add_argument("--environments", nargs="+", default=list(CASES), choices=CASES)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        rows = [measure(name, args.seeds, out) for name in args.environments]
    header = ["environment", "model", "metric", "median", "worst", "bar", "reached"]
    table([*header, "CPU s", "slowest s", "", "beside (last seed)"], [row for row, _ in rows])
    sys.exit(0 if all(held for _, held in rows) else 1)


if __name__ == "__main__":
    main()
