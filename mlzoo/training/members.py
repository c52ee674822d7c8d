"""Several trainings as one model: on folds (`--folds`), or with several seeds (`--ensemble`).

Each member's training is exact under resume as that of a single model is: it has checkpoints of its
own, and one that is finished only restores its weights. Members share the compiled step of the
first where their shapes agree.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.core.progress import Listener
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.windows import folds_by_time
from mlzoo.data.specs import Outputs
from mlzoo.data.splits.splitting import share_evenly
from mlzoo.layers.input_scaling import input_spec
from mlzoo.layers.members import Members, mean_of
from mlzoo.layers.predictive import mean_quantiles, mixture_mean, trained_on
from mlzoo.runs.folds import Fold, split_folds
from mlzoo.runs.models import outputs_of
from mlzoo.tasks._dense import whole
from mlzoo.training import checkpoints, full_batch
from mlzoo.training.building import build_model, cutting, takes_full_batch
from mlzoo.training.distributed.group import current
from mlzoo.training.hooks.callbacks import refuse_callbacks
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from mlzoo.training.starting.generated_samples import with_generated
from mlzoo.training.turns import train_in_turns

OUT_OF_FOLD = "out_of_fold"
_INNER = (8, 4, 2)
"""Shares of a fold's training samples that early stopping may watch; the first that fits."""


@dataclass(frozen=True)
class Member:
    """One training of several.

    Attributes:
        number: from 1.
        seed: of its initial weights, order and dropout.
        data: what it is trained on; `valid` decides when it stops.
        held_out: the fold that it never saw; empty where all members have the same data.
    """

    number: int
    seed: int
    data: Data
    held_out: Part


@dataclass(frozen=True)
class Ensemble:
    """A model of several members, and what is known of their trainings.

    Attributes:
        model: the mean of the members.
        fitted: the training of the first member.
        rows: a row of `members.csv` each.
        outputs: (n, ...) of the member that did not see the sample; of images with masks a list of
            n arrays (height, width, k) float16; None without folds.
        pool: the samples of `outputs`; empty without folds.
        fold: (n,) the member of each row of `outputs`, from 1.
        members: what each was trained on.
    """

    model: keras.Model
    fitted: Fitted
    rows: list[dict[str, object]]
    outputs: np.ndarray | list[np.ndarray] | None
    pool: Part
    fold: np.ndarray
    members: list[Member]


def members_of(
    config: RunConfig, data: Data, seed: int, listener: Listener | None = None
) -> list[Member]:
    """Return the members of a run.

    The scaling of inputs and targets is that of the training and validation splits together, so
    that all members share it; targets of a held-out fold enter nothing else.

    Args:
        config: `folds` or `ensemble` says how many.
        data: as split for the run.
        seed: of the run or its repeat.
        listener: hears of samples that are added.

    Raises:
        DataError: too few samples, groups, or samples of a class for the folds.
    """
    nothing, listener = Part(data.samples, np.arange(0)), listener or Listener()
    if config.folds == 1:
        data = with_generated(config, data, seed, listener)
        return [
            Member(number, _seed(seed, number), data, nothing)
            for number in range(1, config.ensemble + 1)
        ]
    config = config.model_copy(update={"seed": seed})
    folds = split_folds(data, config, config.folds)
    pool = Part(data.samples, np.sort(np.concatenate([data.train.indices, data.valid.indices])))
    inputs = input_spec(pool)
    outputs = replace(
        task(data.samples.task).output_spec(pool),
        distribution=data.outputs.distribution,
        quantiles=data.outputs.quantiles,
    )
    members = []
    for number, (rest, held_out) in enumerate(folds, start=1):
        train, valid = _inner_split(data, config, rest)
        own = replace(
            data,
            train=Part(data.samples, train),
            valid=Part(data.samples, valid),
            test=nothing,
            inputs=inputs,
            outputs=outputs,
        )
        left = Part(data.samples, held_out)
        own = with_generated(config, replace(own, test=data.test), seed, listener, left)
        own = replace(own, test=nothing)
        members.append(Member(number, _seed(seed, number), own, left))
    return members


def _seed(seed: int, number: int) -> int:
    """Return the seed of a member; the first has that of the run."""
    if number == 1:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


def _inner_split(data: Data, config: RunConfig, rest: np.ndarray) -> Fold:
    """Return what a fold's member is trained on, and what decides when it stops.

    The held-out fold decides nothing, or its predictions would not be out of fold.
    """
    if not watches(config):
        return rest, np.arange(0)
    for count in _INNER:
        try:
            if data.samples.windows is not None:
                return folds_by_time(data.samples.windows, rest, count, config.gap)[-1]
            valid = share_evenly(data.samples, rest, count, config.split, config.seed)[0]
        except DataError:
            continue
        return np.setdiff1d(rest, valid), valid
    raise DataError(
        f"a fold has too few samples ({len(rest)}) to watch some of them for early stopping; use "
        "fewer --folds, or --keep last --early-stopping 0"
    )


