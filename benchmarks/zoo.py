"""Make the zoo: train its models, write saved_models/zoo and RESULTS.md.

Each model is trained by the command that RESULTS.md shows, with 5 seeds, on data that come with
scikit-learn or are generated. A table of those that stand in the folder is made anew each time, so
models can be made one by one. Bars: each folder under 1 MB, all under 10 MB, and no path in them.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import MLZOO, REPOSITORY, verdict

ZOO = REPOSITORY / "saved_models" / "zoo"
SEEDS = 5
MODELS = {
    "linear-digits": "linear digits --learning-rate 0.01 --epochs 40",
    "mlp-digits": "mlp digits --epochs 40",
    "mlp-wine": "mlp wine --set hidden=64,32",
    "mlp-breast-cancer": "mlp breast-cancer --set hidden=64,32",
    "mlp-stress-strain": (
        "mlp stress-strain --set hidden=64,64 --set dropout=0 --learning-rate 0.01 --epochs 100"
    ),
    "cnn-digits": "cnn digits --epochs 12",
    "resnet-digits": (
        "resnet digits --set variant=tiny --learning-rate 0.003 --schedule cosine --epochs 40 "
        "--early-stopping 0 --keep last"
    ),
    "unet-shapes": (
        "unet shapes --set filters=6 --set depth=3 --batch-size 4 --learning-rate 0.006 "
        "--schedule cosine --epochs 50 --early-stopping 0"
    ),
    "unet-flow-fields": "unet flow-fields --set filters=8 --set depth=2 --epochs 40",
    "rnn-accelerometer": "rnn accelerometer --set units=32 --learning-rate 0.005 --epochs 40",
    "rnn-mackey-glass": "rnn mackey-glass --horizon 10 --stride 2 --set units=32 --epochs 40",
    "tcn-mackey-glass": "tcn mackey-glass --horizon 10 --stride 2 --set filters=16 --epochs 30",
    "autoencoder-digits": "autoencoder digits --set code=8",
    "vae-digits": "vae digits --set code=8 --epochs 30",
    "conv_lstm-moving-spots": "conv_lstm moving-spots --set filters=8,8 --epochs 20",
}
_STUDENT = 2.776
"""The 97.5 % point of Student's t with 4 degrees of freedom."""


def make(name: str) -> None:
    """Train a model in an empty folder, with no path nor history around it, and keep its run."""
    words = [*MODELS[name].split(), "--repeats", str(SEEDS), "--name", name]
    print(f"mlzoo train {shlex.join(words)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([MLZOO, "train", *words], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"it ended with {done.returncode}:\n{done.stderr[-3000:]}")
        made = Path(folder) / "saved_models" / name
        plain(made)
        check(made)
        shutil.rmtree(ZOO / name, ignore_errors=True)
        ZOO.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, ZOO / name)


def plain(made: Path) -> None:
    """Leave out the report, which is large and can be written again, and this machine's kernel."""
    (made / "report.html").unlink(missing_ok=True)
    path = made / "environment.json"
    environment = json.loads(path.read_text("utf-8"))
    environment["versions"]["system"] = f"{platform.system()}-{platform.machine()}"
    path.write_text(json.dumps(environment, indent=1, ensure_ascii=False) + "\n", "utf-8")


def check(made: Path) -> None:
    """Exit where a folder is too large, or a file of it holds a path of this machine."""
    size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    if size > 1_000_000:
        sys.exit(f"{made.name} has {size:,} bytes")
    home = re.compile(rb"(?<![\w.:/])/(home|root|tmp|work|Users|opt|mnt)/[\w.-]")
    found = [p.name for p in made.rglob("*") if p.is_file() and home.search(p.read_bytes())]
    if found:
        sys.exit(f"{made.name}: a path of this machine stands in {', '.join(found)}")


def interval(metric: str, summary: dict[str, float]) -> tuple[float, float]:
    """Where the score of one more training lies, with 95 %: mean and spread of the seeds'."""
    from mlzoo.statistics.metrics import bounds

    reach = _STUDENT * summary["std"] * math.sqrt(1 + 1 / SEEDS)
    lowest, highest = bounds(metric)
    return max(lowest, summary["mean"] - reach), min(highest, summary["mean"] + reach)


def row(name: str) -> list[str]:
    """A line of RESULTS.md."""
    metrics: dict[str, Any] = json.loads((ZOO / name / "metrics.json").read_text("utf-8"))
    headline = metrics["headline"]["name"]
    summary = metrics["repeats"]["summary"][headline]
    low, high = interval(headline, summary)
    rivals = {
        each: scores[headline]["mean"]
        for each, scores in metrics["repeats"]["baselines"].items()
        if scores.get(headline) and each != "real"  # no rival: real samples beside drawn ones
    }
    best = (max if metrics["headline"]["mode"] == "max" else min)(rivals, key=rivals.__getitem__)
    seconds = sum(each["seconds"] for each in metrics["repeats"]["trainings"]) / SEEDS
    model, data, *_ = MODELS[name].split()
    return [
        f"[{name}](saved_models/zoo/{name})",
        model,
        data,
        f"{metrics['parameters']:,}",
        f"{headline} {summary['mean']:.4g} [{low:.4g}, {high:.4g}]",
        f"{best} {rivals[best]:.4g}",
        f"{seconds:.0f}",
        f"`mlzoo train {MODELS[name]}`",
    ]


def results(names: list[str]) -> str:
    """RESULTS.md."""
    head = ["run", "model", "data", "parameters", "test score", "best baseline", "s", "command"]
    lines = [
        "# Results",
        "",
        "Made by `python benchmarks/zoo.py`. A score is the mean over 5 seeds, each with a split, "
        "weights and an order of its own, and the interval in which one more seed's score lies "
        "with 95 % (Student's t). Baselines see the same splits. Seconds are those of one "
        "training on 2 cores, evaluation included.",
        "",
        "| " + " | ".join(head) + " |",
        "| " + " | ".join("---" for _ in head) + " |",
        *("| " + " | ".join(row(name)) + " |" for name in names),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--table", action="store_true", help="write RESULTS.md alone")
    args = parser.parse_args()
    unknown = set(args.models) - set(MODELS)
    if unknown:
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    for name in [] if args.table else args.models or MODELS:
        make(name)
    there = [name for name in MODELS if (ZOO / name).is_dir()]
    (REPOSITORY / "RESULTS.md").write_text(results(there), encoding="utf-8")
    size = sum(path.stat().st_size for path in ZOO.rglob("*") if path.is_file())
    print(f"{len(there)} models, {size / 1e6:.2f} MB in all, under 10: {verdict(size < 1e7)}")
    sys.exit(0 if size < 1e7 else 1)


if __name__ == "__main__":
    main()
