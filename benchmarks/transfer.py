"""Savings by caching the features of a frozen backbone.

A head on 500 generated images of 96x96 pixels with MobileNetV2 (random weights), 10 epochs: CPU
seconds of the same training with the features computed once and kept, and with each epoch going
through the whole network. The bar: training on cached features is at least 10 times as fast. What
computing them costs, once, is shown beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from measuring import table, verdict

BAR = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--backbone", default="mobilenet_v2")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if measure(args, Path(folder)) else 1)


def measure(args: argparse.Namespace, folder: Path) -> bool:
    """Train both ways in this process, and say how long each took."""
    import numpy as np

    from mlzoo.core.configs import RunConfig
    from mlzoo.core.progress import Listener
    from mlzoo.runs import datasets
    from mlzoo.training.building import build_model
    from mlzoo.training.loop.training import Training
    from mlzoo.training.signals import Stop

    rng = np.random.default_rng(0)
    y = np.arange(args.images) % 2
    x = rng.integers(0, 200, (args.images, args.side, args.side, 3), dtype=np.uint8)
    x[y == 1, : args.side // 2] += 50
    np.savez(folder / "images.npz", x=x, y=y)
    config = RunConfig(
        model="transfer",
        data=str(folder / "images.npz"),
        set={"backbone": args.backbone, "weights": "none"},
        epochs=args.epochs,
        early_stopping=0,
    )
    data = datasets.load(config)

    def trained(cached: bool, name: str) -> tuple[float, float]:
        """CPU seconds until the first step can be done, and of all epochs."""
        model = build_model(config, data, 0)
        if not cached:
            model.halves = None
        began = seconds()
        training = Training(model, data, config, folder / name, 0, Listener(), Stop())
        ready = seconds()
        training.fit()
        return ready - began, seconds() - ready

    once, cached = trained(True, "cached")
    _, whole = trained(False, "whole")
    table(
        [f"{args.epochs} epochs", "CPU seconds"],
        [["features, once", once], ["head on features", cached], ["whole network", whole]],
    )
    print(f"\nhead on kept features: {whole / cached:.1f} times as fast")
    print(f"with computing them: {whole / (once + cached):.1f} times as fast")
    held = whole / cached >= BAR
    print(f"at least {BAR:g} times: {verdict(held)}")
    return held


def seconds() -> float:
    """User and system seconds of this process so far, whatever else the machine does."""
    used = os.times()
    return used.user + used.system


if __name__ == "__main__":
    main()
