"""Training loop of fits in compiled programs, with schedules and early stopping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import DataError, DivergedError
from mlzoo.tasks._samples import sample_task
from mlzoo.training import checkpoints
from mlzoo.training.loop.early_stopping import Watch, watch
from mlzoo.training.optimizers import adapts, direction, rate_after
from mlzoo.tuning.compiled.feeding import Fed, Feeder, Shape, epoch_order, epoch_rates
from mlzoo.tuning.compiled.programs import Program, ProgramInputs, State
from mlzoo.tuning.trials.fit import Fit

if TYPE_CHECKING:
    from mlzoo.tuning.compiled.vectorized import VectorizedProgram

Ending = tuple[np.ndarray, int] | DivergedError
"""Outputs for the validation split and number of epochs, or the error."""


class FitProgress:
    """Progress of one fit: its next inputs, and whether it continues."""

    def __init__(self, fit: Fit, state: State, dropout: np.ndarray, penalties: np.ndarray) -> None:
        self.fit, self.state = fit, state
        self.dropout, self.penalties = dropout, penalties
        config = fit.config
        self.stops = 0 < config.early_stopping < config.epochs
        self.lowers = adapts(config)
        self.watch = watch(config, config.monitor, direction(config.monitor))
        self.epoch, self.rate = 0, config.rate
        self.error: DivergedError | None = None
        if fit.before is not None and (saved := _restore(fit.before)) is not None:
            self.state, self.watch, self.epoch, self.rate = saved

    @property
    def done(self) -> bool:
        """Return whether training has ended."""
        over = self.epoch >= self.fit.config.epochs
        return over or self.error is not None or (self.stops and self.watch.stop)

    @property
    def watched(self) -> bool:
        """Return whether the validation split must be predicted after each epoch."""
        return self.stops or self.lowers

    def next(self, fed: Fed, ahead: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return batches, last batch and rates of the epoch after those ahead."""
        fit, epoch = self.fit, self.epoch + ahead
        places = fed.places(fit.data.train.indices)
        order, rest = epoch_order(fit.config, fit.data, places, fit.seed, epoch)
        return order, rest, epoch_rates(fit.config, self.rate, len(places), epoch)

    def trained(self, loss: float, epochs: int = 1) -> None:
        """Record the loss of finished epochs."""
        self.epoch += epochs
        if not np.isfinite(loss):
            self.error = DivergedError(f"the loss became {loss} by epoch {self.epoch}")

    def predicted(self, loss: float, outputs: np.ndarray) -> None:
        """Record the validation loss and the outputs after an epoch."""
        if self.error is not None or not self.watched:
            return
        self.watch.see(self.epoch, self._value(loss, outputs))
        self.rate = rate_after(self.fit.config, self.rate, self.watch)

    def ended(self, outputs: np.ndarray, state: State | None) -> Ending:
        """Return the result, and save the state if requested."""
        if self.error is not None:
            return self.error
        if self.fit.keep is not None and state is not None:
            _save(self.fit.keep, state, self)
        return self._in_units(outputs), self.epoch

    def _value(self, loss: float, outputs: np.ndarray) -> float:
        """Return the monitored value."""
        metric, data = self.watch.metric, self.fit.data
        if metric == "val_loss":
            return loss
        task, targets = sample_task(data.samples.task), data.valid.targets
        predictions = task.as_predictions(self._in_units(outputs), targets)
        score = task.scores(targets, predictions)[metric.removeprefix("val_")]
        return float("nan") if score is None else score

    def _in_units(self, outputs: np.ndarray) -> np.ndarray:
        spec = self.fit.data.outputs
        return outputs * np.array(spec.std) + np.array(spec.mean) if spec.mean else outputs


