"""Base of tasks whose scores are sums of counts per image or sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mlzoo.data.contracts import Baseline, Predict, Scorer
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.statistics import intervals
from mlzoo.statistics.verdicts import against_baselines, best_baseline
from mlzoo.tasks._heads import HeadedTask
from mlzoo.tasks._predictions import ImageScores, read_image_scores


class Tally(Protocol):
    """Counts of each image or sequence, from which scores are computed."""

    def scorers(self) -> dict[str, Scorer]:
        """Return scalar metrics as functions of weights over images."""
        ...

    def metrics(self) -> dict[str, Any]:
        """Return the scalars, and tables of all images together."""
        ...

    def scores(self) -> np.ndarray:
        """Return a score (n,) of each image on its own; higher is better."""
        ...

    def columns(self) -> dict[str, list[Any]]:
        """Return the columns of `predictions.csv` of each image."""
        ...


@dataclass(frozen=True)
class TallyOutcome:
    """Counts of a model's predictions for n images or sequences.

    Attributes:
        indices: (n,) positions in `Samples`.
        tally: counts of each.
        blocks: (n,) labels of overlapping windows, which intervals leave out together; None if
            each is left out alone.
    """

    indices: np.ndarray
    tally: Tally
    blocks: np.ndarray | None = None

    def scorers(self) -> dict[str, Scorer]:
        """Return the scalar metrics as functions of weights over images or sequences."""
        return self.tally.scorers()

    def columns(self, samples: Samples) -> list[tuple[str, list[Any]]]:
        """Return the columns of `predictions.csv`: the counts of each image or sequence."""
        return [*samples.columns_of(self.indices, self.blocks), *self.tally.columns().items()]


class TallyTask(HeadedTask):
    """Task whose scores are summed over images or sequences."""

    def count(
        self, predict: Predict | None, data: Data, rows: Part, baselines: Mapping[str, Baseline]
    ) -> dict[str, Tally]:
        """Count predictions on a split.

        Args:
            predict: the model, or None.
            data: samples in three splits.
            rows: the split to count.
            baselines: fitted baselines by name.

        Returns:
            Counts by name of the baseline; those of the model under "".
        """
        raise NotImplementedError

    def block_labels(self, rows: Part) -> np.ndarray | None:
        """Return labels (n,) of samples that intervals leave out together, or None."""
        return None

    def read_predictions(self, path: Any) -> ImageScores:
        """Read `predictions.csv`; see `Task`."""
        return read_image_scores(path)

    def evaluate(
        self,
        predict: Predict,
        data: Data,
        part: str,
        seed: int,
        baselines: Mapping[str, Baseline],
        positive: int | None = None,
        trained: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], TallyOutcome]:
        """Score a model on a split of the data; images and sequences are read once.

        Args:
            predict: the model; from raw inputs (n, *shape) to outputs (n, units).
            data: samples in three splits.
            part: the split: `train`, `valid` or `test`.
            seed: of the intervals' resampling.
            baselines: fitted baselines by name.
            positive: not used.
            trained: not used.
        """
        rows = data.parts()[part]
        tallies = self.count(predict, data, rows, baselines)
        ours = tallies.pop("")
        blocks = self.block_labels(rows)
        labels = blocks if rows.groups is None else rows.groups
        unit = self.unit if labels is None else "groups" if rows.groups is not None else self.blocks
        metric = self.headline.name
        result = {
            "part": part,
            "samples": len(rows),
            "metrics": ours.metrics(),
            "intervals": intervals.intervals(ours.scorers(), len(rows), labels, seed),
            "interval_unit": unit,
            "units": intervals.count_units(len(rows), labels),
            "baselines": {
                name: {**_each_class(tally), "note": baselines[name].note_on(rows)}
                for name, tally in tallies.items()
            },
            "headline": metric,
            **against_baselines(
                ours.scorers(),
                {name: tally.scorers() for name, tally in tallies.items()},
                metric,
                len(rows),
                labels,
                seed,
                self._chosen(data, baselines) if part == "test" else None,
            ),
        }
        return result, TallyOutcome(rows.indices, ours, blocks)

    def _chosen(self, data: Data, baselines: Mapping[str, Baseline]) -> str | None:
        """Return the baseline that is best on the validation split; None without a choice."""
        if not len(data.valid) or len(baselines) < 2:
            return None
        tallies = self.count(None, data, data.valid, baselines)
        scorers = {name: tally.scorers() for name, tally in tallies.items()}
        return best_baseline(scorers, self.headline.name, len(data.valid))


def _each_class(tally: Tally) -> dict[str, Any]:
    """Return the scalars, and those of each class or field."""
    return {name: value for name, value in tally.metrics().items() if name != "confusion"}
