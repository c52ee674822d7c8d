"""Predictions of a run's test split as a CSV file, read back to compare two runs.

Columns: `index` (position in the data), `name`, `group` (where samples have groups), then those of
the task (`Task` of each module). With several targets there are `target_<name>` and
`prediction_<name>` each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.core.files import unquoted
from mlzoo.data.contracts import Scorer
from mlzoo.statistics.forecasts import ForecastPredictions
from mlzoo.statistics.metrics import scorers
from mlzoo.statistics.scorers import ratio

_SUMS = (
    *("values", "squared_error", "absolute_error", "ssim"),
    *("bits", "right", "edits", "anomalous", "p_value"),
)
"""Columns of numbers that are read as they are."""


@dataclass(frozen=True)
class SamplePredictions:
    """Saved predictions of samples, ordered by index.

    Attributes:
        indices: (n,) positions in the data.
        targets: (n, k) text: class names or numbers.
        predictions: (n, k) the same.
        groups: (n,) labels, or None.
        classes: names of the classes in their order, if each has a column; else empty.
        probabilities: (n, classes) of each class, where they have columns.
        score: returns a metric of these as a function of weights over samples.
    """

    indices: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    groups: np.ndarray | None
    classes: tuple[str, ...]
    probabilities: np.ndarray
    score: Callable[[str, SamplePredictions], Scorer] = field(repr=False, compare=False)

    def scorer(self, metric: str, metrics: Mapping[str, Any] | None = None) -> Scorer:
        """Return a metric as a function of weights over samples."""
        return self.score(metric, self)


@dataclass(frozen=True)
class ImageScores:
    """Saved counts of predictions per pixel, step or token, ordered by index.

    Attributes:
        indices: (n,) positions in the data.
        targets: (n, k) true pixels or steps of each class, or (n, 1) values that count.
        sums: `found`, `missed` and `false`, (n, k) each; or `values` and `squared_error`, or
            `values`, `bits` and `right`, or `values` and `edits`, (n,) each; what is known of
            anomalies with them.
        groups: (n,) labels, or None.
    """

    indices: np.ndarray
    targets: np.ndarray
    sums: dict[str, np.ndarray]
    groups: np.ndarray | None

    @property
    def right(self) -> np.ndarray:  # noqa: D102
        return self.sums["found"]

    @property
    def true(self) -> np.ndarray:  # noqa: D102
        return self.sums["found"] + self.sums["missed"]

    @property
    def chosen(self) -> np.ndarray:  # noqa: D102
        return self.sums["found"] + self.sums["false"]

    @property
    def matches(self) -> np.ndarray:
        """Return the pairs of instances, and those without, at each threshold: (n, k, 3)."""
        return np.stack([self.sums[kind] for kind in ("found", "false", "missed")], axis=-1)

    @property
    def edits(self) -> np.ndarray:  # noqa: D102
        return self.sums["edits"]

    @property
    def lengths(self) -> np.ndarray:  # noqa: D102
        return self.sums["values"]

    @property
    def exact(self) -> np.ndarray:
        """Return 1.0 where a text is right to the last character, (n,)."""
        return (self.edits == 0).astype("float64")

    @property
    def bits(self) -> np.ndarray:  # noqa: D102
        return self.sums["bits"]

    def mean(self, values: np.ndarray) -> Scorer:
        """Return the mean of sums of values (n,) over what is predicted."""
        return lambda weights: ratio(weights @ values, weights @ self.sums["values"])

    def mean_error(self, error: Callable[[np.ndarray], np.ndarray]) -> Scorer:
        """Return the mean of `np.square` of the differences."""
        sums: dict[Any, str] = {np.square: "squared_error"}
        return self.mean(self.sums[sums[error]])

    def scorer(self, metric: str, metrics: Mapping[str, Any] | None = None) -> Scorer:
        """Return a metric as a function of weights over images or sequences."""
        return scorers([metric], self)[metric]


@dataclass(frozen=True)
class Forecasts:
    """Saved forecasts, ordered by index.

    Attributes:
        indices: (n,) positions of the windows in the data.
        targets: (n, horizon, k) true values, NaN where there is none; targets in the file's order.
        predictions: the same, forecast.
        groups: (n,) labels of the blocks of time, or None.
    """

    indices: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    groups: np.ndarray | None

    def scorer(self, metric: str, metrics: Mapping[str, Any] | None = None) -> Scorer:
        """Return a metric as a function of weights over windows.

        `metrics` holds the `scale` by which MASE divides.
        """
        missing = [None] * self.targets.shape[2]
        scale = np.array((metrics or {}).get("scale", missing), float)
        predictions = ForecastPredictions(self.targets, self.predictions, scale)
        return scorers([metric], predictions)[metric]


def read_predictions(
    path: Path, score: Callable[[str, SamplePredictions], Scorer]
) -> SamplePredictions:
    """Read predictions of samples; `score` is passed to `SamplePredictions`.

    Raises:
        UsageError: the file lacks columns or rows, or an index occurs twice.
    """
    header, rows = files.read_rows(path)
    wanted = {
        what: [i for i, name in enumerate(header) if name == what or name.startswith(f"{what}_")]
        for what in ("target", "prediction")
    }
    complete = "index" in header and all(wanted.values()) and rows
    if not complete or any(len(row) != len(header) for row in rows):
        raise UsageError(f"{path} holds no predictions: it needs index, target and prediction")
    table = np.array(rows, dtype=object)
    indices = _integers(table[:, header.index("index")], path)
    if len(np.unique(indices)) < len(indices):
        raise UsageError(f"{path} holds an index twice")
    table = table[np.argsort(indices)]
    groups = table[:, header.index("group")].astype(str) if "group" in header else None
    plain = np.vectorize(unquoted, otypes=[object])
    columns = [column for column, name in enumerate(header) if name.startswith("p_")]
    classes = tuple(unquoted(header[column].removeprefix("p_")) for column in columns)
    probabilities = read_numbers(table[:, columns], path)
    targets, predictions = (plain(table[:, wanted[what]]).astype(str) for what in wanted)
    ordered = np.sort(indices)
    return SamplePredictions(ordered, targets, predictions, groups, classes, probabilities, score)


def read_image_scores(path: Path) -> ImageScores:
    """Read scores of images, sequences or windows.

    Raises:
        UsageError: the file lacks columns or rows.
    """
    header, rows = files.read_rows(path)
    kinds = {
        kind: [i for i, name in enumerate(header) if name.startswith(f"{kind}_")]
        for kind in ("found", "missed", "false")
    }
    plain: list[str] = [n for n in header if n in _SUMS]
    ragged = any(len(row) != len(header) for row in rows)
    known = "index" in header and (all(kinds.values()) or len(plain) > 1)
    if not known or not rows or ragged:
        raise UsageError(f"{path} holds no scores of images: it needs index and counts")
    table = np.array(rows, dtype=object)
    table = table[np.argsort(_integers(table[:, header.index("index")], path))]
    indices = _integers(table[:, header.index("index")], path)
    groups = table[:, header.index("group")].astype(str) if "group" in header else None
    if len(plain) > 1:
        sums = {name: read_numbers(table[:, header.index(name)], path) for name in plain}
        return ImageScores(indices, sums["values"][:, None], sums, groups)
    sums = {kind: read_numbers(table[:, where], path) for kind, where in kinds.items()}
    return ImageScores(indices, sums["found"] + sums["missed"], sums, groups)


def read_forecasts(path: Path) -> Forecasts:
    """Read forecasts.

    Raises:
        UsageError: the file lacks columns or rows.
    """
    header, rows = files.read_rows(path)
    needed = ("index", "step", "series", "target", "prediction")
    if not set(needed) <= set(header) or not rows or any(len(r) != len(header) for r in rows):
        raise UsageError(f"{path} holds no forecasts: it needs {', '.join(needed)}")
    table = np.array(rows, dtype=object)
    column = {name: table[:, header.index(name)] for name in (*needed, "group") if name in header}
    index, step = (_integers(column[name], path) for name in ("index", "step"))
    position = {name: i for i, name in enumerate(dict.fromkeys(column["series"].tolist()))}
    series = np.array([position[name] for name in column["series"]])
    order = np.lexsort((series, step, index))
    indices, firsts = np.unique(index[order], return_index=True)
    shape = len(indices), len(np.unique(step)), int(series.max()) + 1
    if len(table) != np.prod(shape):
        raise UsageError(f"{path} holds no forecasts: some windows lack steps or targets")
    y_true, y_pred = (
        read_numbers(column[name][order], path).reshape(shape) for name in ("target", "prediction")
    )
    groups = column["group"][order][firsts].astype(str) if "group" in column else None
    return Forecasts(indices, y_true, y_pred, groups)


def read_numbers(cells: np.ndarray, path: str | Path) -> np.ndarray:
    """Return cells of a file of predictions, any shape, as float64.

    Raises:
        DataError: some are no numbers.
    """
    try:
        return cells.astype("float64")
    except ValueError as error:
        raise files.damaged(Path(path), f"is damaged: {error}") from None


def _integers(column: np.ndarray, path: Path) -> np.ndarray:
    try:
        return column.astype("int64")
    except ValueError as error:
        raise UsageError(f"{path} holds no predictions: index: {error}") from None
