"""Pinball loss of several quantiles: each lies above the target as often as its level says.

Koenker and Bassett, "Regression Quantiles" (1978). Of the standardized target. The median is the
prediction; `predict` has a column of each quantile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import as_list

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("numbers per sample", "numbers per horizon")
DISTRIBUTION = True
QUANTILES = True
_Level = Annotated[float, Field(gt=0, lt=1)]


class Config(Settings):
    """Setting of quantile."""

    levels: Annotated[tuple[_Level, ...], BeforeValidator(as_list)] = (0.05, 0.5, 0.95)
    """Shares of the targets that lie below each quantile, ascending, .5 among them."""

    @field_validator("levels")
    @classmethod
    def _around_the_median(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        ascending = list(levels) == sorted(set(levels))
        if not ascending or 0.5 not in levels[1:-1]:
            raise ValueError("must ascend, with .5 between others, as in .05,.5,.95")
        return levels


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._distributions import Pinball

    return Pinball(outputs.std, outputs.quantiles or config.levels)
