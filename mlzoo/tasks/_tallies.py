"""Base of tasks whose scores are sums of counts per image or sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from mlzoo.core import registry
from mlzoo.data.contracts import Baseline, Evaluation, Headline, Predict, Scorer, SplitScores
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.volumes.slices import slices_of
from mlzoo.statistics import intervals
from mlzoo.statistics.boundaries import tolerant_counts
from mlzoo.statistics.metrics import scorers, values
from mlzoo.statistics.verdicts import against_baselines, best_baseline
from mlzoo.tasks._heads import HeadedTask
from mlzoo.tasks._predictions import ImageScores, read_image_scores

MODEL_TABLES = ("confusion", "reliability")
"""Tables that are reported of a model and not of baselines."""


class Tally(Protocol):
    """Counts of each image or sequence, from which scores are computed.

    Attributes:
        counts: as metrics take them.
    """

    @property
    def counts(self) -> Any: ...  # noqa: D102

    def tables(self) -> dict[str, object]:
        """Return what is reported of all images together beside the metrics."""
        ...

    def scores(self) -> np.ndarray:
        """Return a score (n,) of each image on its own; higher is better."""
        ...

    def columns(self) -> dict[str, list[Any]]:
        """Return the columns of `predictions.csv` of each image."""
        ...


_WITHIN = "pixels within the tolerance"


def tolerant_metrics() -> list[str]:
    """Return the names of the metrics of pixels that count as right within a distance."""
    names = registry.names("metric")
    return [name for name in names if registry.constants("metric", name).get("TOLERANT")]


class Counting:
    """Counts of those metrics that count for themselves, of each predictor.

    Args:
        metrics: names; those without a `count` are left out.
        classes: the number of classes.
        tolerance: distance in pixels within which pixels count as right in metrics that are
            `TOLERANT`; None: these are left out.
    """

    def __init__(
        self, metrics: Sequence[str], classes: int = 0, tolerance: float | None = None
    ) -> None:
        plugins = {registry.stem(name): registry.load("metric", name) for name in metrics}
        self._functions = {n: each.count for n, each in plugins.items() if hasattr(each, "count")}
        self._tolerant = tolerant_metrics() if tolerance is not None else []
        if tolerance is not None:
            # Counted once for all of them.
            self._functions[_WITHIN] = partial(
                tolerant_counts, classes=classes, tolerance=tolerance
            )
        self._counts: dict[str, dict[str, list[Any]]] = {}

    def see(self, predictor: str, y_true: np.ndarray, y_pred: np.ndarray, depth: int = 0) -> None:
        """Count the next image or sequence, or the slices of a volume (0: it is no volume).

        A volume's counts are the mean of those of its slices, NaN aside: as all volumes have as
        many slices, ratios of sums of counts are those of all slices.
        """
        parts = [(y_true, y_pred)]
        if depth:
            parts = list(zip(slices_of(y_true, depth), slices_of(y_pred, depth), strict=True))
        for metric, function in self._functions.items():
            counts = self._counts.setdefault(predictor, {}).setdefault(metric, [])
            each = [function(*part) for part in parts]
            counts.append(_mean(np.array(each, "float64")) if depth else each[0])

    def of(self, predictor: str) -> dict[str, np.ndarray]:
        """Return the counts (n, ...) of each metric."""
        counts = {n: np.array(c, "float64") for n, c in self._counts.get(predictor, {}).items()}
        within = counts.pop(_WITHIN, None)
        return counts if within is None else counts | dict.fromkeys(self._tolerant, within)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean (...) of values (n, ...) that are not NaN; NaN where all are."""
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


@dataclass(frozen=True)
class TallyOutcome:
    """Counts of a model's predictions for n images or sequences.

    Attributes:
        indices: (n,) positions in `Samples`.
        tally: counts of each.
        metrics: as functions of weights over images or sequences.
        blocks: (n,) labels of overlapping windows, which intervals leave out together; None if
            each is left out alone.
        outputs: n arrays (height, width, k), where not the model of the run predicted them.
    """

    indices: np.ndarray
    tally: Tally
    metrics: Mapping[str, Scorer]
    blocks: np.ndarray | None = None
    outputs: Sequence[np.ndarray] | None = None

    def scorers(self) -> dict[str, Scorer]:
        """Return the scalar metrics as functions of weights over images or sequences."""
        return dict(self.metrics)

    def columns(self, samples: Samples) -> list[tuple[str, Any]]:
        """Return the columns of `predictions.csv`: the counts of each image or sequence."""
        return [*samples.columns_of(self.indices, self.blocks), *self.tally.columns().items()]


class TallyTask(HeadedTask):
    """Task whose scores are summed over images or sequences."""

    def count(
        self,
        predict: Predict | None,
        data: Data,
        rows: Part,
        baselines: Mapping[str, Baseline],
        counting: Counting,
    ) -> dict[str, Tally]:
        """Count predictions on a split.

        Args:
            predict: the model, or None.
            data: samples in three splits.
            rows: the split to count.
            baselines: fitted baselines by name.
            counting: sees the predictions too.

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

    def evaluate(self, given: Evaluation) -> tuple[SplitScores, TallyOutcome]:
        """Score a model on a split of the data; images and sequences are read once."""
        data, baselines, part, seed = given.data, given.baselines, given.part, given.seed
        rows, tolerance = given.rows, data.tolerance
        counting = Counting(given.extra, len(data.samples.class_names), tolerance)
        tallies = self.count(given.predict, data, rows, baselines, counting)
        within = () if tolerance is None else tolerant_metrics()
        names = dict.fromkeys((*self.metrics, *given.extra, *within))
        theirs = {
            name: scorers(names, tally.counts, counting.of(name)) for name, tally in tallies.items()
        }
        tally, ours = tallies.pop(""), theirs.pop("")
        blocks = self.block_labels(rows)
        labels = blocks if rows.groups is None else rows.groups
        unit = self.unit if labels is None else "groups" if rows.groups is not None else self.blocks
        metric = self.judged_on(rows).name
        result: SplitScores = {
            "part": part,
            "samples": len(rows),
            "metrics": {**values(ours, len(rows)), **tally.tables()},
            "intervals": intervals.intervals(ours, len(rows), labels, seed),
            "interval_unit": unit,
            "units": intervals.count_units(len(rows), labels),
            "baselines": {
                name: {
                    **values(theirs[name], len(rows)),
                    **_each_class(each),
                    "note": baselines[name].note_on(rows),
                }
                for name, each in tallies.items()
            },
            "headline": metric,
            **against_baselines(
                ours,
                theirs,
                metric,
                len(rows),
                labels,
                seed,
                self._chosen(data, baselines, metric) if part == "test" else None,
            ),
        }
        if tolerance is not None:
            result["tolerance"] = tolerance
        return result, TallyOutcome(rows.indices, tally, ours, blocks)

    def judged_on(self, rows: Part) -> Headline:
        """Return the metric that decides on a split."""
        return self.headline

    def _chosen(self, data: Data, baselines: Mapping[str, Baseline], metric: str) -> str | None:
        """Return the baseline that is best on the validation split; None without a choice."""
        decides = len(data.valid) and self.judged_on(data.valid).name == metric
        if not decides or len(baselines) < 2:
            return None
        tallies = self.count(None, data, data.valid, baselines, Counting(()))
        theirs = {name: scorers([metric], tally.counts) for name, tally in tallies.items()}
        return best_baseline(theirs, metric, len(data.valid))


def _each_class(tally: Tally) -> dict[str, object]:
    """Return the metrics of each class or field."""
    tables = tally.tables()
    return {name: value for name, value in tables.items() if name not in MODEL_TABLES}
