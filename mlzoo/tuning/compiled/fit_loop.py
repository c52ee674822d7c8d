"""The course of a fit in a compiled program: epoch after epoch, until it ends or is stopped."""

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
from mlzoo.training.loop.early_stopping import Watch
from mlzoo.training.optimizers import adapts, direction, rate_after
from mlzoo.tuning.compiled.feeding import Fed, Feeder, Shape, epoch_order, epoch_rates
from mlzoo.tuning.compiled.programs import Program, State, Work
from mlzoo.tuning.trials.fit import Fit

if TYPE_CHECKING:
    from mlzoo.tuning.compiled.vectorized import VectorizedProgram

Ending = tuple[np.ndarray, int] | DivergedError
"""Outputs for the validation part and epochs, or how it failed."""


class Course:
    """One fit: what it is fed next, and whether it goes on."""

    def __init__(self, fit: Fit, state: State, dropout: np.ndarray, penalties: np.ndarray) -> None:
        self.fit, self.state = fit, state
        self.dropout, self.penalties = dropout, penalties
        config = fit.config
        self.stops = 0 < config.early_stopping < config.epochs
        self.lowers = adapts(config)
        self.watch = Watch(config.monitor, direction(config.monitor), config.early_stopping)
        self.epoch, self.rate = 0, config.rate
        self.error: DivergedError | None = None
        if fit.before is not None and (saved := _restore(fit.before)) is not None:
            self.state, self.watch, self.epoch, self.rate = saved

    @property
    def done(self) -> bool:
        """Whether it is over."""
        over = self.epoch >= self.fit.config.epochs
        return over or self.error is not None or (self.stops and self.watch.stop)

    @property
    def watched(self) -> bool:
        """Whether it has to be predicted with after each epoch."""
        return self.stops or self.lowers

    def next(self, fed: Fed, ahead: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Order, rest and rates of the epoch after those ahead."""
        fit, epoch = self.fit, self.epoch + ahead
        places = fed.places(fit.data.train.indices)
        order, rest = epoch_order(fit.config, fit.data, places, fit.seed, epoch)
        return order, rest, epoch_rates(fit.config, self.rate, len(places), epoch)

    def trained(self, loss: float, epochs: int = 1) -> None:
        """Take the loss of epochs that were done."""
        self.epoch += epochs
        if not np.isfinite(loss):
            self.error = DivergedError(f"the loss became {loss} by epoch {self.epoch}")

    def predicted(self, loss: float, outputs: np.ndarray) -> None:
        """Take the validation loss and the outputs after an epoch."""
        if self.error is not None or not self.watched:
            return
        self.watch.see(self.epoch, self._value(loss, outputs))
        self.rate = rate_after(self.fit.config, self.rate, self.watch)

    def ended(self, outputs: np.ndarray, state: State | None) -> Ending:
        """How it ended; its state is kept where that was asked for."""
        if self.error is not None:
            return self.error
        if self.fit.keep is not None and state is not None:
            _save(self.fit.keep, state, self)
        return self._in_units(outputs), self.epoch

    def _value(self, loss: float, outputs: np.ndarray) -> float:
        """What is watched."""
        metric, data = self.watch.metric, self.fit.data
        if metric == "val_loss":
            return loss
        task, targets = sample_task(data.samples.task), data.valid.targets
        predictions = task.as_predictions(self._in_units(outputs), targets)
        found = task.scores(targets, predictions)[metric.removeprefix("val_")]
        return float("nan") if found is None else found

    def _in_units(self, outputs: np.ndarray) -> np.ndarray:
        spec = self.fit.data.outputs
        return outputs * np.array(spec.std) + np.array(spec.mean) if spec.mean else outputs


def run_alone(program: Program, course: Course, feeder: Feeder) -> Ending:
    """A fit by a program for one."""
    fit = course.fit
    program.load(course.state)
    while True:
        work = _work(course, feeder)
        if course.done:  # by what was restored: it is only predicted with
            work = work.first(0, work.steps)
        said = program.run(work)
        course.trained(said.loss, len(work.order))
        course.predicted(said.valid_loss, said.outputs)
        if course.done:
            state = program.state() if fit.keep is not None else None
            return course.ended(said.outputs, state)


def compiling_alone(program: Program, course: Course, feeder: Feeder) -> Callable[[], None]:
    """What lets a program for one compile what a fit needs, in whatever state it leaves it."""
    work = _work(course, feeder)

    def compile_it() -> None:
        program.load(course.state)
        program.compile(work)

    return compile_it


def _work(course: Course, feeder: Feeder) -> Work:
    """The epochs that a fit can do next without being looked at."""
    fit = course.fit
    span = 1 if course.watched else max(fit.config.epochs - course.epoch, 1)
    fed = feeder.fold(fit.folds[fit.fold], fit.config)
    shape = Shape.of(fit.config, [fit.folds[fit.fold]])
    each = [course.next(fed, ahead) for ahead in range(span)]
    order, rest, rates = (np.stack(arrays) for arrays in zip(*each, strict=True))
    steps = order.shape[1]
    # A part of the fold is fed in the fold's shapes: others would be compiled anew.
    missing = (0, shape.steps - steps)
    order = np.pad(order, ((0, 0), missing, (0, 0)))
    rates = np.insert(rates, [steps] * missing[1], 0.0, axis=1)
    valid = fed.places(fit.data.valid.indices)
    numbers = course.dropout, course.penalties
    return Work(fed.x, fed.y, fed.weights, order, rest, rates, steps, valid, *numbers)


def run_together(
    program: VectorizedProgram, courses: Sequence[Course], feeder: Feeder, lanes: int
) -> list[Ending]:
    """Fits by a vectorised program; lanes that no fit needs rest."""
    fed, shape = _fed(courses, feeder)
    whole = fed[0].x, fed[0].y, fed[0].weights
    numbers = _load(program, courses, lanes)
    valid, counts = _valid(courses, fed, shape, lanes)
    while any(not course.done for course in courses):
        active = [course for course in courses if not course.done]
        losses = program.train(whole, _epoch(courses, fed, shape, lanes), numbers)
        for course, loss in zip(courses, losses, strict=False):
            if course in active:
                course.trained(float(loss))
        if any(course.watched for course in active):
            watched, said = program.predict(whole, valid, counts, numbers)
            for lane, course in enumerate(courses):
                if course in active:
                    course.predicted(float(watched[lane]), said[lane, : counts[lane]])
    _, said = program.predict(whole, valid, counts, numbers)
    kept = any(course.fit.keep is not None for course in courses)
    states: Sequence[State | None] = program.states() if kept else [None] * lanes
    return [
        course.ended(said[lane, : counts[lane]], states[lane])
        for lane, course in enumerate(courses)
    ]


def compiling_together(
    program: VectorizedProgram, course: Course, feeder: Feeder, lanes: int
) -> Callable[[], None]:
    """What lets a vectorised program compile what fits of a group need, in whatever state."""
    fed, shape = _fed([course], feeder)
    whole = fed[0].x, fed[0].y, fed[0].weights
    epoch = replace(_epoch([course], fed, shape, lanes), steps=0)
    valid = _valid([course], fed, shape, lanes)

    def compile_it() -> None:
        numbers = _load(program, [course], lanes)
        program.train(whole, epoch, numbers)
        program.predict(whole, *valid, numbers)

    return compile_it


def _fed(courses: Sequence[Course], feeder: Feeder) -> tuple[list[Fed], Shape]:
    """What each fit is fed, and the sizes of their program."""
    first = courses[0].fit
    stacked = feeder.stacked(first.folds, first.config)
    assert stacked is not None
    fed = [stacked.folds[course.fit.fold] for course in courses]
    return fed, Shape.of(first.config, first.folds)


def _load(
    program: VectorizedProgram, courses: Sequence[Course], lanes: int
) -> tuple[np.ndarray, ...]:
    """Put all lanes in the fits' states, idle ones too; their dropout and penalties."""
    every = [*courses, *[courses[0]] * (lanes - len(courses))]
    program.load([course.state for course in every])
    names = ("dropout", "penalties")
    return tuple(np.stack([getattr(course, name) for course in every]) for name in names)


def _valid(
    courses: Sequence[Course], fed: Sequence[Fed], shape: Shape, lanes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (lanes, m) that are predicted, and how many of them count in each lane."""
    places = np.zeros((lanes, shape.valid), "int32")
    counts = np.zeros(lanes, "int32")
    for lane, (course, own) in enumerate(zip(courses, fed, strict=True)):
        found = own.places(course.fit.data.valid.indices)
        places[lane, : len(found)], counts[lane] = found, len(found)
    return places, counts


def _epoch(courses: Sequence[Course], fed: Sequence[Fed], shape: Shape, lanes: int) -> Any:
    """The next epoch of all lanes; those that are done rest."""
    from mlzoo.tuning.compiled.vectorized import Epoch

    order = np.zeros((shape.steps, lanes, shape.batch), "int32")
    counts = np.zeros((shape.steps, lanes), "int32")
    rates = np.zeros((shape.steps + 1, lanes), "float32")
    rest, left = np.zeros((lanes, shape.left), "int32"), np.zeros(lanes, "int32")
    steps = 0
    for lane, (course, own) in enumerate(zip(courses, fed, strict=True)):
        if course.done:
            continue
        whole, last, rate = course.next(own)
        here, size = whole.shape
        order[:here, lane, :size], counts[:here, lane] = whole, size
        rates[:here, lane], rates[-1, lane] = rate[:-1], rate[-1]
        rest[lane, : len(last)], left[lane] = last, len(last)
        steps = max(steps, here)
    return Epoch(order, counts, rates, rest, left, steps)


def _save(folder: Path, state: State, course: Course) -> None:
    """Keep a state that a later trial goes on from."""
    folder.mkdir(parents=True, exist_ok=True)
    file = checkpoints.write_arrays(folder / "replica.npz", [a for g in state.groups for a in g])
    sizes = [len(group) for group in state.groups]
    own = {"watch": course.watch.state(), "epochs": course.epoch, "rate": course.rate}
    files.write_sealed(folder / "replica.json", {**file, "sizes": sizes, **own})


def _restore(folder: Path) -> tuple[State, Watch, int, float] | None:
    """Return a state that was kept; None where there is none, or it is damaged."""
    if not (folder / "replica.json").is_file():
        return None
    try:
        record = files.read_sealed(folder / "replica.json")
        arrays = checkpoints.read_arrays(folder / record["name"], record["sha256"])
    except DataError:
        return None  # the training starts from its first epoch, which ends in the same place
    first, second, _ = record["sizes"]
    groups = arrays[:first], arrays[first : first + second], arrays[first + second :]
    return State(*groups), Watch(**record["watch"]), record["epochs"], record["rate"]
