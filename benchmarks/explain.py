"""Explanations: truth on crack photographs, cost beside tf-keras-vis, layers of twelve networks.

`--part cracks` (bar 1) trains a CNN on crack_patches, parted by photograph, and scores the maps of
every method on cracked patches of the test part against crack_patches_masks, over seeds.
`--part speed` (bar 3) takes turns between ours and tf-keras-vis in one process; CPU seconds, the
best of the repeats after a warm call. `--part layers` (bar 4) opens keras.applications networks
without weights. `--part repeat` (bar 5) asks for equal maps twice and alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import MLZOO, arguments, best, data_argument, data_file, run_well, table, verdict

CAMS = ("gradcam", "gradcam_plus_plus", "layercam", "scorecam")
METHODS = (*CAMS, "ablationcam", "saliency", "smoothgrad", "input_x_gradient",
           "integrated_gradients", "occlusion", "rise")  # fmt: skip
LEAST = {
    "gradcam": 5.0,
    "gradcam_plus_plus": 5.0,
    "layercam": 5.0,
    "saliency": 2.3,
    "smoothgrad": 2.3,
    "scorecam, all channels": 1.5,
    "scorecam": 5.0,
    "scorecam, max_n 10": 1.7,
}
NETS = {
    "DenseNet121": (1024, 224),
    "EfficientNetB0": (1280, 224),
    "InceptionV3": (2048, 299),
    "MobileNet": (1024, 224),
    "MobileNetV2": (1280, 224),
    "MobileNetV3Small": (None, 224),
    "NASNetMobile": (1056, 224),
    "ResNet50": (2048, 224),
    "ResNet50V2": (2048, 224),
    "VGG16": (512, 224),
    "ConvNeXtTiny": (768, 224),
    "Xception": (2048, 299),
}


def cracks(folder: Path, seeds: int, limit: int) -> None:
    """Bar 1: pointing game and mass of every method over seeds, pooled over images."""
    import numpy as np

    data, masks = (data_file(folder, name) for name in ("crack_patches", "crack_patches_masks"))
    scores: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as root:
        for seed in range(seeds):
            run = Path(root) / f"s{seed}"
            train = [MLZOO, "train", "cnn", data, "--group-by", r"^\d{3}", "--size", 64]
            run_well([*train, "--epochs", 60, "--seed", seed, "--out", root, "--name", run.name])
            for engine, methods in (("mlzoo", METHODS), ("tf-keras-vis", CAMS)):
                out = Path(root) / f"{engine}-{seed}"
                words = [MLZOO, "explain", run, "--method", ",".join(methods), "--engine", engine]
                words += ["--truth", masks, "--no-evidence", "--target", "Positive"]
                run_well([*words, "--limit", limit, "--seed", seed, "--out", out])
                _collect(out, engine, scores)
    rows = []
    for name, found in sorted(scores.items(), key=lambda item: -np.mean(item[1]["pointing"])):
        cells = [name, len(found["pointing"])]
        for score in ("pointing", "mass", "truth_auc"):
            low, high = _interval(np.array(found[score]))
            cells += [float(np.mean(found[score])), f"[{low:.2f}, {high:.2f}]"]
        rows.append(cells)
    table(["maps", "images", "pointing", "95 %", "mass", "95 %", "AUC", "95 %"], rows)
    for name in CAMS:
        ours, theirs = (np.array(scores[key]["pointing"]) for key in (name, f"tf-keras-vis {name}"))
        low, high = _interval(ours - theirs)
        word = "ahead" if low > 0 else "behind" if high < 0 else "inside the interval"
        print(f"{name}: ours less theirs {np.mean(ours - theirs):+.3f} [{low:+.3f}, {high:+.3f}]:"
              f" {word}")  # fmt: skip


def _collect(out: Path, engine: str, scores: dict[str, dict[str, list[float]]]) -> None:
    import csv

    with (out / "scores.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            control = row["method"] in ("random", "edges")
            if not row.get("pointing") or (control and engine != "mlzoo"):
                continue
            name = row["method"] if engine == "mlzoo" else f"{engine} {row['method']}"
            own = scores.setdefault(name, {"pointing": [], "mass": [], "truth_auc": []})
            for score, values in own.items():
                values.append(float(row[score]))


def _interval(values: Any) -> tuple[float, float]:
    import numpy as np

    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(2000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def speed(repeats: int, large: bool) -> None:
    """Bar 3: CPU seconds of ours and of the package, and their ratio."""
    import keras
    import numpy as np

    from mlzoo import registry
    from mlzoo.explaining import reference
    from mlzoo.explaining.engine.probe import Probe
    from mlzoo.explaining.targets import of_classes

    keras.utils.set_random_seed(0)
    if large:
        model, count, side = keras.applications.MobileNetV2(weights=None), 4, 224
    else:
        layers = keras.layers
        start = x = keras.Input((64, 64, 3))
        for filters in (32, 64):
            x = layers.MaxPooling2D()(
                layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            )
        x = layers.Conv2D(128, 3, padding="same", activation="relu")(x)
        x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
        model, count, side = keras.Model(start, x), 8, 64
    images = np.random.default_rng(0).random((count, side, side, 3)).astype("float32")
    probe = Probe(model, images)
    target = of_classes(np.arange(count) % 10, probe.units)
    functional = reference.functional(probe)

    def ours(name: str, **settings: Any) -> Callable[[], Any]:
        plugin = registry.load("explainer", name)
        return lambda: plugin.explain(plugin.Config(**settings), probe, images, target)

    def theirs(name: str, **settings: Any) -> Callable[[], Any]:
        method = reference.package_method(name, functional)
        return lambda: method(images, target, **settings)

    sides = {name: (ours(name), theirs(name)) for name in
             ("saliency", "smoothgrad", "gradcam", "gradcam_plus_plus", "layercam")}  # fmt: skip
    sides["scorecam, max_n 10"] = ours("scorecam", max_n=10), theirs("scorecam", max_n=10)
    if not large:  # the package takes 14 GB for MobileNetV2
        sides["scorecam, all channels"] = ours("scorecam", channels=1), theirs("scorecam")
        sides["scorecam"] = ours("scorecam"), theirs("scorecam")
    rows = []
    for name, pair in sides.items():
        seconds = []
        for call in pair:
            call()
            seconds.append(best([_cpu(call) for _ in range(repeats)]))
        ratio = seconds[1] / seconds[0]
        rows.append([name, *seconds, ratio, LEAST[name], verdict(ratio >= LEAST[name])])
    table(["method", "ours", "tf-keras-vis", "ratio", "bar", ""], rows)


def _cpu(call: Callable[[], Any]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


MEMORY = """
import json, resource, sys, numpy as np, keras
from mlzoo import registry
from mlzoo.explaining.engine.probe import Probe
from mlzoo.explaining.targets import of_classes
model = keras.applications.MobileNetV2(weights=None)
x = np.random.default_rng(0).random((1, 224, 224, 3)).astype("float32")
probe, plugin = Probe(model, x), registry.load("explainer", "scorecam")
target = of_classes(np.zeros(1, int), 1000)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
found = {}
for share in (0.95, 1.0):
    forwards = probe.forwards
    plugin.explain(plugin.Config(channels=share), probe, x, target)
    found[str(share)] = [probe.forwards - forwards, peak() - before]
