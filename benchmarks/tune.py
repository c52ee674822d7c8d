"""The classic search job by mlzoo, keras-tuner, scikit-learn and a plain Keras loop.

    python benchmarks/tune.py                                # TensorFlow, all sides, a seed
    python benchmarks/tune.py --backend jax                  # mlzoo on JAX, the others as they are
    python benchmarks/tune.py --memory                       # programs, and memory of 200 trials
    python benchmarks/tune.py --seeds 3 --sides ours,plain   # how the means rank

36 candidates (1 or 2 layers, 10, 20 or 30 units, rate .001, .01 or .1, ReLU or tanh) on 5 folds of
6,000 digits, 3 epochs each in batches of 32 with Adam: 180 fits, on the same folds for all sides.
Every side runs in processes of its own, imports included, one side after another. The others run
on TensorFlow, their default, whatever `--backend` mlzoo runs on. Reports wall and
CPU seconds, peak memory and the programs traced, the ratios to mlzoo's, how the 36 means rank, and
the test accuracy of mlzoo's winner. Bars: with TensorFlow 12 times less wall time than keras-tuner
and the plain loop and 7 times less than scikit-learn's 2 jobs (JAX: 22 and 13 times); ranks
correlate at least .95; at most 12 programs; the winner's test accuracy at least .90; memory after
200 trials within 100 MiB of that after 20.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measuring
import numpy as np

SPACE = {
    "layers": (1, 2),
    "units": (10, 20, 30),
    "learning_rate": (1e-3, 1e-2, 1e-1),
    "activation": ("relu", "tanh"),
}
EPOCHS, BATCH, FOLDS = 3, 32, 5
TRIALS = (20, 200)
PROGRAMS = 12
SIDES = ("ours", "keras_tuner", "sklearn", "plain")
BARS = {"tensorflow": (12, 7), "jax": (22, 13)}


def candidates(count: int) -> list[dict[str, Any]]:
    """The first `count` candidates, the last name fastest."""
    whole = [dict(zip(SPACE, v, strict=True)) for v in itertools.product(*SPACE.values())]
    return whole[:count]


def build(layers: int, units: int, learning_rate: float, activation: str) -> Any:
    """The network of a candidate, compiled."""
    import keras

    start = keras.Input((28, 28, 1))
    x = keras.layers.Flatten()(start)
    for _ in range(layers):
        x = keras.layers.Dense(units, activation=activation)(x)
    model = keras.Model(start, keras.layers.Dense(10, activation="softmax")(x))
    model.compile(
        keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def digits(file: Path) -> tuple[np.ndarray, np.ndarray, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Scaled images, classes, and the folds (train, valid)."""
    with np.load(file, allow_pickle=False) as content:
        x, y, fold = content["x"], content["y"], content["fold"]
    folds = ((np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS))
    return (x / 255).astype("float32").reshape(-1, 28, 28, 1), y, folds


def ours(args: Any) -> dict[str, Any]:
    """Mlzoo's search, without the winner's training unless asked for."""
    import mlzoo

    vary = [f"{name}={','.join(map(str, values))}" for name, values in SPACE.items()]
    with tempfile.TemporaryDirectory() as out:
        found = mlzoo.tune(
            "mlp",
            str(args.file.with_name("digits.npz")),
            vary=vary,
            search={
                "strategy": "grid",
                "folds": FOLDS,
                "trials": args.candidates,
                "fast": args.fast,
            },
            set={"dropout": 0.0, "initializer": "glorot_uniform"},
            epochs=EPOCHS,
            batch_size=BATCH,
            early_stopping=0,
            limit=args.limit * 5 // 4,
            seed=args.seed,
            out=out,
            final=args.final,
        )
        test = found.run.metrics["headline"]["value"] if found.run else None
    from mlzoo.tuning.compiled import (
        programs,  # after the search, which sets what Keras starts with
    )

    means = [trial.mean for trial in found.trials]
    return {"means": means, "traces": programs.traces, "test": test}


def memory(args: Any) -> dict[str, Any]:
    """MiB of a process after 20 and after 200 random trials of the same networks."""
    import psutil

    import mlzoo
    from mlzoo.tuning.search import SearchListener

    held: dict[int, float] = {}

    class Watching(SearchListener):
        """Looks at the process after the trials that count."""

        def fitted(self, record: dict[str, Any], trial: Any, best_trial: Any) -> None:
            """A fit is done."""
            if record["trial"] + 1 in TRIALS:
                held[record["trial"] + 1] = psutil.Process().memory_info().rss / 2**20

    sizes = {"layers": "1,2", "units": "10..30", "learning_rate": "log:1e-3..1e-1"}
    with tempfile.TemporaryDirectory() as out:
        mlzoo.tune(
            "mlp",
            str(args.file.with_name("digits.npz")),
            vary=[*(f"{name}={values}" for name, values in sizes.items()), "activation=relu,tanh"],
            search={"strategy": "random", "trials": max(TRIALS), "fast": args.fast},
            set={"dropout": 0.0},
            epochs=1,
            limit=1000,
            out=out,
            final=False,
            listener=Watching(),
        )
    return {"memory": [held[number] for number in TRIALS]}


