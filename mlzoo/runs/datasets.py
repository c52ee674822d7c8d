"""From a run's configuration to its `Data`: read, split, scale, choose the augmentation.

Importing this module loads no numerical library: what is wrong with a configuration or the data is
reported before Keras starts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.validation.consistency import quantile_levels, spreads
from mlzoo.data import loading

if TYPE_CHECKING:
    from mlzoo.data.samples import Data, Part, Samples

_QUANTILES = 33
"""Of a number that samples are drawn of."""


def load(config: RunConfig, progress: loading.Progress | None = None) -> Data:
    """Read the data and arrange them in three parts.

    Raises:
        UsageError: the path, the source or one of its settings is wrong.
        DataError: the data are unreadable, inconsistent or leaking.
    """
    return arrange(loading.read(config, progress), config, config.seed)


def arrange(samples: Samples, config: RunConfig, seed: int) -> Data:
    """Limit, split, check and describe samples; statistics come from the training split alone.

    Raises:
        DataError: parts that can't be made, or that leak into each other.
    """
    from mlzoo.augmentation.choosing import choose
    from mlzoo.data.contracts import task
    from mlzoo.data.images.tiles import choose_tiling, tile_of
    from mlzoo.data.policies import Policy
    from mlzoo.data.quality.digests import fingerprint
    from mlzoo.data.samples import Data, Part
    from mlzoo.layers.input_scaling import empty_columns, input_spec

    samples, parts = loading.partition(samples, config, seed)
    if config.train_on == "train+valid":
        parts = loading.join_valid(parts)
    tiling = None
    if samples.target.dense:
        tile = tile_of(config.tile, samples.reader.depth)
        tiling = choose_tiling(tile, config.overlap or 0, *samples.inputs.shape[1:3])
    notes = parts.notes
    if tiling is not None:
        notes = (*notes, f"tiles: {tiling.side}x{tiling.side} pixels (--tile)")
    train, valid, test = (Part(samples, parts.parts[name]) for name in ("train", "valid", "test"))
    policy = Policy("none") if config.augment == "none" else choose(config.augment, train)
    notes = (*notes, *policy.notes())
    empty = [
        f"column {name!r} has no value in the training split, so it is not read (--drop {name!r})"
        for name in empty_columns(train)
    ]
    outputs = replace(
        task(samples.task).output_spec(train),
        distribution=spreads(config),
        quantiles=quantile_levels(config),
        **_conditions(train, config),
    )
    return Data(
        samples=samples,
        train=train,
        valid=valid,
        test=test,
        inputs=input_spec(train),
        outputs=outputs,
        fingerprint=fingerprint(samples),
        tiling=tiling,
        policy=policy,
        notes=(*samples.notes, *notes),
        warnings=(*samples.warnings, *parts.warnings, *empty),
        tolerance=config.tolerance,
    )


def _conditions(train: Part, config: RunConfig) -> dict[str, Any]:
    """Return what a conditional model draws samples of, as fields of `Outputs`; else none.

    Raises:
        UsageError: the samples have neither classes nor a number.
    """
    samples = train.samples
    if not config.set.get("conditional") or not samples.target.drawn:
        return {}
    if samples.numbers is not None:
        import numpy as np

        known = samples.numbers[train.indices].astype(float)
        quantiles = np.quantile(known, np.linspace(0, 1, _QUANTILES))
        return {"condition_quantiles": tuple(map(float, quantiles))}
    if samples.classes is None or len(samples.class_names) < 2:
        raise UsageError(
            f"--set conditional={config.set['conditional']}: samples are drawn of a class or a "
            f"number, but {config.data} has none; give a folder of images a class, or a table of "
            "images with a column of numbers (--target)"
        )
    return {"conditions": len(samples.class_names)}
