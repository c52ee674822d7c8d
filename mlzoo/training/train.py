"""From a configuration to a complete run folder."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files, registry
from mlzoo.core.backbones import placed
from mlzoo.core.configs import RunConfig, from_options
from mlzoo.core.errors import DataError, DivergedError, ResourceError, UsageError, find_disk_full
from mlzoo.core.files import expand, real_path
from mlzoo.core.progress import Listener
from mlzoo.core.settings import SHARED, all_settings
from mlzoo.core.validation.task_fit import check_fit
from mlzoo.data.objects.store import PREFIX, kind_of
from mlzoo.data.policies import parse
from mlzoo.data.reader_record import reader_of
from mlzoo.runs import devices, run_folder
from mlzoo.runs.config_loading import (
    SEVERAL,
    Merged,
    absolute_plugins,
    check_unread,
    merge,
    plugins,
    resolved_yaml,
    trust_flag,
    unread_by_source,
)
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.building import (
    build_model,
    check_task,
    cutting,
    takes_full_batch,
    tell_of_tiles,
)
from mlzoo.training.recipes import REARRANGING, with_recipe
from mlzoo.training.resume_checks import (
    check_code,
    check_config,
    check_machine,
    devices_note,
    files_read,
    seal,
)
from mlzoo.training.signals import Stage, stopping

if TYPE_CHECKING:
    import keras

    from mlzoo.data.policies import Policy
    from mlzoo.data.reader import Reader
    from mlzoo.data.samples import Data, Samples
    from mlzoo.training.loop.training import Fitted
    from mlzoo.training.members import Ensemble
    from mlzoo.training.signals import Stop

_STARTED = "environment.json"
"""The last file that is written before training starts."""


def train_merged(
    merged: Merged,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
    reader: Reader | None = None,
) -> OpenedRun:
    """Train, evaluate and write a run folder from a checked configuration.

    Args:
        merged: the configuration.
        overwrite: replace a run of the same name.
        listener: hears of progress.
        reader: that of a run whose data are to be read as they were for it.

    Returns:
        The finished run, opened.
    """
    config, listener = merged.config, listener or Listener()
    if overwrite and config.name is None:
        raise UsageError("--overwrite: has no effect without --name")
    if config.log:
        from mlzoo.runs.tracking import check_installed

        check_installed(config)
    run_folder.check_root(Path(config.out))
    if config.name:
        run_folder.check_free(expand(config.out), config.name, overwrite)
    with stopping("reading the data") as stage:
        ready = prepared(merged, listener, reader)
        config, samples, data = ready.merged.config, ready.samples, ready.data
        folder = run_folder.create(Path(config.out), config.name, default_name(config), overwrite)
        flag = trust_flag(config.model_dump())
        try:
            with _resumable(folder, flag):
                text = config_text(ready.merged, set(ready.unread))
                folder.write_text("config.yaml", seal(text))
                _write_start(folder, config, data)
                return _work(folder, config, samples, data, listener, stage)
        except Exception:
            if not folder.has_weights:
                folder.discard()
            raise
        except BaseException:  # stopped: what had begun to train stays
            if folder.path.exists() and not (folder.path / _STARTED).exists():
                folder.discard()
            else:
                stage.next = _next_step(folder, flag)
            raise
        finally:
            folder.release()


def _next_step(folder: RunFolder, flag: str) -> str:
    """Say how to continue a run that was stopped; `flag` is the option that its code needs."""
    if not folder.path.exists():
        return f"the run is complete: {folder.final}"
    return f"resume with: mlzoo train --resume {shlex.quote(str(folder.final))}{flag}"


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to train.

    Attributes:
        merged: the configuration, with what the model's recipe adds to it.
        samples: all samples.
        data: their splits.
        unread: fields that these data leave without effect, with reasons.
    """

    merged: Merged
    samples: Samples
    data: Data
    unread: Mapping[str, str]


