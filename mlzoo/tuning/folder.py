"""The folder of a search, used by one process at a time and for one plan."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

import keras

from mlzoo.core.errors import UsageError
from mlzoo.core.files import disk_errors
from mlzoo.runs import run_folder
from mlzoo.runs.contents.folders import refuse_links
from mlzoo.runs.devices import versions
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.trials.journal import JOURNAL, Journal

_REMOVED = ".removed"
_PARTS = {
    "run": "a setting of the run",
    "space": "the space",
    "code": "the file of the model",
    "strategy": "the strategy or one of its settings",
    "search": "a setting of the search (folds, metric, race or fast)",
}


class SearchFolder:
    """A search's folder, locked while it is in use.

    Raises:
        UsageError: the folder holds something else, or another process searches in it.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path = path
        run_folder.check_root(path.parent)
        if path.exists() and any(path.iterdir()) and not _is_search(path):
            raise UsageError(f"{path} is no search; choose another --name or --out")
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        refuse_links(path)
        self._lock = run_folder.lock(path)
        removed = path / _REMOVED
        shutil.rmtree(
            removed, ignore_errors=True
        )  # left over if an earlier removal was interrupted
        if overwrite:
            # Moved before it is deleted, so that an interruption leaves no half-removed search. The
            # journal goes last, since it marks the folder as a search.
            removed.mkdir()
            for entry in sorted(path.iterdir(), key=lambda entry: entry.name == JOURNAL):
                if entry.name not in ("lock", _REMOVED):
                    entry.rename(removed / entry.name)
            shutil.rmtree(removed)

    @property
    def begun(self) -> bool:
        """Return whether there is something to resume."""
        return (self.path / JOURNAL).exists()

    def discard(self) -> None:
        """Remove the folder: nothing in it is worth resuming from."""
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> SearchFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._lock.close()


def _is_search(path: Path) -> bool:
    names = {entry.name for entry in path.iterdir()}
    return JOURNAL in names or ("lock" in names and names <= {"lock", _REMOVED})


def open_journal(path: Path, plan: Plan, fingerprint: str, metric: str) -> Journal:
    """Open the journal of a search, a new one or one to resume.

    Args:
        path: of the journal.
        plan: of the search.
        fingerprint: of the data.
        metric: name of the score that ranks the trials.

    Raises:
        UsageError: the search that is there is another one, or of other data, versions or backend.
        DataError: the journal is damaged.
    """
    journal = Journal(path / JOURNAL)
    header = {
        "kind": "plan",
        "fixed": plan.fixed(),
        "data": fingerprint,
        "metric": metric,
        "backend": keras.backend.backend(),
        "versions": versions(),
        "plan": plan.record(),
    }
    if not journal.records:
        journal.append(header)
        return journal
    first = journal.records[0]
    changed = [
        what
        for part, what in _PARTS.items()
        if first["fixed"].get(part) != header["fixed"].get(part)
    ]
    changed += ["the data"] if first["data"] != fingerprint else []
    changed += ["the backend"] if first["backend"] != header["backend"] else []
    if changed:
        journal.close()
        raise UsageError(
            f"{path} holds a search that this one can't go on with: {' and '.join(changed)} "
            "changed; put it back, choose another --name, or start anew with --overwrite"
        )
    return journal
