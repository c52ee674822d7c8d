"""Series made by hand, cut into windows in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.reader import SeriesReader
from mlzoo.data.sequences.sequences import Series
from mlzoo.data.sequences.series import cut_windows, known_ahead
from mlzoo.data.sequences.steps import fill_stretches
from mlzoo.data.sequences.windows import split_by_time
from mlzoo.data.specs import Inputs, Outputs


def series_data(
    series: Sequence[Any],
    window: int = 2,
    horizon: int = 1,
    season: int = 1,
    targets: int = 1,
    stride: int = 1,
    missing: str = "error",
    ahead: Sequence[int] = (),
    static: Sequence[int] = (),
) -> Data:
    """Windows of series (steps,) or (steps, channels), 60/20/20 of the time.

    Channels that are known `ahead` of the last steps are not: these have no windows.
    """
    arrays = [np.asarray(values, "float32").reshape(len(values), -1) for values in series]
    all_series = [
        Series(f"s{i}", fill_stretches(values, missing, np.arange(0)), None, np.isnan(values))
        for i, values in enumerate(arrays)
    ]
    names = tuple(f"c{i}" for i in range(arrays[0].shape[1]))
    reader = SeriesReader(
        channels=names,
        targets=names[:targets],
        window=window,
        horizon=horizon,
        stride=stride,
        season=season,
        missing=missing,
        ahead=tuple(names[place] for place in ahead),
        static=tuple(names[place] for place in static),
    )
    unknown = np.full((horizon, len(names)), np.nan, "float32")
    all_series = [replace(each, following=unknown) for each in all_series]
    samples = cut_windows(known_ahead(all_series, reader), reader)
    assert samples.windows is not None
    shares = {"train": 0.6, "valid": 0.2, "test": 0.2}
    parts = split_by_time(samples.windows, shares, 0)[0]
    train = samples.targets[parts["train"]]
    outputs = Outputs(
        "forecasting",
        targets,
        tuple(np.nanmean(train, axis=(0, 1)).tolist()),
        tuple(np.nanstd(train, axis=(0, 1)).tolist()),
        horizon,
        tuple(range(targets)),
        reader.context,
    )
    return Data(
        samples,
        *(Part(samples, parts[name]) for name in ("train", "valid", "test")),
        Inputs(samples.inputs.shape[1:], "sequence"),
        outputs,
        "f" * 64,
    )
