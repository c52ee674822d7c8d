"""Searches killed at random moments and gone on with: the tables are the same to the last bit.

    python benchmarks/kills.py --kills 100

For each strategy a search with the real journal, strategy and loop, and an objective that takes a
millisecond, is killed with -9 at random instants until it is done, over and over until the kills
are used up. Bars: every table is that of a search without a stop, no journal is refused, and a kill
costs at most the one fit that ran.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring

PROGRAM = """
import sys, time
from pathlib import Path
from mlzoo.configs import RunConfig
from mlzoo.spaces import Dimension, Space
from mlzoo.tuning.engines import Serial
from mlzoo.tuning.journal import Journal
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results import write_tables
from mlzoo.tuning.search import Search
from mlzoo.tuning.settings import TuneConfig
folder, strategy = Path(sys.argv[1]), sys.argv[2]
space = Space((
    Dimension("units", "choice", choices=(10, 20, 30)),
    Dimension("rate", "choice", choices=(1e-3, 1e-2, 1e-1)),
    Dimension("layers", "int", 1, 2, step=1),
    Dimension("activation", "choice", choices=("relu", "tanh")),
))
settings = {"initial": 20} if strategy == "keras_tuner_bayesian" else {}
search = TuneConfig(strategy=strategy, strategy_set=settings, trials=24, folds=3)
plan = Plan(RunConfig(model="mlp", data="digits"), space, search)
def fit(unit):
    with (folder / "begun").open("a") as file:
        file.write(f"{unit.trial} {unit.fold}\\n")
    time.sleep(0.001)
    said = unit.values["units"], unit.values["rate"], unit.fold, unit.epochs or 0
    score = hash(said) % 997 / 997
    return {"kind": "fit", "trial": unit.trial, "fold": unit.fold, "repeat": unit.repeat,
            "score": score, "epochs": 3, "seconds": 0.0, "cpu": 0.0, "error": None,
            "traceback": None}
print("ready", flush=True)
with Journal(folder / "journal.jsonl") as journal:
    found = Search(plan, "accuracy", journal)
    found.run(Serial(fit))
write_tables(folder, plan, found.trials, "accuracy")
"""
LONGEST = 0.6


def start(folder: Path, strategy: str) -> subprocess.Popen[bytes]:
    """A search in a process of its own, at the moment when it has imported everything."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, strategy],
        stdout=subprocess.PIPE,
        cwd=measuring.REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def punish(folder: Path, strategy: str, kills: int, chance: random.Random) -> tuple[int, int]:
    """Kill a search until it is done; how often, and how many fits were done again."""
    done = 0
    while True:
        process = start(folder, strategy)
        if done < kills:
            time.sleep(chance.uniform(0, LONGEST))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                done += 1
        if process.wait() == 0:
            break
        if process.returncode != -signal.SIGKILL:
            sys.exit(f"{strategy}: the search ended with {process.returncode} after a kill")
    begun = (folder / "begun").read_text().splitlines()
    return done, len(begun) - len(set(begun))


def main() -> None:
    from mlzoo import registry

    parser = measuring.arguments(__doc__, kills=100, seed=0)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    names = registry.names("strategy")
    rows, missed, total = [], False, 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            whole = Path(scratch) / f"{name}-whole"
            start(whole, name).wait()
            kills = again = same = rounds = 0
            while kills < args.kills / len(names) and rounds < 20:
                folder = Path(scratch) / f"{name}-{rounds}"
                done, lost = punish(folder, name, 8, chance)
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
