"""Search strategies on two real spaces, against scikit-optimize, keras-tuner and Optuna.

    python benchmarks/strategies.py                    # all methods, 20 seeds, 36 evaluations
    python benchmarks/strategies.py --table wine       # train a space's configurations again

The spaces are an MLP on red wine (224 configurations, RMSE of the validation split) and a CNN on
2,000 digits (168, accuracy). All scores were computed once, by mlzoo's own grid search, and stand
in benchmarks/tables/*.csv; a method that evaluates a configuration reads its score there, so that
a search costs what its proposals cost. Every method sees the same dimensions: ordered levels as
whole numbers, the others as choices. Reports the regret (the best score so far, behind the best of
the table) over the seeds with 95 % bootstrap intervals, and what each method is ahead of `random`
and of `bayesian`, seed by seed. Hyperband is left out: the tables hold finished trainings only.

Bars: bayesian is ahead of random with an interval off zero, and behind none of the others by more
than the interval; 36 trials on the classic 36-point grid are 36 distinct ones. Optuna is no
dependency (pip install optuna); where it is absent, the script says so.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import measuring
import numpy as np

TABLES = Path(__file__).with_name("tables")
RATES = tuple(float(f"{10 ** (-4 + place / 2):.3g}") for place in range(7))
OURS = ("random", "bayesian", "evolution", "grid")
THEIRS = ("gp_minimize", "keras_tuner", "optuna")
Point = tuple[int, ...]
"""The place of each dimension's level."""


@dataclass(frozen=True)
class Problem:
    """A space whose scores are known.

    Attributes:
        model: what is trained, on `data`, with `settings`.
        metric: the score; `sign` is what it is multiplied by so that lower is better.
        levels: of each dimension; `unordered` names those that are no numbers.
    """

    model: str
    data: str
    metric: str
    sign: int
    levels: dict[str, tuple[Any, ...]]
    unordered: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def sizes(self) -> list[int]:
        """Return the number of levels of each dimension."""
        return [len(levels) for levels in self.levels.values()]


PROBLEMS = {
    "wine": Problem(
        "mlp",
        "tables/winequality-red.csv",
        "rmse",
        1,
        {
            "layers": (1, 2),
            "units": (8, 16, 32, 64),
            "learning_rate": RATES,
            "activation": ("relu", "tanh"),
            "dropout": (0.0, 0.2),
        },
        ("activation",),
        {
            "target": "quality",
            "task": "regression",
            "epochs": 8,
            "batch_size": 32,
            "early_stopping": 0,
        },
    ),
    "digits": Problem(
        "cnn",
        "mnist10k/mnist10k.npz",
        "accuracy",
        -1,
        {
            "blocks": (1, 2),
            "width": (4, 8, 16),
            "kernel": (3, 5),
            "learning_rate": RATES,
            "dropout": (0.0, 0.25),
        },
        (),
        {
            "set": {"convolutions": 1, "batch_normalization": False, "head": "flatten"},
            "limit": 2000,
            "epochs": 3,
            "batch_size": 32,
            "early_stopping": 0,
        },
    ),
}


