"""Windows of long series: where each lies in time, and splits in which no target is shared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.splits.names import PARTS, SPLIT_NAMES


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
        targets: (n,) the step of each window's first target, on the time axis; None: from the
            window's first step on, so that windows of different splits share no step at all.
    """

    spans: np.ndarray
    history: np.ndarray
    season: int
    labels: np.ndarray
    series: np.ndarray | None = None
    filled: np.ndarray | None = None
    targets: np.ndarray | None = None

    @property
    def first_targets(self) -> np.ndarray:
        """(n,) the step from which on nothing of an earlier split may lie in a window."""
        return self.spans[:, 0] if self.targets is None else self.targets

    def only(self, indices: np.ndarray) -> Windows:
        """Those at some positions."""
        return replace(
            self,
            spans=self.spans[indices],
            history=self.history[indices],
            series=None if self.series is None else self.series[indices],
            targets=None if self.targets is None else self.targets[indices],
        )


def split_by_time(
    windows: Windows, shares: dict[str, float], gap: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Splits in order of time: a window belongs to the one in which its targets lie.

    What a window knows may reach back across the border: in use, a forecast is made from all that
    came before it.

    Args:
        windows: as drawn from the whole series.
        shares: of the time axis, by split.
        gap: steps between two splits in which no target of either lies.

    Returns:
        Positions of each split's windows, and notes.

    Raises:
        DataError: a split's time holds no window's targets.
    """
    begin, end = int(windows.spans[:, 0].min()), int(windows.spans[:, 1].max())
    edges = np.cumsum([0, *(shares.get(part, 0.0) for part in PARTS)])
    borders = begin + np.rint(edges * (end - begin)).astype(int)
    parts: dict[str, np.ndarray] = {}
    periods, filled = [], []
    for number, part in enumerate(PARTS):
        low = borders[number] + (gap if number and shares.get(part) else 0)
        high = borders[number + 1]
        inside = (windows.first_targets >= low) & (windows.spans[:, 1] <= high)
        parts[part] = np.flatnonzero(inside)
        if shares.get(part) and not inside.any():
            raise DataError(_too_short(windows, part, max(high - low, 0)))
        if inside.any():
            periods.append(f"{part} {windows.labels[low]} to {windows.labels[high - 1]}")
        if windows.filled is not None:
            filled.append(f"{part} {windows.filled[low:high].sum()}")
    left = len(windows.spans) - sum(map(len, parts.values()))
    counts = "/".join(str(len(parts[part])) for part in PARTS)
    reaching = "; inputs may reach back across it" if windows.targets is not None else ""
    notes = [
        f"split: {counts} windows in order of time, {', '.join(periods)} (--fractions)",
        f"split: {_across(left, windows.targets is None)}{reaching}; {gap} "
        f"step{'' if gap == 1 else 's'} between the splits (--gap)",
    ]
    if filled:
        notes.append(f"missing values filled: {', '.join(filled)} (--source-set missing=)")
    return parts, notes


def _across(left: int, whole: bool) -> str:
    """Say how many windows lie on both sides of a border, as a whole or with their targets."""
    if not left:
        return f"no {'window reaches' if whole else 'targets reach'} across a border"
    noun, verb = ("window", "is") if left == 1 else ("windows", "are")
    what = f"that reach{'es' if left == 1 else ''}" if whole else "whose targets reach"
    return f"{left} {noun} {what} across a border {verb} left out"


def _too_short(windows: Windows, part: str, steps: int) -> str:
    """Why a split of some steps holds no window, and what helps."""
    spans = int((windows.spans[:, 1] - windows.spans[:, 0]).max())
    targets = int((windows.spans[:, 1] - windows.first_targets).max())
    first = part == PARTS[0]
    if windows.targets is None:
        needed = f"a window and the values that follow it take {spans}"
    elif steps >= (spans if first else targets):
        needed = "breaks in time or missing values leave no window whose targets lie there"
    elif first:
        needed = f"its first window and the values that follow it take {spans}"
    else:
        needed = f"the values to forecast take {targets}"
    shorter = "--window or --horizon" if first or windows.targets is None else "--horizon"
    return (
        f"the {SPLIT_NAMES[part]} split has {steps} steps, but {needed}: use a shorter {shorter}, "
        "a smaller --gap, other --fractions (two splits instead of three: 70/0/30), or more data"
    )


def folds_by_time(
    windows: Windows, indices: np.ndarray, count: int, gap: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds that are trained on the past and scored on what follows it.

    The time of the windows at `indices` is cut into `count + 1` equal stretches; fold i is trained
    on the first i and scored on the one after them. A window belongs to the stretch in which its
    targets lie.

    Args:
        windows: as drawn from the whole series.
        indices: positions of those to use.
        count: of folds.
        gap: steps between what is trained on and what is scored on.

    Raises:
        DataError: a stretch holds no window.
    """
    starts, ends = windows.first_targets[indices], windows.spans[indices, 1]
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
    """A sentence for each two splits of which one's windows hold targets of the other, later one.

    Windows whose targets are not told from their inputs must share no step at all.
    """
    warnings = []
    present = [part for part in PARTS if len(parts.get(part, ()))]
    for i, first in enumerate(present):
        for second in present[i + 1 :]:
            earlier, later = parts[first], parts[second]
            order = np.argsort(windows.spans[earlier, 0])
            starts = windows.spans[earlier][order, 0]
            ends = np.maximum.accumulate(windows.spans[earlier][order, 1])
            before = np.searchsorted(starts, windows.spans[later, 1], side="left") - 1
            reached = ends[np.maximum(before, 0)] > windows.first_targets[later]
            overlap = (before >= 0) & reached
            if overlap.any():
                what = (
                    "share steps in time with"
                    if windows.targets is None
                    else ("have targets that lie in")
                )
                warnings.append(
                    f"{int(overlap.sum())} of {len(later)} {SPLIT_NAMES[second]} windows {what} "
                    f"{SPLIT_NAMES[first]} windows"
                )
    return warnings
