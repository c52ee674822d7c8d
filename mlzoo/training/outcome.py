"""How a training ended: its history and the epoch that was kept, or its divergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError
from mlzoo.data.problems.parameters import Estimate
from mlzoo.training.checkpoints import TrainState


@dataclass(frozen=True)
class Fitted:
    """A finished training: its history, the epoch whose weights the model holds, and why.

    `events` says what happened on the way, a sentence each; `estimates` are numbers that were
    fitted with the network.
    """

    history: list[dict[str, float]]
    kept_epoch: int
    criterion: str
    value: float
    stopped: str
    seconds: float = 0.0
    events: tuple[str, ...] = ()
    estimates: tuple[Estimate, ...] = ()


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