def make_table(name: str, data: Path, workers: int) -> None:
    """Train every configuration of a space and write their scores; goes on where it was ended."""
    import mlzoo

    problem = PROBLEMS[name]
    vary = [f"{n}={','.join(map(str, levels))}" for n, levels in problem.levels.items()]
    out = Path(tempfile.gettempdir()) / f"mlzoo-table-{name}"
    found = mlzoo.tune(
        problem.model,
        str(data / problem.data),
        vary=vary,
        search={"strategy": "grid", "metric": problem.metric, "workers": workers},
        final=False,
        out=str(out),
        **problem.settings,
    )
    rows = [{**trial.values, problem.metric: trial.mean} for trial in found.trials]
    TABLES.mkdir(exist_ok=True)
    with (TABLES / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    shutil.rmtree(out)
    print(f"{len(rows)} configurations are in {TABLES / name}.csv")


def read_table(name: str) -> dict[Point, float]:
    """The loss of each point; a configuration that diverged counts as the worst of the others."""
    problem = PROBLEMS[name]
    found: dict[Point, float | None] = {}
    with (TABLES / f"{name}.csv").open() as file:
        for row in csv.DictReader(file):
            point = tuple(
                [str(level) for level in levels].index(row[dimension])
                for dimension, levels in problem.levels.items()
            )
            found[point] = (
                problem.sign * float(row[problem.metric]) if row[problem.metric] else None
            )
    worst = max(loss for loss in found.values() if loss is not None)
    return {point: worst if loss is None else loss for point, loss in found.items()}


Objective = Callable[[Point], float]


def ours(strategy: str, problem: Problem, objective: Objective, count: int, seed: int) -> None:
    """A strategy of mlzoo, one trial after another, as one worker would see them."""
    from mlzoo.core import registry
    from mlzoo.core.spaces import Dimension, Space, Trial

    space = Space(
        tuple(
            Dimension(name, "choice", choices=tuple(range(len(levels))))
            if name in problem.unordered
            else Dimension(name, "int", 0, len(levels) - 1)
            for name, levels in problem.levels.items()
        )
    )
    plugin = registry.load("strategy", strategy)
    history: list[Any] = []
    while len(history) < count:
        proposals = plugin.propose(plugin.Config(), space, history, 1, seed)
        if not proposals:
            return
        values = proposals[0].values
        loss = objective(tuple(values.values()))
        history.append(Trial(len(history), values, state="done", loss=loss))


def gp_minimize(problem: Problem, objective: Objective, count: int, seed: int) -> None:
    """scikit-optimize's own loop with its defaults."""
    import skopt

    dimensions = [
        skopt.space.Categorical(range(len(levels)))
        if name in problem.unordered
        else skopt.space.Integer(0, len(levels) - 1)
        for name, levels in problem.levels.items()
    ]
    skopt.gp_minimize(
        lambda point: objective(tuple(int(place) for place in point)),
        dimensions,
        n_calls=count,
        random_state=seed,
    )


def keras_tuner(problem: Problem, objective: Objective, count: int, seed: int) -> None:
    """keras-tuner's BayesianOptimization with its defaults; an objective in place of a model."""
    import keras_tuner as kt

    class Tuner(kt.BayesianOptimization):
        """It looks scores up."""

        def run_trial(self, trial: Any, **ignored: Any) -> float:
            """The loss of the trial's point."""
            hp = trial.hyperparameters
            return objective(
                tuple(
                    hp.Choice(name, list(range(len(levels))), ordered=False)
                    if name in problem.unordered
                    else hp.Int(name, 0, len(levels) - 1)
                    for name, levels in problem.levels.items()
                )
            )

    with tempfile.TemporaryDirectory() as folder:
        tuner = Tuner(max_trials=count, directory=folder, project_name="table", seed=seed + 1)
        tuner.search(verbose=0)


def optuna(problem: Problem, objective: Objective, count: int, seed: int) -> None:
    """Optuna's TPE with its defaults."""
    import optuna as package

    package.logging.set_verbosity(package.logging.ERROR)

    def look_up(trial: Any) -> float:
        return objective(
            tuple(
                trial.suggest_categorical(name, list(range(len(levels))))
                if name in problem.unordered
                else trial.suggest_int(name, 0, len(levels) - 1)
                for name, levels in problem.levels.items()
            )
        )

    study = package.create_study(sampler=package.samplers.TPESampler(seed=seed))
    study.optimize(look_up, n_trials=count)


def search(name: str, method: str, count: int, seed: int) -> dict[str, Any]:
    """One search: the losses in order, the distinct points, and the CPU seconds."""
    table, losses, seen = read_table(name), [], set()

    def objective(point: Point) -> float:
        losses.append(table[point])
        seen.add(point)
        return table[point]

    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method in OURS:
            ours(method, PROBLEMS[name], objective, count, seed)
        else:
            globals()[method](PROBLEMS[name], objective, count, seed)
    cpu = time.process_time() - began
    return {"losses": losses[:count], "distinct": len(seen), "cpu": round(cpu, 2)}


def searches(args: Any, methods: list[str]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """All searches; those that a file of earlier ones holds are taken from there."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    kept = Path(args.keep) if args.keep else None
    if kept and kept.exists():
        for line in kept.read_text().splitlines():
            record = json.loads(line)
            if record["count"] == args.evaluations:
                found[record["space"], record["method"], record["seed"]] = record
    for seed in range(args.seeds):
        for name in args.spaces.split(","):
            for method in methods:
                if (name, method, seed) in found:
                    continue
                record = search(name, method, args.evaluations, seed)
                found[name, method, seed] = record
                if kept:
                    about = {"space": name, "method": method, "seed": seed}
                    with kept.open("a") as file:
                        file.write(json.dumps({**about, "count": args.evaluations, **record}))
                        file.write("\n")
    return found


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """The mean with its 95 % bootstrap interval."""
    drawn = np.random.default_rng(0).choice(values, (10_000, len(values))).mean(axis=1)
    return float(values.mean()), *map(float, np.quantile(drawn, (0.025, 0.975)))


def regrets(records: list[dict[str, Any]], least: float) -> np.ndarray:
    """(searches, evaluations): how far the best so far is behind the best of all."""
    return np.array([np.minimum.accumulate(r["losses"]) for r in records]) - least


def report(name: str, found: dict[Any, Any], methods: list[str], args: Any) -> bool:
    """Print a space's results; whether the bars were met."""
    least = min(read_table(name).values())
    curves = {
        m: regrets([found[name, m, seed] for seed in range(args.seeds)], least) for m in methods
    }
    middle = [9, 17, args.evaluations - 1]
    rows = []
    for method in methods:
        own = [found[name, method, seed] for seed in range(args.seeds)]
        whole = curves[method].mean(axis=1)
        means = [f"{curves[method][:, place].mean():.4f}" for place in middle]
        mean, low, high = interval(whole)
        distinct = min(record["distinct"] for record in own)
        cpu = float(np.mean([record["cpu"] for record in own]))
        rows.append([method, *means, f"{mean:.4f} ({low:.4f} to {high:.4f})", distinct, cpu])
    header = ["method", *(f"after {place + 1}" for place in middle), "mean regret over the search"]
    print(f"\n{name}: regret of the best so far, {args.seeds} seeds")
    measuring.table([*header, "distinct", "CPU s"], rows)
    return _compare(curves, methods)


def _compare(curves: dict[str, np.ndarray], methods: list[str]) -> bool:
    """Print what `bayesian` is ahead of the others, paired by seed; whether the bars were met."""
    if "bayesian" not in methods:
        return True
    met = True
    for other in methods:
        if other == "bayesian":
            continue
        ahead = curves[other].mean(axis=1) - curves["bayesian"].mean(axis=1)
        mean, low, high = interval(ahead)
        holds = low > 0 if other == "random" else high >= 0
        met = met and holds
        print(f"bayesian is ahead of {other} by {mean:.4f} ({low:.4f} to {high:.4f}): "
              f"{measuring.verdict(holds)}")  # fmt: skip
    return met


def distinct_points() -> bool:
    """Return whether 36 trials of each strategy on the classic grid are 36 distinct ones."""
    problem = Problem(
        "mlp", "", "", 1, {"layers": (1, 2), "units": (10, 20, 30), "learning_rate": RATES[:3],
                           "activation": ("relu", "tanh")}, ("activation",)
    )  # fmt: skip
    met = True
    for strategy in ("random", "bayesian", "evolution"):
        seen: set[Point] = set()

        def objective(point: Point, seen: set[Point] = seen) -> float:
            seen.add(point)
            return float(sum(point))

        ours(strategy, problem, objective, 36, 0)
        met = met and len(seen) == 36
        print(f"{strategy}: 36 trials on the 36-point grid, {len(seen)} distinct")
    return met


def main() -> None:
    parser = measuring.arguments(
        __doc__,
        seeds=20,
        evaluations=36,
        spaces=",".join(PROBLEMS),
        methods=",".join((*OURS[:3], *THEIRS)),
        keep="",
        workers=1,
    )
    measuring.data_argument(parser)
    parser.add_argument("--table", choices=PROBLEMS, help="train this space's configurations again")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if args.table:
        file = measuring.data_file(args.data, PROBLEMS[args.table].data)
        make_table(args.table, file.parents[1], args.workers)
        return
    methods = args.methods.split(",")
    if "optuna" in methods and importlib.util.find_spec("optuna") is None:
        print("optuna is not installed (pip install optuna), so it is left out")
        methods.remove("optuna")
    found = searches(args, methods)
    met = [report(name, found, methods, args) for name in args.spaces.split(",")]
    print()
    met.append(distinct_points())
    print(f"all bars: {measuring.verdict(all(met))}")


if __name__ == "__main__":
    main()
