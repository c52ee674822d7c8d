"""An environment to act in: grid-snake, which comes along.

Its episodes are the samples. Models are trained on episodes that are played while they learn, and
scored on others, whose seeds nothing was trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.environments.environment import Environment
    from mlzoo.data.samples import Samples

NAMES = ("grid-snake",)
_SPLITS = {"train": 100, "valid": 64, "test": 100}


class Config(Settings):
    """Settings of the source environment."""

    data: str
    """Name of the environment."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Decides the episodes on which models are scored."""


def recognizes(path: str) -> bool:
    """Return whether the name is that of an environment."""
    return path.replace("_", "-") in NAMES


def load(config: Config, progress: Any = None) -> Samples:
    """Return episodes; the input of each is an observation that random actions lead to."""
    import numpy as np

    from mlzoo.data.environments.environment import held_out_seeds
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples

    environment = _environment(config)
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
    from mlzoo.data.environments.snake import grid_snake

    return grid_snake()


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
