"""Where the time of a training goes, for `mlzoo train --profile`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlzoo.core.configs import RunConfig
from mlzoo.core.files import csv_text, write_text
from mlzoo.core.progress import Listener
from mlzoo.drawing.canvas import BLUE, ORANGE, label, new_figure, save, tidy
from mlzoo.training.loop.batches import Batch
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.training import Training

READING, TRANSFER, COMPILING = "waiting for batches", "transfer", "first calls (compiling)"
STEPS, VALIDATION, CHECKPOINTS = "steps", "validation", "checkpoints"
REST = "rest"
_SHORT_STEP = 0.002
"""Seconds of a step below which calling it takes a good part of them."""


@dataclass(frozen=True)
class TimedPart:
    """Seconds that a part of a training took, in all, and how often it ran."""

    name: str
    seconds: float
    calls: int

    @property
    def each(self) -> float:
        """Return the seconds of one call."""
        return self.seconds / max(self.calls, 1)


class ProfiledTraining(Training):
    """A training that waits for each of its parts, so that their times can be told apart.

    The weights are those of a training that is not profiled. Metrics and the update of the weights
    are of one program with the gradients, and count as steps.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._seconds: dict[str, float] = {}
        self._calls: dict[str, int] = {}
        self._sizes: set[int] = set()
        self._validated = False

    def fit(self) -> Any:
        """Train to the end; see `Training.fit`."""
        began = time.perf_counter()
        fitted = super().fit()
        spent = time.perf_counter() - began - sum(self._seconds.values())
        self._seconds[REST], self._calls[REST] = spent, 1
        return fitted

    def parts(self) -> list[TimedPart]:
        """Return the parts of the finished training, in the order of a step."""
        order = (READING, TRANSFER, COMPILING, STEPS, VALIDATION, CHECKPOINTS, REST)
        known = [name for name in order if self._calls.get(name)]
        return [TimedPart(name, self._seconds[name], self._calls[name]) for name in known]

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began
        self._calls[name] = self._calls.get(name, 0) + 1

    def _epoch_batches(self) -> Iterator[Batch]:
        batches = super()._epoch_batches()
        while True:
            with self._timed(READING):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def step_on(self, batch: Batch, step: int) -> Mapping[str, Any]:
        """A step on a batch; see `Training.step_on`."""
        size = len(batch[1])
        if self.place.micro == 1 and self.steps.transfers:
            with self._timed(TRANSFER):
                batch = self.steps.transferred(batch)
        with self._timed(STEPS if size in self._sizes else COMPILING):
            logs = {name: float(value) for name, value in super().step_on(batch, step).items()}
        self._sizes.add(size)
        return logs

    def _validate(self) -> dict[str, float]:
        with self._timed(VALIDATION if self._validated else COMPILING):
            self._validated = True
            return super()._validate()

    def _save(self) -> None:
        with self._timed(CHECKPOINTS):
            super()._save()


def profiled(folder: Path, config: RunConfig, listener: Listener, *given: Any) -> Fitted:
    """Train, and write and tell where the time went; `given` is as `Training` takes it."""
    training = ProfiledTraining(*given)
    fitted = training.fit()
    parts = training.parts()
    total = sum(part.seconds for part in parts)
    shares = ", ".join(f"{part.name} {part.seconds / total:.0%}" for part in parts)
    listener.note(f"time of the training: {shares} of {total:.3g} s (profile.csv)")
    for sentence in write_profile(folder, parts, config):
        listener.note(f"to make it faster: {sentence}")
    return fitted


def write_profile(folder: Path, parts: list[TimedPart], config: RunConfig) -> list[str]:
    """Write `profile.csv` and `plots/profile.png`; return what to change, a sentence each.

    Args:
        folder: of the run.
        parts: of its training.
        config: of the run.
    """
    total = sum(part.seconds for part in parts)
    rows = [
        {
            "part": part.name,
            "seconds": round(part.seconds, 4),
            "share": round(part.seconds / total, 4),
            "calls": part.calls,
            "milliseconds_a_call": round(1000 * part.each, 4),
        }
        for part in parts
    ]
    write_text(folder / "profile.csv", csv_text(rows))
    advice = advise(parts, config)
    _draw(folder / "plots" / "profile.png", parts, total)
    return advice


def advise(parts: list[TimedPart], config: RunConfig) -> list[str]:
    """Return what would make a training faster, a sentence each, by the shares of its parts."""
    by_name = {part.name: part for part in parts}
    total = sum(part.seconds for part in parts)
    compiling = sum(part.seconds for part in parts if part.name == COMPILING)
    # Shares of what longer trainings consist of.
    shares = {part.name: part.seconds / (total - compiling) for part in parts}
    advice = []
    if shares.get(READING, 0) > 0.15:
        changes = "smaller images (--size)"
        if config.augment != "none":
            changes = "more processes for --augment (--augment-workers), or a lighter one"
        advice.append(f"steps wait for batches: {changes}")
    if compiling > 0.3 * total:
        advice.append(
            f"{compiling / total:.0%} is compiling, which longer trainings pay once, and which JAX "
            "keeps for the next"
        )
    if shares.get(VALIDATION, 0) > 0.25:
        advice.append("validation takes long: a smaller share of the data (--fractions 80/10/10)")
    if shares.get(CHECKPOINTS, 0) > 0.05:
        advice.append("checkpoints take long: save more rarely (--checkpoint-every)")
    steps = by_name.get(STEPS)
    if steps is not None and shares[STEPS] > 0.3 and steps.each < _SHORT_STEP:
        advice.append("steps are short, so that calling them counts: a larger --batch-size")
    if not advice and shares.get(STEPS, 0) > 0.5:
        advice.append(
            "the steps' arithmetic has the time: a GPU, --devices, --precision mixed_bfloat16 or a "
            "smaller network"
        )
    return advice


def _draw(path: Path, parts: list[TimedPart], total: float) -> None:
    """Draw a bar for each part, the steps in another color."""
    figure = new_figure(7, 0.6 + 0.36 * len(parts))
    axes = figure.subplots()
    ordered = parts[::-1]
    colors = [ORANGE if part.name == STEPS else BLUE for part in ordered]
    bars = axes.barh([part.name for part in ordered], [p.seconds for p in ordered], color=colors)
    texts = [
        f"{part.seconds / total:.0%}" + (f", {_time(part.each)} each" if part.calls > 1 else "")
        for part in ordered
    ]
    axes.bar_label(bars, [label(text) for text in texts], padding=4, fontsize=8)
    axes.margins(x=0.25)
    tidy(axes, f"Where {_time(total)} of training went", "seconds")
    axes.grid(False, axis="y")
    save(figure, path)


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
