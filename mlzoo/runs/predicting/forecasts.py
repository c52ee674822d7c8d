"""Values that follow new series, within the band that a run keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import DataError
from mlzoo.data.sequences.reader import SeriesReader
from mlzoo.runs.results import Forecast

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


def forecasts(run: LoadedRun, new: Any) -> list[Forecast]:
    """Forecast series: those of a table's path, or windows (n, steps, channels).

    Raises:
        DataError: the series do not fit what the model was trained on.
    """
    import numpy as np

    windows = _windows(run, new)
    if not windows.names:
        raise DataError(f"{new if isinstance(new, (str, Path)) else 'the array'} is empty")
    y_pred = run.outputs(windows.rows).astype("float64")
    ahead = [f"+{step}" for step in range(1, y_pred.shape[1] + 1)]
    band = run.metrics["test"]["metrics"].get("band")
    low, high = (np.array(band[end]) if band else None for end in ("low", "high"))
    return [
        Forecast(
            name,
            ahead if windows.times is None else windows.times[i],
            y_pred[i],
            None if low is None else y_pred[i] + low,
            None if high is None else y_pred[i] + high,
            windows.notes,
            windows.warnings,
        )
        for i, name in enumerate(windows.names)
    ]


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
