"""Searches and trainings killed and resumed: the results are the same to the last bit.

    python benchmarks/kills.py --kills 100
    python benchmarks/kills.py --what train --kills 0

For each strategy a search with the real journal, strategy and loop, and an objective that takes a
millisecond, is killed with -9 at random instants until it is done, over and over until the kills
are used up. Each try is a process of its own, forked from one that has imported everything, so
that a kill costs what the search takes and no start-up. Bars: every table is that of a search
without a stop, no journal is refused, and a kill costs at most the one fit that ran.

`--what train` trains a linear model twice (`--repeats 2`), and `--what tune` searches with two
trials, in a process that ends at its k-th change of the disk, new and with `--overwrite`: for
`--kills` values of k, evenly spread over all changes, or for each with `--kills 0`. Bars: what is
resumed, or begun again where it had not begun, ends with the weights, scores and files of one
without a stop, and nothing else is left.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import measuring

ROUND = 8
"""Kills of one search, from its start to its end."""


def search(folder: Path, strategy: str) -> None:
    """Run a search, or go on with it, and write its tables."""
    from mlzoo.core.configs import RunConfig
    from mlzoo.core.spaces import Dimension, Space
    from mlzoo.tuning.executors.engines import Serial
    from mlzoo.tuning.plan import Plan
    from mlzoo.tuning.results.tables import write_tables
    from mlzoo.tuning.search import Search
    from mlzoo.tuning.settings import TuneConfig
    from mlzoo.tuning.trials.journal import Journal

    space = Space(
        (
            Dimension("units", "choice", choices=(10, 20, 30)),
            Dimension("rate", "choice", choices=(1e-3, 1e-2, 1e-1)),
            Dimension("layers", "int", 1, 2, step=1),
            Dimension("activation", "choice", choices=("relu", "tanh")),
        )
    )
    # keras-tuner's Gaussian process takes long: it has the last few proposals.
    settings = {"initial": 20} if strategy == "keras_tuner_bayesian" else {}
    config = TuneConfig(strategy=strategy, strategy_set=settings, trials=24, folds=3)
    plan = Plan(RunConfig(model="mlp", data="digits"), space, config)
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal.jsonl") as journal:
        found = Search(plan, "accuracy", journal)
        found.run(Serial(lambda unit: fit(folder, unit)))
    write_tables(folder, plan, found.trials, "accuracy")


def fit(folder: Path, unit: Any) -> dict[str, Any]:
    """A fit that takes a millisecond; each begun leaves a line."""
    with (folder / "begun").open("a") as file:
        file.write(f"{unit.trial} {unit.fold}\n")
    time.sleep(0.001)
    said = unit.values["units"], unit.values["rate"], unit.fold, unit.epochs or 0
    return {
        "kind": "fit",
        "trial": unit.trial,
        "fold": unit.fold,
        "repeat": unit.repeat,
        "score": hash(said) % 997 / 997,  # of numbers: the same in every process
        "epochs": 3,
        "seconds": 0.0,
        "cpu": 0.0,
        "error": None,
        "traceback": None,
    }


def forked(work: Callable[[], None]) -> int:
    """Begin some work in a process of its own; its number."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def punish(
    folder: Path, strategy: str, kills: int, longest: float, chance: random.Random
) -> tuple[int, int]:
    """Kill a search until it is done; how often, and how many fits were done again."""
    done = 0
    while True:
        number = forked(lambda: search(folder, strategy))
        if done < kills:
            time.sleep(chance.uniform(0, longest))
            os.kill(number, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        if code == 0:
            break
        if code != -signal.SIGKILL:
            sys.exit(f"{strategy}: the search ended with {code} after a kill")
        done += 1
    begun = (folder / "begun").read_text().splitlines()
    return done, len(begun) - len(set(begun))


def train(root: Path, overwrite: bool) -> None:
    """Train a run of two repeats."""
    from mlzoo.runs.config_loading import merge
    from mlzoo.training.train import train_merged

    train_merged(merge({**GIVEN, "repeats": 2, "name": "a"}), overwrite=overwrite)


def resumed(root: Path, overwrite: bool) -> None:
    """Resume a run, or begin it again where there is nothing to resume."""
    from mlzoo.core.errors import UsageError
    from mlzoo.training.train import resume

    try:
        resume(root / "a")
    except UsageError as error:
        if "is finished" not in str(error):
            train(root, overwrite)


def tune(root: Path, overwrite: bool) -> None:
    """Search with two trials, and train the winner."""
    from mlzoo.runs.config_loading import merge
    from mlzoo.tuning.tune import make_plan, run_plan

    merged = merge({**GIVEN, "name": "a"})
    search = {"trials": 2, "folds": 2, "fast": "off"}
    plan = make_plan(merged, ["learning_rate=0.1,0.01"], None, search)
    run_plan(plan, merged, overwrite=overwrite)


def searched_again(root: Path, overwrite: bool) -> None:
    """Give the command of a search again; without --overwrite, which would begin anew."""
    tune(root, False)


GIVEN = {
    "model": "linear",
    "data": "moons",
    "limit": 60,
    "epochs": 1,
    "checkpoint_every": 0,
    "pictures": "none",
    "baselines": "none",
    "out": ".",
}
"""A training that takes a moment."""
WORK = {"train": (train, resumed), "tune": (tune, searched_again)}
"""Work that is killed, and what goes on after a kill."""


def lives(work: Callable[..., None], root: Path, overwrite: bool, changes: int | None) -> None:
    """Work in a folder, in a process that ends after so many changes of the disk."""
    from tests.kills import Life, life

    class Process(Life):
        def die(self) -> None:
            os._exit(128 + signal.SIGKILL)

    os.chdir(root)
    with life(root, changes, Process) as lived:
        work(root, overwrite)
    if changes is None:
        (root.parent / "changes").write_text(str(len(lived.done)))


def result(root: Path) -> dict[str, Any]:
    """Return what is left: names of files, scores without times, and weights."""
    import csv
    import zipfile

    from mlzoo.core import files

    # Names of event files hold the time and the process.
    names = sorted(
        str(path.relative_to(root)).partition(".tfevents.")[0] for path in root.rglob("*")
    )
    left: dict[str, Any] = {"names": names}
    for path in root.rglob("metrics.json"):
        metrics = files.read_json(path)
        for record in (metrics, *(metrics.get("repeats") or {}).get("trainings", [])):
            del record["seconds"]
        left[str(path.relative_to(root))] = metrics
    for path in root.rglob("model.keras"):
        with zipfile.ZipFile(path) as model:
            left[str(path.relative_to(root))] = model.read("model.weights.h5")
    for path in root.rglob("trials.csv"):
        with path.open(newline="") as file:
            left["trials"] = [
                {name: value for name, value in row.items() if name not in ("seconds", "cpu")}
                for row in csv.DictReader(file)
            ]
    return left


def kill_work(what: str, kills: int) -> bool:
    """Kill trainings or searches at changes of the disk; return True if all ended alike."""
    import importlib

    for name in (
        "keras",
        "pandas",
        "scipy.stats",
        "sklearn.linear_model",
        "sklearn.ensemble",
        "mlzoo.training.scoring.artifacts",
        "mlzoo.training.loop.training",
        "mlzoo.data.loading",
        "mlzoo.tuning.tune",
    ):
        importlib.import_module(name)  # before the forks, so that each kill costs no start-up
    rows = [kill_each(what, overwrite, kills) for overwrite in (False, True)]
    measuring.table([what, "kills", "changes of the disk", "wrong after"], rows)
    return not any(row[-1] for row in rows)


def kill_each(what: str, overwrite: bool, kills: int) -> list[Any]:
    """Kill a training or a search at changes of the disk; a row of the table."""
    begin, again = WORK[what]
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        whole, other = Path(scratch) / "whole", Path(scratch) / "other"
        whole.mkdir()
        ended(forked(partial(lives, begin, whole, False, None)))
        if overwrite:
            shutil.copytree(whole, other)
            ended(forked(partial(lives, begin, other, True, None)))
        changes = int((Path(scratch) / "changes").read_text())
        count = min(kills or changes, changes)
        points = sorted({k * (changes - 1) // max(count - 1, 1) for k in range(count)})
        for point in points:
            root = Path(scratch) / str(point)
            shutil.copytree(whole, root) if overwrite else root.mkdir()
            code = ended(forked(partial(lives, begin, root, overwrite, point)))
            after = ended(forked(partial(in_folder, again, root, overwrite)))
            killed = code == 128 + signal.SIGKILL
            if not killed or after != 0 or result(root) != result(whole):
                wrong.append(point)
                print(f"change {point}: ended with {code}, then {after}; {diverging(root, whole)}")
            shutil.rmtree(root)
    return ["overwrite" if overwrite else "new", len(points), changes, wrong]


def in_folder(work: Callable[..., None], root: Path, overwrite: bool) -> None:
    """Work in a folder without an end."""
    os.chdir(root)
    work(root, overwrite)


def diverging(root: Path, whole: Path) -> str:
    """Return the names of what differs between two results."""
    one, other = result(root), result(whole)
    differing = [name for name in other if one.get(name) != other[name]]
    files = set(one["names"]) ^ set(other["names"])
    return f"differing: {differing}; files of one alone: {sorted(files)}"


def ended(process: int) -> int:
    """The exit code of a process that is waited for."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main() -> None:
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    sys.path.insert(0, str(measuring.REPOSITORY))
    from mlzoo.core import registry

    names = registry.names("strategy")
    parser = measuring.arguments(__doc__, kills=100, seed=0, strategies=",".join(names))
    parser.add_argument("--what", choices=("search", *WORK), default="search")
    args = parser.parse_args()
    if args.kills < 0 or (args.kills == 0 and args.what == "search"):
        parser.error(
            f"--kills {args.kills}: nothing would be killed; give a number from 1 on"
            " (0, at each change of the disk, is for --what train and tune)"
        )
    if args.what != "search":
        print(f"{args.what}: {measuring.verdict(kill_work(args.what, args.kills))}")
        return
    chance = random.Random(args.seed)
    names = args.strategies.split(",")
    rows, missed, total = [], False, 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            search(Path(scratch) / f"{name}-first", name)  # imports what the strategy needs
            whole = Path(scratch) / f"{name}-whole"
            began = time.perf_counter()
            search(whole, name)
            longest = 2 * (time.perf_counter() - began) / ROUND
            kills = again = same = rounds = 0
            while kills < args.kills / len(names) and rounds < 20:
                folder = Path(scratch) / f"{name}-{rounds}"
                done, lost = punish(folder, name, ROUND, longest, chance)
                kills, again, rounds = kills + done, again + lost, rounds + 1
                tables = [(f / "trials.csv").read_bytes() for f in (whole, folder)]
                same += tables[0] == tables[1]
            missed = missed or same < rounds or again > kills
            total += kills
            rows.append([name, kills, again, f"{same} of {rounds}"])
    measuring.table(["strategy", "kills", "fits done again", "equal tables"], rows)
    print(f"{total} kills: {measuring.verdict(not missed and total >= args.kills)}")


if __name__ == "__main__":
    main()
