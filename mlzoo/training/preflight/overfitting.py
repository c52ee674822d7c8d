"""Can the model learn a few samples by heart? If not, something between data and loss is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.progress import Listener
from mlzoo.runs.config_loading import Merged

EPOCHS = 300
FITTED = 0.1
"""The share of its start that the loss must come under."""
RIGHT = 0.999
"""The accuracy (for masks 0.95 of IoU) that counts as learned too."""


def overfit(merged: Merged, count: int, listener: Listener | None = None) -> dict[str, object]:
    """Train on a few samples alone, without augmentation, until they are learned by heart.

    Args:
        merged: the run; its epochs where they were given, else at most 300.
        count: how many samples of the training split.
        listener: hears of what was inferred.

    Returns:
        JSON-able: `fitted`, `samples`, `epochs` (that it took), `first_loss`, `loss`, and `text`.
    """
    from mlzoo.augmentation.choosing import choose
    from mlzoo.data.samples import Part
    from mlzoo.training.building import build_model
    from mlzoo.training.loop.training import Training
    from mlzoo.training.signals import caught
    from mlzoo.training.starting.preparing import prepared

    ready = prepared(merged, listener or Listener())
    data, given = ready.data, ready.merged.config
    config = given.model_copy(
        update={
            "augment": "none",
            "batch_size": "full",
            "callback": [],
            "class_weights": "none",
            "early_stopping": 0,
            "epochs": given.epochs if "epochs" in merged.given else EPOCHS,
            "keep": "last",
            "monitor": "loss",
            "sampler": "shuffle",
            "schedule": "constant",
            "schedule_set": {},
            **({"optimizer": "adam", "optimizer_set": {}} if given.full_batch else {}),
        }
    )
    # Evenly spaced, since folders come class by class.
    few = np.unique(np.linspace(0, len(data.train) - 1, count).round().astype(int))
    train = Part(data.samples, data.train.indices[few])
    nothing = Part(data.samples, train.indices[:0])
    alone = replace(data, train=train, valid=nothing, policy=choose("none", train))
    model = build_model(config, alone, config.seed)
    watching = _UntilFitted()
    with tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch, caught() as stop:
        folder = Path(scratch) / "checkpoints" / "seed"
        training = Training(model, alone, config, folder, config.seed, watching, stop)
        watching.training = training
        history = training.fit().history
    first, last = history[0]["loss"], history[-1]["loss"]
    took = len(history)
    verb = "learned by heart" if watching.fitted else "not learned by heart"
    return {
        "fitted": watching.fitted,
        "samples": len(few),
        "epochs": took,
        "first_loss": first,
        "loss": last,
        "text": f"{len(few)} samples {verb} in {took} epochs: loss {first:.4g} -> {last:.4g}",
    }


class _UntilFitted(Listener):
    """Ends a training when its samples are learned."""

    training: Any = None
    fitted = False
    _first: float | None = None

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Look at the loss of an epoch."""
        self._first = row["loss"] if self._first is None else self._first
        right = row.get("accuracy", 0.0) >= RIGHT or row.get("iou", 0.0) >= 0.95
        if right or row["loss"] <= FITTED * self._first:
            self.fitted = True
            self.training.place.stopped = "learned by heart"
