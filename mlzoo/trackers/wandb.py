"""Weights & Biases: settings, epochs, scores and pictures.

The project is that of `WANDB_PROJECT`, else `mlzoo`. Without a key (`WANDB_API_KEY`, `wandb login`)
or with `WANDB_MODE=offline` it writes to the folder `wandb` here, which `wandb sync` sends later.
"""

from __future__ import annotations

import netrc
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlzoo.data.contracts import RunInfo, Tracker
from mlzoo.trackers import _report

NEEDS = (("wandb", "wandb"),)
TRIALS = True


class WandbRun:
    """One run at Weights & Biases, which a resumed run goes on with.

    Args:
        run: the run that is reported.
    """

    def __init__(self, run: RunInfo) -> None:
        import wandb

        self._run, self._memory = run, _report.Memory(run.folder, "wandb")
        if not self._memory.key:
            self._memory.begin(uuid.uuid4().hex[:8])
        self._wandb: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "mlzoo",
            name=run.name,
            id=self._memory.key,
            resume="allow",
            group=run.search.name if run.search else None,
            config=_report.flat(run.settings),
            mode=None if os.environ.get("WANDB_MODE") or _has_key() else "offline",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_git=True),
        )

    def epoch(self, training: str, epoch: int, values: Mapping[str, float]) -> None:
        """Report an epoch that was not reported yet; each training has an axis of its own."""
        if self._memory.is_new(training, epoch):
            named = _report.named(self._run, training, values)
            # Steps only ever rise, and each fold begins with epoch 1.
            self._wandb.log({**named, **_report.named(self._run, training, {"epoch": epoch})})

    def finish(self, folder: Path, metrics: Mapping[str, float]) -> None:
        """Report the scores, the pictures and the files."""
        import wandb

        self._wandb.summary.update({f"test/{name}": value for name, value in metrics.items()})
        files = _report.artifacts(folder)
        pictures = [path for path in files if path.parent.name == "plots" and path.suffix == ".png"]
        if pictures:
            self._wandb.log({f"plots/{path.stem}": wandb.Image(str(path)) for path in pictures})
        if files:
            artifact = wandb.Artifact(f"run-{self._memory.key}", "run")
            for path in files:
                artifact.add_file(str(path), path.relative_to(folder).as_posix())
            self._wandb.log_artifact(artifact)

    def close(self) -> None:
        """End the run; it goes on when it is resumed."""
        self._wandb.finish()


def _has_key() -> bool:
    """Return whether there is a key, without which the library would ask for one."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return any("wandb" in host for host in netrc.netrc().hosts)
    except (OSError, netrc.NetrcParseError):
        return False


def track(run: RunInfo) -> Tracker:
    """Return the report of a run to Weights & Biases.

    Args:
        run: the run that is reported.
    """
    return WandbRun(run)
