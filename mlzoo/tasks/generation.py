"""New samples from the distribution of given ones: learning without labels.

Drawn samples are compared with the test split in the scaled space of models (pixels from 0 to 1,
standardized numbers of tables), by principal components of the training split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Baseline, Headline, Predict, Sampler
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics.unlabeled.draws import (
    ComponentSpace,
    Draws,
    agreement,
    compare,
    learned_from,
)
from mlzoo.statistics.unlabeled.likelihood import SAMPLES
from mlzoo.tasks._inputs import InputTask
from mlzoo.tasks._tallies import Counting, Tally

_BOUND = "real"
"""Baseline that is no rival: nothing can be better than real samples."""


class Task(InputTask):
    """Generation; `predict` takes positions (m,) and returns m scaled samples, drawn."""

    target = Target("inputs", "draw")
    losses = ()
    headline = Headline("two_sample", "min")
    paired = False
    metrics = (
        "two_sample",
        "frechet",
        "kernel_distance",
        "sample_precision",
        "sample_recall",
        "copies",
        "nearest_ratio",
        "class_agreement",
        "train_on_drawn",
        "elbo",
        "log_likelihood",
    )

    def count(
        self,
        predict: Predict | None,
        data: Data,
        rows: Part,
        baselines: Mapping[str, Baseline],
        counting: Counting,
    ) -> dict[str, Tally]:
        """Draw as many samples as a split has, from the model and each baseline; see `TallyTask`.

        A baseline may have fewer. A conditional model draws samples of each class in turn.
        """
        if not len(data.train):
            return {}
        space = ComponentSpace(_scaled(data.outputs, data.train))
        real = _scaled(data.outputs, rows)
        conditions = data.outputs.conditions
        draws = {name: each.predict for name, each in baselines.items()}
        if predict is not None:
            draws = {"": predict} | draws
        tallies: dict[str, Tally] = {}
        for name, draw in draws.items():
            samples = np.asarray(draw(np.arange(len(rows))))
            if not np.isfinite(samples).all():
                raise DivergedError(
                    "the samples that the model draws are NaN or infinite; train again with a "
                    "smaller --learning-rate"
                )
            flat = samples.reshape(len(samples), -1)
            counts = compare(space, real, flat)
            if not name and isinstance(predict, Sampler):
                counts = _with_likelihood(counts, predict, data.train, rows)
            if conditions and not name:
                wanted = np.arange(len(samples)) % conditions
                agreed = agreement(space, _classes(data.train), flat, wanted)
                learned = learned_from(space, flat, wanted, real, _classes(rows))
                counts = replace(counts, agreed=agreed, learned=learned)
            elif conditions and name == _BOUND:
                counts = replace(counts, learned=_learned_real(data, space, real, rows))
            tallies[name] = GenerationTally(counts, None if name else samples)
        return tallies

    def _chosen(self, data: Data, baselines: Mapping[str, Baseline], metric: str) -> str | None:
        """Return the baseline that the verdict is against: no real samples."""
        return next((name for name in baselines if name != _BOUND), None)


@dataclass(frozen=True)
class GenerationTally:
    """Drawn samples beside n real ones.

    Attributes:
        counts: the comparison.
        samples: (m, *shape) the model's drawn samples, scaled; None for a baseline.
    """

    counts: Draws
    samples: np.ndarray | None = None

    def tables(self) -> dict[str, object]:
        """Return nothing beside the metrics."""
        return {}

    def scores(self) -> np.ndarray:
        """Return whether the nearest sample of each real one is a drawn one, (n,)."""
        return 1 - self.counts.real_alone

    def columns(self) -> dict[str, list[Any]]:
        """Return of each real sample, and the drawn one in its place, what its neighbors are."""
        count = len(self.counts.real)
        none = [None] * (count - len(self.counts.drawn))
        return {
            "nearest_is_real": self.counts.real_alone.astype(int).tolist(),
            "drawn_nearest_is_drawn": self.counts.drawn_alone.astype(int).tolist() + none,
            "copy": self.counts.copied.astype(int).tolist() + none,
        }


def _with_likelihood(counts: Draws, model: Sampler, train: Part, rows: Part) -> Draws:
    """Return the same with what the model's likelihood is made from, of some of the samples."""
    if model.log_weights is None:
        return counts
    some, known = (_some(part, SAMPLES) for part in (rows, train))
    weights = model.log_weights(train.inputs(known), rows.inputs(some))
    return replace(counts, measured=some, log_weights=weights)


def _some(rows: Part, count: int) -> np.ndarray:
    """Return evenly spaced positions in a split, at most so many."""
    return np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))


def _learned_real(data: Data, space: ComponentSpace, real: np.ndarray, rows: Part) -> np.ndarray:
    """Return whether what learned from as many training samples as are drawn is right, (n,)."""
    chosen = Part(data.samples, data.train.indices[_some(data.train, len(rows))])
    flat = _scaled(data.outputs, chosen)
    return learned_from(space, flat, _classes(chosen), real, _classes(rows))


def _classes(rows: Part) -> np.ndarray:
    """Return the class positions (n,) of the samples of a split."""
    assert rows.samples.classes is not None
    return rows.samples.classes[rows.indices]


def _scaled(outputs: Outputs, rows: Part) -> np.ndarray:
    """Return scaled samples of a split as rows (n, values)."""
    from mlzoo.layers.input_scaling import scaled

    chunks = [scaled(outputs.scaling, rows.inputs(positions)) for positions in rows.chunks()]
    return np.concatenate([chunk.reshape(len(chunk), -1) for chunk in chunks])
