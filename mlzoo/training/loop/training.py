"""The training loop: steps, validation, checkpoints, and going on exactly where it was."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import Interrupted, UsageError, is_out_of_memory
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data
from mlzoo.data.specs import TrainingModel
from mlzoo.runs import devices
from mlzoo.training import checkpoints
from mlzoo.training.compiling import (
    compile_for_training,
    history_columns,
    inside_weights,
    measured,
    monitored,
)
from mlzoo.training.distributed import group as processes
from mlzoo.training.hooks import callbacks
from mlzoo.training.loop import accumulation
from mlzoo.training.loop.averaging import averaged, finish
from mlzoo.training.loop.batches import Batch, build_batches, validation
from mlzoo.training.loop.data_parallel import unequal_shares
from mlzoo.training.loop.early_stopping import Fitted, Watch, diverged, stop_reason, watch
from mlzoo.training.loop.features import halved
from mlzoo.training.loop.steps import build_steps
from mlzoo.training.optimizers import adapts, direction, last_rate, rate_after
from mlzoo.training.signals import Stop

if TYPE_CHECKING:
    from mlzoo.layers.networks import Networks


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
        self.group = processes.sharing()
        self.batches = build_batches(config, data, seed)
        self.batches.feed_part(self.group.rank, self.group.world)
        self.twin: TrainingModel | None = getattr(model, "twin", None)
        self.networks: Networks | None = getattr(model, "networks", None)
        compiled = compile_for_training(model, data, config, self.batches.steps, seed)
        self.trained, self.validated, self.kept = compiled
        single = self.networks is None
        shared = devices.shared(config.devices)
        self.steps = build_steps(self.trained, config.xla, not single, single, shared)
        if self.batches.batch_size % self.steps.devices:
            flag = "--devices" if self.group.world == 1 else "--world"
            raise UsageError(unequal_shares(self.batches.batch_size, self.steps.devices, flag))
        metric = monitored(config, data, history_columns(config, data, self.networks))
        self.watch = watch(config, metric, direction(metric))
        self.shown = True
        self.place = checkpoints.TrainState()
        self.best: checkpoints.Arrays | None = None
        self._best_file: dict[str, str] | None = None
        self._pending: Mapping[str, Any] | None = None
        self._safe: checkpoints.RollbackPoint | None = None
        self._saved_at = self._started_at = time.monotonic()

    def restartable(self, data: Data, seed: int) -> bool:
        """Return whether `restart` can train on other data with the steps compiled for these."""
        batches = build_batches(self.config, data, seed)
        batches.close()
        return (
            self.whole[0] is self.model is self.validated
            and len(self.trained.weights) == len(self.model.weights)
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
        self.batches.feed_part(self.group.rank, self.group.world)
        checkpoints.assign([v for layer in self.model.layers for v in layer.variables], weights)
        checkpoints.assign(self.trained.optimizer.variables, optimizer)
        self.watch = watch(self.config, self.watch.metric, self.watch.mode)
        self.place, self.best = checkpoints.TrainState(), None
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
            ended = bool(self.place.stopped)  # before it was interrupted
            if not ended:
                self._begin_callbacks()
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
        if not ended:
            last = self.place.history[-1:] or [{}]
            self.hooks.call("on_train_end", {k: v for k, v in last[0].items() if k != "epoch"})
        if self.config.averages_weights:
            finish(self.trained)
        return self._keep()

    def _begin_callbacks(self) -> None:
        """Make the callbacks; they are told anew of a training that goes on."""
        self.hooks = callbacks.Hooks(self.config, self.trained, self.batches.steps)
        resumed = self.place.epoch > 1 or self.place.step
        if resumed and callbacks.any_callbacks(self.config):
            self.listener.warn(callbacks.RESUMED)
        self.hooks.call("on_train_begin", {})

    def _epoch(self) -> None:
        began = time.monotonic()
        place = self.place
        if place.step == 0:
            self.trained.reset_metrics()
        self._safe = checkpoints.rollback_point(self.trained, place)
        self.hooks.call("on_epoch_begin", place.epoch - 1, {})
        for batch in self._epoch_batches():
            self._step(batch)
        self._settle()
        self.steps.sync()
        row = dict(place.means)
        rate = last_rate(self.trained.optimizer)
        averages = self.config.averages_weights
        with averaged(self.trained) if averages else nullcontext():
            row |= {f"val_{name}": value for name, value in self._validate().items()}
            seconds = time.monotonic() - began
            place.history.append({"epoch": place.epoch, **row, "learning_rate": rate})
            self._after(row[self.watch.metric])
        self.hooks.call("on_epoch_end", place.epoch - 1, {**row, "learning_rate": rate})
        if self.hooks.stop and not place.stopped:
            place.stopped = callbacks.STOPPED
        self.listener.epoch({**place.history[-1], "seconds": seconds})
        self._record_weights(place.epoch)
        if self.shown:
            self.listener.trained(place.epoch, *self.whole, self.folder.parent.parent)
        place.epoch, place.step, place.means = place.epoch + 1, 0, {}
        if place.stopped or self._due:
            self._save()

    def _record_weights(self, epoch: int) -> None:
        """Write ranges of the weights, and the error by frequency, where they are asked for."""
        if self.config.weight_ranges:
            from mlzoo.training.loop import weight_ranges

            several = self.networks.networks.values() if self.networks else [self.whole[0]]
            weight_ranges.record(self.folder, epoch, several)
        if self.config.diagnose == "spectrum":
            from mlzoo.training.figures import spectrum

            spectrum.record(self.folder, epoch, *self.whole)

    def _epoch_batches(self) -> Iterator[Batch]:
        """The batches that are left of the present epoch."""
        return self.batches.epoch(self.place.epoch - 1, self.place.step)

    def _step(self, batch: Batch) -> None:
        """One step. Its loss is looked at while the next one runs, so that neither waits."""
        if self.hooks.each_step:
            self.hooks.call("on_train_batch_begin", self.place.step, {})
        logs = self.step_on(batch, self.place.step)
        self._settle()
        self.place.step += 1
        self._pending = logs
        if self.hooks.each_step:
            self._settle()
            self.steps.sync()
            self.hooks.call("on_train_batch_end", self.place.step - 1, dict(self.place.means))
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
        if self.twin is None or (self.twin.members == 1 and not self.twin.feeds):
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
        if self.group.world == 1:
            batches = validation(self.data, self.steps.devices)
            return processes.mean_scores(measured(self.validated, map(self.steps.share, batches)))
        own = islice(validation(self.data), self.group.rank, None, self.group.world)
        return self.group.mean_scores(measured(self.validated, own))

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
            and self.group.world == 1
            and 2 * self.place.micro <= self.batches.batch_size
            and not self.config.set.get("carry_state")
        )

    def _halve(self, problem: str) -> None:
        """Go back to where the epoch began, with half the samples at a time."""
        safe = self._safe
        assert safe is not None
        dense = self.data.outputs.target.dense
        self.place = accumulation.micro_batched(
            safe.place, self.batches.batch_size, self.model, dense, problem
        )
        self.listener.warn(f"{self.place.events[-1]}; to begin with fewer: --batch-size")
        self._pending = None
        self.steps.forget()
        gc.collect()
        checkpoints.assign(self.trained.variables, safe.weights)
        self._accumulate(self.place.micro, safe.optimizer, safe.place.micro)
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
        self.stop.signal = self.group.signal(self.stop.signal)
        waited = time.monotonic() - self._saved_at
        return bool(self.stop.signal) or waited >= self.config.checkpoint_every

    def _save(self) -> None:
        place, now = self.place, time.monotonic()
        place.seconds += now - self._started_at
        self._started_at = self._saved_at = now
        if self.group.rank:  # rank 0 has all that a checkpoint holds
            return
        place.watch = self.watch.state()
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"best-{self.watch.best_epoch:06d}.npz"
        if self.best is not None and (self._best_file or {}).get("name") != name:
            self._best_file = checkpoints.write_arrays(self.folder / name, self.best)
        # Rises with every step and epoch, so that the newest checkpoint has the last name.
        number = place.epoch * (self.batches.steps + 1) + place.step
        arrays = checkpoints.values(checkpoints.variables(self.trained))
        state = {**asdict(place), "best": self._best_file}
        checkpoints.save(self.folder, number, arrays, state)
        checkpoints.remove_old_best(self.folder)
        if self.stop.signal:
            raise Interrupted(f"stopped in epoch {place.epoch}", self.stop.signal)

    def _restore(self) -> None:
        checkpoint = self._checkpoint()
        if checkpoint is None:
            return
        before = checkpoints.TrainState(**checkpoint.state)
        if before.micro > 1:
            state = checkpoints.optimizer_state(self.trained)
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

    def _checkpoint(self) -> checkpoints.RestoredCheckpoint | None:
        """Return the newest checkpoint, which rank 0 reads for all processes."""
        latest = None if self.group.rank else checkpoints.latest(self.folder, self.listener)
        if self.group.world == 1:
            return latest
        content = self.group.share(checkpoints.packed(latest) if latest else b"")
        return checkpoints.unpacked(content) if content else None

    def _diverged(self, loss: float) -> None:
        place = self.place
        names = self.batches.names(place.epoch - 1, place.step - 1)
        kept = self.watch.best_epoch if self.best is not None else 0
        self.steps.sync()
        if self.best is not None:
            checkpoints.assign(self.kept.weights, self.best)
        theirs = hasattr(self.model, "compiled_with")
        raise diverged(place, loss, kept, names, None if theirs else self.config)