def prepared(merged: Merged, listener: Listener, reader: Reader | None = None) -> Prepared:
    """Check a run, read its data (as `reader` says, where there is one) and start Keras."""
    from mlzoo.data import loading
    from mlzoo.runs import datasets

    config = merged.config
    for warning in merged.warnings:
        listener.warn(warning)
    # What is wrong with the data is told before anybody waits for Keras.
    devices.check_backend(config.devices)
    devices.choose(config.device)
    if reader is None:
        samples = loading.read(config, listener.progress)
    else:
        samples = loading.read_again(config, reader, listener.progress)
    check_task(config.model, samples.task)
    check_fit(config, samples.task)
    unread = loading.unread_by_samples(samples, config)
    for warning in check_unread(merged, unread):
        listener.warn(warning)
    devices.prepare(config.device, config.precision)
    devices.shared(config.devices)
    data = datasets.arrange(samples, config, config.seed)
    given = merged
    merged, note = with_recipe(given, data)
    if any(getattr(merged.config, n) != getattr(given.config, n) for n in REARRANGING):
        data = datasets.arrange(samples, merged.config, config.seed)
    _tell(data, listener)
    if note:
        listener.note(note)
    if not len(data.test):
        from mlzoo.training.members import check_out_of_fold

        check_out_of_fold(data)
        listener.note("this run has no test split: every sample is scored out of fold")
    if hint := imbalance_note(data, merged.config):
        listener.note(hint)
    if merged.config.calibrate == "temperature":
        from mlzoo.training.calibration.temperature import check_calibration

        check_calibration(merged.config, data)
    if merged.config.cost is not None:
        from mlzoo.training.calibration.decisions import cost_matrix

        cost_matrix(merged.config.cost, samples)
    return Prepared(merged, samples, data, unread)


def free_place(config: RunConfig) -> Path:
    """Where a run would be written.

    Raises:
        UsageError: the name that was given is taken.
    """
    root, name = expand(config.out), config.name
    run_folder.check_root(root)
    if name:
        run_folder.check_free(root, name, False)
        return root / name
    return run_folder.free(root, default_name(config))


def resume(
    path: str | Path,
    *,
    epochs: int | None = None,
    on: str | None = None,
    trust: bool = False,
    listener: Listener | None = None,
) -> OpenedRun:
    """Resume an unfinished run at its newest checkpoint; arguments and errors: `mlzoo.resume`."""
    listener = listener or Listener()
    path = expand(path)
    if (done := run_folder.completed(path)) is not None:
        listener.note("the run was complete; what was left of its training is removed")
        return OpenedRun(done, trust)
    folder = run_folder.reopen(path)
    try:
        with stopping("reading the data") as stage:
            flag = " --trust" if trust else ""
            try:
                with _resumable(folder, flag):
                    return _resumed(folder, epochs, on, listener, stage, trust)
            except BaseException:
                stage.next = _next_step(folder, flag)
                raise
    finally:
        folder.release()


def _resumed(
    folder: RunFolder,
    epochs: int | None,
    on: str | None,
    listener: Listener,
    stage: Stage,
    trust: bool,
) -> OpenedRun:
    from mlzoo.data import loading
    from mlzoo.runs import datasets

    check_config(folder.path / "config.yaml")
    merged = merge({}, folder.path / "config.yaml", allow_unused=True, trust=trust)
    config, start = merged.config, folder.path / _STARTED
    before = files.read_mapping(start, ("files", "backend", "versions")) if start.exists() else None
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
            folder.write_json(_STARTED, before | {"devices": devices.shared(config.devices)})
    _write_changes(folder, merged, config)
    data = datasets.arrange(samples, config, config.seed)
    if before is None:
        _write_start(folder, config, data)
    else:
        _check_data(folder, config, data)
    return _work(folder, config, samples, data, listener, stage)


