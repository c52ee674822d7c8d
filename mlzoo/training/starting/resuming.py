"""An unfinished run, read again as it was started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from mlzoo.core import files
from mlzoo.core.configs import RunConfig, from_options
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.reader_record import reader_of
from mlzoo.runs import devices
from mlzoo.runs.config_loading import Merged, merge
from mlzoo.runs.contents.environment import EnvironmentRecord
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.distributed.agreeing import agree_on
from mlzoo.training.distributed.group import current, sharing
from mlzoo.training.starting.folder import STARTED, config_text, seal, write_start
from mlzoo.training.starting.resume_checks import (
    check_code,
    check_config,
    check_machine,
    devices_note,
)

if TYPE_CHECKING:
    from mlzoo.data.samples import Data, Samples


@dataclass(frozen=True)
class ResumedRun:
    """An unfinished run that is ready to train on.

    Attributes:
        config: its configuration, with what was raised.
        samples: all samples.
        data: their splits.
    """

    config: RunConfig
    samples: Samples
    data: Data


def read_again(
    folder: RunFolder, epochs: int | None, on: str | None, listener: Listener, trust: bool
) -> ResumedRun:
    """Read an unfinished run and its data, and check that it can be trained on exactly.

    Args:
        folder: of the run.
        epochs: train up to this many, if not None.
        on: devices that share each batch from here on, as `--devices` takes them.
        listener: hears of progress.
        trust: run code that the folder holds or names.

    Raises:
        UsageError: the data, the machine or a file that was read have changed.
    """
    from mlzoo.data import loading
    from mlzoo.runs import datasets

    check_config(folder.path / "config.yaml")
    merged = merge({}, folder.path / "config.yaml", allow_unused=True, trust=trust)
    config, start = merged.config, folder.path / STARTED
    before: EnvironmentRecord | None = None
    if start.exists():
        before = cast(
            EnvironmentRecord, files.read_mapping(start, ("files", "backend", "versions"))
        )
    if before is None:
        listener.note("this run was stopped before its training began: it starts over")
    else:
        check_code(before["files"], config)
    if epochs is not None and epochs != config.epochs:
        config = _extended(config, epochs, listener)
    if on is not None:
        config = from_options(RunConfig, config.model_dump() | {"devices": on})
    devices.check_backend(config.devices)
    devices.choose(config.device)
    if before is None:
        samples = loading.read(config, listener.progress)
    else:
        path = folder.path / "data.json"
        reader = reader_of(path, files.read_mapping(path, ("fingerprint", "reader")))
        samples = loading.read_again(config, reader, listener.progress)
    devices.prepare(config.device, config.precision)
    if before is not None:
        check_machine(before, config)
        if note := devices_note(before, config):
            listener.note(note)
            shared = list(devices.shared(config.devices))
            count = sharing().world
            folder.write_json(STARTED, {**before, "devices": shared, "processes": count})
    _write_changes(folder, merged, config)
    data = datasets.arrange(samples, config, config.seed)
    if before is None:
        write_start(folder, config, data)
    else:
        _check_data(folder, config, data)
    if current().world > 1:
        agree_on(config, data)
    return ResumedRun(config, samples, data)


def _check_data(folder: RunFolder, config: RunConfig, data: Data) -> None:
    from mlzoo.data.problems.recorded import problem_before

    record = files.read_mapping(folder.path / "data.json", ("fingerprint",))
    fingerprint = record["fingerprint"]
    if data.fingerprint != fingerprint:
        raise UsageError(
            f"{config.data} has changed since this run started (fingerprint "
            f"{data.fingerprint[:12]} instead of {fingerprint[:12]}): put the old data back, "
            "or start a new run"
        )
    if problem_before(record, data.samples.problem):
        raise UsageError(
            f"{config.data} has been edited since this run started: put the old problem back "
            f"(it is in {folder.path / 'data.json'}), or start a new run"
        )


def _write_changes(folder: RunFolder, merged: Merged, config: RunConfig) -> None:
    """Write down what a configuration changes in that of the folder, before it is used."""
    changed = {n for n in ("epochs", "devices") if getattr(config, n) != getattr(merged.config, n)}
    if changed:
        unread = set(RunConfig.model_fields) - merged.given  # the file states all the others
        text = config_text(Merged(config, merged.given | changed), unread - changed)
        folder.write_text("config.yaml", seal(text))


def _extended(config: RunConfig, epochs: int, listener: Listener) -> RunConfig:
    """Return the configuration with a higher number of epochs."""
    if config.repeats > 1:
        raise UsageError("--epochs can't be raised in a run with --repeats: all must be alike")
    if epochs < config.epochs:
        raise UsageError(
            f"--epochs {epochs} is fewer than the {config.epochs} this run was started with"
        )
    listener.note(f"epochs raised from {config.epochs} to {epochs}")
    if config.schedule == "cosine":
        listener.warn(
            f"the cosine schedule now ends at epoch {epochs}: from here on the rate is higher "
            "than it would have been"
        )
    return config.model_copy(update={"epochs": epochs})
