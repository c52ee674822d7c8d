"""Values that follow new series, within the band that a run keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import DataError
from mlzoo.data.sequences.reader import SeriesReader
from mlzoo.runs.predicting import novelty
from mlzoo.runs.predicting.conformal import forecast_band
from mlzoo.runs.predicting.settings import UNLIKE
from mlzoo.runs.results import Forecast, Predictions

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.runs.loaded import LoadedRun

_ARRAYS = (".npz", ".npy")


@dataclass(frozen=True)
class _Windows:
    """The last steps of n series.

    Attributes:
        rows: (n, steps, channels), or (n, numbers) of a model that goes on from vectors.
        names: of the series.
        times: of each the steps ahead, as text; None where only their number is known.
        notes: what was assumed.
        warnings: what was odd about the series.
    """

    rows: np.ndarray
    names: list[str]
    times: list[list[str]] | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def forecasts(
    run: LoadedRun, new: Any, coverage: float | None = None, unlike: float = UNLIKE
) -> list[Forecast]:
    """Forecast series: those of a table's path, or windows (n, steps, channels).

    Args:
        run: of forecasts.
        new: path or windows.
        coverage: share of the true values that bands hold; by default that of the report.
        unlike: mark windows unlike the training data at this rate of false alarms; 0: none.

    Raises:
        DataError: the series do not fit what the model was trained on.
        UsageError: the run has too few held-out windows for such a coverage.
    """
    from mlzoo.layers.predictive import levels_of
    from mlzoo.statistics.forecasts import Band, median_of

    band = Band.of(run.metrics["test"]["metrics"].get("band"))
    if coverage is not None:
        band = forecast_band(run.path, coverage)
    windows = _windows(run, new)
    if not windows.names:
        raise DataError(f"{new if isinstance(new, (str, Path)) else 'the array'} is empty")
    reference, marks = run.reference if unlike else None, None
    if reference is None:
        outputs = run.distributions(windows.rows)
    else:
        outputs, features = run.joint_model.split(run.joint_outputs(windows.rows))
        marks = novelty.marks(features, reference, unlike)
    outputs = outputs.astype("float64")
    y_pred = median_of(outputs)
    ends = None if band is None else band.ends(outputs, y_pred)
    levels = levels_of(run.model) if outputs.ndim == 4 else ()
    ordered = sorted(range(len(levels)), key=lambda number: levels[number])
    ahead = [f"+{step}" for step in range(1, y_pred.shape[1] + 1)]
    return [
        Forecast(
            name,
            ahead if windows.times is None else windows.times[i],
            y_pred[i],
            None if ends is None else ends[0, i],
            None if ends is None else ends[1, i],
            windows.notes,
            windows.warnings,
            None if marks is None else bool(marks[0][i]),
            None if marks is None else float(marks[1][i]),
            {f"q{levels[level]:g}": outputs[i, level] for level in ordered},
        )
        for i, name in enumerate(windows.names)
    ]


def as_predictions(made: list[Forecast]) -> Predictions:
    """Return forecasts as predictions, with ends (n, horizon, targets) and marks (n,)."""
    import numpy as np

    values = [each.values for each in made]
    result = Predictions([each.name for each in made], values, None, made[0].warnings)
    if made[0].low is not None:
        low, high = (np.stack([getattr(each, end) for each in made]) for end in ("low", "high"))
        result = replace(result, low=low, high=high)
    quantiles = {
        name: np.stack([each.quantiles[name] for each in made]) for name in made[0].quantiles
    }
    result = replace(result, quantiles=quantiles)
    if made[0].unlike is None:
        return result
    unlike, p = (np.array([getattr(each, n) for each in made]) for n in ("unlike", "unlike_p"))
    return replace(result, unlike=unlike, unlike_p=p)


def _windows(run: LoadedRun, new: Any) -> _Windows:
    """Return the windows that new series end in."""
    import numpy as np

    from mlzoo.data.inputs import read_inputs
    from mlzoo.data.new_samples import existing
    from mlzoo.data.sequences.inference_series import last_windows

    reader = run.reader
    if not isinstance(new, (str, Path)):
        rows = run.checked(np.asarray(new))
        return _Windows(rows, [f"sample {index}" for index in range(len(rows))])
    location = existing(str(new))
    if isinstance(reader, SeriesReader) and location.is_dir():
        raise DataError(f"{new} is a folder; name a table of series, a row a step")
    if isinstance(reader, SeriesReader) and location.suffix.lower() not in _ARRAYS:
        latest = last_windows(location, reader)
        return _Windows(latest.windows, latest.names, latest.times, latest.notes, latest.warnings)
    read = read_inputs(str(new), reader)
    return _Windows(np.asarray(read.rows[:]), read.names, warnings=read.warnings)