def watches(config: RunConfig) -> bool:
    """Return whether a training looks at a validation split to decide something."""
    adapts = registry.constants("schedule", config.schedule).get("MONITORS", False)
    return bool(config.early_stopping or config.keep == "best" or adapts)


def fit_members(
    config: RunConfig,
    data: Data,
    seed: int,
    folder: Path,
    listener: Listener,
    stop: Stop,
    alone: bool = False,
) -> Ensemble:
    """Train all members and put them together.

    Args:
        config: of the run.
        data: as split for it.
        seed: of the run or its repeat.
        folder: of the checkpoints; member m has `folder-m` beside it.
        listener: hears of progress.
        stop: says when to stop.
        alone: train all of them in this process, also where there are several.

    Raises:
        DivergedError: the loss of a member became NaN or infinite.
        Interrupted: a signal came; the state is saved.
    """
    members = members_of(config, data, seed, listener)
    models = [build_model(config, member.data, member.seed) for member in members]
    folders = _folders(folder, members)
    shared_out = current().apart and not alone
    apart = shared_out and _share_out(config, members, folders, listener, stop)
    shared = build_model(config, members[0].data, members[0].seed)
    fits, rows = _Fits(config, shared, listener, stop), []
    for member, model, path in zip(members, models, folders, strict=True):
        if not apart:  # else they are trained by now
            listener.note(_announced(member, len(members)))
        began = time.monotonic()
        fitted = fits.fit(member, model, path)
        seconds = fitted.seconds if apart else time.monotonic() - began
        rows.append(_row(member, fitted, seconds))
        if member.number == 1:
            first = fitted
    pool, fold = _pool(members, data)
    outputs = _held_out(config, members, models, pool) if len(pool) else None
    combined = combine(models, members[0].data.outputs)
    return Ensemble(combined, first, rows, outputs, pool, fold, members)


def take_part(
    config: RunConfig, data: Data, seed: int, folder: Path, listener: Listener, stop: Stop
) -> None:
    """Train the members that are this process's among several; rank 0 gets their checkpoints.

    Args:
        config: of the run.
        data: as split for it.
        seed: of the run or its repeat.
        folder: of the checkpoints; member m has `folder-m` beside it.
        listener: hears of progress.
        stop: says when to stop.
    """
    members = members_of(config, data, seed, listener)
    _share_out(config, members, _folders(folder, members), listener, stop)


def _folders(folder: Path, members: Sequence[Member]) -> list[Path]:
    return [folder.with_name(f"{folder.name}-{member.number}") for member in members]


def _share_out(
    config: RunConfig,
    members: Sequence[Member],
    folders: Sequence[Path],
    listener: Listener,
    stop: Stop,
) -> bool:
    """Train all members by several processes; return False for trainings without checkpoints."""
    first = members[0]
    if takes_full_batch(config, build_model(config, first.data, first.seed)):
        return False

    def fit(place: int) -> None:
        member = members[place]
        listener.note(_announced(member, len(members)))
        model = build_model(config, member.data, member.seed)
        given = config, folders[place], member.seed, listener, stop
        training = Training(model, member.data, *given)
        training.shown = member.number == 1
        training.fit()

    train_in_turns(current(), folders, fit, listener, stop)
    return True


def _held_out(
    config: RunConfig, members: Sequence[Member], models: Sequence[keras.Model], pool: Part
) -> np.ndarray | list[np.ndarray]:
    """Return what each sample is predicted by the member that did not see it, in the pool's order.

    Images with a class at every pixel have a list of outputs (height, width, k), each of its size;
    outputs of shorter sequences are followed by zeros.
    """
    by_place: dict[int, np.ndarray] = {}
    images = members[0].data.outputs.target.pixel_class
    for member, model in zip(members, models, strict=True):
        part = member.held_out
        each = _of_images(config, model, part) if images else outputs_of(model, part.inputs())
        by_place |= zip(np.searchsorted(pool.indices, part.indices).tolist(), each, strict=True)
    rows = [by_place[place] for place in range(len(pool))]
    if images:
        return rows
    # Members see the sequences of their fold, padded to the longest of it.
    outputs = np.zeros((len(rows), *np.max([each.shape for each in rows], axis=0)), "float32")
    for output, each in zip(outputs, rows, strict=True):
        output[tuple(slice(n) for n in each.shape)] = each
    return outputs


def _of_images(config: RunConfig, model: keras.Model, part: Part) -> Iterator[np.ndarray]:
    """Yield the outputs (height, width, k) of each image of a part, put together of its tiles.

    They are float16, as `out_of_fold.npz` has them: those of all images are in memory at once.
    """
    cut = cutting(config, model, part.samples.reader.depth)
    for position in range(len(part)):
        image = part.image(position)
        tiling = cut(*image.shape[:2])
        outputs = whole(image, lambda x: outputs_of(model, x), tiling, classes=False)
        yield outputs.astype("float16")


