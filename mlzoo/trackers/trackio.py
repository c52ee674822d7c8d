"""Trackio, on this machine (`trackio show`) or in the space that `TRACKIO_SPACE_ID` names.

The project is that of `TRACKIO_PROJECT`, else `mlzoo`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlzoo.data.contracts import RunInfo, Tracker
from mlzoo.trackers import _report

NEEDS = (("trackio", "trackio"),)
TRIALS = True


class TrackioRun:
    """One run at Trackio, which a resumed run goes on with.

    Args:
        run: the run that is reported.
    """

    def __init__(self, run: RunInfo) -> None:
        import trackio

        self._run, self._memory = run, _report.Memory(run.folder, "trackio")
        if not self._memory.key:
            # Runs are known by their names there, which another folder's run may have too.
            self._memory.begin(f"{run.name}-{uuid.uuid4().hex[:6]}")
        with _report.quiet():
            self._trackio: Any = trackio.init(
                project=os.environ.get("TRACKIO_PROJECT") or "mlzoo",
                name=self._memory.key,
                group=run.search.name if run.search else None,
                config=_report.flat(run.settings),
                resume="allow",
                embed=False,
            )

    def epoch(self, training: str, epoch: int, values: Mapping[str, float]) -> None:
        """Report an epoch that was not reported yet."""
        if self._memory.is_new(training, epoch):
            self._trackio.log(_report.named(self._run, training, values), step=epoch)

    def finish(self, folder: Path, metrics: Mapping[str, float]) -> None:
        """Report the scores on the test split."""
        self._trackio.log({f"test/{name}": value for name, value in metrics.items()}, step=0)

    def close(self) -> None:
        """End the run; it goes on when it is resumed."""
        with _report.quiet():
            self._trackio.finish()


def track(run: RunInfo) -> Tracker:
    """Return the report of a run to Trackio.

    Args:
        run: the run that is reported.
    """
    return TrackioRun(run)