def run_alone(program: Program, progress: FitProgress, feeder: Feeder) -> Ending:
    """Run one fit by a program.

    Args:
        program: compiled for the architecture.
        progress: of the fit.
        feeder: cache of samples.
    """
    fit = progress.fit
    program.load(progress.state)
    while True:
        work = _work(progress, feeder)
        if progress.done:  # the restored state is already final: only predict
            work = work.first(0, work.steps)
        result = program.run(work)
        progress.trained(result.loss, len(work.order))
        progress.predicted(result.valid_loss, result.outputs)
        if progress.done:
            state = program.state() if fit.keep is not None else None
            return progress.ended(result.outputs, state)


def compiling_alone(program: Program, progress: FitProgress, feeder: Feeder) -> Callable[[], None]:
    """Return a function that compiles the program of a fit; it changes the program's state.

    Args:
        program: to compile.
        progress: of the fit.
        feeder: cache of samples.
    """
    work = _work(progress, feeder)

    def compile_it() -> None:
        program.load(progress.state)
        program.compile(work)

    return compile_it


def _work(progress: FitProgress, feeder: Feeder) -> ProgramInputs:
    """Return the next epochs of a fit that need no validation in between."""
    fit = progress.fit
    span = 1 if progress.watched else max(fit.config.epochs - progress.epoch, 1)
    fed = feeder.fold(fit.folds[fit.fold], fit.config)
    shape = Shape.of(fit.config, [fit.folds[fit.fold]])
    each = [progress.next(fed, ahead) for ahead in range(span)]
    order, rest, rates = (np.stack(arrays) for arrays in zip(*each, strict=True))
    steps = order.shape[1]
    # A subset of the fold keeps the shapes of the fold: other shapes would be recompiled.
    missing = (0, shape.steps - steps)
    order = np.pad(order, ((0, 0), missing, (0, 0)))
    rates = np.insert(rates, [steps] * missing[1], 0.0, axis=1)
    valid = fed.places(fit.data.valid.indices)
    numbers = progress.dropout, progress.penalties
    return ProgramInputs(fed.x, fed.y, fed.weights, order, rest, rates, steps, valid, *numbers)


def run_together(
    program: VectorizedProgram, fits: Sequence[FitProgress], feeder: Feeder, lanes: int
) -> list[Ending]:
    """Run fits by a vectorized program; unused lanes are idle.

    Args:
        program: compiled for the architecture.
        fits: of at most `lanes` fits.
        feeder: cache of samples.
        lanes: of the program.
    """
    fed, shape = _fed(fits, feeder)
    whole = fed[0].x, fed[0].y, fed[0].weights
    numbers = _load(program, fits, lanes)
    valid, counts = _valid(fits, fed, shape, lanes)
    while any(not progress.done for progress in fits):
        active = [progress for progress in fits if not progress.done]
        losses = program.train(whole, _epoch(fits, fed, shape, lanes), numbers)
        for progress, loss in zip(fits, losses, strict=False):
            if progress in active:
                progress.trained(float(loss))
        if any(progress.watched for progress in active):
            watched, outputs = program.predict(whole, valid, counts, numbers)
            for lane, progress in enumerate(fits):
                if progress in active:
                    progress.predicted(float(watched[lane]), outputs[lane, : counts[lane]])
    _, outputs = program.predict(whole, valid, counts, numbers)
    kept = any(progress.fit.keep is not None for progress in fits)
    states: Sequence[State | None] = program.states() if kept else [None] * lanes
    return [
        progress.ended(outputs[lane, : counts[lane]], states[lane])
        for lane, progress in enumerate(fits)
    ]


def compiling_together(
    program: VectorizedProgram, progress: FitProgress, feeder: Feeder, lanes: int
) -> Callable[[], None]:
    """Return a function that compiles the program of a group; it changes the program's state.

    Args:
        program: to compile.
        progress: of one fit of the group.
        feeder: cache of samples.
        lanes: of the program.
    """
    fed, shape = _fed([progress], feeder)
    whole = fed[0].x, fed[0].y, fed[0].weights
    epoch = replace(_epoch([progress], fed, shape, lanes), steps=0)
    valid = _valid([progress], fed, shape, lanes)

    def compile_it() -> None:
        numbers = _load(program, [progress], lanes)
        program.train(whole, epoch, numbers)
        program.predict(whole, *valid, numbers)

    return compile_it