def plain(args: Any) -> dict[str, Any]:
    """A loop that builds, compiles and fits a model for each candidate and fold."""
    import keras

    x, y, folds = digits(args.file)
    splits = list(folds)
    means = []
    for values in candidates(args.candidates):
        scores = []
        for number, (train, valid) in enumerate(splits):
            keras.utils.clear_session()
            keras.utils.set_random_seed(1000 * args.seed + number)
            model = build(**values)
            model.fit(x[train], y[train], batch_size=BATCH, epochs=EPOCHS, verbose=0)
            scores.append(float(model.evaluate(x[valid], y[valid], verbose=0)[1]))
        means.append(float(np.mean(scores)))
    return {"means": means}


def keras_tuner(args: Any) -> dict[str, Any]:
    """keras-tuner's GridSearch with a trial of five folds."""
    import keras
    import keras_tuner as kt

    x, y, folds = digits(args.file)
    splits = list(folds)

    class Folds(kt.GridSearch):
        """A grid whose trials are cross-validated."""

        def run_trial(self, trial: Any, *fit_args: Any, **fit: Any) -> dict[str, float]:
            """The mean accuracy over the folds."""
            scores = []
            for number, (train, valid) in enumerate(splits):
                keras.utils.clear_session()
                keras.utils.set_random_seed(1000 * args.seed + number)
                model = self.hypermodel.build(trial.hyperparameters)
                model.fit(x[train], y[train], batch_size=BATCH, epochs=EPOCHS, verbose=0)
                scores.append(float(model.evaluate(x[valid], y[valid], verbose=0)[1]))
            return {"val_accuracy": float(np.mean(scores))}

    def built(hp: Any) -> Any:
        return build(**{name: hp.Choice(name, list(values)) for name, values in SPACE.items()})

    with tempfile.TemporaryDirectory() as folder:
        tuner = Folds(
            built,
            objective=kt.Objective("val_accuracy", "max"),
            max_trials=args.candidates,
            directory=folder,
            project_name="grid",
            seed=args.seed + 1,
        )
        tuner.search(verbose=0)
        scores = {
            tuple(t.hyperparameters.values[name] for name in SPACE): t.score
            for t in tuner.oracle.trials.values()
        }
    if args.candidates < 36:
        return {"means": list(scores.values())}
    return {"means": [scores[tuple(v.values())] for v in candidates(36)]}


def sklearn(args: Any) -> dict[str, Any]:
    """scikit-learn's GridSearchCV over a small Keras wrapper, two jobs."""
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.model_selection import GridSearchCV

    class Wrapped(ClassifierMixin, BaseEstimator):
        """A Keras classifier for scikit-learn."""

        def __init__(self, layers=1, units=10, learning_rate=1e-3, activation="relu"):  # noqa: ANN001
            self.layers, self.units = layers, units
            self.learning_rate, self.activation = learning_rate, activation

        def fit(self, x: np.ndarray, y: np.ndarray) -> Any:
            """Build and fit."""
            import keras

            keras.utils.clear_session()
            self.classes_ = np.unique(y)
            self.model_ = build(self.layers, self.units, self.learning_rate, self.activation)
            self.model_.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
            return self

        def predict(self, x: np.ndarray) -> np.ndarray:
            """The likeliest class."""
            return self.classes_[self.model_.predict(x, verbose=0).argmax(axis=1)]

    x, y, folds = digits(args.file)
    grid = [{name: [value] for name, value in v.items()} for v in candidates(args.candidates)]
    search = GridSearchCV(Wrapped(), grid, cv=list(folds), n_jobs=2, refit=False)
    search.fit(x, y)
    return {"means": search.cv_results_["mean_test_score"].tolist()}


def prepare(folder: Path, data: Path, limit: int, seed: int) -> Path:
    """The digits for all sides: mlzoo's own file, and its pool with the folds that it makes."""
    code = (
        "import sys, numpy as np; from pathlib import Path; "
        "from mlzoo.core.configs import RunConfig; "
        "from mlzoo.data import loading; from mlzoo.runs import datasets; "
        "from mlzoo.tuning.trials.folds import split_folds; "
        f"run = RunConfig(model='mlp', data={str(data)!r}, limit={limit * 5 // 4}, seed={seed}); "
        "d = datasets.arrange(loading.read(run), run, run.seed); "
        f"folds = split_folds(d, run, {FOLDS}); "
        "pool = np.union1d(d.train.indices, d.valid.indices); fold = np.zeros(len(pool), int); "
        "\nfor k, (_, valid) in enumerate(folds): fold[np.searchsorted(pool, valid)] = k\n"
        "np.savez(sys.argv[1], x=d.samples.inputs[pool], y=d.samples.labels[pool], fold=fold)"
    )
    (folder / "digits.npz").symlink_to(data)
    measuring.run_well([sys.executable, "-c", code, folder / "folds.npz"])
    return folder / "folds.npz"


