"""The repeats of a run: each is a training and its evaluation."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError
from mlzoo.core.progress import Listener
from mlzoo.data.policies import adds_generated
from mlzoo.runs import devices
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.building import build_model, cutting, takes_full_batch, tell_of_tiles
from mlzoo.training.distributed.group import current
from mlzoo.training.scoring.scored import Repeat, Trained, score_trained, write_scored
from mlzoo.training.signals import Stage
from mlzoo.training.starting.folder import read_finished, write_finished

if TYPE_CHECKING:
    import keras

    from mlzoo.data.policies import Policy
    from mlzoo.data.samples import Data, Samples
    from mlzoo.runs.contents.metrics import TrainingRecord
    from mlzoo.training.loop.early_stopping import Fitted
    from mlzoo.training.signals import Stop


def train_repeats(
    folder: RunFolder,
    config: RunConfig,
    samples: Samples,
    data: Data,
    listener: Listener,
    stage: Stage,
) -> list[TrainingRecord]:
    """Train each repeat that is not done yet; return the records of all."""
    from mlzoo.runs import datasets
    from mlzoo.training.augment_search import searched

    records = read_finished(folder.path, listener)
    current().share(str(len(records)).encode())
    first = Repeat(folder, config, data, config.seed, True, listener, stage)
    _share_out(first, samples, len(records))
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
        records.append(_train_once(Repeat(folder, config, data, seed, not repeat, listener, stage)))
        records[-1]["own_split"] = data.test.indices.tolist() != first_test
        write_finished(folder.path, records)
        if config.repeats > 1:
            name = records[-1]["test"]["headline"]
            reached = records[-1]["test"]["metrics"][name]
            shown = "not defined" if reached is None else f"{reached:.4g}"
            listener.note(f"repeat {repeat + 1} of {config.repeats}: {name} {shown}")
        shutil.rmtree(folder.path / "checkpoints" / f"seed-{seed}", ignore_errors=True)
        for member in (folder.path / "checkpoints").glob(f"seed-{seed}-*"):
            shutil.rmtree(member, ignore_errors=True)
    return records


def _train_once(repeat: Repeat) -> TrainingRecord:
    """Train and evaluate; return the record of both, and write the files of the first repeat."""
    from mlzoo.training.calibration import conformal

    began = time.monotonic()
    data, aside = conformal.set_aside(repeat.config, repeat.data, repeat.seed, repeat.listener)
    if adds_generated(repeat.config.augment):
        from mlzoo.training.starting.generated_samples import warn_of_seen

        warn_of_seen(repeat.config, aside, repeat.listener)
    repeat = replace(repeat, data=data)
    model = build_model(repeat.config, data, repeat.seed)
    own_loss = any(hasattr(model, name) for name in ("compiled_with", "networks"))
    _announce(repeat, model, own_loss)
    started = time.monotonic()
    trained = _fit(repeat, model)
    paused = time.monotonic()
    if current().apart and repeat.config.averaged == 1:  # trained before, perhaps elsewhere
        began -= max(0.0, trained.fitted.seconds - (paused - started))
    beside = _without_generated(repeat)
    began += time.monotonic() - paused  # `seconds` are those of the run's own model
    if repeat.config.weight_ranges and repeat.first:
        from mlzoo.training.loop import weight_ranges

        if not weight_ranges.finish(repeat.checkpoints, repeat.folder.path):
            repeat.listener.note("no ranges of weights: they are solved for, not trained")
    if repeat.config.diagnose == "spectrum" and repeat.first:
        from mlzoo.training.figures import spectrum

        if not spectrum.finish(repeat.checkpoints, repeat.folder.path):
            repeat.listener.note("no error by frequency: weights are solved for, not trained")
    repeat.stage.doing = "evaluating"
    repeat.listener.note(
        "evaluating on the test split" if len(data.test) else "scoring out of fold"
    )
    if data.outputs.target.dense:
        cut = cutting(repeat.config, trained.model, data.samples.reader.depth)
        repeat = replace(repeat, data=replace(data, cut=cut))
    scored = score_trained(repeat, trained, beside, aside, own_loss, began)
    if repeat.first:
        repeat.stage.doing = "drawing and saving"
        write_scored(repeat, scored, aside)
    return scored.record


def follow_repeats(
    folder: RunFolder, config: RunConfig, samples: Samples, data: Data, stage: Stage
) -> None:
    """Take part in each training that rank 0 has still to do; it alone scores and writes.

    Args:
        folder: of this process.
        config: of the run.
        samples: all samples.
        data: their splits by the seed of the run.
        stage: what is being done, which is told where it is interrupted.
    """
    done = 0 if config.unscored else int(current().share())
    first = Repeat(folder, config, data, config.seed, False, Listener(), stage)
    _share_out(first, samples, done)
    for number in range(done, config.repeats):
        repeat = _repeat(first, samples, number)
        _take_part(repeat)
        # Whole trainings beside are rank 0's own.
        if not config.unscored and adds_generated(config.augment) and not current().apart:
            with contextlib.suppress(DivergedError):  # all processes diverge, and rank 0 tells it
                _take_part(_plain(repeat))


def _repeat(first: Repeat, samples: Samples, number: int) -> Repeat:
    """Return a repeat, from 0, without the samples that are set aside of its own split."""
    from mlzoo.runs import datasets
    from mlzoo.training.calibration import conformal

    config, seed = first.config, first.config.seed + number
    data = datasets.arrange(samples, config, seed) if number else first.data
    if not config.unscored:
        data = conformal.set_aside(config, data, seed, Listener())[0]
    return replace(first, data=data, seed=seed, first=first.first and not number)


def _share_out(first: Repeat, samples: Samples, done: int) -> None:
    """Do the trainings of several repeats, of one model each, by several processes.

    Args:
        first: the first repeat.
        samples: all samples.
        done: repeats that are done and scored.
    """
    from mlzoo.training.signals import caught
    from mlzoo.training.turns import train_in_turns

    config, numbers = first.config, range(done, first.config.repeats)
    if not current().apart or config.averaged > 1 or len(numbers) < 2:
        return
    if takes_full_batch(config, build_model(config, first.data, first.seed)):
        return
    repeats = [replace(first, seed=config.seed + number) for number in numbers]
    with caught() as stop:

        def fit(place: int) -> None:
            repeat = _repeat(first, samples, numbers[place])
            repeat.listener.note(f"repeat {numbers[place] + 1} of {config.repeats} is trained")
            _fit(repeat, build_model(config, repeat.data, repeat.seed), stop)

        folders = [repeat.checkpoints for repeat in repeats]
        train_in_turns(current(), folders, fit, first.listener, stop)


def _take_part(repeat: Repeat) -> None:
    """Do this process's part of a training: of each batch, of its members, or nothing."""
    from mlzoo.training.signals import caught

    if not current().apart:
        _fit(repeat, build_model(repeat.config, repeat.data, repeat.seed))
    elif repeat.config.averaged > 1:
        from mlzoo.training.members import take_part

        with caught() as stop:
            given = repeat.config, repeat.data, repeat.seed, repeat.checkpoints
            take_part(*given, repeat.listener, stop)


