"""Weights of a training that is killed and resumed, beside those of one that was not.

Runs `mlzoo train` once undisturbed, then kills further ones with SIGKILL at random moments of the
training (some of them twice), goes on with `mlzoo train --resume`, and compares all weights bit by
bit. The bar: every one equal.
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
from typing import Any

from measuring import MLZOO, arguments, run_well, table, verdict

TRAININGS = {
    "mlp": ["digits", "--epochs", 12, "--set", "dropout=0.2", "--schedule", "plateau"],
    "cnn": ["digits", "--epochs", 4, "--set", "filters=8,16", "--schedule", "cosine"],
    "dqn": ["grid-snake", "--epochs", 8, "--set", "steps=1600", "--set", "memory=2000"],
    "actor_critic": ["CartPole-v1", "--epochs", 8, "--set", "steps=2000"],
}
"""With shuffling, dropout, schedules, early stopping, and the best weights kept; episodes, which go
on where they were, and a replay memory that overflows."""
STEPS = {"mlp": -(-1078 // 32) + 1, "cnn": -(-1078 // 32) + 1, "dqn": 1, "actor_critic": 1}
"""About how far the numbers of checkpoints rise in an epoch."""
SAVES = ["--early-stopping", 3, "--checkpoint-every", 0.2]


def command(model: str, out: Path, name: str) -> list[str]:
    """The training of a model, into a run folder of a given name."""
    words = [MLZOO, "train", model, *TRAININGS[model], *SAVES, "--out", out, "--name", name]
    return [str(word) for word in words]


def weights(run: Path) -> list[Any]:
    """All weights of a finished run."""
    import mlzoo

    return [variable.numpy() for variable in mlzoo.load(run).model.weights]


def equal(run: Path, other: Path) -> bool:
    """Return whether two finished runs hold the same weights, bit by bit."""
    import numpy as np

    pairs = zip(weights(run), weights(other), strict=True)
    return all(np.array_equal(ours, theirs) for ours, theirs in pairs)


class Victim:
    """A training process that is killed once it has written so many checkpoints."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
        )

    def newest(self) -> int:
        """The number of the newest checkpoint, a step of the training; 0: none yet."""
        found = self._folder.glob("checkpoints/*/state-*.json")
        return max((int(path.stem.removeprefix("state-")) for path in found), default=0)

    def kill_after(self, number: int, delay: float) -> str:
        """Kill it `delay` seconds after checkpoint `number`; where it then stood."""
        while self._process.poll() is None and self.newest() <= number:
            time.sleep(0.005)
        time.sleep(delay)
        self._process.send_signal(signal.SIGKILL)
        code = self._process.wait()
        return f"after checkpoint {self.newest()}" if code == -signal.SIGKILL else "finished before"


ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


def last_checkpoint(model: str) -> int:
    """About the number of the last step that writes a checkpoint."""
    return STEPS[model] * int(TRAININGS[model][2])


def survive(model: str, out: Path, name: str, dice: random.Random) -> list[str]:
    """Start a training, kill it once or twice, and go on to its end; where it was killed."""
    folder, words, kills = out / f"{name}.partial", command(model, out, name), []
    floors = sorted(
        dice.randrange(int(last_checkpoint(model) * 0.9)) for _ in range(dice.choice((1, 1, 2)))
    )
    for floor in floors:
        kills.append(Victim(words, folder).kill_after(floor, dice.uniform(0, 0.5)))
        words = [str(MLZOO), "train", "--resume", str(out / name)]
        if not folder.exists():
            return kills
    run_well(words)
    return kills


def main() -> None:
    parser = arguments(__doc__, kills=10, seed=0)
    parser.add_argument("--models", nargs="+", default=list(TRAININGS), choices=TRAININGS)
    args = parser.parse_args()
    dice, rows = random.Random(args.seed), []
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        for model in args.models:
            run_well(command(model, out, f"{model}-whole"))
            for number in range(args.kills):
                name = f"{model}-{number}"
                kills = survive(model, out, name, dice)
                same = equal(out / f"{model}-whole", out / name)
                rows.append([model, number + 1, ", ".join(kills), "equal" if same else "DIFFERENT"])
    table(["model", "run", "killed", "weights"], rows)
    killed = [row for row in rows if "after" in row[2]]
    print(f"{len(killed)} of {len(rows)} were killed in training; all equal: ", end="")
    held = all(row[3] == "equal" for row in rows) and len(killed) == len(rows)
    print(verdict(held))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
