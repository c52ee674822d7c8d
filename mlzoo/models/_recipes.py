"""Parts of recipes that families of models share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlzoo.core.configs import RunConfig

_FOLDS = {"good": 5, "best": 10}


def effort(config: RunConfig) -> dict[str, Any]:
    """Return the fields by which `--preset good` and `best` spend more time than `fast`.

    A model on each fold, their mean, and all baselines beside it. Nothing where the run trains an
    ensemble, or on both splits.
    """
    if config.preset not in _FOLDS:
        return {}
    fields: dict[str, Any] = {"baselines": "all"}
    if config.ensemble == 1 and config.train_on == "train":
        fields["folds"] = _FOLDS[config.preset]
    return fields
