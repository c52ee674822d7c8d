"""Pictures of every run, and of those with one prediction a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.data.label_files.joined import bare, images_of
from mlzoo.data.samples import Data, Part
from mlzoo.data.tables.label_sets import joined
from mlzoo.data.volumes.slices import shown, slices_of
from mlzoo.drawing import pictures
from mlzoo.drawing.circuits import circuit_diagram
from mlzoo.layers.gradient_flow import lag_gradients
from mlzoo.layers.predictive import (
    DISTRIBUTION,
    LinearPosterior,
    distribution_model,
    levels_of,
)
from mlzoo.layers.quantum.circuit import QuantumCircuit
from mlzoo.reporting.figures import augmentation, bands, plots
from mlzoo.runs.models import outputs_of
from mlzoo.tasks._samples import SampleOutcome
from mlzoo.training.figures.domains import draw_episodes, draw_solution
from mlzoo.training.figures.ordered import (
    draw_forecasts,
    draw_timelines,
    draw_translations,
    write_text_sample,
)
from mlzoo.training.figures.pixels import draw_pixels
from mlzoo.training.figures.unlabeled import draw_generated, draw_reconstructions
from mlzoo.training.loop.batches import Batch

_BAND_POINTS, _BAND_FUNCTIONS = 300, 5
"""Inputs that an error band is drawn at, and functions drawn from the posterior."""


def draw(
    folder: Path,
    model: keras.Model,
    record: Mapping[str, Any],
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: Any,
) -> None:
    """Draw what a net was fed and what it said.

    Args:
        folder: where the pictures and their numbers go.
        model: trained; compiled, unless it is the mean of several.
        record: what `artifacts.score` says of it.
        data: what it was trained and tested on.
        fed: a batch that it was fed, and the names of its samples.
        outcome: what it said of the test split.
    """
    if data.policy.steps:
        alone = Part(bare(data.samples), data.train.indices)
        augmentation.draw(folder / "augmentation.png", alone, data.policy, record["seed"])
    target = data.samples.target
    if target.is_input:
        if target.drawn:
            draw_generated(folder, model, data, fed, outcome)
        else:
            draw_reconstructions(folder, model, data, fed, outcome)
    elif target.per == "sample":
        _pictures(folder, record, data, fed[0], outcome)
        if target.sample_numbers:
            _error_band(folder, model, data)
    elif target.ahead:
        draw_forecasts(folder, record, data, fed, outcome)
    else:
        by_kind: dict[str, Callable[..., None]] = {
            "step": draw_timelines,
            "token": write_text_sample,
            "symbol": draw_translations,
            "pixel": draw_pixels,
            "point": draw_solution,
            "episode": draw_episodes,
        }
        by_kind[target.per](folder, model, data, fed, outcome)
    scores = record["test"]["metrics"]
    if rows := scores.get("reliability"):
        plots.reliability_diagram(folder, rows, scores.get("calibration_error"))
    coded = target.stepwise or target.translated
    if data.samples.kind == "sequence" and not coded and model.compiled:  # not of several members
        inputs, targets, _ = fed[0]
        plots.gradient_lags(folder, lag_gradients(model, inputs, targets))
    _circuits(folder, model)


def _circuits(folder: Path, model: keras.Model) -> None:
    """Draw the quantum circuits of a model."""
    for layer in model.layers:
        if isinstance(layer, QuantumCircuit):
            gates, angles = layer.gates()
            circuit_diagram(folder / f"{layer.name}.png", gates, layer.output.shape[-1], angles)


def _pictures(
    folder: Path, record: Mapping[str, Any], data: Data, batch: Batch, outcome: SampleOutcome
) -> None:
    """Draw a batch, and correct and wrong predictions."""
    samples = data.samples
    names = samples.class_names
    fed, targets, _ = batch
    labels = _named(targets, data)
    columns = [column.name for column in samples.columns]
    depth = data.inputs.depth
    if samples.kind == "image":
        fed = images_of(samples, fed)
    if depth:  # drawn as films are
        fed = np.stack([slices_of(each, depth) for each in fed])
    pictures.sample_grid(folder, fed, labels, samples.kind, columns, samples.maximum)
    if samples.target.is_label_set:
        plots.label_cooccurrence(folder, record["test"]["metrics"]["together"], names)
        plots.label_mistakes(folder, data.test, outcome.targets, outcome.outputs)
        return
    if not names:
        plots.residuals(folder, outcome.targets, outcome.outputs, samples.target_names)
        return
    plots.confusion_matrix(folder, record["test"]["metrics"]["confusion"], names)
    pictures.mistakes(
        folder,
        lambda positions: shown(images_of(samples, data.test.inputs(positions)), depth),
        outcome.targets,
        outcome.outputs,
        names,
        samples.names_of(data.test.indices),
        samples.kind,
        samples.maximum,
    )


def _named(targets: np.ndarray, data: Data) -> list[Any]:
    """Return what the targets of a batch are called: classes, label sets, or the numbers."""
    names = data.samples.class_names
    if data.samples.target.is_label_set:
        return [text or "none" for text in joined(targets, names)]
    return [pictures.class_label(target, names) for target in targets] if names else list(targets)


def _error_band(folder: Path, model: keras.Model, data: Data) -> None:
    """Draw the first target's mean and deviation over the input, where there is one number."""
    samples, spread = data.samples, distribution_model(model)
    numeric = samples.kind == "table" and not any(column.categories for column in samples.columns)
    if spread is None or levels_of(model) or not numeric or len(samples.columns) != 1:
        return
    x = np.sort(data.train.inputs()[:, 0])
    room = 0.1 * (x[-1] - x[0])
    rows = np.linspace(x[0] - room, x[-1] + room, _BAND_POINTS, dtype="float32")[:, None]
    mean, std = np.moveaxis(outputs_of(spread, rows), 1, 0)
    functions = np.zeros((0, len(rows), 1))
    layer = model.get_layer(DISTRIBUTION)
    if isinstance(layer, LinearPosterior):
        features = outputs_of(keras.Model(model.inputs, layer.input[0]), rows)
        functions = layer.draw(features, mean, _BAND_FUNCTIONS, np.random.default_rng(0))
    training = data.train.inputs()[:, 0], data.train.targets.reshape(len(data.train), -1)[:, 0]
    names = samples.columns[0].name, samples.target_names[0]
    bands.error_band(folder, training, rows[:, 0], mean[:, 0], std[:, 0], functions[:, :, 0], names)
