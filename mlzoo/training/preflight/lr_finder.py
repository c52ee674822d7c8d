"""The learning-rate range test: a few steps, each at a higher rate than the one before.

L. N. Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017, section 3.3. Here the
rate grows by a constant factor, and the loss is smoothed over steps.
"""

from __future__ import annotations

import math
import tempfile
from itertools import chain, count
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.runs import run_folder
from mlzoo.runs.config_loading import Merged

STEPS = 120
LOWEST, HIGHEST = 1e-6, 10.0
_WIDTH = 4.0
"""Standard deviation, in steps, of the bell that losses are smoothed with: half a decade wide."""
_EXPLODED, _RECENT = 4.0, 5
"""The test ends where the mean of the recent losses is this many times its least value."""
_FALL = 0.05
"""The share of the loss that must be gained for a rate to be suggested."""


class RateSweep(TypedDict):
    """Result of a learning-rate range test.

    Attributes:
        suggestion: the rate at which the loss falls fastest; None where it hardly falls.
        least: the rate of the least loss.
        lowest, highest: of the rates tested.
        steps: number of them.
        folder: holds `rate.csv` and `rate.png`.
    """

    suggestion: float | None
    least: float
    lowest: float
    highest: float
    steps: int
    folder: str


def find_rate(merged: Merged, listener: Listener | None = None) -> RateSweep:
    """Measure the loss over rising learning rates; writes a folder NAME-rate.

    Raises:
        UsageError: the optimizer searches its own step.
    """
    from mlzoo.reporting.figures.rates import draw_rates
    from mlzoo.training.starting.folder import default_name
    from mlzoo.training.starting.preparing import prepared

    config, listener = merged.config, listener or Listener()
    if config.full_batch:
        raise UsageError(
            f"--find-rate: {config.optimizer} searches its own step; there is no rate to find"
        )
    if "learning_rate" in merged.given:
        raise UsageError("--find-rate measures rates; leave out --learning-rate")
    ready = prepared(merged, listener)
    rates, losses = _measure(ready.merged.config, ready.data, listener)
    smooth = smoothed(losses)
    suggestion = suggest(rates, smooth)
    folder = run_folder.create(
        Path(config.out), None, f"{config.name or default_name(config)}-rate"
    )
    try:
        draw_rates(folder.path, rates, losses, smooth, suggestion)
        path = folder.finish()
    except BaseException:
        folder.discard()
        raise
    return {
        "suggestion": suggestion,
        "least": float(rates[int(smooth.argmin())]),
        "lowest": float(rates[0]),
        "highest": float(rates[-1]),
        "steps": len(rates),
        "folder": str(path),
    }


def smoothed(losses: np.ndarray) -> np.ndarray:
    """Means over the steps around each, weighted by a bell; each step has another batch."""
    steps = np.arange(len(losses))
    weights = np.exp(-0.5 * ((steps[:, None] - steps) / _WIDTH) ** 2)
    means: np.ndarray = weights @ losses / weights.sum(axis=1)
    return means


def suggest(rates: np.ndarray, smooth: np.ndarray) -> float | None:
    """The rate at which a smoothed loss falls fastest over the rate's logarithm.

    Args:
        rates: (n,) rising.
        smooth: (n,) losses, as of `smoothed`.

    Returns:
        None where the loss hardly falls.
    """
    least = int(smooth.argmin())
    if least < 2 or smooth[0] - smooth[least] < _FALL * abs(smooth[0]):
        return None
    slopes = np.gradient(smooth[: least + 1], np.log(rates[: least + 1]))
    return float(f"{rates[int(slopes.argmin())]:.2g}")


def _measure(config: RunConfig, data: Any, listener: Listener) -> tuple[np.ndarray, np.ndarray]:
    """Rates and the loss of the step at each, until the loss explodes."""
    from mlzoo.training.building import build_model
    from mlzoo.training.loop.training import Training
    from mlzoo.training.signals import Stop

    plain = {"schedule": "constant", "learning_rate": LOWEST}
    config = config.model_copy(update=plain)
    model = build_model(config, data, config.seed)
    rates, losses, least = np.geomspace(LOWEST, HIGHEST, STEPS), [], math.inf
    with tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch:
        training = Training(model, data, config, Path(scratch), config.seed, Listener(), Stop())
        trained, steps = training.trained, training.batches.steps
        batches = chain.from_iterable(training.batches.epoch(epoch) for epoch in count())
        try:
            for place, batch in zip(range(STEPS), batches, strict=False):
                trained.optimizer.learning_rate = rates[place]
                trained.reset_metrics()
                loss = float(training.step_on(batch, place % steps)["loss"])
                training.steps.sync()
                listener.progress(place + 1, STEPS, "measuring rates")
                if not math.isfinite(loss):
                    break
                losses.append(loss)
                recent = sum(losses[-_RECENT:]) / len(losses[-_RECENT:])
                least = min(least, recent)
                if recent > _EXPLODED * least:
                    break
        finally:
            training.batches.close()
    if len(losses) < 3:
        raise UsageError(
            f"--find-rate: the loss is not finite from step {len(losses) + 1} on, at a rate of "
            f"{rates[len(losses)]:.1g}: look at the inputs and targets"
        )
    return rates[: len(losses)], np.array(losses)