def side(args: Any, name: str, file: Path, seed: int, final: bool = False) -> Any:
    """Run a side in a process of its own: its cost and what it found."""
    words = ["--side", name, "--file", file, "--seed", seed, "--candidates", args.candidates]
    words += ["--limit", args.limit, "--fast", args.fast, *(["--final"] if final else [])]
    command = [sys.executable, __file__, *words]
    backend = args.backend if name in ("ours", "memory") else "tensorflow"
    cost = measuring.run_well(command, KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="3")
    return cost, json.loads(cost.out.splitlines()[-1])


def rank_correlation(one: list[float], other: list[float]) -> float:
    """Spearman's."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


def report(args: Any, data: Path) -> None:
    """Run the sides seed by seed and print what they took and how far they agree."""
    names = args.sides.split(",")
    costs: dict[str, list[measuring.Cost]] = {name: [] for name in names}
    means: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as folder:
            file = prepare(Path(folder), data, args.limit, seed)
            for name in names:
                cost, found = side(args, name, file, seed)
                costs[name].append(cost)
                means[name] += found["means"]
                traces = f", {found['traces']} programs traced" if "traces" in found else ""
                print(f"{name}, seed {seed}: {cost.wall:.1f} s{traces}", file=sys.stderr)
    rows = []
    for name in names:
        wall, cpu = (measuring.best([getattr(c, k) for c in costs[name]]) for k in ("wall", "cpu"))
        base = costs[names[0]]
        ratio = wall / measuring.best([c.wall for c in base])
        ratio_cpu = cpu / measuring.best([c.cpu for c in base])
        peak = max(c.peak for c in costs[name])
        rows.append([name, wall, cpu, round(peak), ratio, ratio_cpu, max(means[name])])
    measuring.table(["side", "wall s", "CPU s", "MiB", "wall ratio", "CPU ratio", "best"], rows)
    if {"ours", "plain"} <= set(names):
        found = rank_correlation(means["ours"], means["plain"])
        print(
            f"ranks of the means, ours and plain: {found:.3f}, {measuring.verdict(found >= 0.95)}"
        )
    most, least = BARS[args.backend]
    ratios = {row[0]: row[4] for row in rows}
    for name, bar in (("keras_tuner", most), ("plain", most), ("sklearn", least)):
        if name in ratios and "ours" in ratios:
            print(f"{name}: {ratios[name]:.1f} times the wall time, bar {bar}, "
                  f"{measuring.verdict(ratios[name] >= bar)}")  # fmt: skip


def winner(args: Any, data: Path) -> None:
    """The test accuracy of the winner, trained again."""
    with tempfile.TemporaryDirectory() as folder:
        file = prepare(Path(folder), data, args.limit, 0)
        _, found = side(args, "ours", file, 0, final=True)
    told = measuring.verdict(found["test"] >= 0.9)
    print(f"the winner's test accuracy: {found['test']:.3f}, {told}")


def limits(args: Any, data: Path) -> None:
    """The programs of the classic job, and what memory grows by."""
    with tempfile.TemporaryDirectory() as folder:
        file = prepare(Path(folder), data, args.limit, 0)
        _, found = side(args, "ours", file, 0)
        told = measuring.verdict(found["traces"] <= PROGRAMS)
        print(f"{args.candidates * FOLDS} fits: {found['traces']} programs traced, {told}")
        _, found = side(args, "memory", file, 0)
    less, more = found["memory"]
    told = measuring.verdict(more - less <= 100)
    print(f"MiB after {TRIALS[0]} trials: {less:.0f}; after {TRIALS[1]}: {more:.0f}, {told}")


def main() -> None:
    parser = measuring.arguments(
        __doc__, seeds=1, candidates=36, limit=6000, backend="tensorflow", sides=",".join(SIDES)
    )
    measuring.data_argument(parser)
    parser.add_argument("--winner", action="store_true", help="only train and test the winner")
    parser.add_argument("--memory", action="store_true", help="only count programs and memory")
    for name, kind in (("side", str), ("file", Path), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind, help="for the processes that it starts")
    parser.add_argument("--fast", default="auto", help="mlzoo's --fast (default auto)")
    parser.add_argument("--final", action="store_true", help="for the processes that it starts")
    args = parser.parse_args()
    if args.side:
        print(json.dumps({name: globals()[name] for name in (*SIDES, "memory")}[args.side](args)))
        return
    data = measuring.data_file(args.data, "mnist10k/mnist10k.npz")
    os.environ["KERAS_BACKEND"] = args.backend
    chosen = winner if args.winner else limits if args.memory else report
    chosen(args, data)


if __name__ == "__main__":
    main()
