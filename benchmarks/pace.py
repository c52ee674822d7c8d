"""Steps per second of `mlzoo.train` and of `model.fit`, epoch by epoch in turns, in one process.

    python benchmarks/pace.py cnn digits.npz --epochs 12 --limit 2000

After each epoch that mlzoo trains, `model.fit` trains the bare model for one on as many samples.
Validation and the first epoch, which compiles, are left out. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import mlzoo
from mlzoo.core.progress import Listener


def now() -> np.ndarray:
    """Wall and CPU seconds of this process."""
    return np.array([time.perf_counter(), time.process_time()])


class Turns(Listener):
    """Times the steps of each epoch, and lets the other side have its turn after it.

    `ours` and `theirs` hold (wall, CPU) seconds, an epoch each.
    """

    def __init__(self, other: Callable[[], np.ndarray]) -> None:
        self.ours: list[np.ndarray] = []
        self.theirs: list[np.ndarray] = []
        self.steps = 0
        self._other = other
        self._began = self._ended = now()

    def start(self, what: str, epochs: int, steps: int) -> None:
        """The first epoch begins."""
        self.steps, self._began = steps, now()

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        """Remember when the epoch's last step was done; validation comes after it."""
        if step == self.steps:
            self._ended = now()

    def epoch(self, row: Mapping[str, Any]) -> None:
        """The epoch is over: the other side's turn."""
        self.ours.append(self._ended - self._began)
        self.theirs.append(self._other())
        self._began = now()


class Fit:
    """`model.fit` on a model that is made when it is first needed, an epoch at a time."""

    def __init__(self, make: Callable[[], Any], x: np.ndarray, y: np.ndarray, batch: int) -> None:
        self._make, self._x, self._y, self._batch = make, x, y, batch
        self._model: Any = None

    def __call__(self) -> np.ndarray:
        """Train an epoch; (wall, CPU) seconds of its steps."""
        from keras.callbacks import LambdaCallback

        self._model = self._model or self._make()
        times = []
        clock = LambdaCallback(
            on_epoch_begin=lambda epoch, logs: times.append(now()),
            on_epoch_end=lambda epoch, logs: times.append(now()),
        )
        self._model.fit(
            self._x, self._y, batch_size=self._batch, epochs=1, verbose=0, callbacks=[clock]
        )
        return times[1] - times[0]


def measure(fit: Fit, model: str, data: Path, **settings: Any) -> Turns:
    """Train with mlzoo and with `fit` in turns, and return the times of each."""
    turns = Turns(fit)
    with tempfile.TemporaryDirectory() as out:
        mlzoo.train(model, str(data), out=out, early_stopping=0, listener=turns, **settings)
    return turns


def main() -> None:
    import bare

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=bare.MODELS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--limit", type=int, default=10000, help="samples, all parts together")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--set", action="append", default=[], help="setting of mlzoo's model")
    args = parser.parse_args()
    x, y = bare.parts(args.data, args.limit)[0]
    classes = int(y.max()) + 1
    turns = measure(
        Fit(lambda: bare.build(args.model, x.shape[1:], classes), x, y, args.batch_size),
        args.model,
        args.data,
        epochs=args.epochs,
        limit=args.limit,
        batch_size=args.batch_size,
        learning_rate=1e-3,
        set=dict(setting.split("=") for setting in args.set),
        loss="crossentropy",
    )
    sides = {"mlzoo": turns.ours, "bare": turns.theirs}
    per_step = {name: (np.array(times[1:]) / turns.steps).tolist() for name, times in sides.items()}
    print(json.dumps(per_step))


if __name__ == "__main__":
    main()
