"""A run's predictions as a CSV file that a later comparison pairs with another run's.

Columns: `index` (position in the data), `name`, `group` (where samples have groups), `target` and
`prediction` (class names, or numbers), and for classes `p_<class>` each. With several targets
there are `target_<name>` and `prediction_<name>` each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.core.files import unquoted, write_rows
from mlzoo.data.samples import Samples
from mlzoo.evaluating.evaluate import Outcome
from mlzoo.tasks.forecasting import ForecastOutcome
from mlzoo.tasks.segmentation import DenseOutcome


@dataclass(frozen=True)
class Predictions:
    """What a file holds, ordered by index.

    Attributes:
        indices: (n,) positions in the data.
        targets: (n, k) text as it stands: class names or numbers.
        predictions: (n, k) the same.
        groups: (n,) labels, or None.
    """

    indices: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    groups: np.ndarray | None


@dataclass(frozen=True)
class ImageScores:
    """What a file holds of a model for every pixel or step, ordered by index.

    Attributes:
        indices: (n,) positions in the data.
        targets: (n, k) true pixels or steps of each class, or (n, 1) values that count.
        sums: `found`, `missed` and `false`, (n, k) each; or `values` and `squared_error`, or
            `values`, `bits` and `right`, (n,) each.
        groups: (n,) labels, or None.
    """

    indices: np.ndarray
    targets: np.ndarray
    sums: dict[str, np.ndarray]
    groups: np.ndarray | None


@dataclass(frozen=True)
class Forecasts:
    """What a file holds of forecasts, ordered by index.

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


def write_predictions(path: Path, outcome: Outcome, samples: Samples) -> None:
    """Write what a model said of the samples of a part. Numbers keep all their digits."""
    more = _class_columns if samples.task == "classification" else _value_columns
    _write(path, [*_about(outcome.indices, samples), *more(outcome, samples)])


def write_image_scores(path: Path, outcome: DenseOutcome, samples: Samples) -> None:
    """Write what a model for every pixel or step reached on each image or sequence of a part.

    Columns: `index`, `name`, `group`, then for segmentation `mean_iou` (for labelling `accuracy`)
    and for each class the pixels or steps `found_`, `missed_` and `false_` (taken for the class
    but not of it); for fields `rmse`, `values` (how many) and `squared_error` (their sum); for
    text `values`, `bits` (their sum) and `right`.
    """
    more = outcome.tally.columns().items()
    _write(path, [*_about(outcome.indices, samples, outcome.blocks), *more])


def write_forecasts(path: Path, outcome: ForecastOutcome, samples: Samples) -> None:
    """Write every forecast of a part: a row a window, step ahead and target.

    Columns: `index`, `name`, `group` (the block of time that it is drawn again with), `step`
    (ahead, from 1), `series` (the target), `target`, `prediction`, and where there is a band
    `low` and `high`.
    """
    count, horizon, targets = outcome.targets.shape
    where = np.indices((count, horizon, targets)).reshape(3, -1)
    window, step, target = where
    blocks = None if outcome.blocks is None else outcome.blocks[window]
    columns = [
        *_about(outcome.indices[window], samples, blocks),
        ("step", (step + 1).tolist()),
        ("series", [samples.target_names[i] for i in target]),
        ("target", outcome.targets.ravel().tolist()),
        ("prediction", outcome.outputs.ravel().tolist()),
    ]
    if outcome.band is not None:
        ends = {"low": outcome.band.low, "high": outcome.band.high}
        columns += [
            (name, (outcome.outputs + edge).ravel().tolist()) for name, edge in ends.items()
        ]
    _write(path, columns)


def _about(
    indices: np.ndarray, samples: Samples, blocks: np.ndarray | None = None
) -> list[tuple[str, list]]:
    """The columns on samples themselves; where they have no groups `blocks` may stand for them."""
    columns: list[tuple[str, list]] = [
        ("index", indices.tolist()),
        ("name", [samples.name_of(int(i)) for i in indices]),
    ]
    if samples.groups is not None:
        columns.append(("group", [str(g) for g in np.asarray(samples.groups)[indices]]))
    elif blocks is not None:
        columns.append(("group", blocks.tolist()))
    return columns


def _write(path: Path, columns: Sequence[tuple[str, list]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = zip(*(column for _, column in columns), strict=True)
        write_rows(file, [name for name, _ in columns], rows)


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

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
    targets, predictions = (plain(table[:, wanted[what]]).astype(str) for what in wanted)
    return Predictions(np.sort(indices), targets, predictions, groups)


def read_image_scores(path: Path) -> ImageScores:
    """Read what `write_image_scores` wrote.

    Raises:
        UsageError: the file lacks columns or rows.
    """
    header, rows = files.read_rows(path)
    kinds = {
        kind: [i for i, name in enumerate(header) if name.startswith(f"{kind}_")]
        for kind in ("found", "missed", "false")
    }
    plain: list[str] = [n for n in header if n in ("values", "squared_error", "bits", "right")]
    if "index" not in header or not rows or not (all(kinds.values()) or len(plain) > 1):
        raise UsageError(f"{path} holds no scores of images: it needs index and counts")
    table = np.array(rows, dtype=object)
    table = table[np.argsort(_integers(table[:, header.index("index")], path))]
    indices = _integers(table[:, header.index("index")], path)
    groups = table[:, header.index("group")].astype(str) if "group" in header else None
    if len(plain) > 1:
        sums = {name: table[:, header.index(name)].astype(float) for name in plain}
        return ImageScores(indices, sums["values"][:, None], sums, groups)
    sums = {kind: table[:, where].astype(float) for kind, where in kinds.items()}
    return ImageScores(indices, sums["found"] + sums["missed"], sums, groups)


def read_forecasts(path: Path) -> Forecasts:
    """Read what `write_forecasts` wrote.

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
    place = {name: i for i, name in enumerate(dict.fromkeys(column["series"].tolist()))}
    series = np.array([place[name] for name in column["series"]])
    order = np.lexsort((series, step, index))
    indices, firsts = np.unique(index[order], return_index=True)
    shape = len(indices), len(np.unique(step)), int(series.max()) + 1
    if len(table) != np.prod(shape):
        raise UsageError(f"{path} holds no forecasts: some windows lack steps or targets")
    truth, said = (
        column[name][order].astype(float).reshape(shape) for name in ("target", "prediction")
    )
    groups = column["group"][order][firsts].astype(str) if "group" in column else None
    return Forecasts(indices, truth, said, groups)


def _integers(column: np.ndarray, path: Path) -> np.ndarray:
    try:
        return column.astype("int64")
    except ValueError as error:
        raise UsageError(f"{path} holds no predictions: index: {error}") from None


def _class_columns(outcome: Outcome, samples: Samples) -> list[tuple[str, list]]:
    names = samples.class_names
    chosen = outcome.outputs.argmax(axis=1)
    return [
        ("target", [names[i] for i in outcome.targets]),
        ("prediction", [names[i] for i in chosen]),
        *((f"p_{name}", outcome.outputs[:, i].tolist()) for i, name in enumerate(names)),
    ]


def _value_columns(outcome: Outcome, samples: Samples) -> list[tuple[str, list]]:
    truth = outcome.targets.reshape(len(outcome.targets), -1).astype("float64")
    said = outcome.outputs.reshape(truth.shape)
    if truth.shape[1] == 1:
        return [("target", truth[:, 0].tolist()), ("prediction", said[:, 0].tolist())]
    pairs = (("target", truth), ("prediction", said))
    return [
        (f"{what}_{name}", values[:, i].tolist())
        for what, values in pairs
        for i, name in enumerate(samples.target_names)
    ]
