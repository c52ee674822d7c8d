"""Time and imports of the command line where nothing heavy is to be done.

The bar: under .5 s of CPU time for each command, with neither Keras, a backend, NumPy nor pandas
imported.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import MLZOO, arguments, best, in_turns, middle, run, shown, table, verdict

BAR = 0.5
HEAVY = ("keras", "tensorflow", "jax", "torch", "numpy", "pandas", "scipy", "sklearn", "matplotlib")
BAD_CONFIG = "model: cnn\ndata: digits\nepochs: many\nlerning_rate: 0.1\nset:\n  filtrs: 3\n"
COMMANDS: dict[tuple[str, ...], int] = {
    ("--version",): 0,
    ("--help",): 0,
    ("train", "--help"): 0,
    ("models",): 0,
    ("train", "cmn", "digits"): 2,
    ("train", "--config", "bad.yaml"): 2,
}
"""Each command and the exit code that is right for it."""


def heavy_imports(words: list[str]) -> list[str]:
    """Which of the heavy packages a command imports."""
    said = run([sys.executable, "-X", "importtime", MLZOO, *words]).err
    lines = [line for line in said.splitlines() if line.startswith("import time:")]
    packages = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    if "mlzoo_cli" not in packages:
        sys.exit(f"mlzoo {shown(words)}: its imports can't be seen")
    return [package for package in HEAVY if package in packages]


def measure(commands: dict[str, list[str]], codes: list[int], repeats: int) -> list[list[Any]]:
    """CPU seconds, exit code and heavy imports of each command."""
    sides = {name: lambda w=words: run([MLZOO, *w]) for name, words in commands.items()}
    rows = []
    for (name, costs), code in zip(in_turns(sides, repeats).items(), codes, strict=True):
        seconds = [cost.cpu for cost in costs]
        heavy = heavy_imports(commands[name])
        right = {cost.code for cost in costs} == {code}
        held = best(seconds) < BAR and not heavy and right
        exits = f"{costs[0].code}" if right else f"{costs[0].code}, not {code}"
        found = [best(seconds), middle(seconds), best([cost.wall for cost in costs])]
        rows.append([name, *found, exits, ", ".join(heavy) or "none", verdict(held)])
    return rows


def main() -> None:
    args = arguments(__doc__, repeats=7).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bad = Path(folder) / "bad.yaml"
        bad.write_text(BAD_CONFIG)
        commands = {
            f"mlzoo {' '.join(words)}": [str(bad) if word == bad.name else word for word in words]
            for words in COMMANDS
        }
        rows = measure(commands, list(COMMANDS.values()), args.repeats)
    table(["command", "best CPU s", "median", "wall", "exit", "heavy imports", "bar"], rows)
    sys.exit(0 if all(row[-1] == "met" for row in rows) else 1)


if __name__ == "__main__":
    main()
