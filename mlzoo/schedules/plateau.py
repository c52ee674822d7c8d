"""The learning rate is multiplied by a factor where --monitor has not improved for some epochs."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mlzoo.core.configs import Settings

MONITORS = True


class Config(Settings):
    """When it drops, and by how much."""

    plateau_patience: int = Field(3, ge=1)
    """Epochs without improvement before it drops."""
    decay_factor: float = Field(0.5, gt=0, lt=1)
    """Factor by which the rate is multiplied."""


def build(config: Config, rate: float, epochs: int, steps: int) -> float:
    """Return the rate at the start."""
    return rate


def after_epoch(config: Config, rate: float, watch: Any) -> float:
    """Return the rate of the next epoch.

    Args:
        config: settings.
        rate: of the epoch that has ended.
        watch: `training/loop/early_stopping.py: Watch`, which has seen that epoch's value.
    """
    return rate * config.decay_factor if watch.plateau(config.plateau_patience) else rate
