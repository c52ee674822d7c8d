"""What can be exported to what, and how near it comes: a table of families and formats.

Each family is trained for an epoch on generated data (so that scalers and masks are real), written
in each format, loaded again, and scored on samples of its test part. A cell is the largest
difference in probability, or in spreads of the numbers predicted; `-` a format that can't hold the
model, `no library` one whose library is not installed. The bar is 1e-4 wherever a number stands.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import table, verdict

FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "linear": ("linear", "digits", {}),
    "mlp, table with words": ("mlp", "words.csv", {"target": "y"}),
    "cnn": ("cnn", "digits", {"set": {"filters": [8]}}),
    "resnet": ("resnet", "digits", {"set": {"variant": "tiny"}, "limit": 300}),
    "unet, any size": ("unet", "flow-fields", {"set": {"filters": 4, "depth": 2}, "limit": 40}),
    "rnn, lengths differ": ("rnn", "lengths", {"set": {"units": [8]}}),
    "rnn, gru both ways": (
        "rnn",
        "lengths",
        {"set": {"units": [8], "cell": "gru", "bidirectional": True}},
    ),
    "rnn, a class a step": ("rnn", "accelerometer", {"set": {"units": [8]}}),
    "rnn, forecasts": ("rnn", "sine-mix", {"set": {"units": [8]}, "limit": 200}),
    "rnn, decoder": (
        "rnn",
        "sine-mix",
        {"set": {"units": [8], "head": "decoder"}, "horizon": 4, "limit": 200},
    ),
    "tcn": ("tcn", "sine-mix", {"set": {"filters": 8, "blocks": 2}, "limit": 200}),
    "conv_lstm": ("conv_lstm", "moving-spots", {"set": {"filters": [4]}, "limit": 100}),
    "rnn, text": ("rnn", "words.txt", {"set": {"units": [8]}}),
    "transfer": (
        "transfer",
        "images.npz",
        {"set": {"backbone": "mobilenet", "alpha": 0.25, "weights": "none"}},
    ),
}


def made(folder: Path) -> None:
    """Data that no name stands for: a table with words, sequences of many lengths, a text."""
    import numpy as np

    rng = np.random.default_rng(0)
    lines = ["a,b,word,y"]
    for i in range(200):
        a, b = rng.normal(size=2).round(3)
        lines.append(f"{a},{b if i % 9 else ''},{'red blue green'.split()[i % 3]},{int(a > 0)}")
    (folder / "words.csv").write_text("\n".join(lines) + "\n")
    (folder / "words.txt").write_text("the quick brown fox jumps over it\n" * 60)
    for name in ("up", "down"):
        (folder / "lengths" / name).mkdir(parents=True)
        for i in range(30):
            steps = np.linspace(0, 1, int(rng.integers(6, 14))) * (1 if name == "up" else -1)
            rows = steps[:, None] + 0.2 * rng.normal(size=(len(steps), 2))
            text = "\n".join(f"{a:.4f},{b:.4f}" for a, b in rows)
            (folder / "lengths" / name / f"{i}.csv").write_text("x,y\n" + text + "\n")
    x = rng.integers(0, 255, (60, 32, 32, 3), dtype=np.uint8)
    np.savez(folder / "images.npz", x=x, y=np.arange(60) % 2)


def cells(run: Any, formats: list[str], folder: Path) -> list[Any]:
    """The largest difference of each format, or why there is none."""
    from mlzoo.errors import MlzooError, UsageError
    from mlzoo.exporting.export import check, export

    found: list[Any] = []
    for name in formats:
        try:
            check(name)
            record = export(run, name, output=folder / run.path.name / name)
            found.append(f"{record['score']['largest']:.1e}")
        except UsageError:
            found.append("no library")
        except MlzooError as error:
            print(f"  {error}", file=sys.stderr)
            found.append("refused" if "differ" in str(error) else "-")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", nargs="+", metavar="NAME", help="only those that begin so")
    args = parser.parse_args()
    import mlzoo
    from mlzoo import registry

    formats = registry.names("format")
    rows = []
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        made(folder)
        for family, (model, data, settings) in FAMILIES.items():
            if args.families and not family.startswith(tuple(args.families)):
                continue
            own = folder / data
            run = mlzoo.train(
                model,
                str(own) if own.exists() else data,
                epochs=1,
                out=str(folder / "runs"),
                **settings,
            )
            rows.append([family, *cells(run, formats, folder / "exports")])
            print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    table(["family", *formats], rows)
    held = not any("refused" in row for row in rows)
    print(f"under 1e-4 wherever a format holds the model: {verdict(held)}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
