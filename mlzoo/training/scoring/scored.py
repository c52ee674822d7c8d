"""One training of a run: how it is scored, and what is written of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.progress import Listener
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.signals import Stage

if TYPE_CHECKING:
    import keras

    from mlzoo.data.contracts import Outcome
    from mlzoo.data.samples import Data, Part
    from mlzoo.runs.contents.metrics import TrainingRecord
    from mlzoo.statistics.calibration.conformal import ConformalScores
    from mlzoo.statistics.calibration.field_widths import FieldWidths
    from mlzoo.statistics.calibration.risk import MissRates
    from mlzoo.training.calibration.decisions import OperatingPoint
    from mlzoo.training.loop.early_stopping import Fitted
    from mlzoo.training.members import Ensemble
    from mlzoo.training.scoring.out_of_fold import ScoredFolds


@dataclass(frozen=True)
class Repeat:
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
class Trained:
    """A model with its training, and its members where it is the mean of several."""

    model: keras.Model
    fitted: Fitted
    ensemble: Ensemble | None = None


@dataclass(frozen=True)
class Scored:
    """A calibrated model and its scores.

    Attributes:
        trained: the model, calibrated, and its training.
        data: that it was scored on.
        record: of the training and its scores, for `metrics.json`.
        outcome: its predictions.
        folds: scores out of fold; None where there are none.
        held_out: conformal scores; None where there are none.
        point: the operating point that classes are decided by; None without costs.
        missed: miss rates of masks on held-out images; None without any.
        widths: of intervals of fields, from such images; the same.
    """

    trained: Trained
    data: Data
    record: TrainingRecord
    outcome: Outcome
    folds: ScoredFolds | None
    held_out: ConformalScores | None
    point: OperatingPoint | None
    missed: MissRates | None
    widths: FieldWidths | None


def score_trained(
    repeat: Repeat,
    trained: Trained,
    beside: Trained | None,
    aside: Part | None,
    own_loss: bool,
    began: float,
) -> Scored:
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
    from mlzoo.training.calibration import conformal, coverage, decisions
    from mlzoo.training.calibration.temperature import calibrated
    from mlzoo.training.optimizers import scales
    from mlzoo.training.scoring.artifacts import score, training_record
    from mlzoo.training.starting.generated_samples import BESIDE, beside_real

    config, data, seed, listener = repeat.config, repeat.data, repeat.seed, repeat.listener
    ensemble = trained.ensemble
    model, calibration = calibrated(config, trained.model, data, ensemble, seed, listener)
    rule = None
    if data.outputs.target.pixel_class:
        from mlzoo.training.calibration.operating_masks import operating_mask

        rule = operating_mask(config, model, data, ensemble, calibration, seed, listener)
        data = data if rule is None else replace(data, mask_rule=rule.rule)
    seconds = time.monotonic() - began
    folds: ScoredFolds | None = None
    if ensemble is not None:
        from mlzoo.training.scoring.out_of_fold import score_out_of_fold

        which = "none" if len(data.test) else config.baselines
        plain = {BESIDE: beside.ensemble} if beside and beside.ensemble else {}
        folds = score_out_of_fold(ensemble, data, seed, which, config.metrics, plain)
    apart = len(data.test) > 0
    if ensemble is not None and folds is not None and not apart:
        test, outcome = folds
        data = replace(data, test=ensemble.pool)
    else:
        others = beside_real(beside.model) if beside else {}
        test, outcome = score(model, data, seed, config, others)
    record = training_record(model, trained.fitted, test, seed, seconds)
    record["scales"] = {} if own_loss else scales(config, data.outputs)
    record["calibration"] = calibration
    if data.outputs.target.pixel_class:
        record["operating_point"] = None if rule is None else rule.record
    held_out = conformal.scores_of(model, data, aside, ensemble, seed)
    if held_out is not None:
        # Members were trained on the samples that are scored out of fold.
        record["conformal"] = (
            coverage.tested(model, data, held_out, outcome, seed) if apart else None
        )
        coverage.report_coverage(record["conformal"], listener)
    missed, record["miss_rate"] = None, None
    if data.outputs.target.pixel_class:
        from mlzoo.training.calibration import masks

        missed = masks.miss_rates(model, data, aside, ensemble, calibration)
        record["miss_rate"] = masks.tested(model, data, missed, listener) if apart else None
    widths = None
    if data.outputs.target.field:
        from mlzoo.training.calibration import fields

        widths = fields.widths_of(model, data, aside, ensemble, seed)
        folds_too = ensemble is not None and ensemble.outputs is not None
        record["conformal"] = fields.tested(model, data, widths, seed, folds_too)
        coverage.report_coverage(record["conformal"], listener)
    point = None
    if config.cost is not None:
        point = decisions.operating_point(config, model, data, ensemble, calibration, listener)
    if point is not None:
        record["decision"] = decisions.tested(point, data, outcome, seed)
        listener.note(costs_sentence(record["decision"]))
    if ensemble is not None:
        from mlzoo.training.scoring.out_of_fold import ensemble_record

        record = {**record, **ensemble_record(ensemble, folds)}
    done = replace(trained, model=model)
    return Scored(done, data, record, outcome, folds, held_out, point, missed, widths)


def write_scored(repeat: Repeat, scored: Scored, aside: Part | None) -> None:
    """Write a training's model, scores and pictures into the folder of its run."""
    from mlzoo.layers.predictive import distribution_model
    from mlzoo.runs.predicting import novelty
    from mlzoo.runs.predicting.decisions import MASKS_FILE
    from mlzoo.training.calibration import conformal, decisions
    from mlzoo.training.calibration.novelty import reference_of
    from mlzoo.training.loop.batches import build_batches
    from mlzoo.training.scoring.artifacts import write_artifacts, write_calibration

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
        from mlzoo.training.scoring.out_of_fold import write_members

        write_members(path, ensemble, data, scored.folds)
    if scored.point is not None:
        decisions.write(path, scored.point, data, outcome, pictures)
    if (mask_record := record.get("operating_point")) is not None:
        files.write_json(path / MASKS_FILE, mask_record)
