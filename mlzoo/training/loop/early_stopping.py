"""Which epoch is best so far, when to stop and lower the rate, and how a training ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError
from mlzoo.data.problems.parameters import Estimate
from mlzoo.training.checkpoints import TrainState

if TYPE_CHECKING:
    from mlzoo.data.problems.frames import Frame


@dataclass
class Watch:
    """Follows one metric over epochs.

    Attributes:
        metric: a column of the history.
        mode: `max` or `min`; follows from the metric.
        patience: epochs without improvement before `stop` is true; 0: never.
        best: the best value so far and `best_epoch` its epoch (from 1; 0: none yet).
        waited: epochs since the last improvement that counts.
        plateau_waited: epochs since the best value or the last drop of the rate.
        delta: an improvement counts for `waited` if it is larger, since the last that counted.
        baseline: a value that must be surpassed before any counts; None: there is none.
        counted: value of the last improvement that counted.
    """

    metric: str
    mode: str
    patience: int = 0
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0
    plateau_waited: int = 0
    delta: float = 0.0
    baseline: float | None = None
    counted: float | None = None

    def see(self, epoch: int, value: float) -> bool:
        """Take the value of an epoch; true where it is the best so far (strictly)."""
        improved = math.isfinite(value) and self._better(value, self.best)
        if improved:
            self.best, self.best_epoch = value, epoch
        self.plateau_waited = 0 if improved else self.plateau_waited + 1
        if improved and self._counts(value):
            self.counted, self.waited = value, 0
        else:
            self.waited += 1
        return improved

    def _counts(self, value: float) -> bool:
        """Return whether an improvement is large enough, and beyond the baseline."""
        enough = self._better(value, self.counted, self.delta)
        return enough and self._better(value, self.baseline)

    def _better(self, value: float, other: float | None, by: float = 0.0) -> bool:
        """Return whether a value is better than another by more than a difference."""
        if other is None:
            return True
        return value - other > by if self.mode == "max" else other - value > by

    @property
    def stop(self) -> bool:
        """Return whether the metric has not improved for `patience` epochs."""
        return bool(self.patience) and self.waited >= self.patience

    def plateau(self, patience: int) -> bool:
        """Return whether the rate should drop now; starts counting again where it should."""
        if self.plateau_waited < patience:
            return False
        self.plateau_waited = 0
        return True

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return asdict(self)


def watch(config: RunConfig, metric: str, mode: str) -> Watch:
    """Return what follows a metric as a run is configured.

    Args:
        config: of the run.
        metric: a column of the history.
        mode: `max` or `min`.
    """
    delta, baseline = config.early_stopping_delta, config.early_stopping_baseline
    return Watch(metric, mode, config.early_stopping, delta=delta, baseline=baseline)


def stop_reason(config: RunConfig, metric: str) -> str:
    """Return why early stopping ended a training."""
    more = ""
    if config.early_stopping_delta:
        more = f" by more than {config.early_stopping_delta:g}"
    if config.early_stopping_baseline is not None:
        more += f" beyond {config.early_stopping_baseline:g}"
    return f"{metric} did not improve{more} for {config.early_stopping} epochs"


@dataclass(frozen=True)
class Fitted:
    """A finished training: its history, the epoch whose weights the model holds, and why.

    `events` says what happened on the way, a sentence each; `estimates` are numbers that were
    fitted with the network, `frames` the solution of a problem over the epochs.
    """

    history: list[dict[str, float]]
    kept_epoch: int
    criterion: str
    value: float
    stopped: str
    seconds: float = 0.0
    events: tuple[str, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    frames: tuple[Frame, ...] = ()


def diverged(
    place: TrainState, loss: float, kept: int, names: Sequence[str], config: RunConfig | None
) -> DivergedError:
    """Return the error of a loss that is not finite, with what is likely to help.

    Args:
        place: where the training is.
        loss: its value.
        kept: the epoch whose weights the model holds now; 0: none.
        names: of the samples of the step.
        config: of the run; None where the model's author compiled it.
    """
    advice = "lower the learning rate that its author compiled the model with"
    if config is not None:
        advice = _advice(config)
    return DivergedError(
        f"the loss became {loss} in epoch {place.epoch}, step {place.step}; {advice}",
        {
            "epoch": place.epoch,
            "step": place.step,
            "loss": str(loss),
            "kept_epoch": kept,
            "samples": names,
        },
    )


def _advice(config: RunConfig) -> str:
    if config.precision == "mixed_float16":
        return "half precision overflows early: try --precision float32 or mixed_bfloat16"
    clip = "" if config.clip_norm else " or --clip-norm 1"
    return (
        f"the learning rate {config.rate:g} is likely too high: try --learning-rate "
        f"{config.rate / 10:g}{clip}"
    )
