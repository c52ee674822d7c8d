"""The repeats of a run: each is a training and its evaluation."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, DivergedError
from mlzoo.core.progress import Listener
from mlzoo.runs import devices, run_folder
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.building import build_model, cutting, takes_full_batch, tell_of_tiles
from mlzoo.training.signals import Stage

if TYPE_CHECKING:
    import keras

    from mlzoo.data.contracts import Outcome
    from mlzoo.data.policies import Policy
    from mlzoo.data.samples import Data, Part, Samples
    from mlzoo.runs.contents.metrics import TrainingRecord
    from mlzoo.statistics.calibration.conformal import ConformalScores
    from mlzoo.statistics.calibration.field_widths import FieldWidths
    from mlzoo.statistics.calibration.risk import MissRates
    from mlzoo.training.calibration.decisions import OperatingPoint
    from mlzoo.training.loop.early_stopping import Fitted
    from mlzoo.training.members import Ensemble
    from mlzoo.training.out_of_fold import ScoredFolds
    from mlzoo.training.signals import Stop


@dataclass(frozen=True)
class _Repeat:
    """One training of a run and its evaluation.

    Attributes:
        folder: of the run.
        config: of the run.
        data: split by `seed`.
        seed: of the repeat.
        first: whether its model and pictures stay in the folder.
        listener: hears of progress.
        stage: what is being done, which is told where it is interrupted.
        plain: whether it is the one without generated samples, beside the other.
    """

    folder: RunFolder
    config: RunConfig
    data: Data
    seed: int
    first: bool
    listener: Listener
    stage: Stage
    plain: bool = False

    @property
    def checkpoints(self) -> Path:
        """Return the folder of its checkpoints."""
        plain = "-plain" if self.plain else ""
        return self.folder.path / "checkpoints" / f"seed-{self.seed}{plain}"


@dataclass(frozen=True)
class _Trained:
    """A model with its training, and its members where it is the mean of several."""

    model: keras.Model
    fitted: Fitted
    ensemble: Ensemble | None = None


@dataclass(frozen=True)
class _Scored:
    """A calibrated model and its scores.

    Attributes:
        trained: the model, calibrated, and its training.
        data: that it was scored on.
        record: of the training and its scores, for `metrics.json`.
        outcome: its predictions.
        folds: scores out of fold; None where there are none.
        held_out: conformal scores; None where there are none.
        point: the operating point that classes are decided by; None without costs.
        missed: miss rates of masks on images that were set aside; None without any.
        widths: of intervals of fields, from such images; the same.
    """

    trained: _Trained
    data: Data
    record: TrainingRecord
    outcome: Outcome
    folds: ScoredFolds | None
    held_out: ConformalScores | None
    point: OperatingPoint | None
    missed: MissRates | None
    widths: FieldWidths | None


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
        records.append(
            _train_once(_Repeat(folder, config, data, seed, not repeat, listener, stage))
        )
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


def _records_done(folder: RunFolder, listener: Listener) -> list[TrainingRecord]:
    """Return the scores of the trainings that are done; none where their file is damaged."""
    path = folder.path / run_folder.REPEATS
    if not path.exists():
        return []
    try:
        records: list[TrainingRecord] = files.read_sealed(path)
    except DataError as error:
        listener.warn(f"{error}: what it held is trained again")
        return []
    return records


def _train_once(repeat: _Repeat) -> TrainingRecord:
    """Train and evaluate; return the record of both, and write the files of the first repeat."""
    from mlzoo.training.calibration import conformal
    from mlzoo.training.starting.generated_samples import warn_of_seen

    began = time.monotonic()
    data, aside = conformal.set_aside(repeat.config, repeat.data, repeat.seed, repeat.listener)
    warn_of_seen(repeat.config, aside, repeat.listener)
    repeat = replace(repeat, data=data)
    model = build_model(repeat.config, data, repeat.seed)
    own_loss = any(hasattr(model, name) for name in ("compiled_with", "networks"))
    _announce(repeat, model, own_loss)
    trained = _fit(repeat, model)
    paused = time.monotonic()
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
    scored = _score(repeat, trained, beside, aside, own_loss, began)
    if repeat.first:
        repeat.stage.doing = "drawing and saving"
        _write(repeat, scored, aside)
    return scored.record


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
    from mlzoo.training.artifacts import write_calibration, write_model
    from mlzoo.training.calibration.temperature import calibrated

    stage.doing = "training"
    repeat = _Repeat(folder, config, data, config.seed, False, listener, stage)
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


def _announce(repeat: _Repeat, model: keras.Model, own_loss: bool) -> None:
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


def _without_generated(repeat: _Repeat) -> _Trained | None:
    """Return the same on real samples alone; None without others, and where it diverges."""
    from mlzoo.training.calibration.temperature import calibrated
    from mlzoo.training.hooks.callbacks import handed_over
    from mlzoo.training.starting.generated_samples import adds_generated

    if not adds_generated(repeat.config):
        return None
    repeat.listener.note("the same model without generated samples is trained to stand beside it")
    changed = {"augment": "none", "profile": False, "callback": []}
    config = repeat.config.model_copy(update=changed)
    plain = replace(repeat, config=config, listener=Listener(), plain=True)
    try:
        with handed_over(()):
            trained = _fit(plain, build_model(config, plain.data, plain.seed))
    except DivergedError as error:
        repeat.listener.warn(f"no scores without generated samples: training diverged, {error}")
        return None
    given = plain.data, trained.ensemble, plain.seed, plain.listener
    return replace(trained, model=calibrated(config, trained.model, *given)[0])


def _fit(repeat: _Repeat, model: keras.Model) -> _Trained:
    """Train a model, or the members that its configuration asks for.

    Raises:
        DivergedError: the loss is no finite number any more; the run's best weights are kept.
    """
    from mlzoo.training.checkpoints import keep_best
    from mlzoo.training.signals import caught
    from mlzoo.training.starting.generated_samples import with_generated

    config, data, seed, listener = repeat.config, repeat.data, repeat.seed, repeat.listener
    try:
        with caught() as stop:
            if config.averaged > 1:
                from mlzoo.training.members import fit_members

                folder = repeat.checkpoints
                ensemble = fit_members(config, data, seed, folder, listener, stop)
                return _Trained(ensemble.model, ensemble.fitted, ensemble)
            data = with_generated(config, data, seed, listener)
            given = model, data, config, repeat.checkpoints, seed, listener, stop
            if config.profile and repeat.first:
                from mlzoo.training.loop.profiling import profiled

                return _Trained(model, profiled(repeat.folder.path, config, listener, *given))
            return _Trained(model, fit_network(*given))
    except DivergedError as error:
        if repeat.plain:
            raise
        raise keep_best(repeat.folder.path, model, error) from None


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


def _score(
    repeat: _Repeat,
    trained: _Trained,
    beside: _Trained | None,
    aside: Part | None,
    own_loss: bool,
    began: float,
) -> _Scored:
    """Calibrate a trained model and score it on the test split.

    Args:
        repeat: with the data that it is scored on.
        trained: the model.
        beside: the same without generated samples, or None.
        aside: samples of the validation split that conformal scores are of.
        own_loss: whether the model has losses of its own.
        began: time at which the repeat began, of `time.monotonic`, without that of `beside`.
    """
    from mlzoo.evaluating.decision_costs import costs_sentence
    from mlzoo.training.artifacts import score, training_record
    from mlzoo.training.calibration import conformal, coverage, decisions
    from mlzoo.training.calibration.temperature import calibrated
    from mlzoo.training.optimizers import scales
    from mlzoo.training.starting.generated_samples import BESIDE, beside_real

    config, data, seed, listener = repeat.config, repeat.data, repeat.seed, repeat.listener
    ensemble = trained.ensemble
    model, calibration = calibrated(config, trained.model, data, ensemble, seed, listener)
    seconds = time.monotonic() - began
    folds: ScoredFolds | None = None
    if ensemble is not None:
        from mlzoo.training.out_of_fold import score_out_of_fold

        which = "none" if len(data.test) else config.baselines
        plain = {BESIDE: beside.ensemble} if beside and beside.ensemble else {}
        folds = score_out_of_fold(ensemble, data, seed, which, config.metrics, plain)
    if ensemble is not None and folds is not None and not len(data.test):
        test, outcome = folds
        data = replace(data, test=ensemble.pool)
    else:
        others = beside_real(beside.model) if beside else {}
        test, outcome = score(model, data, seed, config, others)
    record = training_record(model, trained.fitted, test, seed, seconds)
    record["scales"] = {} if own_loss else scales(config, data.outputs)
    record["calibration"] = calibration
    held_out = conformal.scores_of(model, data, aside, ensemble, seed)
    if held_out is not None:
        record["conformal"] = coverage.tested(model, data, held_out, outcome, seed)
        coverage.report_coverage(record["conformal"], listener)
    missed, record["miss_rate"] = None, None
    if data.outputs.target.pixel_class:
        from mlzoo.training.calibration import masks

        missed = masks.miss_rates(model, data, aside)
        record["miss_rate"] = masks.tested(model, data, missed, listener)
    widths = None
    if data.outputs.target.field:
        from mlzoo.training.calibration import fields

        widths = fields.widths_of(model, data, aside, seed)
        record["conformal"] = fields.tested(model, data, widths, seed)
        coverage.report_coverage(record["conformal"], listener)
    point = None
    if config.cost is not None:
        point = decisions.operating_point(config, model, data, ensemble, calibration, listener)
    if point is not None:
        record["decision"] = decisions.tested(point, data, outcome, seed)
        listener.note(costs_sentence(record["decision"]))
    if ensemble is not None:
        from mlzoo.training.out_of_fold import ensemble_record

        record = {**record, **ensemble_record(ensemble, folds)}
    done = replace(trained, model=model)
    return _Scored(done, data, record, outcome, folds, held_out, point, missed, widths)


def _write(repeat: _Repeat, scored: _Scored, aside: Part | None) -> None:
    """Write a training's model, scores and pictures into the folder of its run."""
    from mlzoo.layers.predictive import distribution_model
    from mlzoo.runs.predicting import novelty
    from mlzoo.training.artifacts import write_artifacts, write_calibration
    from mlzoo.training.calibration import conformal, decisions
    from mlzoo.training.calibration.novelty import reference_of
    from mlzoo.training.loop.batches import build_batches

    config, seed, path = repeat.config, repeat.seed, repeat.folder.path
    model, ensemble, data = scored.trained.model, scored.trained.ensemble, scored.data
    batches = build_batches(config.model_copy(update={"class_weights": "none"}), data, seed)
    fed, pictures = batches.first(), config.pictures == "all"
    fitted, record, outcome = scored.trained.fitted, scored.record, scored.outcome
    write_artifacts(path, model, record, fitted, data, fed, outcome, pictures)
    numbers = not data.outputs.target.is_class
    spread = numbers and distribution_model(model) is not None
    normal = spread and not data.outputs.quantiles
    passes = int(config.set.get("dropout_at_predict", 0))
    residuals = conformal.residuals_of(model, data, aside)
    scores = record["calibration"], scored.held_out
    write_calibration(path, *scores, data, normal, passes, residuals, scored.missed, scored.widths)
    if (reference := reference_of(model, data, aside, ensemble, seed)) is not None:
        novelty.write(path, reference)
    if ensemble is not None:
        from mlzoo.training.out_of_fold import write_members

        write_members(path, ensemble, data, scored.folds)
    if scored.point is not None:
        decisions.write(path, scored.point, data, outcome, pictures)
