"""MLflow, by its small client: settings, epochs, scores and the files of the run.

The server is that of `MLFLOW_TRACKING_URI`, else the folder `mlruns` here; the experiment is
`MLFLOW_EXPERIMENT_NAME`, else `mlzoo`. Trials of a search are runs below one of the search.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlzoo.data.contracts import RunInfo, Tracker
from mlzoo.trackers import _report

NEEDS = (("mlflow", "mlflow-skinny"),)
TRIALS = True
_PARENT = "mlflow.parentRunId"


class MlflowRun:
    """One run at MLflow, which a resumed run goes on with.

    Args:
        run: the run that is reported.
    """

    def __init__(self, run: RunInfo) -> None:
        self._run, self._memory = run, _report.Memory(run.folder, "mlflow")
        self._client, self._experiment = _client()
        self._finished = False
        if self._memory.key:
            self._client.update_run(self._memory.key, "RUNNING")
            return
        tags = {_PARENT: self._parent(run.search)} if run.search else {}
        self._memory.begin(self._created(run.name, tags))
        for name, value in _report.flat(run.settings).items():
            self._client.log_param(self._memory.key, name, value)

    def epoch(self, training: str, epoch: int, values: Mapping[str, float]) -> None:
        """Report an epoch that was not reported yet."""
        if self._memory.is_new(training, epoch):
            self._log(_report.named(self._run, training, values), epoch)

    def finish(self, folder: Path, metrics: Mapping[str, float]) -> None:
        """Report the scores and the files."""
        self._log({f"test/{name}": value for name, value in metrics.items()}, 0)
        for path in _report.artifacts(folder):
            below = path.parent.relative_to(folder).as_posix()
            place = None if below == "." else below
            self._client.log_artifact(self._memory.key, str(path), place)
        self._finished = True

    def close(self) -> None:
        """End the run; one that was stopped is `KILLED` until it is resumed."""
        self._end(self._memory.key, "FINISHED" if self._finished else "KILLED")

    def _parent(self, search: Path) -> str:
        """Return the key of the search's run, which the first of its trials makes."""
        memory = _report.Memory(search, "mlflow")
        if not memory.key:
            memory.begin(self._created(search.name, {}))
            self._end(memory.key, "FINISHED")
        return memory.key

    def _end(self, key: str, status: str) -> None:
        with _report.quiet():  # It prints the addresses of a run and its experiment.
            self._client.set_terminated(key, status)

    def _created(self, name: str, tags: dict[str, str]) -> str:
        created = self._client.create_run(self._experiment, run_name=name, tags=tags)
        return str(created.info.run_id)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        self._client.log_batch(self._memory.key, metrics=metrics)


def _client() -> tuple[Any, str]:
    """Return a client and the key of the experiment."""
    # A server that is down costs a training seconds, not minutes; the client alone has no database.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow import MlflowClient

    server = os.environ.get("MLFLOW_TRACKING_URI")
    client = MlflowClient(server or Path("mlruns").absolute().as_uri())
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "mlzoo"
    known = client.get_experiment_by_name(name)
    return client, str(known.experiment_id if known else client.create_experiment(name))


def track(run: RunInfo) -> Tracker:
    """Return the report of a run to MLflow.

    Args:
        run: the run that is reported.
    """
    return MlflowRun(run)
