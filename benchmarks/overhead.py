"""Cost of `mlzoo train` beside a bare Keras script of the same model, data and epochs.

Two bars: a whole run, from start to finished run folder, takes at most 1.10 times the script's
user CPU time; and it makes at least 1/1.05 times as many training steps per second as `model.fit`.
Both sides run in turns.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import (
    MLZOO,
    Cost,
    arguments,
    best,
    data_argument,
    data_file,
    in_turns,
    middle,
    run_well,
    table,
    verdict,
)

SETTINGS = {
    "mlp": ["hidden=128,64", "activation=relu", "dropout=0"],
    "cnn": [
        "filters=16,32,64",
        "convolutions=2",
        "batch_normalization=true",
        "dropout=0",
        "head=average",
    ],
    "unet": ["filters=16", "depth=3"],
    "rnn": ["cell=lstm", "units=64"],
}
"""Settings of mlzoo's models that make them those of `bare.py`."""
BATCH = {"mlp": 32, "cnn": 32, "unet": 8, "rnn": 32}
HERE = Path(__file__).parent
CPU_BAR, STEPS_BAR = 1.10, 1.05
PACE = {"mlp": (30, 10000), "cnn": (20, 2000), "unet": (14, 160), "rnn": (20, 1600)}
"""Epochs and samples for steps per second: short turns, since a noisy machine changes its mind."""


def mlzoo_command(model: str, data: Path, epochs: int, out: str) -> list[Any]:
    """`mlzoo train` of the very model that `bare.py` trains."""
    command = [MLZOO, "train", model, data, *settings(model), "--epochs", epochs, "--out", out]
    command += ["--optimizer", "adam", "--learning-rate", 0.001, "--early-stopping", 0, "--json"]
    command += ["--loss", "crossentropy"]
    return command


def settings(model: str) -> list[Any]:
    """Options that both `mlzoo train` and `pace.py` take."""
    pairs = [word for setting in SETTINGS[model] for word in ("--set", setting)]
    return [*pairs, "--batch-size", BATCH[model]]


def bare_command(model: str, data: Path, epochs: int) -> list[Any]:
    """The bare script."""
    return [
        sys.executable,
        HERE / "bare.py",
        model,
        data,
        "--epochs",
        epochs,
        "--batch-size",
        BATCH[model],
    ]


def costs(model: str, data: Path, epochs: int, repeats: int, env: dict[str, str]) -> dict[str, Any]:
    """User CPU seconds of whole runs of both sides, taken in turns.

    Raises:
        SystemExit: the two did not train the same number of weights.
    """
    with tempfile.TemporaryDirectory() as out:
        ours, theirs = mlzoo_command(model, data, epochs, out), bare_command(model, data, epochs)
        sides = {"mlzoo": lambda: run_well(ours, **env), "bare": lambda: run_well(theirs, **env)}
        taken: dict[str, list[Cost]] = in_turns(sides, repeats)
    counts = {json.loads(c.out[c.out.index("{") :])["parameters"] for c in taken["mlzoo"]}
    counts |= {json.loads(c.out.splitlines()[-1])["parameters"] for c in taken["bare"]}
    if len(counts) != 1:
        sys.exit(f"{model}: the two sides trained different models: {counts} parameters")
    return taken


def cpu_row(model: str, backend: str, epochs: int, taken: dict[str, list[Cost]]) -> list[Any]:
    """A line of the table of whole runs."""
    user = {name: best([cost.user for cost in side]) for name, side in taken.items()}
    wall = {name: best([cost.wall for cost in side]) for name, side in taken.items()}
    ratio = user["mlzoo"] / user["bare"]
    return [
        backend,
        model,
        epochs,
        *user.values(),
        user["mlzoo"] - user["bare"],
        ratio,
        verdict(ratio <= CPU_BAR),
        *wall.values(),
    ]


def pace(model: str, data: Path, env: dict[str, str]) -> dict[str, list[list[float]]]:
    """(wall, CPU) seconds a step of both sides, an epoch each, from a process that does both."""
    epochs, limit = PACE[model]
    command = [sys.executable, HERE / "pace.py", model, data, "--epochs", epochs, "--limit", limit]
    command += settings(model)
    times: dict[str, list[list[float]]] = json.loads(run_well(command, **env).out.splitlines()[-1])
    return times


def steps_row(model: str, backend: str, times: dict[str, list[list[float]]]) -> list[Any]:
    """A line of the table of steps per second; each ratio is the median of epoch beside epoch."""
    pairs = list(zip(times["mlzoo"], times["bare"], strict=True))
    wall, cpu = (middle([ours[i] / theirs[i] for ours, theirs in pairs]) for i in (0, 1))
    rates = [1 / middle([seconds[0] for seconds in times[side]]) for side in ("mlzoo", "bare")]
    return [backend, model, *rates, wall, cpu, verdict(wall <= STEPS_BAR)]


def data_sets(models: list[str], real: Path, made: Path) -> dict[str, Path]:
    """The file that each model trains on: real digits, or made masks and sequences."""
    makers = {"unet": "make_masks", "rnn": "make_sequences"}
    digits = [model for model in models if model not in makers]
    found = {model: data_file(real, "mnist10k/mnist10k.npz") for model in digits}
    for model in set(models) & set(makers):
        code = f"import sys, pathlib, bare; bare.{makers[model]}(pathlib.Path(sys.argv[1]))"
        found[model] = made / f"{model}.npz"
        run_well([sys.executable, "-c", code, found[model]], PYTHONPATH=str(HERE))
    return found


def main() -> None:
    parser = arguments(__doc__, repeats=3)
    parser.add_argument("--models", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--backends", nargs="+", default=["tensorflow", "jax"])
    parser.add_argument(
        "--epochs",
        type=int,
        nargs=len(SETTINGS),
        default=[10, 4, 6, 10],
        metavar=tuple(name.upper() for name in SETTINGS),
    )
    data_argument(parser)
    args = parser.parse_args()
    epochs = dict(zip(SETTINGS, args.epochs, strict=True))
    whole, steps = [], []
    with tempfile.TemporaryDirectory() as made:
        data = data_sets(args.models, args.data, Path(made))
        for backend in args.backends:
            env = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
            for model in args.models:
                taken = costs(model, data[model], epochs[model], args.repeats, env)
                whole.append(cpu_row(model, backend, epochs[model], taken))
                steps.append(steps_row(model, backend, pace(model, data[model], env)))
                for row in (whole[-1], steps[-1]):
                    print("measured:", *row, file=sys.stderr)
    print(f"whole runs, best of {args.repeats}, user CPU seconds (bar: ratio {CPU_BAR})")
    names = ["mlzoo", "bare", "extra", "ratio", "bar", "wall mlzoo", "wall bare"]
    table(["backend", "model", "epochs", *names], whole)
    print(f"\ntraining steps per second, median over epochs in turns (bar: ratio {STEPS_BAR})")
    table(["backend", "model", "mlzoo", "bare", "ratio", "CPU ratio", "bar"], steps)


if __name__ == "__main__":
    main()
