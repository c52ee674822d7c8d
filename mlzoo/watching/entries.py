"""Runs and searches below some folders, as their files say; nothing of a folder is run."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mlzoo.core import files, registry
from mlzoo.core.progress import EpochValue, read_epochs
from mlzoo.reporting.pages.rendering import interval
from mlzoo.runs import locks, run_folder
from mlzoo.statistics.metrics import mode
from mlzoo.statistics.metrics import title as metric_title
from mlzoo.statistics.verdicts import short_verdict
from mlzoo.tuning.plan import PlanRecord
from mlzoo.tuning.trials import journal
from mlzoo.tuning.trials.journal import JOURNAL, SEARCHES
from mlzoo.tuning.trials.trial import TrialResult, best, from_records

_DEEP = 3
"""Levels of folders below a root that are looked through."""
MOST = 1000
"""Number of entries shown, the newest."""
_LARGEST = 50_000_000
"""Bytes of a file that is read, at most."""
_NAME = re.compile(r"\w{1,80}")
REPORT = "report.html"

State = Literal["training", "searching", "stopped", "done", "damaged"]


@dataclass(frozen=True)
class Entry:
    """A run or a search, as a row of the page.

    Attributes:
        key: index of the root and the path below it, as `0/cnn-digits`.
        name: of the folder, without `.partial`.
        kind: `run` or `search`.
        state: of its making.
        changed: seconds since 1970.
        model, data, task: of its configuration; may be empty.
        progress: how far it is, in words; of a damaged one the reason.
        share: of the epochs or trials that are done; None where nobody knows.
        metric: name of the score; "" without one.
        value: the score on the test split; of a search the best trial's mean; None without one.
        lower: whether a lower score is better.
        score: metric and value in words.
        interval: of the score, or what it is taken over, in words.
        verdict: against the baselines, in words.
        report: whether there is a report to open.
    """

    key: str
    name: str
    kind: Literal["run", "search"]
    state: State
    changed: float
    model: str = ""
    data: str = ""
    task: str = ""
    progress: str = ""
    share: float | None = None
    metric: str = ""
    value: float | None = None
    lower: bool = False
    score: str = ""
    interval: str = ""
    verdict: str = ""
    report: bool = False


@dataclass
class EntryList:
    """Entries below folders; what did not change is not read again.

    Attributes:
        roots: folders that are looked through, or runs and searches themselves.
    """

    roots: Sequence[Path]
    _known: dict[str, tuple[object, Entry]] = field(default_factory=dict)

    def all(self) -> tuple[list[Entry], int]:
        """Return the entries, the newest first, and the number of those that were left out."""
        entries = {key: self._entry(key, folder) for key, folder in self._folders()}
        self._known = {key: known for key, known in self._known.items() if key in entries}
        ordered = sorted(entries.values(), key=lambda entry: -entry.changed)
        return ordered[:MOST], max(0, len(ordered) - MOST)

    def folder(self, key: str) -> Path | None:
        """Return the folder of an entry, if there is one of that key."""
        return dict(self._folders()).get(key)

    def file(self, path: str) -> Path | None:
        """Return a file below a root, of which nothing leads outside.

        Args:
            path: index of the root and the path below it.
        """
        index, _, below = path.partition("/")
        if not index.isdecimal() or int(index) >= len(self.roots) or "\0" in below:
            return None
        root = self.roots[int(index)].resolve()
        file = (root / below).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            return None
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        return None if hidden else file

    def _folders(self) -> Iterator[tuple[str, Path]]:
        for index, root in enumerate(self.roots):
            yield from _walk(root, str(index), _DEEP)

    def _entry(self, key: str, folder: Path) -> Entry:
        stamp = _stamp(folder)
        known = self._known.get(key)
        if known is None or known[0] != stamp or known[1].state in ("training", "searching"):
            self._known[key] = known = (stamp, _read(key, folder))
        return known[1]


def _walk(folder: Path, key: str, depth: int) -> Iterator[tuple[str, Path]]:
    """Yield keys and folders of runs and searches; links are not followed."""
    search = (folder / JOURNAL).is_file()
    if search or (folder / "config.yaml").is_file():
        yield key, folder
        if not search:
            return
    if not depth:
        return
    try:
        with os.scandir(folder) as listing:
            names = sorted(
                e.name for e in listing if e.is_dir(follow_symlinks=False) and e.name[0] != "."
            )
    except OSError:
        return
    for name in names:
        yield from _walk(folder / name, f"{key}/{name}", depth - 1)


def _stamp(folder: Path) -> tuple[object, ...]:
    names = ("metrics.json", "config.yaml", run_folder.EPOCHS, JOURNAL, REPORT, "lock")
    return tuple((s.st_mtime_ns, s.st_size) if (s := _stat(folder / n)) else None for n in names)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _changed(folder: Path, *names: str) -> float:
    """Return when the first of some files that is there was written, or else the folder."""
    stats = [_stat(folder / name) for name in names] + [_stat(folder)]
    return next((stat.st_mtime for stat in stats if stat), 0.0)


def _read(key: str, folder: Path) -> Entry:
    """Return what the files of a run or a search say; they may be anybody's."""
    name = folder.resolve().name.removesuffix(run_folder.PARTIAL)
    kind: Literal["run", "search"] = "search" if (folder / JOURNAL).is_file() else "run"
    changed = _changed(folder, JOURNAL if kind == "search" else "metrics.json", run_folder.EPOCHS)
    report = (folder / REPORT).is_file()
    entry = Entry(key, name, kind, "damaged", changed, report=report)
    try:
        for each in ("metrics.json", "config.yaml", JOURNAL, run_folder.EPOCHS):
            if (stat := _stat(folder / each)) and stat.st_size > _LARGEST:
                raise ValueError(f"{each} is too large to be shown")
        return _search(entry, folder) if kind == "search" else _run(entry, folder)
    except Exception as error:  # Whatever stands in the files, the others are shown.
        reason = " ".join(str(error).replace(str(folder), name).split())
        return replace(entry, progress=f"can't be read: {reason[:200]}")


