"""Windows of long series: where each lies in time, and a split that no window reaches across."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlzoo.data.samples import PARTS
from mlzoo.errors import DataError


@dataclass(frozen=True)
class Windows:
    """Where n windows and the values that follow them lie.

    Attributes:
        spans: (n, 2) the first step of the window and the step after its last target, on a time
            axis that all series share.
        history: (n,) how many steps follow on one another, without a break in time, before each
            window's first target.
        season: steps after which the series repeats itself; 1: it does not.
        labels: the text of the time axis' steps, for messages.
        series: (n,) which series each is cut from; None: there is one.
        filled: how many missing values were filled at each step of the time axis; None: none.
    """

    spans: np.ndarray
    history: np.ndarray
    season: int
    labels: np.ndarray
    series: np.ndarray | None = None
    filled: np.ndarray | None = None

    def only(self, indices: np.ndarray) -> Windows:
        """Those at some positions."""
        return replace(
            self,
            spans=self.spans[indices],
            history=self.history[indices],
            series=None if self.series is None else self.series[indices],
        )


def split_by_time(
    windows: Windows, shares: dict[str, float], gap: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Parts in order of time: a window belongs to one where all of it, targets too, lies in it.

    Args:
        windows: as drawn from the whole series.
        shares: of the time axis, by part.
        gap: steps between two parts that belong to none.

    Returns:
        Positions of each part's windows, and notes.

    Raises:
        DataError: a part's time holds no window.
    """
    begin, end = int(windows.spans[:, 0].min()), int(windows.spans[:, 1].max())
    edges = np.cumsum([0, *(shares.get(part, 0.0) for part in PARTS)])
    borders = begin + np.rint(edges * (end - begin)).astype(int)
    parts: dict[str, np.ndarray] = {}
    told, filled = [], []
    for number, part in enumerate(PARTS):
        low = borders[number] + (gap if number and shares.get(part) else 0)
        high = borders[number + 1]
        inside = (windows.spans[:, 0] >= low) & (windows.spans[:, 1] <= high)
        parts[part] = np.flatnonzero(inside)
        if shares.get(part) and not inside.any():
            needed = int((windows.spans[:, 1] - windows.spans[:, 0]).max())
            raise DataError(
                f"the {part} part has {max(high - low, 0)} steps, but a window and the values that "
                f"follow it take {needed}: use a shorter --window or --horizon, a smaller --gap, "
                "or other --fractions"
            )
        if inside.any():
            told.append(f"{part} {windows.labels[low]} to {windows.labels[high - 1]}")
        if windows.filled is not None:
            filled.append(f"{part} {windows.filled[low:high].sum()}")
    left = len(windows.spans) - sum(map(len, parts.values()))
    counts = "/".join(str(len(parts[part])) for part in PARTS)
    notes = [
        f"split: {counts} windows in order of time, {', '.join(told)} (--fractions)",
        f"split: {left} windows that reach across a border are left out, {gap} steps between the "
        "parts (--gap)",
    ]
    if filled:
        notes.append(f"missing values filled: {', '.join(filled)} (--source-set missing=)")
    return parts, notes


def folds_by_time(
    windows: Windows, indices: np.ndarray, count: int, gap: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds that are trained on the past and scored on what follows it.

    The time of the windows at `indices` is cut into `count + 1` equal stretches; fold i is trained
    on the first i and scored on the one after them. A window belongs to a stretch where all of it,
    targets too, lies in it.

    Args:
        windows: as drawn from the whole series.
        indices: positions of those to use.
        count: of folds.
        gap: steps between what is trained on and what is scored on.

    Raises:
        DataError: a stretch holds no window.
    """
    starts, ends = windows.spans[indices].T
    borders = np.rint(np.linspace(starts.min(), ends.max(), count + 2)).astype(int)
    folds = []
    for number in range(1, count + 1):
        low, high = borders[number], borders[number + 1]
        train = indices[ends <= low]
        valid = indices[(starts >= low + gap) & (ends <= high)]
        if not len(train) or not len(valid):
            raise DataError(
                f"fold {number} of {count} has {len(train)} windows to train on and {len(valid)} "
                "to score on: use fewer --folds, a shorter --window or a smaller --gap"
            )
        folds.append((train, valid))
    return folds


def shared_time(windows: Windows, parts: dict[str, np.ndarray]) -> list[str]:
    """A sentence for each two parts whose windows share steps."""
    found = []
    present = [part for part in PARTS if len(parts.get(part, ()))]
    for i, first in enumerate(present):
        for second in present[i + 1 :]:
            a, b = windows.spans[parts[first]], windows.spans[parts[second]]
            order = np.argsort(a[:, 0])
            starts, ends = a[order, 0], np.maximum.accumulate(a[order, 1])
            before = np.searchsorted(starts, b[:, 1], side="left") - 1
            overlap = (before >= 0) & (ends[np.maximum(before, 0)] > b[:, 0])
            if overlap.any():
                found.append(
                    f"{int(overlap.sum())} of {len(b)} {second} windows share steps in time with "
                    f"{first} windows"
                )
    return found