def _fed(fits: Sequence[FitProgress], feeder: Feeder) -> tuple[list[Fed], Shape]:
    """Return the samples of each fit, and the sizes of their program."""
    first = fits[0].fit
    stacked = feeder.stacked(first.folds, first.config)
    assert stacked is not None
    fed = [stacked.folds[progress.fit.fold] for progress in fits]
    return fed, Shape.of(first.config, first.folds)


def _load(
    program: VectorizedProgram, fits: Sequence[FitProgress], lanes: int
) -> tuple[np.ndarray, ...]:
    """Load the states of the fits into all lanes, idle ones too; return dropout and penalties."""
    every = [*fits, *[fits[0]] * (lanes - len(fits))]
    program.load([progress.state for progress in every])
    names = ("dropout", "penalties")
    return tuple(np.stack([getattr(progress, name) for progress in every]) for name in names)


def _valid(
    fits: Sequence[FitProgress], fed: Sequence[Fed], shape: Shape, lanes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices (lanes, m) to predict, and the number of valid ones in each lane."""
    places = np.zeros((lanes, shape.valid), "int32")
    counts = np.zeros(lanes, "int32")
    for lane, (progress, samples) in enumerate(zip(fits, fed, strict=True)):
        indices_in_x = samples.places(progress.fit.data.valid.indices)
        places[lane, : len(indices_in_x)], counts[lane] = indices_in_x, len(indices_in_x)
    return places, counts


def _epoch(fits: Sequence[FitProgress], fed: Sequence[Fed], shape: Shape, lanes: int) -> Any:
    """Return the next epoch of all lanes; finished ones are idle."""
    from mlzoo.tuning.compiled.vectorized import Epoch

    order = np.zeros((shape.steps, lanes, shape.batch), "int32")
    counts = np.zeros((shape.steps, lanes), "int32")
    rates = np.zeros((shape.steps + 1, lanes), "float32")
    rest, left = np.zeros((lanes, shape.left), "int32"), np.zeros(lanes, "int32")
    steps = 0
    for lane, (progress, samples) in enumerate(zip(fits, fed, strict=True)):
        if progress.done:
            continue
        whole, last, rate = progress.next(samples)
        here, size = whole.shape
        order[:here, lane, :size], counts[:here, lane] = whole, size
        rates[:here, lane], rates[-1, lane] = rate[:-1], rate[-1]
        rest[lane, : len(last)], left[lane] = last, len(last)
        steps = max(steps, here)
    return Epoch(order, counts, rates, rest, left, steps)


def _save(folder: Path, state: State, progress: FitProgress) -> None:
    """Save a state that a later trial resumes from."""
    folder.mkdir(parents=True, exist_ok=True)
    file = checkpoints.write_arrays(folder / "replica.npz", [a for g in state.groups for a in g])
    sizes = [len(group) for group in state.groups]
    record = {"watch": progress.watch.state(), "epochs": progress.epoch, "rate": progress.rate}
    files.write_sealed(folder / "replica.json", {**file, "sizes": sizes, **record})


def _restore(folder: Path) -> tuple[State, Watch, int, float] | None:
    """Return a saved state; None if there is none, or it is damaged."""
    if not (folder / "replica.json").is_file():
        return None
    try:
        record = files.read_sealed(folder / "replica.json")
        arrays = checkpoints.read_arrays(folder / record["name"], record["sha256"])
    except DataError:
        return None  # training restarts from its first epoch, with the same result
    first, second, _ = record["sizes"]
    groups = arrays[:first], arrays[first : first + second], arrays[first + second :]
    return State(*groups), Watch(**record["watch"]), record["epochs"], record["rate"]