def train_unscored(
    folder: RunFolder, config: RunConfig, data: Data, listener: Listener, stage: Stage
) -> None:
    """Train once and write a model that predicts but has no scores: there is no test split.

    Args:
        folder: of the run.
        config: of the run.
        data: in a training and perhaps a validation split, none of which is set aside.
        listener: hears of progress.
        stage: what is being done, which is told where it is interrupted.
    """
    from mlzoo.layers.predictive import distribution_model
    from mlzoo.training.calibration.temperature import calibrated
    from mlzoo.training.scoring.artifacts import write_calibration, write_model

    stage.doing = "training"
    repeat = Repeat(folder, config, data, config.seed, False, listener, stage)
    model = build_model(config, data, config.seed)
    _announce(repeat, model, own_loss=True)
    trained = _fit(repeat, model)
    stage.doing = "saving"
    model, temperature = calibrated(config, trained.model, data, None, config.seed, listener)
    write_model(folder.path, model, trained.fitted)
    outputs = data.outputs
    spread = not outputs.target.is_class and distribution_model(model) is not None
    passes = int(config.set.get("dropout_at_predict", 0))
    normal = spread and not outputs.quantiles
    write_calibration(folder.path, temperature, None, data, normal, passes)
    listener.note("no scores: there is no test split (--unscored)")