def _run(entry: Entry, folder: Path) -> Entry:
    """Return the entry of a run with what its files say."""
    config = files.read_mapping(folder / "config.yaml")
    entry = replace(entry, model=_word(config, "model"), data=_word(config, "data"))
    if not (folder / "metrics.json").is_file() or folder.name.endswith(run_folder.PARTIAL):
        held = locks.is_owned(folder / "lock")
        progress, share = _progress(folder, config)
        state: State = "training" if held else "stopped"
        return replace(entry, state=state, progress=progress, share=share)
    metrics = files.read_mapping(folder / "metrics.json")
    headline, test = metrics.get("headline") or {}, metrics.get("test") or {}
    value, name = _finite(headline.get("value")), str(headline.get("name") or "")
    epochs = metrics.get("epochs")
    return replace(
        entry,
        state="done",
        task=str(metrics.get("task") or ""),
        progress=_ended(epochs, float(metrics["seconds"])) if epochs else "",
        share=1.0,
        metric=name,
        value=value,
        lower=headline.get("mode") == "min",
        score=_score(name, value),
        interval=interval(headline.get("interval")) if headline.get("interval") else "",
        verdict=short_verdict(test) or "",
    )


def _progress(folder: Path, config: Mapping[str, Any]) -> tuple[str, float | None]:
    """Return how far a run is that is not finished, in words and as a share."""
    path = folder / run_folder.EPOCHS
    rows = latest(read_epochs(path)) if path.is_file() else []
    if not rows:
        return "no epoch yet", 0.0
    epochs, done = int(config.get("epochs") or 0), rows[-1].epoch
    times = sorted({row.time for row in rows})
    trainings = list(dict.fromkeys(row.training for row in read_epochs(path)))
    text = f"epoch {done} of {epochs}" if epochs else f"epoch {done}"
    if len(trainings) > 1:
        text += f" of training {len(trainings)}"
    if len(times) > 1 and epochs > done and locks.is_owned(folder / "lock"):
        left = (epochs - done) * (times[-1] - times[0]) / (len(times) - 1)
        text += f", at most {_duration(left)} left"
    return text, min(1.0, done / epochs) if epochs else None


def latest(values: Sequence[EpochValue]) -> list[EpochValue]:
    """Return the values of the training that reported last."""
    return [v for v in values if v.training == values[-1].training] if values else []


def _search(entry: Entry, folder: Path) -> Entry:
    """Return the entry of a search with what its files say."""
    plan, trials, metric = read_search(folder)
    wanted = plan["search"]["trials"]
    over = [trial for trial in trials if trial.state != "running"]
    failed = sum(trial.state == "failed" for trial in over)
    held = locks.is_owned(folder / "lock")
    written = _changed(folder, REPORT) >= _changed(folder, JOURNAL)
    whole = (folder / REPORT).is_file() and written
    winner = best(trials, metric) if metric else None
    count = f"{len(over)} of {wanted} trials" if wanted else f"{len(over)} trials"
    share = min(1.0, len(over) / wanted) if wanted else None
    if compares_strategies(folder):  # The trials are those of the searches in its folder.
        count, share = "strategies compared" if whole else "strategies are compared", None
    return replace(
        entry,
        state="searching" if held else "done" if whole else "stopped",
        model=Path(str(plan["run"]["model"])).stem,
        data=_word(plan["run"], "data"),
        progress=count + (f", {failed} failed" if failed else ""),
        share=share,
        metric=metric,
        value=winner.mean if winner else None,
        lower=bool(metric) and mode(metric) == "min",
        score=_score(metric, winner.mean) if winner else "",
        interval=f"mean of {len(winner.scores)} fits" if winner else "",
        verdict=f"trial {winner.number} is the best so far" if held and winner else "",
    )


def compares_strategies(folder: Path) -> bool:
    """Return whether a folder is that of a comparison of strategies, by searches within it."""
    return (folder / SEARCHES).is_dir()


def read_search(folder: Path) -> tuple[PlanRecord, list[TrialResult], str]:
    """Return the plan of a search, its trials, and the name of their score ("": unknown).

    Raises:
        DataError: the journal is damaged.
    """
    records = journal.read(folder / JOURNAL)
    header = records[0]
    plan = header["plan"]
    metric = str(header.get("metric") or plan["search"].get("metric") or "")
    folds, repeats = int(plan["search"]["folds"]), int(plan["run"]["repeats"])
    keys = [(fold, repeat) for fold in range(folds) for repeat in range(repeats)]
    return plan, from_records(records, keys), metric if _NAME.fullmatch(metric) else ""


def _word(config: Mapping[str, Any], name: str) -> str:
    """Return a model or data set by its short name."""
    text = str(config.get(name) or "")
    return registry.stem(text) if name == "model" else Path(text).name[:80]


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _score(name: str, value: float | None) -> str:
    if value is None:
        return ""
    title = metric_title(name) if _NAME.fullmatch(name) else name
    return f"{title} {value:.4g}"


def _ended(epochs: int, seconds: float) -> str:
    """Return how long a training took: 12 epochs in 3 min."""
    return f"{epochs} {'epoch' if epochs == 1 else 'epochs'} in {_duration(seconds)}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def ago(then: float, now: float | None = None) -> str:
    """Return how long ago something was, in words."""
    return f"{_duration(max(0.0, (time.time() if now is None else now) - then))} ago"
