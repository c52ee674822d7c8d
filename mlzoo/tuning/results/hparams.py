"""Logs of trials for TensorBoard's HParams plug-in: `tensorboard --logdir FOLDER/hparams`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlzoo.tuning.results.figures import text
from mlzoo.tuning.trials.trial import TrialResult


def write_hparams(folder: Path, trials: Sequence[TrialResult], metric: str) -> None:
    """Write a log per finished trial, replacing the contents of the folder.

    Args:
        folder: of the logs.
        trials: of the search.
        metric: name of the score.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api, summary
    from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    shutil.rmtree(folder, ignore_errors=True)
    for trial in trials:
        if trial.state != "done":
            continue
        name = f"trial-{trial.number:04d}"
        writer = EventFileWriter(str(folder / name))
        values = {n: _plain(value) for n, value in trial.values.items()}
        score = Summary(value=[Summary.Value(tag=metric, simple_value=trial.mean)])
        records: list[Any] = [
            api.hparams_pb(values, trial_id=name, start_time_secs=0),
            score,
            summary.session_end_pb(STATUS_SUCCESS, end_time_secs=0),
        ]
        for record in records:
            # With TensorFlow installed, FromString returns TensorFlow's class of the same message.
            converted = Summary.FromString(record.SerializeToString())
            writer.add_event(Event(summary=converted))
        writer.close()


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else text(value)