def _announce(repeat: Repeat, model: keras.Model, own_loss: bool) -> None:
    """Tell which model is trained, and on what."""
    import keras

    from mlzoo.training.loop.batches import padding_note
    from mlzoo.training.optimizers import scale_note

    config, data, listener = repeat.config, repeat.data, repeat.listener
    if (wasted := padding_note(config, data, repeat.seed)) and repeat.first:
        listener.note(wasted)
    several = getattr(model, "networks", None)
    networks = several.networks.values() if several else [model]
    listener.note(
        f"model: {config.model}, {sum(n.count_params() for n in networks):,} parameters (--set); "
        f"{devices.device_name(config.devices)}, {keras.backend.backend()}, {config.precision}"
    )
    if repeat.first and not own_loss and (note := scale_note(config, data.outputs)):
        listener.note(note)
    tell_of_tiles(config, data, model, listener)


def _without_generated(repeat: Repeat) -> Trained | None:
    """Return the same on real samples alone; None without others, and where it diverges."""
    from mlzoo.training.calibration.temperature import calibrated
    from mlzoo.training.hooks.callbacks import handed_over

    if not adds_generated(repeat.config.augment):
        return None
    repeat.listener.note("the same model without generated samples is trained to stand beside it")
    plain = _plain(repeat)
    config = plain.config
    try:
        with handed_over(()):
            trained = _fit(plain, build_model(config, plain.data, plain.seed))
    except DivergedError as error:
        repeat.listener.warn(f"no scores without generated samples: training diverged, {error}")
        return None
    given = plain.data, trained.ensemble, plain.seed, plain.listener
    return replace(trained, model=calibrated(config, trained.model, *given)[0])


def _plain(repeat: Repeat) -> Repeat:
    """Return the same without generated samples."""
    changed = {"augment": "none", "profile": False, "callback": []}
    config = repeat.config.model_copy(update=changed)
    return replace(repeat, config=config, listener=Listener(), plain=True)


def _fit(repeat: Repeat, model: keras.Model, stop: Stop | None = None) -> Trained:
    """Train a model, or the members that its configuration asks for.

    Args:
        repeat: of which run and split.
        model: its weights are changed.
        stop: where signals are noted that are caught already.

    Raises:
        DivergedError: the loss is no finite number any more; the run's best weights are kept.
    """
    from mlzoo.training.checkpoints import keep_best
    from mlzoo.training.signals import caught

    config, data, seed, listener = repeat.config, repeat.data, repeat.seed, repeat.listener
    try:
        with caught(stop) as stop:
            if config.averaged > 1:
                from mlzoo.training.members import fit_members

                folder = repeat.checkpoints
                of_members = config, data, seed, folder, listener, stop
                ensemble = fit_members(*of_members, alone=repeat.plain)
                return Trained(ensemble.model, ensemble.fitted, ensemble)
            if adds_generated(config.augment):
                from mlzoo.training.starting.generated_samples import with_generated

                data = with_generated(config, data, seed, listener)
            given = model, data, config, repeat.checkpoints, seed, listener, stop
            if config.profile and repeat.first:
                from mlzoo.training.loop.profiling import profiled

                return Trained(model, profiled(repeat.folder.path, config, listener, *given))
            return Trained(model, fit_network(*given))
    except DivergedError as error:
        if repeat.plain or current().rank:
            raise
        own = config.averaged == 1 and "rank" not in error.facts
        raise keep_best(repeat.folder.path, model if own else None, error) from None


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
    from mlzoo.training.hooks.callbacks import refuse_callbacks

    batched = data.samples.problem is None and data.samples.environment is None
    if not batched or takes_full_batch(config, model):
        refuse_callbacks(config, data.samples.task)
    if data.samples.problem is not None:
        from mlzoo.training.equations import fitting

        return fitting.fit(model, data, config, seed, listener, stop)
    if data.samples.environment is not None:
        from mlzoo.training.control.fitting import ControlTraining

        return ControlTraining(model, data, config, folder, seed, listener, stop).fit()
    if takes_full_batch(config, model):
        from mlzoo.training import full_batch

        return full_batch.fit(model, data, config, listener, stop, folder.name)
    from mlzoo.training.loop.training import Training

    return Training(model, data, config, folder, seed, listener, stop).fit()
