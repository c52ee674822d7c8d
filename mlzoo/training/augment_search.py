"""`--augment search`: policies of rising strength, each tried by a short training."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.augmentation.strengths import candidates
from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.policies import Policy
from mlzoo.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from mlzoo.data.samples import Data

_TRIED = "augmentation_search.csv"


def searched(folder: RunFolder, config: RunConfig, data: Data, listener: Listener) -> Policy:
    """The best policy on the validation split; what was tried goes into augmentation_search.csv.

    A run that is resumed goes on with the policies that were not tried yet.

    Raises:
        UsageError: there is no validation split, or nothing to try on such data.
    """
    from mlzoo.training.optimizers import direction

    if not len(data.valid):
        raise UsageError("--augment search needs a validation split: see --fractions")
    policies = candidates(data.train, config.augment_trials)
    short = config.model_copy(
        update={
            "epochs": min(config.epochs, max(5, config.epochs // 10)),
            "early_stopping": 0,
            "schedule": "constant",
            "warmup": 0,
        }
    )
    path = folder.path / _TRIED
    done: list[dict[str, str | float]] = []
    if path.exists():
        done = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))

    def tried(number: int, policy: Policy) -> float:
        if number < len(done):
            return float(done[number]["value"])
        listener.note(f"augmentation {number + 1} of {len(policies)}: {policy.name}")
        checkpoints = folder.path / "checkpoints" / f"augmentation-{number}"
        value = _try(checkpoints, short, replace(data, policy=policy), listener)
        shutil.rmtree(checkpoints, ignore_errors=True)
        done.append({"policy": policy.name, "value": value})
        files.write_text(path, files.csv_text(done))
        return value

    metric = data_metric(config, data)
    best, value = pick(policies, tried, direction(metric))
    why = f"the best of {len(policies)} on the validation split, {metric} {value:.4g}"
    chosen = Policy(best.name, best.steps, (why, *best.reasons))
    listener.note(f"augmentation {chosen.name}: {why} (--augment, {_TRIED})")
    folder.write_text("augmentation.yaml", chosen.text(f"augmentation {chosen.name}"))
    return chosen


def data_metric(config: RunConfig, data: Data) -> str:
    """Return the metric that compares policies: the one that the training monitors."""
    from mlzoo.training.compiling import history_columns, monitored

    return monitored(config, data, history_columns(config, data))


def pick(
    policies: Sequence[Policy], evaluate: Callable[[int, Policy], float], mode: str
) -> tuple[Policy, float]:
    """The policy of the best value, the weaker of two alike; NaN is the worst.

    Args:
        policies: from weak to strong.
        evaluate: from a policy's number and itself to its value.
        mode: `max` or `min`.
    """
    sign = 1 if mode == "min" else -1
    values = [evaluate(number, policy) for number, policy in enumerate(policies)]
    ranks = [math.inf if math.isnan(value) else sign * value for value in values]
    best = ranks.index(min(ranks))
    return policies[best], values[best]


def _try(checkpoints: Path, config: RunConfig, data: Data, listener: Listener) -> float:
    """The best value of a short training with a policy; NaN where it diverged."""
    from mlzoo.training.building import build_model
    from mlzoo.training.loop.training import Training
    from mlzoo.training.signals import caught

    model = build_model(config, data, config.seed)
    with caught() as stop:
        training = Training(model, data, config, checkpoints, config.seed, listener, stop)
        try:
            return training.fit().value
        except DivergedError:
            return math.nan
