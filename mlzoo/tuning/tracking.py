"""Trials of a search, reported to trackers as runs of one group."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core import registry
from mlzoo.data.contracts import RunInfo
from mlzoo.tuning.search import SearchListener
from mlzoo.tuning.trials.trial import TrialResult


class TrialTrackers:
    """Trackers of a search. One that fails is told of once, and asked no more.

    Args:
        names: of the trackers; those without `TRIALS` have other means of showing a search.
        search: its folder.
        metric: name of the score that ranks the trials.
        listener: is told what fails.
    """

    def __init__(
        self, names: list[str], search: Path, metric: str, listener: SearchListener
    ) -> None:
        self._names = [name for name in names if "TRIALS" in registry.constants("tracker", name)]
        self._search, self._metric, self._listener = search, metric, listener
        self._reported: set[int] = set()

    def report(self, trial: TrialResult) -> None:
        """Report a trial that is over: its values and its mean score."""
        if trial.number in self._reported:  # Fits go on to end after one of them has failed.
            return
        self._reported.add(trial.number)
        for name in list(self._names):
            try:
                self._report(name, trial)
            except Exception as error:
                self._names.remove(name)
                self._listener.warn(
                    f"--log {name}: stopped, {type(error).__name__}: {error}; the search goes on "
                    "without it"
                )

    def _report(self, name: str, trial: TrialResult) -> None:
        title = f"trial-{trial.number}"
        folder = self._search / "trials" / title  # There is none; nothing is kept of it.
        run = RunInfo(title, folder, dict(trial.values), self._search)
        tracker = registry.load("tracker", name).track(run)
        scores = {} if trial.mean is None else {self._metric: trial.mean}
        tracker.finish(folder, scores)
        tracker.close()
