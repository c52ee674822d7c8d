"""Artifacts of a trained model in its run folder: scores, figures, the card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import keras
import numpy as np

from mlzoo.core import files, registry
from mlzoo.core.configs import RunConfig
from mlzoo.data.contracts import Baseline, Outcome, Predict, Sampler, SplitScores
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Outputs
from mlzoo.evaluating.evaluate import evaluate, summarize_repeats, write_predictions
from mlzoo.layers.description import code_size, layer_graph
from mlzoo.layers.networks import Networks
from mlzoo.layers.portable import save_model
from mlzoo.layers.predictive import distribution_model
from mlzoo.reporting.card import write_card
from mlzoo.reporting.facts import gather
from mlzoo.reporting.figures import plots
from mlzoo.reporting.pages.report import write_report
from mlzoo.runs.contents.metrics import HeadlineScore, RunMetrics, TrainingRecord
from mlzoo.runs.models import conditions_in_turn, draw_samples, log_weights_of, outputs_of
from mlzoo.statistics.calibration.conformal import ConformalScores
from mlzoo.statistics.calibration.field_widths import FieldWidths
from mlzoo.statistics.calibration.risk import MissRates
from mlzoo.statistics.forecasts import ResidualQuantiles
from mlzoo.statistics.metrics import mode
from mlzoo.training.calibration.conformal import scores_record
from mlzoo.training.checkpoints import weights_sha256
from mlzoo.training.figures.domains import draw_film
from mlzoo.training.figures.drawing import draw
from mlzoo.training.loop.batches import Batch
from mlzoo.training.loop.early_stopping import Fitted


def score(
    model: keras.Model,
    data: Data,
    seed: int,
    config: RunConfig,
    beside: Mapping[str, Baseline] = MappingProxyType({}),
) -> tuple[SplitScores, Outcome]:
    """Score a model on the test split, which is done once.

    Args:
        model: the trained model.
        data: as split for the run.
        seed: of intervals, baselines and what is drawn.
        config: of the run.
        beside: other models by name, which are scored as baselines are.
    """
    spread = None if data.outputs.target.is_class else distribution_model(model)
    outputs = replace(data.outputs, code=code_size(model), distribution=spread is not None)
    data = replace(data, outputs=outputs)
    target = data.samples.target
    if (target.is_input or target.is_label_set) and config.folds > 1:
        # Members were trained on it: its errors and thresholds say nothing of new samples.
        data = replace(data, valid=Part(data.samples, np.arange(0)))
    networks: Networks | None = getattr(model, "networks", None)
    predict: Predict = partial(outputs_of, spread or model)
    if networks is not None and data.outputs.target.drawn:
        predict = _sampler(networks, config, outputs, seed)
    which = config.baselines
    return evaluate(predict, data, "test", seed, which, extra=config.metrics, beside=beside)


def _sampler(networks: Networks, config: RunConfig, outputs: Outputs, seed: int) -> Sampler:
    """Return a generative model as what draws samples and weighs given ones."""
    given = registry.load("model", config.model), config.set, networks.networks

    def draw(positions: np.ndarray) -> np.ndarray:
        quantiles = outputs.condition_quantiles
        conditions = conditions_in_turn(outputs.conditions, quantiles, positions)
        return draw_samples(*given, len(positions), seed, conditions)

    return Sampler(draw, log_weights_of(*given, outputs, seed))


def training_record(
    model: keras.Model, fitted: Fitted, test: SplitScores, seed: int, seconds: float
) -> TrainingRecord:
    """Return what metrics.json says of one training; `test` are its scores."""
    row = fitted.history[fitted.kept_epoch - 1]
    estimates = {each.name: asdict(each) for each in fitted.estimates}
    record: TrainingRecord = {
        "seed": seed,
        "test": test,
        "valid": {n.removeprefix("val_"): v for n, v in row.items() if n.startswith("val_")},
        "kept": {
            "epoch": fitted.kept_epoch,
            "criterion": fitted.criterion,
            "value": fitted.value,
        },
        "epochs": len(fitted.history),
        "stopped": fitted.stopped,
        "events": list(fitted.events),
        "seconds": round(seconds, 2),
        "parameters": model.count_params(),
        "trainable": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "weights_sha256": weights_sha256(model),
    }
    return {"estimates": estimates, **record} if estimates else record


def write_artifacts(
    folder: Path,
    model: keras.Model,
    record: TrainingRecord,
    fitted: Fitted,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: Outcome,
    pictures: bool = True,
) -> None:
    """The model, its history, its predictions on the test split, and the pictures.

    `fed` is a batch that the net was fed, which is drawn, and the names of its samples; without
    `pictures` nothing is drawn.
    """
    write_model(folder, model, fitted)
    write_predictions(folder / "predictions.csv", outcome, data.samples)
    if not pictures:
        return
    plots_folder = folder / "plots"
    plots_folder.mkdir(exist_ok=True)
    scales = record.get("scales", {})
    plots.learning_curves(plots_folder, fitted.history, fitted.kept_epoch, scales)
    draw(plots_folder, model, record, data, fed, outcome)
    if fitted.frames:
        draw_film(plots_folder, data, fitted.frames)


def write_model(folder: Path, model: keras.Model, fitted: Fitted) -> None:
    """Write the model, its other networks, its layers and the history of its training."""
    # On the same layers, but never compiled: the optimizer's slots stay out of the file.
    uncompiled = keras.Model(model.inputs, model.outputs, name=model.name)
    save_model(uncompiled, folder / "model.keras")
    networks: Networks | None = getattr(model, "networks", None)
    if networks is not None:
        (folder / "networks").mkdir(exist_ok=True)
        for name, network in networks.others.items():
            save_model(network, folder / "networks" / f"{name}.keras")
    files.write_json(folder / "layers.json", layer_graph(model))
    files.write_text(folder / "history.csv", files.csv_text(fitted.history))


def write_calibration(
    folder: Path,
    temperature: Mapping[str, object] | None,
    scores: ConformalScores | None,
    data: Data,
    normal: bool = False,
    dropout_passes: int = 0,
    residuals: ResidualQuantiles | None = None,
    missed: MissRates | None = None,
    widths: FieldWidths | None = None,
) -> None:
    """Write `calibration.json`: what was found of the temperature, and conformal scores.

    Args:
        folder: of the run.
        temperature: the record of `temperature.calibrated`; None where none was looked at.
        scores: of held-out samples; None where there are none.
        data: as split for the run.
        normal: the model predicts a normal distribution.
        dropout_passes: passes with dropout that a prediction takes.
        residuals: of held-out forecasts; None of other predictions, or without any.
        missed: miss rates of held-out masks; the same.
        widths: of intervals of fields; the same.
    """
    held_out = scores or residuals or missed or widths
    if temperature is None and not (held_out or normal or dropout_passes):
        return
    grouped = data.samples.groups is not None
    written = None if scores is None else scores_record(scores, grouped)
    record = {
        "temperature": temperature,
        "conformal": written,
        "distribution": "normal" if normal else None,
        "dropout_passes": dropout_passes,
        "residuals": None if residuals is None else residuals.record(),
        "miss_rates": None if missed is None else missed.record(),
        "field_widths": None if widths is None else widths.record(),
    }
    files.write_json(folder / "calibration.json", record)


def complete(folder: Path, final: Path, records: list[TrainingRecord]) -> None:
    """Write metrics.json (the first training's figures, the spread over repeats), card and report.

    `final` is where the folder will be, for the commands in the card.
    """
    data_record = files.read_json(folder / "data.json")
    first = records[0]
    metrics: RunMetrics = {
        "task": data_record["task"],
        "headline": _headline(first["test"]),
        **first,
        "repeats": None,
        "data_fingerprint": data_record["fingerprint"],
    }
    if len(records) > 1:
        own_splits = all(record["own_split"] for record in records[1:])
        parts = data_record["parts"]
        shared = parts["test"]["samples"] / parts["train"]["samples"] if own_splits else None
        tested = [record["test"]["metrics"] for record in records]
        metrics["repeats"] = {
            "summary": summarize_repeats(tested, shared),
            "own_splits": own_splits,
            "baselines": _baseline_repeats(records, shared),
            "trainings": records,
        }
    files.write_json(folder / "metrics.json", metrics)
    facts = gather(folder, final)
    write_card(folder, facts)
    write_report(folder, facts)


def _headline(test: SplitScores) -> HeadlineScore:
    """The metric that the run is judged by, and `also` what is to be read beside it."""

    def figure(name: str) -> HeadlineScore:
        interval = test["intervals"].get(name)
        return {
            "name": name,
            "mode": mode(name),
            "value": test["metrics"][name],
            "interval": interval,
        }

    name = test["headline"]
    read_beside = registry.constants("metric", name).get("BESIDE", ())
    beside = [n for n in read_beside if n in test["metrics"]]
    return {**figure(name), "also": [figure(each) for each in beside]}


def _baseline_repeats(
    records: list[TrainingRecord], shared: float | None
) -> dict[str, dict[str, dict[str, object]]]:
    names = records[0]["test"]["baselines"]
    return {
        name: summarize_repeats([record["test"]["baselines"][name] for record in records], shared)
        for name in names
    }
