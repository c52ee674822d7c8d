"""The same learning rate in every step."""

from __future__ import annotations

from mlzoo.core.configs import Settings


class Config(Settings):
    """It has no settings."""


def build(config: Config, rate: float, epochs: int, steps: int) -> float:
    """Return the rate."""
    return rate
