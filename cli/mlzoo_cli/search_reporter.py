"""Progress of a search: a live table on a terminal, a line per trial elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mlzoo.tuning.search import SearchListener
from mlzoo.tuning.settings import shown
from mlzoo_cli.output import ConsoleReporter, console, say

if TYPE_CHECKING:
    from rich.live import Live

    from mlzoo.tuning.plan import Plan
    from mlzoo.tuning.trials.trial import FitRecord, TrialResult

_ROWS = 8
_TIMED = 2
"""The fit that an estimate is made from: the first one compiles."""


def row(trial: TrialResult, names: list[str]) -> list[Any]:
    """A trial as a row: number, mean score, its standard error, and its values."""
    values = [trial.values.get(name, "") for name in names]
    return [trial.number, trial.mean, trial.error, *map(cell, values)]


def cell(value: Any) -> Any:
    """A value for people."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


class SearchReporter(ConsoleReporter, SearchListener):
    """Prints a search's progress on stderr."""

    def __init__(self, plan: Plan, quiet: bool = False) -> None:
        super().__init__(quiet)
        self._plan = plan
        self._trials: dict[int, TrialResult] = {}
        self._fits = 0
        self._began = time.monotonic()
        self._live: Live | None = None
        self._shown: set[int] = set()
        self._left = ""

    def _estimated(self, record: FitRecord) -> str:
        """Return an estimate of the time left, after a fit that shared compiled code."""
        from mlzoo.tuning.dry_run import memory, planned

        count = planned(self._plan)
        if count is None or record["error"]:
            return ""
        left = count * self._plan.fits - self._fits
        time = left * record["seconds"] / self._plan.search.workers
        return (
            f"a fit takes {shown(record['seconds'])} and {memory()} MB, {left} are left: about "
            f"{shown(time)}, and what new architectures take to compile"
        )

    def fitted(self, record: FitRecord, trial: TrialResult, best_trial: TrialResult | None) -> None:
        """Draw the table anew, or print the line of a trial that is over."""
        self._trials[trial.number] = trial
        self._fits += 1
        if self._quiet:
            return
        if self._fits == _TIMED:
            self._left = self._estimated(record)
            if self._left and not self._terminal:
                say(f"estimate: {self._left}")
        if self._terminal:
            self._draw(best_trial)
        elif trial.state != "running" and trial.number not in self._shown:
            self._shown.add(trial.number)
            say(self._line(trial, best_trial))

    def _line(self, trial: TrialResult, best_trial: TrialResult | None) -> str:
        values = ", ".join(f"{n} {_short(cell(v))}" for n, v in trial.values.items())
        record = trial.failure
        if record is not None:
            reason = str(record["error"]).partition("\n")[0]
            return f"trial {trial.number}: failed ({reason}); {values}"
        error = "" if trial.error is None else f" ± {trial.error:.2g}"
        dropped = ", dropped" if trial.state == "dropped" else ""
        mark = " (best)" if best_trial is trial else ""
        return f"trial {trial.number}: {trial.mean:.4g}{error}{dropped}{mark}; {values}"

    def _draw(self, best_trial: TrialResult | None) -> None:
        from rich.live import Live

        if self._live is None:
            self._live = Live(console=console(), transient=True, refresh_per_second=4)
            self._live.start()
        self._live.update(self._table(best_trial))

    def _table(self, best_trial: TrialResult | None) -> Any:
        from rich.table import Table

        names = self._plan.space.names
        done = sum(trial.state != "running" for trial in self._trials.values())
        elapsed = time.monotonic() - self._began
        rate = f"{self._fits / elapsed:.1f} fits/s" if elapsed else ""
        title = f"{done} trials, {self._fits} fits, {shown(elapsed)}, {rate}"
        drawn = Table(title=title, caption=self._left or None)
        for name in ("trial", "score", "± error", *names):
            drawn.add_column(name, justify="right")
        newest = sorted(self._trials)[-_ROWS:]
        listed = [t for t in (best_trial,) if t is not None]
        listed += [self._trials[n] for n in newest if self._trials[n] is not best_trial]
        for trial in listed:
            cells = ["" if v is None else _short(v) for v in row(trial, names)]
            if trial.state == "failed":
                cells[1] = "failed"
            style = "bold green" if trial is best_trial else None
            drawn.add_row(*cells, style=style)
        return drawn

    def start(self, what: str, epochs: int, steps: int) -> None:
        """The winner's training begins: its bar follows the table."""
        self._close()
        super().start(what, epochs, steps)

    def end(self) -> None:
        """Close whatever is drawn."""
        self._close()
        super().end()

    def _close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
