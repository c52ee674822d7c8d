"""Exports of every family to every format, and their deviation from the model: a table.

Each family is trained for an epoch on generated data (so that scalers and masks are real), written
in each format, loaded again, and scored on samples of its test split. A cell is the largest
difference in probability, or in spreads of the numbers predicted; `-` a format that can't hold the
model, `no library` one whose library is not installed. The bar is 1e-4 wherever a number stands.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import table, verdict

THIN = {
    "backbone": "mobilenet",
    "alpha": 0.25,
    "weights": "none",
    # Random weights of a depth whose norms have seen nothing give one output for all images.
    "train": "all",
    "freeze_norm": False,
}
MORE = {"source_set": {"samples": 420}}
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "linear": ("linear", "digits", {}),
    "mlp, table with words": ("mlp", "words.csv", {"target": "y"}),
    "cnn": ("cnn", "digits", {"set": {"filters": [8]}}),
    "lenet": ("lenet", "images.npz", {}),
    "alexnet": ("alexnet", "images.npz", {"set": {"dense": [32]}}),
    "resnet": ("resnet", "digits", {"set": {"variant": "tiny"}}),
    "unet, any size": ("unet", "shapes", {"set": {"filters": 4, "depth": 2}, **MORE}),
    "unet_xception": (
        "unet_xception",
        "photos",
        {"set": {"entry": 4, "down": [8, 8], "up": [8, 8, 4]}},
    ),
    "unet_two_decoders": (
        "unet_two_decoders",
        "flow-fields",
        {"set": {"filters": 4, "depth": 2}, **MORE},
    ),
    "unet_pretrained": ("unet_pretrained", "photos", {"set": {**THIN, "filters": 4}}),
    "rnn, lengths differ": ("rnn", "lengths", {"set": {"units": [8]}}),
    "rnn, gru both ways": (
        "rnn",
        "lengths",
        {"set": {"units": [8], "cell": "gru", "bidirectional": True}},
    ),
    "rnn, a class a step": ("rnn", "accelerometer", {"set": {"units": [8]}, **MORE}),
    "rnn, forecasts": ("rnn", "sine-mix", {"set": {"units": [8]}}),
    "rnn, decoder": ("rnn", "sine-mix", {"set": {"units": [8], "head": "decoder"}, "horizon": 4}),
    "tcn": ("tcn", "sine-mix", {"set": {"filters": 8, "blocks": 2}}),
    "conv_lstm": ("conv_lstm", "moving-spots", {"set": {"filters": [4]}}),
    "rnn, text": ("rnn", "words.txt", {"set": {"units": [8]}}),
    "transfer": ("transfer", "images.npz", {"set": THIN, "batch_size": 4}),
    "transfer, KerasHub's resnet": ("transfer", "images.npz", {"set": {"backbone": "hub:resnet"}}),
    "transfer, KerasHub's vit": ("transfer", "images.npz", {"set": {"backbone": "hub:vit"}}),
}


def made(folder: Path) -> None:
    """Data that no name stands for: a table with words, sequences of many lengths, a text."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    lines = ["a,b,word,y"]
    for i in range(420):
        a, b = rng.normal(size=2).round(3)
        lines.append(f"{a},{b if i % 9 else ''},{'red blue green'.split()[i % 3]},{int(a > 0)}")
    (folder / "words.csv").write_text("\n".join(lines) + "\n")
    (folder / "words.txt").write_text("the quick brown fox jumps over it\n" * 900)
    for name in ("up", "down"):
        (folder / "lengths" / name).mkdir(parents=True)
        for i in range(210):
            steps = np.linspace(0, 1, int(rng.integers(6, 14))) * (1 if name == "up" else -1)
            rows = steps[:, None] + 0.2 * rng.normal(size=(len(steps), 2))
            text = "\n".join(f"{a:.4f},{b:.4f}" for a, b in rows)
            (folder / "lengths" / name / f"{i}.csv").write_text("x,y\n" + text + "\n")
    x = rng.integers(0, 255, (420, 64, 64, 3), dtype=np.uint8)
    x[1::2] //= 2
    np.savez(folder / "images.npz", x=x, y=np.arange(420) % 2)
    for part in ("images", "masks"):
        (folder / "photos" / part).mkdir(parents=True)
    for i, image in enumerate(x[:, :32, :32]):
        spot = np.hypot(*(np.mgrid[:32, :32] - rng.integers(8, 24, (2, 1, 1)))) < 6
        image[spot] //= 3
        Image.fromarray(image).save(folder / "photos" / "images" / f"{i}.png")
        Image.fromarray(spot.astype("uint8")).save(folder / "photos" / "masks" / f"{i}.png")


def presets(folder: Path) -> bool:
    """Small presets of KerasHub with random weights; whether it is installed."""
    if not importlib.util.find_spec("keras_hub"):
        return False
    import keras_hub

    resnet = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )
    vit = keras_hub.models.ViTBackbone((64, 64, 3), (16, 16), 2, 2, 8, 16)
    for name, backbone in (("ResNet", resnet), ("ViT", vit)):
        preset = str(folder / name.lower())
        backbone.save_to_preset(preset)
        converter = getattr(keras_hub.layers, f"{name}ImageConverter")
        converter(scale=1 / 127.5, offset=-1.0).save_to_preset(preset)
    return True


def cells(run: Any, formats: list[str], folder: Path) -> list[Any]:
    """The number of samples, the largest difference of each format, or why there is none."""
    from mlzoo.core.errors import MlzooError, UsageError
    from mlzoo.exporting.export import check, export

    found: list[Any] = [""]
    for name in formats:
        try:
            check(name)
            record = export(run, name, output=folder / run.path.name / name)
            score = record["score"]
            found[0] = score["samples"]
            found.append(f"{score['largest']:.1e}")
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
    from mlzoo.core import registry

    formats = registry.names("format")
    rows = []
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        made(folder)
        hub = presets(folder)
        for family, (model, data, settings) in FAMILIES.items():
            if args.families and not family.startswith(tuple(args.families)):
                continue
            settings = dict(settings)
            if "KerasHub" in family:
                if not hub:
                    print(f"{family}: left out, keras_hub is not installed", file=sys.stderr)
                    continue
                preset = settings["set"]["backbone"].removeprefix("hub:")
                settings["set"] = {"backbone": f"hub:{folder / preset}"}
            own = folder / data
            run = mlzoo.train(
                model,
                str(own) if own.exists() else data,
                epochs=1,
                fractions="40/10/50",
                limit=500,
                out=str(folder / "runs"),
                **settings,
            )
            rows.append([family, *cells(run, formats, folder / "exports")])
            print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    table(["family", "samples", *formats], rows)
    held = not any("refused" in row for row in rows)
    print(f"under 1e-4 wherever a format holds the model: {verdict(held)}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
