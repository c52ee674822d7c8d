"""Explanations: truth on photographs, false claims, cost beside other packages, layers of networks.

`--part cracks` (bar 1) trains a CNN on crack_patches, parted by photograph, and scores the maps of
every method on cracked patches of the test split against crack_patches_masks, over seeds.
`--part claims` simulates over `--trials` how often meaningless maps are called better, and measures
what random maps score on `--limit` images of trained networks.
`--part speed` (bar 3) takes turns between ours and tf-keras-vis, and Xplique and pytorch-grad-cam
where they are installed, in one process; CPU seconds, the best of the repeats after a first call.
`--part memory` (bar 3) is what ScoreCAM of MobileNetV2 adds. `--part layers` (bar 4) opens
keras.applications networks without weights. `--part repeat` (bar 5) asks for equal maps twice, and
of one sample alone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from explain_claims import claims
from explain_cracks import METHODS, cracks
from explain_speed import memory, road, speed
from measuring import MLZOO, arguments, data_argument, run_well, table, verdict

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


def layers() -> None:
    """Bar 4: the layer that each network is looked at."""
    import keras
    import numpy as np

    from mlzoo.introspection.probe import Probe

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
    """Bar 5: the same seed gives equal maps, from explain.json too, and of a sample alone."""
    import numpy as np

    import mlzoo
    from mlzoo.core import registry
    from mlzoo.explaining.target_weights import of_classes
    from mlzoo.introspection.probe import Probe

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
        model = mlzoo.load(run).model
        x = np.random.default_rng(0).integers(0, 17, (4, *model.input_shape[1:])).astype("uint8")
        probe = Probe(model, x)
        x, target = probe.inputs(x), of_classes(np.arange(4), probe.units)
        furthest = 0.0
        for name in METHODS:
            plugin = registry.load("explainer", name)
            all_, one = (
                plugin.explain(plugin.Config(), probe, x[part], target[part])
                for part in (slice(4), slice(2, 3))
            )
            furthest = max(furthest, float(np.abs(all_[2] - one[0]).max() / np.abs(one).max()))
        print(f"a map alone and in its batch: {furthest:.1e} apart at most, of the map's largest "
              f"value: {verdict(furthest <= 1e-6)}")  # fmt: skip


def main() -> None:
    """Measure what was asked for."""
    parser = arguments(__doc__, seeds=3, limit=32, repeats=5, trials=1000)
    data_argument(parser)
    parts = ["all", "cracks", "claims", "speed", "memory", "layers", "repeat"]
    parser.add_argument("--part", default="all", choices=parts, help="what to measure")
    parser.add_argument("--small", action="store_true", help="speed of the small net alone")
    parser.add_argument(
        "--whole",
        action="store_true",
        help="speed: the package's ScoreCAM of MobileNetV2 too (minutes, 14 GB)",
    )
    options = parser.parse_args()
    if options.part in ("all", "cracks"):
        cracks(options.data, options.seeds, options.limit)
    if options.part in ("all", "claims"):
        claims(options.trials, options.limit)
    if options.part in ("all", "speed"):
        for large in (False,) if options.small else (False, True):
            speed(options.repeats, large, options.whole)
        road(options.repeats)
    if options.part in ("all", "memory"):
        memory()
    if options.part in ("all", "layers"):
        layers()
    if options.part in ("all", "repeat"):
        repeat()


if __name__ == "__main__":
    main()