class _Fits:
    """Trainings one after another, with one compiled step where that is possible."""

    def __init__(
        self, config: RunConfig, shared: keras.Model, listener: Listener, stop: Stop
    ) -> None:
        self.config, self.shared, self.listener, self.stop = config, shared, listener, stop
        self.training: Training | None = None
        self.optimizer: checkpoints.Arrays = []

    def fit(self, member: Member, model: keras.Model, folder: Path) -> Fitted:
        """Train a member; `model`, which has its initial weights, gets the trained ones."""
        config, data, seed = self.config, member.data, member.seed
        listener = self.listener
        if takes_full_batch(config, model):
            refuse_callbacks(config, data.samples.task)
            return full_batch.fit(model, data, config, listener, self.stop, folder.name)
        if self.training is None or not self.training.restartable(data, seed):
            # Where steps can't be shared, each member has a training of its own.
            target = self.shared if self.training is None else model
            training = Training(target, data, config, folder, seed, listener, self.stop)
            if self.training is None:
                self.training = training
                slots = training.trained.optimizer.variables
                self.optimizer = checkpoints.values(slots)
        else:
            training = self.training
            weights = checkpoints.values(state_of(model))
            training.restart(data, folder, seed, weights, self.optimizer)
        # Pictures of weights over epochs show the first member alone.
        training.shown = member.number == 1
        fitted = training.fit()
        trained = training.whole[0]
        if trained is not model:
            checkpoints.assign(state_of(model), checkpoints.values(state_of(trained)))
        return fitted


def state_of(model: keras.Model) -> list[Any]:
    """Return all variables of a model's layers: weights, statistics, seeds."""
    return [variable for layer in model.layers for variable in layer.variables]


def _announced(member: Member, count: int) -> str:
    """Say which member is trained, and on what."""
    if not len(member.held_out):
        return f"member {member.number} of {count}, seed {member.seed}"
    watched = len(member.data.valid)
    stopping = f", {watched} for early stopping" if watched else ""
    return (
        f"fold {member.number} of {count}: {len(member.data.train)} samples to train on{stopping}, "
        f"{len(member.held_out)} held out"
    )


def _row(member: Member, fitted: Fitted, seconds: float) -> dict[str, object]:
    """Return a member's row of `members.csv`."""
    kept = fitted.history[fitted.kept_epoch - 1]
    return {
        "member": member.number,
        "seed": member.seed,
        "train": len(member.data.train),
        "valid": len(member.data.valid),
        "held_out": len(member.held_out),
        "epochs": len(fitted.history),
        "kept_epoch": fitted.kept_epoch,
        "criterion": fitted.criterion,
        "stopped": fitted.stopped,
        "seconds": round(seconds, 2),
        **{name: value for name, value in kept.items() if name not in ("epoch", "learning_rate")},
    }


def _pool(members: Sequence[Member], data: Data) -> tuple[Part, np.ndarray]:
    """Return the samples that some member held out, and the number of that member."""
    indices = np.concatenate([member.held_out.indices for member in members])
    numbers = np.concatenate([np.full(len(m.held_out), m.number) for m in members])
    order = np.argsort(indices, kind="stable")
    return Part(data.samples, indices[order]), numbers[order]


def combine(models: Sequence[keras.Model], outputs: Outputs) -> keras.Model:
    """Return one model of several with the same inputs and outputs.

    Its layer `members` holds the outputs of all, (batch, K, ...), and its output is their mean: of
    distributions that of their mixture, of numbers, or of probabilities, whose logarithms are its
    logits. Where the models begin with the same scaling, this is applied once.

    Args:
        models: the members; their weights are shared, not copied.
        outputs: what they predict.
    """
    models = [trained_on(model, outputs) for model in models]
    first = models[0]
    start = tensor = keras.Input(first.input_shape[1:], dtype=first.inputs[0].dtype, name="input")
    bodies = _scaled_bodies(models)
    if bodies:
        scaling = first.get_layer("scaling")
        start = type(scaling).from_config(scaling.get_config())(tensor)
    else:
        bodies = [
            keras.Model(model.input, model.output, name=f"member{number}")
            for number, model in enumerate(models, start=1)
        ]
    stacked = Members(name="members")([body(start) for body in bodies])
    if outputs.quantiles:
        return keras.Model(tensor, mean_quantiles(stacked, outputs.quantiles), name=first.name)
    if outputs.distribution:
        return keras.Model(tensor, mixture_mean(stacked), name=first.name)
    mean = mean_of(stacked, outputs.target)
    return keras.Model(tensor, mean, name=first.name)


def _scaled_bodies(models: Sequence[keras.Model]) -> list[keras.Model]:
    """Return models of what follows the scaling, none where they do not begin with the same."""
    layers = [layer for model in models for layer in model.layers if layer.name == "scaling"]
    configs = [layer.get_config() for layer in layers]
    alike = len(layers) == len(models) and all(config == configs[0] for config in configs)
    if not alike or any(layer.weights for layer in layers):
        return []
    try:
        return [
            keras.Model(layer.output, model.output, name=f"member{number}")
            for number, (model, layer) in enumerate(zip(models, layers, strict=True), start=1)
        ]
    except ValueError:  # something else reads the raw inputs
        return []
