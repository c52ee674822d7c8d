"""Gain of averaged weights, smoothed labels and mixed samples over the default of `cnn`.

Test accuracy and log loss on the same splits, a split a seed, with paired 95 % intervals (t) of
the differences to the default. `digits` comes with scikit-learn; `--images` takes other data.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

from measuring import arguments, table

MIXED = {"MixUp": {"alpha": 0.2}}
SMOOTH = {"loss": "crossentropy", "loss_set": {"label_smoothing": 0.1}}
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "ema_momentum=0.99": {"ema_momentum": 0.99},
    "swa_share=0.25": {"swa_share": 0.25},
    "label_smoothing=0.1": SMOOTH,
    "MixUp": {"augment": [MIXED]},
}
METRICS = ("accuracy", "log_loss")


def scores(images: str, variant: str, seed: int, out: str, more: dict[str, Any]) -> list[float]:
    """Train once; its scores on the test split."""
    import mlzoo

    given = dict(VARIANTS[variant])
    if "augment" in given:
        from mlzoo.data.policies import preset

        given["augment"] = [*preset("images", "characters"), *given["augment"]]
    flags = {"baselines": "none", "pictures": "none", "out": out, "seed": seed, **more}
    run = mlzoo.train("cnn", images, **flags, **given)
    return [float(run.metrics["test"]["metrics"][name]) for name in METRICS]


def main() -> None:
    """Train each variant with each seed, and print scores and differences."""
    import numpy as np

    from mlzoo.statistics.intervals import student

    parser = arguments(__doc__, images="digits", seeds=5, limit=0, epochs=0)
    args = parser.parse_args()
    more = {name: getattr(args, name) for name in ("limit", "epochs") if getattr(args, name)}
    values: dict[str, list[list[float]]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as out:
        for seed in range(args.seeds):
            for name in VARIANTS:
                values[name].append(scores(args.images, name, seed, out, more))
                print(f"seed {seed} {name}: {values[name][-1]}", file=sys.stderr, flush=True)
    rows = []
    for name, each in values.items():
        row: list[Any] = [name]
        for column in range(len(METRICS)):
            own = np.array(each)[:, column]
            gain = own - np.array(values["default"])[:, column]
            half = student(len(gain)) * gain.std(ddof=1) / len(gain) ** 0.5
            row += [own.mean(), f"{gain.mean():+.4f} +- {half:.4f}"]
        rows.append(row)
    table(["", "accuracy", "difference", "log loss", "difference"], rows)


if __name__ == "__main__":
    main()