def _check_data(folder: RunFolder, config: RunConfig, data: Data) -> None:
    record = files.read_mapping(folder.path / "data.json", ("fingerprint",))
    fingerprint = record["fingerprint"]
    if data.fingerprint != fingerprint:
        raise UsageError(
            f"{config.data} has changed since this run started (fingerprint "
            f"{data.fingerprint[:12]} instead of {fingerprint[:12]}): put the old data back, "
            "or start a new run"
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


def default_name(config: RunConfig) -> str:
    """Return the default name of a run."""
    model = registry.stem(config.model)
    if config.data.startswith(PREFIX):
        return f"{model}-{kind_of(config.data)}"
    path = real_path(expand(config.data))
    return f"{model}-{path.stem if path.is_file() else path.name}"


def _tell(data: Data, listener: Listener) -> None:
    for note in data.notes:
        listener.note(note)
    for warning in data.warnings:
        listener.warn(warning)


def imbalance_note(data: Data, config: RunConfig) -> str:
    """Return what is done about one class that holds over 80 % of the samples; "" without one."""
    from mlzoo.data.contracts import task
    from mlzoo.statistics.metrics import class_counts, imbalanced, rarer, title

    counts = class_counts(data.samples)
    if not imbalanced(counts):
        return ""
    names = data.samples.class_names
    judged = title(task(data.samples.task).judged_by(counts).name)
    if len(counts) == 2:
        judged += f" and the average precision of {names[rarer(counts)]}"
    share, largest = max(counts) / sum(counts), names[counts.index(max(counts))]
    text = (
        f"imbalanced classes: {share:.1%} of the samples are {largest}, so models are judged by "
        f"{judged}"
    )
    if config.class_weights != "none" or config.sampler == "balanced":
        return text
    return f"{text}; rare classes weigh more in training with --class-weights auto"


def config_text(merged: Merged, unread: Collection[str] = ()) -> str:
    """config.yaml: all that was read, with the model's settings complete and paths absolute."""
    config = merged.config
    values = config.model_dump()
    settings = registry.load("model", config.model).Config(**config.set).model_dump(mode="json")
    if "backbone" in settings or "weights" in settings:
        settings = placed(settings)
    read: dict[str, object] = {"set": settings, "learning_rate": config.rate}
    if steps := parse(config.augment).steps:
        read["augment"] = list(steps)  # what stands in a file, so that the run needs none
    read |= {f"{kind}_set": all_settings(config, kind) for kind in SHARED}
    read |= absolute_plugins(values)
    for name in ("data", "class_weights", "cost"):
        path = expand(getattr(config, name) or "")
        if path.exists() and (name == "data" or path.is_file()):
            read[name] = str(path.resolve())
    omit = set(unread_by_source(values, set(values))) | {"name"}
    omit |= {name for name in ("metrics", "log") if not getattr(config, name)}
    return resolved_yaml(merged, read, omit | {*unread})


def _write_start(folder: RunFolder, config: RunConfig, data: Data) -> None:
    """Write what must stand in the folder, beside its configuration, before training starts.

    `environment.json` is the last file: where it exists, the run can be resumed.
    """
    from mlzoo.data.record import data_record, split_record

    folder.write_json("data.json", data_record(data, config))
    folder.write_json("split.json", split_record(data, config))
    if data.policy.steps:
        folder.write_text("augmentation.yaml", data.policy.text(f"augmentation {data.policy.name}"))
    if data.samples.problems:
        rows = [{"file": name, "reason": reason} for name, reason in data.samples.problems]
        folder.write_text("bad_files.csv", files.csv_text(rows))
    for kind, name in plugins(config.model_dump()):
        if (plugin_file := registry.own_file(name)) is not None:
            copy = f"{kind}-{plugin_file.name}" if kind in SEVERAL else f"{kind}.py"
            files.write_bytes(folder.path / copy, plugin_file.read_bytes())
    command = shlex.join(["mlzoo", *sys.argv[1:]]) if sys.argv[0].endswith("mlzoo") else None
    environment = devices.environment(config.seed, config.precision, config.devices)
    facts = {**environment, "command": command, "files": files_read(config)}
    folder.write_json(_STARTED, facts)


@contextmanager
def _resumable(folder: RunFolder, flag: str) -> Iterator[None]:
    """Say of a full disk how to resume, where there is something; `flag` is as in `_next_step`."""
    try:
        yield
    except Exception as error:
        full = find_disk_full(error)
        if full is None or not folder.has_weights:
            raise
        command = f"mlzoo train --resume {shlex.quote(str(folder.final))}{flag}"
        raise ResourceError(f"{files.disk_full(full)} and go on with: {command}") from error


def _work(
    folder: RunFolder,
    config: RunConfig,
    samples: Samples,
    data: Data,
    listener: Listener,
    stage: Stage,
) -> OpenedRun:
    """Train each repeat that is not done yet, then complete the folder."""
    from mlzoo.runs.tracking import tracked
    from mlzoo.training.artifacts import complete

    with tracked(listener, config, folder) as heard:
        records = _trained(folder, config, samples, data, heard, stage)
        stage.doing = "writing the report"
        complete(folder.path, folder.final, records)
    return OpenedRun(folder.finish())  # A model with code of its own is loaded by what ran it here.


def _trained(
    folder: RunFolder,
    config: RunConfig,
    samples: Samples,
    data: Data,
    listener: Listener,
    stage: Stage,
) -> list[dict[str, object]]:
    """Train each repeat that is not done yet; return the records of all."""
    from mlzoo.runs import datasets
    from mlzoo.training.augment_search import searched

    records = _records_done(folder, listener)
    first_test = data.test.indices.tolist()
    policy: Policy | None = None
    for repeat in range(len(records), config.repeats):
        seed = config.seed + repeat
        if repeat:
            listener.note(f"repeat {repeat + 1} of {config.repeats}, seed {seed}")
            data = datasets.arrange(samples, config, seed)
        stage.doing = "training"
        if config.augment == "search":
            policy = policy or searched(folder, config, data, listener)
            data = replace(data, policy=policy)
        records.append(_train_once(folder, config, data, seed, listener, not repeat, stage))
        records[-1]["own_split"] = data.test.indices.tolist() != first_test
        files.write_sealed(folder.path / run_folder.REPEATS, records)
        if config.repeats > 1:
            name = records[-1]["test"]["headline"]
            reached = records[-1]["test"]["metrics"][name]
            shown = "not defined" if reached is None else f"{reached:.4g}"
            listener.note(f"repeat {repeat + 1} of {config.repeats}: {name} {shown}")
        shutil.rmtree(folder.path / "checkpoints" / f"seed-{seed}", ignore_errors=True)
        for member in (folder.path / "checkpoints").glob(f"seed-{seed}-*"):
            shutil.rmtree(member, ignore_errors=True)
    return records


def _records_done(folder: RunFolder, listener: Listener) -> list[dict[str, Any]]:
    """Return the scores of the trainings that are done; none where their file is damaged."""
    path = folder.path / run_folder.REPEATS
    if not path.exists():
        return []
    try:
        records: list[dict[str, object]] = files.read_sealed(path)
    except DataError as error:
        listener.warn(f"{error}: what it held is trained again")
        return []
    return records


def _train_once(
    folder: RunFolder,
    config: RunConfig,
    data: Data,
    seed: int,
    listener: Listener,
    first: bool,
    stage: Stage,
) -> dict[str, object]:
    """One training and its evaluation; the first one's model and pictures stay in the folder."""
    import keras

    from mlzoo.evaluating.decision_costs import costs_sentence
    from mlzoo.layers.predictive import distribution_model
    from mlzoo.runs.predicting.novelty import write
    from mlzoo.training.artifacts import (
        score,
        training_record,
        write_artifacts,
        write_calibration,
    )
    from mlzoo.training.calibration import conformal, decisions
    from mlzoo.training.calibration.novelty import reference_of
    from mlzoo.training.calibration.temperature import calibrated
    from mlzoo.training.loop.batches import build_batches, padding_note
    from mlzoo.training.optimizers import scale_note, scales
    from mlzoo.training.signals import caught

    began = time.monotonic()
    data, aside = conformal.set_aside(config, data, seed, listener)
    model = build_model(config, data, seed)
    if (wasted := padding_note(config, data, seed)) and first:
        listener.note(wasted)
    several = getattr(model, "networks", None)
    networks = several.networks.values() if several else [model]
    listener.note(
        f"model: {config.model}, {sum(n.count_params() for n in networks):,} parameters (--set); "
        f"{devices.device_name(config.devices)}, {keras.backend.backend()}, {config.precision}"
    )
    own_loss = any(hasattr(model, name) for name in ("compiled_with", "networks"))
    if first and not own_loss and (note := scale_note(config, data.outputs)):
        listener.note(note)
    tell_of_tiles(config, data, model, listener)
    checkpoint_folder = folder.path / "checkpoints" / f"seed-{seed}"
    ensemble: Ensemble | None = None
    try:
        with caught() as stop:
            if config.averaged > 1:
                from mlzoo.training import members

                ensemble = members.fit_members(
                    config, data, seed, checkpoint_folder, listener, stop
                )
                model, fitted = ensemble.model, ensemble.fitted
            else:
                given = model, data, config, checkpoint_folder, seed, listener, stop
                if config.profile and first:
                    fitted = _profiled(folder, config, listener, *given)
                else:
                    fitted = fit_network(*given)
    except DivergedError as error:
        raise _keep_best(folder, model, error) from None
    if config.weight_ranges and first:
        from mlzoo.training.loop import weight_ranges

        if not weight_ranges.finish(checkpoint_folder, folder.path):
            listener.note("no ranges of weights: they are solved for, not trained")
    stage.doing = "evaluating"
    listener.note("evaluating on the test split" if len(data.test) else "scoring out of fold")
    if data.outputs.target.dense:
        data = replace(data, cut=cutting(config, model))
    model, calibration = calibrated(config, model, data, ensemble, seed, listener)
    seconds = time.monotonic() - began
    if ensemble is not None and not len(data.test):
        test, outcome = members.score_out_of_fold(
            ensemble, data, seed, config.baselines, config.metrics
        )
        data = replace(data, test=ensemble.pool)
    else:
        test, outcome = score(model, data, seed, config)
    record = training_record(model, fitted, test, seed, seconds)
    record["scales"] = {} if own_loss else scales(config, data.outputs)
    record["calibration"] = calibration
    held_out = conformal.scores_of(model, data, aside, ensemble)
    if held_out is not None:
        record["conformal"] = conformal.tested(model, data, held_out, outcome, seed)
        conformal.told(record["conformal"], listener)
    point = None
    if config.cost is not None:
        point = decisions.operating_point(config, model, data, ensemble, calibration, listener)
    if point is not None:
        record["decision"] = decisions.tested(point, data, outcome, seed)
        listener.note(costs_sentence(record["decision"]))
    if ensemble is not None:
        record |= members.ensemble_record(ensemble, data, seed, config.metrics)
    if first:
        stage.doing = "drawing and saving"
        batches = build_batches(config.model_copy(update={"class_weights": "none"}), data, seed)
        fed, pictures = batches.first(), config.pictures == "all"
        write_artifacts(folder.path, model, record, fitted, data, fed, outcome, pictures)
        numbers = not data.outputs.target.is_class
        normal = numbers and distribution_model(model) is not None
        passes = int(config.set.get("dropout_at_predict", 0))
        write_calibration(folder.path, calibration, held_out, data, normal, passes)
        if (reference := reference_of(model, data, aside, ensemble, seed)) is not None:
            write(folder.path, reference)
        if ensemble is not None:
            members.write_members(folder.path, ensemble, data)
        if point is not None:
            decisions.write(folder.path, point, data, outcome, pictures)
    return record


def fit_network(
    model: keras.Model,
    data: Data,
    config: RunConfig,
    folder: Path,
    seed: int,
    listener: Listener,
    stop: Stop,
) -> Fitted:
    """Fit a network: on equations, in an environment, on all samples at once, or in batches.

    Args:
        model: its weights are changed.
        data: samples in splits.
        config: of the run.
        folder: of the checkpoints.
        seed: decides all that is random.
        listener: hears of progress.
        stop: notes signals.

    Raises:
        DivergedError: the loss became NaN or infinite.
        Interrupted: a signal came; where the way of fitting has checkpoints, the state is saved.
    """
    if data.samples.problem is not None:
        from mlzoo.training.loop import equations

        return equations.fit(model, data, config, seed, listener, stop)
    if data.samples.environment is not None:
        from mlzoo.training.control.fitting import ControlTraining

        return ControlTraining(model, data, config, folder, seed, listener, stop).fit()
    if takes_full_batch(config, model):
        from mlzoo.training import full_batch

        return full_batch.fit(model, data, config, listener, stop, folder.name)
    from mlzoo.training.loop.training import Training

    return Training(model, data, config, folder, seed, listener, stop).fit()


def _profiled(folder: RunFolder, config: RunConfig, listener: Listener, *given: Any) -> Fitted:
    """Train, and write and tell where the time went; `given` is as `Training` takes it."""
    from mlzoo.training.loop.profiling import ProfiledTraining, write_profile

    training = ProfiledTraining(*given)
    fitted: Fitted = training.fit()
    parts = training.parts()
    total = sum(part.seconds for part in parts)
    shares = ", ".join(f"{part.name} {part.seconds / total:.0%}" for part in parts)
    listener.note(f"time of the training: {shares} of {total:.3g} s (profile.csv)")
    for sentence in write_profile(folder.path, parts, config):
        listener.note(f"to make it faster: {sentence}")
    return fitted


def _keep_best(folder: RunFolder, model: keras.Model, error: DivergedError) -> DivergedError:
    """Save what a diverged training leaves: the best weights so far, and where it went wrong."""
    files.write_json(folder.path / "diverged.json", error.facts)
    if not error.facts.get("kept_epoch"):
        return DivergedError(f"{error}; no epoch was finished, so no weights are kept", error.facts)
    model.save(folder.path / "model.keras")
    return DivergedError(
        f"{error}; the best weights so far (epoch {error.facts['kept_epoch']}) are in "
        f"{folder.path / 'model.keras'}",
        error.facts,
    )
