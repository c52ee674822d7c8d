"""Curves and pictures for TensorBoard: `tensorboard --logdir RUN/tensorboard`.

Each training of the run (a fold, a seed) is a TensorBoard run of its own. Epochs that are trained
again after a run was stopped replace those that were logged before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlzoo.data.contracts import RunInfo, Tracker

FOLDER = "tensorboard"
_VALIDATION = "val_"


class TensorBoard:
    """Writer of event files, one folder a training.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._writers: dict[str, Any] = {}

    def epoch(self, training: str, epoch: int, values: Mapping[str, float]) -> None:
        """Write the values of an epoch; training and validation of a metric share a chart."""
        if training not in self._writers:
            self._begin(training, epoch)
        scalars = [
            {"tag": _tag(name), "simple_value": float(value)} for name, value in values.items()
        ]
        self._write(training, epoch, scalars)

    def finish(self, folder: Path, metrics: Mapping[str, float]) -> None:
        """Write the scores on the test split and the pictures of the run."""
        self._writers = {"": self._writer("")}
        scores = [{"tag": f"test/{name}", "simple_value": v} for name, v in metrics.items()]
        self._write("", 0, scores)
        for path in sorted((folder / "plots").glob("*.png")):
            image = {"encoded_image_string": path.read_bytes()}
            self._write("", 0, [{"tag": path.stem, "image": image}])

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _begin(self, training: str, epoch: int) -> None:
        """Open the file of a training; what stands there from this epoch on is replaced."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self._writers[training] = self._writer(training)
        start = SessionLog(status=SessionLog.START)
        self._writers[training].add_event(Event(step=epoch, session_log=start))

    def _writer(self, training: str) -> Any:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        return EventFileWriter(str(self._folder / training))

    def _write(self, training: str, step: int, values: list[dict[str, Any]]) -> None:
        import time

        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        records = []
        for value in values:
            image = {"image": Summary.Image(**value.pop("image"))} if "image" in value else {}
            records.append(Summary.Value(**value, **image))
        event = Event(step=step, wall_time=time.time(), summary=Summary(value=records))
        self._writers[training].add_event(event)
        self._writers[training].flush()


def track(run: RunInfo) -> Tracker:
    """Return the writer of a run's event files.

    Args:
        run: the run that is reported.
    """
    return TensorBoard(run.folder)


def _tag(name: str) -> str:
    if name.startswith(_VALIDATION):
        return f"{name.removeprefix(_VALIDATION)}/validation"
    whole = name == "learning_rate" or name.startswith("system/")
    return name if whole else f"{name}/training"
