"""Steps in parts: micro-batches whose gradients add up to those of the whole batch.

A batch of N samples in k parts of n_i: Keras takes the mean of the parts' gradients, each of which
is a mean over n_i samples, so that a part weighs k n_i / N to give the mean over all N. That is
exact where the loss is a mean over samples and no layer mixes samples; batch normalization does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.training.building import all_layers
from mlzoo.training.checkpoints import Arrays, TrainState, adds_up
from mlzoo.training.loop.batches import Batch
from mlzoo.training.optimizers import build_optimizer, has_rates


def micro_batches(batch: Batch, count: int) -> Iterator[Batch]:
    """A batch in parts, in order.

    Parts of unlike sizes are weighted, so that every sample counts the same; where each target is
    an array (pixels, steps), which sample weights do not reach, they are left as they are.

    Args:
        batch: inputs, targets, and weights or None.
        count: how many parts; of a batch with fewer samples some are given twice, without weight.
    """
    inputs, targets, weights = batch
    size = len(targets)
    for part in range(count):
        start, end = size * part // count, size * (part + 1) // count
        share = count * (end - start) / size
        if end == start:
            start, end = part % size, part % size + 1
        part_weights = None if weights is None else weights[start:end]
        if share != 1 and targets.ndim <= 2:
            unscaled = np.ones(end - start, "float32") if part_weights is None else part_weights
            part_weights = (share * unscaled).astype("float32")
        yield inputs[start:end], targets[start:end], part_weights


def accumulate(
    model: keras.Model, config: RunConfig, steps: int, count: int, state: Arrays, before: int = 1
) -> None:
    """Give a compiled model an optimizer that steps after every `count` micro-batches.

    Args:
        model: compiled; its train function is forgotten.
        config: of the optimizer.
        steps: whole steps an epoch.
        count: micro-batches a step.
        state: the optimizer's variables, which are carried over; see `checkpoints.optimizer_state`.
        before: micro-batches a step in that state.
    """
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    optimizer = build_optimizer(config, steps, has_rates(model), count)
    model.optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    model.optimizer.build(model.trainable_variables)
    carried = [v for v in model.optimizer.variables if not adds_up(v)]
    for variable, value in zip(carried, state, strict=True):
        counts = variable.name == "iteration"
        variable.assign(value // before * count if counts else value)
    model.train_function = None


def micro_batched(
    place: TrainState, batch_size: int, model: keras.Model, dense: bool, problem: str
) -> TrainState:
    """Return where a training goes on with half the samples at a time; its last event says so.

    Args:
        place: where it goes back to.
        batch_size: samples of a step, which stays made of as many.
        model: that is trained.
        dense: targets are of pixels.
        problem: message of the error.
    """
    micro = 2 * place.micro
    size = -(-batch_size // micro)
    event = (
        f"out of memory in epoch {place.epoch} ({problem.splitlines()[0][:120]}): from "
        f"there on {size} samples at a time, the gradients of {micro} such micro-batches added "
        f"up, so that a step is still made of {batch_size}{caveat(model, dense, size)}"
    )
    return replace(place, micro=micro, events=[*place.events, event])


def caveat(model: keras.Model, dense: bool, size: int) -> str:
    """Return what differs from training on whole batches; "" where nothing does."""
    kinds = (keras.layers.BatchNormalization,)
    if any(isinstance(layer, kinds) for layer in all_layers(model)):
        return f"; batch normalization takes its means over {size} samples instead"
    if dense:
        return f"; losses of overlap are taken over {size} samples instead"
    return ""