print(json.dumps(found))
"""


def memory() -> None:
    """Bar 3: what ScoreCAM at MobileNetV2 adds to the peak, and its forwards."""
    found = json.loads(run_well([sys.executable, "-c", MEMORY]).out.splitlines()[-1])
    rows = [[name, *values, verdict(values[1] < 400)] for name, values in found.items()]
    table(["scorecam, share of energy", "forwards", "additional MB (bar 400)", ""], rows)


def layers() -> None:
    """Bar 4: the layer that each network is looked at."""
    import keras
    import numpy as np

    from mlzoo.explaining.engine.probe import Probe

    rows = []
    for name, (channels, side) in NETS.items():
        keras.utils.clear_session()
        model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
        probe = Probe(model, np.zeros((1, side, side, 3), "float32"))
        cells = "x".join(map(str, probe.cells))
        layer = probe.layer.name if probe.layer is not None else ""
        fits = channels in (None, probe.channels) and min(probe.cells) > 1
        rows.append([name, layer, cells, probe.channels, verdict(fits)])
    table(["network", "layer", "cells", "channels", ""], rows)


def repeat() -> None:
    """Bar 5: the same seed gives equal maps, alone or in a batch, and from explain.json."""
    import numpy as np

    with tempfile.TemporaryDirectory() as root:
        run, first, second = (Path(root) / name for name in ("digits", "first", "second"))
        run_well(
            [MLZOO, "train", "cnn", "digits", "--epochs", 3, "--out", root, "--name", "digits"]
        )
        methods = ",".join(METHODS)
        run_well([MLZOO, "explain", run, "--method", methods, "--limit", 4, "--out", first])
        run_well([MLZOO, "explain", "--repeat", first, "--out", second])
        with np.load(first / "maps.npz") as a, np.load(second / "maps.npz") as b:
            equal = all(np.array_equal(a[name], b[name]) for name in a)
            print(f"{len(a.files)} maps from explain.json again: {verdict(equal)}")


def main() -> None:
    """Measure what was asked for."""
    parser = arguments(__doc__, seeds=3, limit=48, repeats=5)
    data_argument(parser)
    parts = ["all", "cracks", "speed", "memory", "layers", "repeat"]
    parser.add_argument("--part", default="all", choices=parts, help="what to measure")
    parser.add_argument("--large", action="store_true", help="speed of MobileNetV2 too")
    options = parser.parse_args()
    if options.part in ("all", "cracks"):
        cracks(options.data, options.seeds, options.limit)
    if options.part in ("all", "speed"):
        speed(options.repeats, large=False)
        if options.large:
            speed(options.repeats, large=True)
    if options.part in ("all", "memory"):
        memory()
    if options.part in ("all", "layers"):
        layers()
    if options.part in ("all", "repeat"):
        repeat()


if __name__ == "__main__":
    main()
