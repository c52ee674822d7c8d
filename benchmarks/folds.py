"""Cost of `--folds 5` beside one training of the same settings.

Whole runs from start to finished folder, without baselines and pictures, for a fixed number of
epochs. On small data, where compiling takes longer than the steps that all members share, five
members cost at most 2.5 times one training; elsewhere at most 5.5 times, since the members' samples
are those of five trainings. Both sides run in turns; ratios are of CPU seconds, best of the
repeats, with those of wall time beside them.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from typing import Any

from measuring import MLZOO, Cost, arguments, best, in_turns, run_well, shown, table, verdict

FOLDS = 5
SHARED, BAR = 2.5, 5.5
SMALL: dict[str, list[Any]] = {
    "mlp": ["iris", "--epochs", 20],
    "cnn": ["digits", "--epochs", 1],
}
LARGE: dict[str, list[Any]] = {
    "cnn": ["digits", "--epochs", 20],
    "unet": ["shapes", "--epochs", 6],
}
COMMON: list[Any] = [
    *("--preset", "none", "--early-stopping", 0, "--keep", "last"),
    *("--baselines", "none", "--pictures", "none"),
]


def measure(
    model: str, words: list[Any], bar: float, repeats: int, out: str
) -> tuple[list[Any], bool]:
    """Return a line of the table, and whether the bar is met."""
    command = [MLZOO, "train", model, *words, *COMMON]
    print(shown([*command, "--folds", FOLDS]), file=sys.stderr, flush=True)

    def train(folds: int) -> Cost:
        name = f"{model}-{folds}"
        return run_well([*command, "--folds", folds, "--out", out, "--name", name, "--overwrite"])

    sides = {"one": partial(train, 1), "folds": partial(train, FOLDS)}
    costs = in_turns(sides, repeats)
    cpu = {side: best([each.cpu for each in runs]) for side, runs in costs.items()}
    wall = {side: best([each.wall for each in runs]) for side, runs in costs.items()}
    ratio = cpu["folds"] / cpu["one"]
    times = wall["folds"] / wall["one"]
    row = [model, words[0], words[-1], cpu["one"], cpu["folds"], ratio, times, bar]
    return [*row, verdict(ratio <= bar)], ratio <= bar


def main() -> None:
    parser = arguments(__doc__, repeats=3)
    args = parser.parse_args()
    rows, held = [], True
    with tempfile.TemporaryDirectory() as out:
        for cases, bar in ((SMALL, SHARED), (LARGE, BAR)):
            for model, words in cases.items():
                row, met = measure(model, words, bar, args.repeats, out)
                rows.append(row)
                held &= met
    header = ["model", "data", "epochs", "CPU s, one", f"CPU s, {FOLDS} folds"]
    table([*header, "ratio", "wall ratio", "bar", ""], rows)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
