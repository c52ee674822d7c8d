"""Training on an environment: epochs, validation episodes, the weights to keep, and resuming.

A checkpoint is written between two epochs, so that the state is that of the networks, the episodes
and the memory; what an epoch draws at random follows from its number.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError, Interrupted, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.environments.environment import Environment, play
from mlzoo.data.samples import Data
from mlzoo.runs.models import greedy
from mlzoo.training import checkpoints
from mlzoo.training.compiling import JIT
from mlzoo.training.control.experience import Learner
from mlzoo.training.control.replay import ReplayLearner
from mlzoo.training.control.rollouts import EpisodeLearner, RolloutLearner
from mlzoo.training.loop.early_stopping import Fitted, Watch
from mlzoo.training.loop.networks import NetworksModel
from mlzoo.training.loop.steps import build_steps
from mlzoo.training.optimizers import last_rate
from mlzoo.training.signals import Stop

_LEARNERS: Mapping[str, type[Learner]] = {
    "replay": ReplayLearner,
    "rollouts": RolloutLearner,
    "episodes": EpisodeLearner,
}
_WATCHED = "val_return"
_BATCH = 128


def _check_schedule(config: RunConfig, updates: int) -> None:
    """Raise UsageError where the updates that a schedule counts are not known, or none is watched.

    Args:
        config: of the run.
        updates: of an epoch; 0: not known.
    """
    watched = registry.constants("schedule", config.schedule).get("MONITORS")
    if watched or (not updates and config.schedule != "constant"):
        raise UsageError(
            f"--schedule {config.schedule} is not for {config.model}, whose rate "
            + ("follows no metric" if watched else "can't follow updates that are not counted")
            + "; choose constant"
        )


class ControlTraining:
    """A training; `fit` runs it, from the newest checkpoint of its folder if one exists.

    Args:
        model: the main network, with the others as its attribute `networks`.
        data: episodes of an environment.
        config: of the run.
        folder: of the checkpoints.
        seed: decides all that is random.
        listener: hears of progress.
        stop: tells of a signal.
    """

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
        assert data.samples.environment is not None
        self.environment: Environment = data.samples.environment
        self.seeds = data.valid.targets
        self.main, self.config, self.folder = model, config, folder
        self.listener, self.stop = listener, stop
        plugin = registry.load("model", config.model)
        settings = plugin.Config(**config.set)
        batch_size = config.batch_size if isinstance(config.batch_size, int) else _BATCH
        learner = _LEARNERS[plugin.EXPERIENCE]
        updates = learner.updates(settings, batch_size)
        _check_schedule(config, updates)
        self.model = NetworksModel(model.networks, max(1, updates), seed)
        self.model.compile_each(config, JIT[config.xla])
        steps = build_steps(self.model, config.xla, metrics_built=True, single=False)
        self.learner = learner(self.environment, self.model, steps, settings, batch_size, seed)
        self.watch = Watch(_WATCHED, "max")
        self.history: list[dict[str, float]] = []
        self.best = checkpoints.values(self.model.weights)
        self._best_file: dict[str, str] | None = None
        self.seconds = 0.0
        self._started_at = self._saved_at = time.monotonic()

    def fit(self) -> Fitted:
        """Train to the end.

        Raises:
            DivergedError: the loss became NaN or infinite.
            Interrupted: a signal came; the state is saved.
        """
        self._restore()
        self.listener.start(self.config.model, self.config.epochs, 1)
        while len(self.history) < self.config.epochs:
            self._epoch()
        self.listener.end()
        checkpoints.assign(self.model.weights, self.best)
        kept = self.watch.best_epoch
        return Fitted(
            self.history,
            kept,
            f"best {_WATCHED}",
            self.history[kept - 1][_WATCHED],
            f"all {self.config.epochs} epochs done",
            self.seconds + time.monotonic() - self._started_at,
        )

    def _epoch(self) -> None:
        """Learn for an epoch, and play the validation episodes."""
        began, epoch = time.monotonic(), len(self.history) + 1
        self.model.reset_metrics()
        row = {"epoch": epoch, **self.learner.epoch(epoch)}
        if not np.isfinite(row["loss"]):
            checkpoints.assign(self.model.weights, self.best)
            raise DivergedError(
                f"the loss became {row['loss']} in epoch {epoch}; train again with a smaller "
                "--learning-rate",
                {"epoch": epoch, "kept_epoch": self.watch.best_epoch},
            )
        row[_WATCHED] = float(play(self.environment, self.seeds, greedy(self.main)).returns.mean())
        row["learning_rate"] = last_rate(self.model.optimizer)
        self.history.append(row)
        if self.watch.see(epoch, row[_WATCHED]):
            self.best = checkpoints.values(self.model.weights)
        now = time.monotonic()
        self.listener.epoch({**row, "seconds": now - began})
        if self.stop.signal or now - self._saved_at >= self.config.checkpoint_every:
            self._save()
        if self.stop.signal:
            raise Interrupted(f"stopped after epoch {epoch}", self.stop.signal)

    def _save(self) -> None:
        """Write a checkpoint: networks, optimizers, episodes, memory, history, best weights."""
        now = time.monotonic()
        self.seconds += now - self._started_at
        self._started_at = self._saved_at = now
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"best-{self.watch.best_epoch:06d}.npz"
        if (self._best_file or {}).get("name") != name:
            self._best_file = checkpoints.write_arrays(self.folder / name, self.best)
        played = self.learner.state()
        state: dict[str, Any] = {
            "history": self.history,
            "watch": self.watch.state(),
            "seconds": self.seconds,
            "played": list(played),
            "best": self._best_file,
        }
        arrays = [*checkpoints.values(checkpoints.variables(self.model)), *played.values()]
        checkpoints.save(self.folder, len(self.history), arrays, state)
        checkpoints.remove_old_best(self.folder)

    def _restore(self) -> None:
        """Go on from the newest checkpoint, if there is one."""
        checkpoint = checkpoints.latest(self.folder, self.listener)
        if checkpoint is None:
            return
        state, variables = checkpoint.state, checkpoints.variables(self.model)
        checkpoints.assign(variables, checkpoint.arrays[: len(variables)])
        played = checkpoint.arrays[len(variables) :]
        self.learner.restore(dict(zip(state["played"], played, strict=True)))
        self.history, self.seconds = state["history"], state["seconds"]
        self.watch = Watch(**state["watch"])
        assert checkpoint.best is not None
        self.best, self._best_file = checkpoint.best, checkpoint.best_file
        self._started_at = self._saved_at = time.monotonic()
