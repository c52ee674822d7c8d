"""Leaderboard of `mlzoo train auto`: scored candidates, the best of them, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlzoo.core import registry
from mlzoo.data.contracts import SavedPredictions, SplitScores, task
from mlzoo.runs.opened import OpenedRun
from mlzoo.statistics import intervals
from mlzoo.statistics.metrics import mode, title
from mlzoo.statistics.verdicts import BETTER, NONE, judge
from mlzoo.training.members import OUT_OF_FOLD


@dataclass(frozen=True)
class Candidate:
    """A trained candidate.

    Attributes:
        run: its run.
        preset: that it was trained with.
        part: what it is scored on: `valid` or `out_of_fold`.
        scores: as `evaluate` returns them.
    """

    run: OpenedRun
    preset: str
    part: str
    scores: SplitScores

    @property
    def metric(self) -> str:
        """The name of the metric that decides."""
        return str(self.scores["headline"])

    @property
    def value(self) -> float | None:
        """The metric's value; None where it is not defined."""
        value: float | None = self.scores["metrics"][self.metric]
        return value

    def row(self, chosen: bool = False) -> dict[str, object]:
        """Return its row of the leaderboard."""
        low, high = self.scores["intervals"].get(self.metric) or (None, None)
        return {
            "model": registry.stem(self.run.config.model),
            "preset": self.preset,
            "scored_on": self.part,
            "metric": self.metric,
            "value": self.value,
            "low": low,
            "high": high,
            "seconds": self.run.metrics["seconds"],
            "run": str(self.run.path),
            "chosen": chosen,
        }


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates from the best to the worst; an undefined score is the worst."""
    sign = -1 if mode(candidates[0].metric) == "max" else 1

    def order(candidate: Candidate) -> float:
        return float("inf") if candidate.value is None else sign * candidate.value

    return sorted(candidates, key=order)


def line(candidate: Candidate) -> str:
    """Return a candidate's score in words."""
    value = "not defined" if candidate.value is None else f"{candidate.value:.4g}"
    ends = candidate.scores["intervals"].get(candidate.metric)
    between = f" [{ends[0]:.4g}, {ends[1]:.4g}]" if ends else ""
    where = "out of fold" if candidate.part == OUT_OF_FOLD else "on the validation split"
    model = registry.stem(candidate.run.config.model)
    return f"{model} ({candidate.preset}): {title(candidate.metric)} {value}{between} {where}"


def reason(best: Sequence[Candidate]) -> str:
    """Say what was chosen and how sure that is."""
    names = [registry.stem(each.run.config.model) for each in best]
    if len(best) == 1:
        return f"chosen: {names[0]}, the only candidate"
    against = f"{title(best[0].metric)} {best[0].value:.4g}, {names[1]} {best[1].value:.4g}"
    verdict = _verdict(best[0], best[1])
    if verdict == BETTER:
        return f"chosen: {names[0]}, which is better than {names[1]} ({against})"
    if verdict in (None, NONE):
        return f"chosen: {names[0]}, which scored best ({against})"
    return f"chosen: {names[0]}; {names[1]} is statistically tied with it ({against})"


def _verdict(first: Candidate, second: Candidate) -> str | None:
    """Return the verdict on the paired difference out of fold; None where there is none."""
    if not first.part == second.part == OUT_OF_FOLD:
        return None
    saved = [_out_of_fold(each) for each in (first, second)]
    if saved[0].indices.tolist() != saved[1].indices.tolist():
        return None
    better, worse = (each.scorer(first.metric, None) for each in saved)
    if mode(first.metric) == "min":
        better, worse = worse, better
    count, groups = len(saved[0].indices), saved[0].groups
    _, interval = intervals.difference(better, worse, count, groups, first.run.config.seed)
    return judge(interval, intervals.count_units(count, groups))


def _out_of_fold(candidate: Candidate) -> SavedPredictions:
    plugin = task(candidate.run.record["task"])
    return plugin.read_predictions(candidate.run.path / "out_of_fold.csv")


def baseline_rows(candidate: Candidate) -> list[dict[str, object]]:
    """Return the rows of the baselines that were scored beside a candidate."""
    rows = []
    for name, scores in candidate.scores.get("baselines", {}).items():
        row = dict.fromkeys(candidate.row())
        row |= {
            "model": f"baseline {name}",
            "scored_on": candidate.part,
            "metric": candidate.metric,
            "value": scores.get(candidate.metric),
            "chosen": False,
        }
        rows.append(row)
    return rows
