"""Candidates of `mlzoo train auto`: which fit the data, and their runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlzoo.core import registry
from mlzoo.core.errors import DivergedError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Samples
from mlzoo.evaluating.evaluate import evaluate
from mlzoo.runs import run_folder
from mlzoo.runs.config_loading import merge
from mlzoo.runs.opened import OpenedRun
from mlzoo.training.members import OUT_OF_FOLD
from mlzoo.training.starting.preparing import FOLDS
from mlzoo.training.train import resume, train_merged
from mlzoo.tuning.families.leaderboard import Candidate

METRICS = "metrics.json"


def families(samples: Samples) -> list[str]:
    """Return the models that are tried on some data.

    A model plug-in says so by `AUTO`, the kinds of samples (`image`, `table`, `sequence`, `text`),
    and is tried where it predicts the kind of target.
    """
    return [
        name
        for name in registry.names("model")
        if samples.kind in registry.constants("model", name).get("AUTO", ())
        and registry.accepts(name, samples.task)
    ]


class QuietListener(Listener):
    """Listener to the training of one candidate: passes warnings on, each once, and steps.

    Args:
        listener: hears of the whole.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._told: set[str] = set()

    def warn(self, text: str) -> None:
        """Pass a warning on, unless another candidate had it too."""
        if text not in self._told:
            self._listener.warn(text)
        self._told.add(text)

    def start(self, what: str, epochs: int, steps: int) -> None:
        """Pass it on."""
        self._listener.start(what, epochs, steps)

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        """Pass it on."""
        self._listener.step(epoch, step, logs)

    def end(self) -> None:
        """Pass it on."""
        self._listener.end()


@dataclass(frozen=True)
class CandidateRuns:
    """Candidates of one call.

    Attributes:
        folder: where their runs are.
        given: fields of the configuration that were given.
        allow_unused: accept those that nothing reads.
        listener: hears of candidates and their scores.
        training: hears of their training.
    """

    folder: Path
    given: Mapping[str, Any]
    listener: Listener
    training: Listener

    def trained(self, model: str, preset: str) -> OpenedRun:
        """Return a candidate's run: finished before, resumed, or trained."""
        name = f"{model}-{preset}"
        path = self.folder / name
        if (path / METRICS).is_file():
            return OpenedRun(run_folder.find(path))
        if (self.folder / (name + run_folder.PARTIAL) / "config.yaml").is_file():
            return resume(path, listener=self.training)
        place = {"model": model, "preset": preset, "name": name, "out": str(self.folder)}
        if preset != "fast" and self.given.get("ensemble", 1) == 1:
            place["folds"] = self.given.get("folds", FOLDS[preset])
        # What one family does not read is no mistake, since another does.
        return train_merged(
            merge({**self.given, **place}, allow_unused=True), listener=self.training
        )

    def candidate(self, model: str, preset: str, baselines: str) -> Candidate | None:
        """Return a scored candidate; None where it does not fit the data or diverges."""
        try:
            run = self.trained(model, preset)
            return _scored(run, preset, baselines)
        except (UsageError, DivergedError) as error:
            self.listener.warn(f"{model} is left out: {error}")
            return None


def _scored(run: OpenedRun, preset: str, baselines: str) -> Candidate:
    if "out_of_fold" in run.metrics:
        return Candidate(run, preset, OUT_OF_FOLD, run.metrics["out_of_fold"])
    data = replace(run.own_data(), cut=run.tiling())
    scores, _ = evaluate(run.outputs, data, "valid", run.config.seed, baselines)
    return Candidate(run, preset, "valid", scores)
