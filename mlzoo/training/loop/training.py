"""The training loop: steps, validation, checkpoints, and going on exactly where it was."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError, Interrupted, UsageError, is_out_of_memory
from mlzoo.core.progress import Listener
from mlzoo.data.problems.parameters import Estimate
from mlzoo.data.samples import Data
from mlzoo.data.specs import Compiled, TrainingModel
from mlzoo.layers.predictive import trained_on
from mlzoo.runs import devices
from mlzoo.training import checkpoints
from mlzoo.training.loop import accumulation
from mlzoo.training.loop.averaging import averaged, finish
from mlzoo.training.loop.batches import Batch, build_batches, class_weights, validation
from mlzoo.training.loop.early_stopping import Watch, stop_reason, watch
from mlzoo.training.loop.features import halved
from mlzoo.training.loop.steps import build_steps
from mlzoo.training.optimizers import (
    adapts,
    build_loss,
    build_metrics,
    build_optimizer,
    direction,
    has_rates,
    last_rate,
    rate_after,
)
from mlzoo.training.signals import Stop

if TYPE_CHECKING:
    from mlzoo.layers.networks import Networks

JIT: dict[str, object] = {"auto": "auto", "on": True, "off": False}


@dataclass
class TrainState:
    """Where a training is: what a checkpoint holds beside the arrays.

    `epoch` counts from 1, `step` the steps done in it; `means` are those of loss and metrics over
    the samples of this epoch so far. `micro` is how many micro-batches a step is made of, `events`
    what happened that a reader of the scores should know.
    """

    epoch: int = 1
    step: int = 0
    means: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    watch: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str = ""
    micro: int = 1
    events: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RollbackPoint:
    """Where a training can go back to: its place, weights, optimizer and running metrics."""

    place: TrainState
    weights: checkpoints.Arrays
    optimizer: checkpoints.Arrays
    metrics: checkpoints.Arrays


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


class Training:
    """One training of one model. `fit` runs it, from `folder`'s newest checkpoint if one exists."""

    def __init__(
        self,
        model: keras.Model,
        data: Data,
        config: RunConfig,
        folder: Path,
        seed: int,
        listener: Listener,
        stop: Stop,
    ) -> None:
        self.whole = model, data
        # Where only a head learns, it alone is trained, on what the rest gives for each sample.
        frozen = getattr(model, "halves", None) is not None
        self.model, self.data = (frozen and halved(model, data, listener)) or self.whole
        model, data = self.model, self.data
        self.config = config
        self.folder, self.listener, self.stop = folder, listener, stop
        self.batches = build_batches(config, data, seed)
        # What is trained: the model, or a twin on its layers that is fed more than the inputs.
        self.twin: TrainingModel | None = getattr(model, "twin", None)
        self.trained = model if self.twin is None else self.twin.model
        # `validated` is measured after each epoch; the best weights are those of `kept`.
        self.validated = self.kept = model
        self.networks: Networks | None = getattr(model, "networks", None)
        compiled: Compiled | None = getattr(model, "compiled_with", None)
        if self.networks is not None:
            refuse_episodes(data, config)
            if config.ema:
                raise UsageError(
                    f"--ema has no effect on {config.model}, a model of several networks: leave it "
                    "out"
                )
            from mlzoo.training.loop.networks import NetworksModel

            several = NetworksModel(self.networks, self.batches.steps, seed)
            several.compile_each(config, JIT[config.xla])
            self.trained = self.validated = self.kept = several
        elif compiled is not None:
            self.trained = self.validated = compiled.model
            compile_as_told(compiled, data, config)
        else:
            if data.outputs.distribution:
                model = self.trained = self.validated = trained_on(model, data.outputs)
            compile_model(model, data, config, self.batches.steps)
        if self.twin is not None:
            compile_model(self.trained, data, config, self.batches.steps)
        single = self.networks is None
        shared = devices.shared(config.devices)
        self.steps = build_steps(self.trained, config.xla, not single, single, shared)
        _check_shares(self.batches.batch_size, self.steps.devices)
        metric = monitored(config, data, history_columns(config, data, self.networks))
        self.watch = watch(config, metric, direction(metric))
        self.shown = True
        self.place = TrainState()
        self.best: checkpoints.Arrays | None = None
        self._best_file: dict[str, str] | None = None
        self._pending: Mapping[str, Any] | None = None
        self._safe: RollbackPoint | None = None
        self._saved_at = self._started_at = time.monotonic()

    def restartable(self, data: Data, seed: int) -> bool:
        """Return whether `restart` can train on other data with the steps compiled for these."""
        batches = build_batches(self.config, data, seed)
        batches.close()
        return (
            self.whole[0] is self.model is self.validated
            and self.place.micro == 1
            and inside_weights(self.config, data) is None
            and (batches.steps, batches.batch_size) == (self.batches.steps, self.batches.batch_size)
            and data.outputs == self.data.outputs
        )

    def restart(
        self,
        data: Data,
        folder: Path,
        seed: int,
        weights: checkpoints.Arrays,
        optimizer: checkpoints.Arrays,
    ) -> None:
        """Begin anew, on other data and from other weights, with the steps that are compiled.

        Args:
            data: of as many steps an epoch.
            folder: of its checkpoints.
            seed: decides the order of the samples.
            weights: of all variables of the model's layers.
            optimizer: of the optimizer's variables before the first step.
        """
        self.whole, self.data = (self.model, data), data
        self.folder = folder
        self.batches = build_batches(self.config, data, seed)
        checkpoints.assign([v for layer in self.model.layers for v in layer.variables], weights)
        checkpoints.assign(self.trained.optimizer.variables, optimizer)
        self.watch = watch(self.config, self.watch.metric, self.watch.mode)
        self.place, self.best = TrainState(), None
        self._best_file = self._pending = self._safe = None
        self._saved_at = self._started_at = time.monotonic()

    def fit(self) -> Fitted:
        """Train to the end.

        Raises:
            DivergedError: the loss became NaN or infinite.
            Interrupted: a signal came; the state is saved.
        """
        try:
            self._restore()
            self.listener.start(self.folder.name, self.config.epochs, self.batches.steps)
            if self.place.epoch == 1 and not self.place.step:
                self._record_weights(0)
            while not self.place.stopped:
                try:
                    self._epoch()
                except Exception as error:
                    if not is_out_of_memory(error) or not self._can_halve:
                        raise
                    problem = str(error)
                else:
                    continue
                # Outside of the handler, where nothing holds what the failed step had.
                self._halve(problem)
        finally:
            self.batches.close()
        self.listener.end()
        self.steps.release()
        finish(self.trained, self.config.ema)
        return self._keep()

    def _epoch(self) -> None:
        began = time.monotonic()
        place = self.place
        if place.step == 0:
            self.trained.reset_metrics()
        self._remember()
        for batch in self._epoch_batches():
            self._step(batch)
        self._settle()
        self.steps.sync()
        row = dict(place.means)
        rate = last_rate(self.trained.optimizer)
        with averaged(self.trained, self.config.ema):
            row |= {f"val_{name}": value for name, value in self._validate().items()}
            seconds = time.monotonic() - began
            place.history.append({"epoch": place.epoch, **row, "learning_rate": rate})
            self._after(row[self.watch.metric])
        self.listener.epoch({**place.history[-1], "seconds": seconds})
        self._record_weights(place.epoch)
        if self.shown:
            self.listener.trained(place.epoch, *self.whole, self.folder.parent.parent)
        place.epoch, place.step, place.means = place.epoch + 1, 0, {}
        if place.stopped or self._due:
            self._save()

    def _record_weights(self, epoch: int) -> None:
        """Write the ranges of the weights after an epoch, where they are asked for."""
        if self.config.weight_ranges:
            from mlzoo.training.loop import weight_ranges

            several = self.networks.networks.values() if self.networks else [self.whole[0]]
            weight_ranges.record(self.folder, epoch, several)

    def _epoch_batches(self) -> Iterator[Batch]:
        """The batches that are left of the present epoch."""
        return self.batches.epoch(self.place.epoch - 1, self.place.step)

    def _step(self, batch: Batch) -> None:
        """One step. Its loss is looked at while the next one runs, so that neither waits."""
        logs = self.step_on(batch, self.place.step)
        self._settle()
        self.place.step += 1
        self._pending = logs
        if self._due:
            self._settle()
            self.steps.sync()
            self._save()

    def step_on(self, batch: Batch, step: int) -> Mapping[str, Any]:
        """A step on a batch, in micro-batches where it does not fit into memory whole.

        Returns:
            Means of loss and metrics since these were reset, perhaps still being computed.
        """
        if self.place.micro == 1:
            return self.steps.step(self.fed(batch, step))
        logs: Mapping[str, Any] = {}
        for part in accumulation.micro_batches(batch, self.place.micro):
            logs = self.steps.step(self.fed(part, step))
        return logs

    def fed(self, batch: Batch, step: int) -> Any:
        """A batch with what a twin is fed beside the inputs."""
        if self.twin is None:
            return batch
        inputs, targets, weights = batch
        if self.twin.members > 1:
            again = self.twin.members
            weights = None if weights is None else np.repeat(weights, again, axis=0)
            return inputs, np.repeat(targets, again, axis=0), weights
        more = targets if self.twin.feeds == "targets" else self.batches.goes_on(step)
        return (inputs, more), targets, weights

    def _settle(self) -> None:
        """Look at the loss and metrics of the last step."""
        if self._pending is None:
            return
        place = self.place
        place.means = {name: float(value) for name, value in self._pending.items()}
        self._pending = None
        if not math.isfinite(place.means["loss"]):
            self._diverged(place.means["loss"])
        self.listener.step(place.epoch, place.step, place.means)

    def _validate(self) -> dict[str, float]:
        batches = validation(self.data, self.steps.devices)
        return measure(self.validated, map(self.steps.share, batches))

    def _after(self, value: float) -> None:
        """Best weights, the plateau schedule and early stopping, after an epoch."""
        config, place = self.config, self.place
        if self.watch.see(place.epoch, value):
            self.best = checkpoints.values(self.kept.weights)
        if adapts(config):
            optimizer = self.trained.optimizer
            rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            optimizer.learning_rate = rate_after(config, rate, self.watch)
        if place.epoch >= config.epochs:
            place.stopped = f"all {config.epochs} epochs done"
        elif self.watch.stop:
            place.stopped = stop_reason(config, self.watch.metric)

    def _keep(self) -> Fitted:
        place, watch = self.place, self.watch
        kept, criterion = place.history[-1]["epoch"], "last epoch"
        if self.config.keep == "best" and self.best is not None:
            checkpoints.assign(self.kept.weights, self.best)
            kept, criterion = watch.best_epoch, f"best {watch.metric}"
        return Fitted(
            history=place.history,
            kept_epoch=int(kept),
            criterion=criterion,
            value=place.history[int(kept) - 1][watch.metric],
            stopped=place.stopped,
            seconds=place.seconds,
            events=tuple(place.events),
        )

    # Out of memory

    @property
    def _can_halve(self) -> bool:
        """Return whether a step can be split; rows that carry a state stay together."""
        return (
            self._safe is not None
            and self.networks is None
            and 2 * self.place.micro <= self.batches.batch_size
            and not self.config.set.get("carry_state")
        )

    def _remember(self) -> None:
        """Keep the state before an epoch, or before what is left of it after a resume.

        A step that fails may have changed some of it already, and on JAX has given all of it away.
        """
        running = self.trained.metrics_variables if self.place.step else []
        self._safe = RollbackPoint(
            replace(self.place, means=dict(self.place.means), history=list(self.place.history)),
            checkpoints.values(self.trained.variables),
            accumulation.optimizer_state(self.trained),
            checkpoints.values(running),
        )

    def _halve(self, problem: str) -> None:
        """Go back to where the epoch began, with half the samples at a time."""
        safe = self._safe
        assert safe is not None
        micro, batch = 2 * safe.place.micro, self.batches.batch_size
        size = -(-batch // micro)
        note = accumulation.caveat(self.model, self.data.outputs.target.dense, size)
        event = (
            f"out of memory in epoch {safe.place.epoch} ({problem.splitlines()[0][:120]}): from "
            f"there on {size} samples at a time, the gradients of {micro} such micro-batches added "
            f"up, so that a step is still made of {batch}{note}"
        )
        self.listener.warn(f"{event}; to begin with fewer: --batch-size")
        self.place = replace(safe.place, micro=micro, events=[*safe.place.events, event])
        self._pending = None
        self.steps.forget()
        gc.collect()
        checkpoints.assign(self.trained.variables, safe.weights)
        self._accumulate(micro, safe.optimizer, safe.place.micro)
        if safe.metrics:
            checkpoints.assign(self.trained.metrics_variables, safe.metrics)

    def _accumulate(self, micro: int, state: checkpoints.Arrays, before: int) -> None:
        accumulation.accumulate(self.trained, self.config, self.batches.steps, micro, state, before)
        built = bool(self.trained.metrics_variables)
        shared = devices.shared(self.config.devices)
        self.steps = build_steps(self.trained, self.config.xla, built, devices=shared)

    # Checkpoints

    @property
    def _due(self) -> bool:
        waited = time.monotonic() - self._saved_at
        return bool(self.stop.signal) or waited >= self.config.checkpoint_every

    def _save(self) -> None:
        place, now = self.place, time.monotonic()
        place.seconds += now - self._started_at
        self._started_at = self._saved_at = now
        place.watch = self.watch.state()
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"best-{self.watch.best_epoch:06d}.npz"
        if self.best is not None and (self._best_file or {}).get("name") != name:
            self._best_file = checkpoints.write_arrays(self.folder / name, self.best)
        number = place.epoch * (self.batches.steps + 1) + place.step
        arrays = checkpoints.values(checkpoints.variables(self.trained))
        state = {**asdict(place), "best": self._best_file}
        checkpoints.save(self.folder, number, arrays, state)
        checkpoints.remove_old_best(self.folder)
        if self.stop.signal:
            raise Interrupted(f"stopped in epoch {place.epoch}", self.stop.signal)

    def _restore(self) -> None:
        checkpoint = checkpoints.newest(self.folder)
        if checkpoint is None:
            return
        for name in checkpoint.skipped:
            self.listener.warn(f"checkpoint {name} is damaged; resuming from the one before it")
            for path in self.folder.glob(f"{name}.*"):
                path.unlink()
        before = TrainState(**checkpoint.state)
        if before.micro > 1:
            state = accumulation.optimizer_state(self.trained)
            self._accumulate(before.micro, state, 1)
            self.place.micro = before.micro
        self.step_on(self.batches.first()[0], 0)  # so that the metrics have their variables
        self.steps.sync()
        checkpoints.assign(checkpoints.variables(self.trained), checkpoint.arrays)
        self.place = before
        self.watch = Watch(**{**self.place.watch, "patience": self.config.early_stopping})
        self.best, self._best_file = checkpoint.best, checkpoint.best_file
        if self.place.stopped.startswith("all ") and self.place.epoch <= self.config.epochs:
            self.place.stopped = ""  # --epochs was raised
        self._started_at = self._saved_at = time.monotonic()

    def _diverged(self, loss: float) -> None:
        place, config = self.place, self.config
        names = self.batches.names(place.epoch - 1, place.step - 1)
        kept = self.watch.best_epoch if self.best is not None else 0
        self.steps.sync()
        if self.best is not None:
            checkpoints.assign(self.kept.weights, self.best)
        theirs = "lower the learning rate that its author compiled the model with"
        advice = _advice(config) if self.validated is self.model else theirs
        raise DivergedError(
            f"the loss became {loss} in epoch {place.epoch}, step {place.step}; {advice}",
            {
                "epoch": place.epoch,
                "step": place.step,
                "loss": str(loss),
                "kept_epoch": kept,
                "samples": names,
            },
        )


def _check_shares(batch_size: int, devices: int) -> None:
    """Raise UsageError where a batch can't be shared out equally."""
    if batch_size % devices:
        below, above = (batch_size // devices) * devices, -(-batch_size // devices) * devices
        choices = " or ".join(str(size) for size in (below, above) if size)
        raise UsageError(
            f"--devices: a batch of {batch_size} samples can't be shared out equally to {devices} "
            f"devices; choose --batch-size {choices}"
        )


def _advice(config: RunConfig) -> str:
    if config.precision == "mixed_float16":
        return "half precision overflows early: try --precision float32 or mixed_bfloat16"
    clip = "" if config.clip_norm else " or --clip-norm 1"
    return (
        f"the learning rate {config.rate:g} is likely too high: try --learning-rate "
        f"{config.rate / 10:g}{clip}"
    )


def history_columns(config: RunConfig, data: Data, networks: Networks | None = None) -> list[str]:
    """Loss and metrics as the history names them, or what several networks follow."""
    if networks is not None:
        names = networks.columns
    else:
        followed = build_metrics(data.outputs, extra=config.metrics)
        names = ["loss", *(metric.name for metric in followed)]
    return names + [f"val_{name}" for name in names if len(data.valid)]


def compile_model(model: keras.Model, data: Data, config: RunConfig, steps: int) -> None:
    """Compile a model with the optimizer, loss and metrics of a configuration.

    Raises:
        UsageError: the model learns equations, which it is not shown the solution of.
    """
    if data.samples.problem is not None:
        raise UsageError(
            f"{config.model} learns from the residuals of equations, which are not minimized here: "
            "leave out --overfit, --find-rate and --dry-run"
        )
    model.compile(
        optimizer=build_optimizer(config, steps, has_rates(model)),
        loss=build_loss(config, data.outputs, inside_weights(config, data), data.policy.mixes),
        metrics=build_metrics(data.outputs, data.policy.mixes, config.metrics),
        jit_compile=JIT[config.xla],
    )
    model.optimizer.build(model.trainable_variables)  # so that a checkpoint finds its slots


def refuse_episodes(data: Data, config: RunConfig) -> None:
    """Raise UsageError where a model learns from episodes, which this loop does not play."""
    if data.samples.environment is not None:
        raise UsageError(
            f"{config.model} learns from episodes that it plays, which are not played here: leave "
            "out --overfit, --find-rate and --dry-run"
        )


def compile_as_told(compiled: Compiled, data: Data, config: RunConfig) -> None:
    """Compile a model with the optimizer and loss that its author chose.

    Raises:
        UsageError: targets are mixed, which a loss of one's own need not know.
    """
    if data.policy.mixes:
        raise UsageError("--augment: MixUp and CutMix need losses of ours; leave them out")
    compiled.model.compile(
        optimizer=compiled.optimizer,
        loss=compiled.loss,
        metrics=list(compiled.metrics),
        jit_compile=JIT[config.xla],
    )
    compiled.model.optimizer.build(compiled.model.trainable_variables)


def inside_weights(config: RunConfig, data: Data) -> np.ndarray | None:
    """Class weights of pixels and steps, the loss's affair; those of samples come with batches."""
    inside = data.outputs.target.dense or data.outputs.target.stepwise
    return class_weights(config.class_weights, data) if inside else None


def measure(model: keras.Model, batches: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """Loss and metrics of a compiled model on (inputs, targets), as means over their samples."""
    sums: dict[str, float] = {}
    count = 0
    for inputs, targets in batches:
        model.reset_metrics()  # which older versions of Keras leave to the caller
        logs = model.test_on_batch(inputs, targets, return_dict=True)
        count += len(targets)
        for name, value in logs.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(targets)
    return {name: total / count for name, total in sums.items()}


def monitored(config: RunConfig, data: Data, columns: list[str]) -> str:
    """The metric to watch: `monitor`, or the loss on the training split where no other part is.

    Raises:
        UsageError: the history will have no such column.
    """
    if config.monitor in columns:
        return config.monitor
    if config.monitor == "val_loss" and not len(data.valid):
        return "loss"
    raise UsageError(f"--monitor {config.monitor}: choose one of {', '.join(columns)}")
