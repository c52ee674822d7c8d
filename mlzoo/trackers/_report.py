"""Common parts of trackers: place in the run folder, names of metrics, files to hand on."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path

from mlzoo.core import files
from mlzoo.data.contracts import RunInfo

_FOLDER = "trackers"
_LEFT_OUT = ("lock", "overwrite", "repeats.json", "epochs.csv")
"""Files of a run folder that are there only while the run trains."""
_FOLDERS = ("plots", "networks", "generated")


class Memory:
    """Record of what a tracker has reported, so that a resumed run goes on where it stopped.

    It is `trackers/NAME.json` in the run folder. Trials of a search have no folder and are
    reported at once, so that nothing is kept of them.

    Args:
        folder: of the run, or of the search.
        name: of the tracker.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / _FOLDER / f"{name}.json"
        kept = files.read_mapping(self._path) if self._path.is_file() else {}
        self.key = str(kept.get("key", ""))
        """Key of the run at the tracker; "": it is new there."""
        self._epochs: dict[str, int] = dict(kept.get("epochs", {}))

    def begin(self, key: str) -> None:
        """Keep the key of the run at the tracker."""
        self.key = key
        self._write()

    def is_new(self, training: str, epoch: int) -> bool:
        """Return whether an epoch was not yet reported, and note that it is.

        A resumed training repeats the epochs since its checkpoint exactly.
        """
        if epoch <= self._epochs.get(training, 0):
            return False
        self._epochs[training] = epoch
        self._write()
        return True

    def _write(self) -> None:
        if self._path.parents[1].is_dir():
            self._path.parent.mkdir(exist_ok=True)
            files.write_json(self._path, {"key": self.key, "epochs": self._epochs})


def quiet() -> contextlib.redirect_stdout[io.StringIO]:
    """Keep what a library prints from the standard output, which is the command's own."""
    return contextlib.redirect_stdout(io.StringIO())


def named(run: RunInfo, training: str, values: Mapping[str, float]) -> dict[str, float]:
    """Return an epoch's values, by name; where the run has several trainings, below each one's.

    The load of the machine keeps its name, by which trackers know it.
    """
    settings = run.settings
    several = any(int(settings.get(name, 1)) > 1 for name in ("folds", "ensemble", "repeats"))
    return {
        f"{training}/{name}" if several and not name.startswith("system/") else name: value
        for name, value in values.items()
    }


def flat(settings: Mapping[str, object]) -> dict[str, object]:
    """Return settings with those of plug-ins beside the others, as `set.units`."""
    result: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            result |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            result[name] = value
    return result


def artifacts(folder: Path) -> list[Path]:
    """Return the files of a finished run that are handed on, sorted."""
    top = (path for path in folder.glob("*") if path.name not in _LEFT_OUT)
    below = (path for name in _FOLDERS for path in (folder / name).rglob("*"))
    return sorted(path for path in (*top, *below) if path.is_file())
