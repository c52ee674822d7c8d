"""An environment to act in: grid-snake, grid-world or one of Gymnasium, such as CartPole-v1.

A grid world of one's own is a .yaml file with a `map`, whose characters are cells: `.` free, `#` a
wall, `S` a start, and others that `ends` gives a reward; `step`, `slip` and `limit` are optional.
Its episodes are the samples. Models are trained on episodes that are played while they learn, and
scored on others, whose seeds nothing was trained on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand
from mlzoo.data.recognition import holds_map

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.environments.environment import Environment
    from mlzoo.data.samples import Samples

NAMES = (
    "grid-snake",
    "grid-world",
    "CartPole-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "FrozenLake-v1",
    "Taxi-v4",
)
_OF_GYMNASIUM = r"[\w/]+-v\d+"
"""Form of the names of Gymnasium's environments; those not listed need --source environment."""
_FRAMES = 4
"""Images that are seen together: Mnih et al. (2015)."""
_SPLITS = {"train": 100, "valid": 64, "test": 100}


class Config(Settings):
    """Settings of the source environment."""

    data: str
    """Name of the environment, or a grid world's file."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Decides the episodes on which models are scored."""
    frames: int = Field(0, ge=0, le=16)
    """Latest observations of Gymnasium's environments that are seen together; 0: 4 images, or 1
    vector."""


def recognizes(path: str) -> bool:
    """Return whether the name is that of an environment, or a file's that holds a map."""
    if expand(path).exists():
        return holds_map(path)
    return path.replace("_", "-") in NAMES or bool(re.fullmatch(_OF_GYMNASIUM, path))


def load(config: Config, progress: Any = None) -> Samples:
    """Return episodes; the input of each is an observation that random actions lead to."""
    import numpy as np

    from mlzoo.data.environments.environment import held_out_seeds
    from mlzoo.data.environments.finite import FiniteEnvironment
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples

    environment = _environment(config)
    single = isinstance(environment, FiniteEnvironment) or environment.maximum is None
    frames = config.frames or (1 if single else _FRAMES)
    if frames > 1:
        environment = _stacked(environment, frames)
    seeds = held_out_seeds(config.seed, sum(_SPLITS.values()))
    kind = "array" if environment.maximum is None else "image"
    counts = ", ".join(f"{count} {name}" for name, count in _SPLITS.items() if name != "train")
    return Samples(
        inputs=_observations(environment, seeds, config.seed),
        targets=seeds,
        task="control",
        kind=kind,
        target_names=environment.actions,
        maximum=environment.maximum,
        names=[f"episode {seed}" for seed in seeds],
        given_parts=np.repeat(list(_SPLITS), list(_SPLITS.values())),
        environment=environment,
        hashes=row_digests(seeds),
        notes=(f"held-out episodes: {counts}; those of training are begun as it goes on",),
    )


def _environment(config: Config) -> Environment:
    import mlzoo.data.environments
    from mlzoo.data.environments.grid_world import read_grid_world
    from mlzoo.data.environments.gymnasium import gymnasium_environment
    from mlzoo.data.environments.snake import grid_snake

    name = config.data.replace("_", "-")
    if (file := expand(config.data)).exists():
        return read_grid_world(file)
    if name == "grid-snake":
        return grid_snake()
    if name == "grid-world":
        named = Path(mlzoo.data.environments.__file__).parent / "named"
        return read_grid_world(named / f"{name}.yaml")
    return gymnasium_environment(name)


def _stacked(environment: Environment, frames: int) -> Environment:
    from mlzoo.data.environments.finite import FiniteEnvironment
    from mlzoo.data.environments.stacked import StackedEnvironment

    if isinstance(environment, FiniteEnvironment):
        raise UsageError(
            f"--source-set frames={frames}: an observation of {environment.name} tells all "
            "there is to know; leave it out"
        )
    return StackedEnvironment(environment, frames)


def _observations(environment: Environment, seeds: np.ndarray, seed: int) -> np.ndarray:
    """Return an observation (n, *shape) of each episode, drawn from those before its end."""
    import numpy as np

    from mlzoo.data.environments.environment import uniform_policy

    rng = np.random.default_rng([seed, 0xC2])
    episodes = environment.start(seeds)
    policy, over = uniform_policy(environment, rng), np.zeros(len(seeds), bool)
    drawn = np.array(episodes.observations)
    seen = np.ones(len(seeds))
    while not over.all():
        step = episodes.step(policy(episodes))
        over |= step.ended | step.cut
        seen += 1
        takes = ~over & (rng.random(len(seeds)) < 1 / seen)
        drawn[takes] = episodes.observations[takes]
    return drawn
