"""Pictures of models whose target are the samples themselves: restored, or drawn."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import keras
import numpy as np

from mlzoo.data.samples import Data, Part
from mlzoo.drawing import pictures, sheets
from mlzoo.layers.description import code_size
from mlzoo.layers.input_scaling import feature_names, scaled, unscaled
from mlzoo.layers.networks import Networks
from mlzoo.reporting.figures import (
    reconstructions,
)
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.unlabeled.codes import quantile_grid
from mlzoo.tasks._anomalies import ReconstructionTally
from mlzoo.tasks._tallies import TallyOutcome
from mlzoo.tasks.generation import GenerationTally
from mlzoo.training.loop.batches import Batch

_GRID = 12
"""Samples at a side of the grid of codes."""
_NEAREST, _COMPARED = (8, 5), 5_000
"""Drawn images that are compared, the training images beside each, and those that they are of."""


def draw_reconstructions(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: TallyOutcome,
) -> None:
    """Draw a batch, some test samples restored, the errors, and codes of two numbers."""
    samples, ((inputs, _, _), names) = data.samples, fed
    columns = [column.name for column in samples.columns]
    pictures.sample_grid(folder, inputs, names, samples.kind, columns, samples.maximum)
    tally = outcome.tally
    assert isinstance(tally, ReconstructionTally)
    counts = tally.counts
    error = "largest squared distance" if samples.target.scored else "mean squared error"
    reconstructions.error_histogram(
        folder, counts.errors(), counts.anomalous, tally.threshold(), error
    )
    tested = Part(samples, outcome.indices)
    if samples.kind == "image":
        cases = _restored(model, data, tested, tally.scores())
        reconstructions.reconstruction_cases(folder, cases, maps=samples.target.scored)
    elif samples.columns and not samples.target.scored:
        squared, of_mean = _squared_errors(model, data, tested)
        features = feature_names(samples.columns, data.outputs.scaling)
        reconstructions.feature_errors(folder, features, squared, of_mean)
    if code_size(model) == 2:
        encoder = keras.Model(model.inputs, model.get_layer("code").output)
        places = np.concatenate([outputs_of(encoder, tested.inputs(at)) for at in tested.chunks()])
        known = None if samples.classes is None else samples.classes[tested.indices]
        reconstructions.codes(folder, places, known, samples.class_names)


def _restored(
    model: keras.Model, data: Data, tested: Part, scores: np.ndarray
) -> list[reconstructions.ReconstructionCase]:
    """Return the two best, the median and the two worst test samples with what became of them."""
    order = np.argsort(-scores, kind="stable").tolist()
    last, middle = len(order) - 1, len(order) // 2
    ranks = {0: "best", 1: "2nd best", middle: "median", last - 1: "2nd worst", last: "worst"}
    cases = []
    for rank, title in sorted((r, t) for r, t in ranks.items() if 0 <= r <= last):
        place = order[rank]
        inputs = tested.inputs(np.array([place]))
        truth = scaled(data.outputs.scaling, inputs)[0]
        name = data.samples.name_of(int(tested.indices[place]))
        restored = outputs_of(model, inputs)[0]
        score = -float(scores[place])
        cases.append(reconstructions.ReconstructionCase(title, name, truth, restored, score))
    return cases


def _squared_errors(model: keras.Model, data: Data, tested: Part) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean squared error (k,) of each feature: the model's, and that of the mean."""
    known = tested.samples.anomalous
    normal = tested.indices if known is None else tested.indices[~known[tested.indices]]
    inputs = Part(tested.samples, normal).inputs()
    truth = scaled(data.outputs.scaling, inputs)
    center = scaled(data.outputs.scaling, data.train.inputs()).mean(axis=0)
    error = outputs_of(model, inputs) - truth
    return (error**2).mean(axis=0), ((center - truth) ** 2).mean(axis=0)


def draw_generated(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: TallyOutcome,
) -> None:
    """Draw a batch, samples that the model drew, and the space of codes of two numbers."""
    samples, tally, ((inputs, _, _), names) = data.samples, outcome.tally, fed
    assert isinstance(tally, GenerationTally) and tally.samples is not None
    drawn = unscaled(data.outputs.scaling, tally.samples[: sheets.MOST])
    columns = [column.name for column in samples.columns]
    pictures.sample_grid(folder, inputs, names, samples.kind, columns, samples.maximum)
    sheets.contact_sheet(folder / "generated.png", drawn, samples.maximum, columns)
    if samples.kind == "image" and len(data.train) > _NEAREST[1]:
        _beside_nearest(folder, data, tally.samples[: _NEAREST[0]])
    networks: Networks = model.networks
    if len(model.inputs) > 1 or tuple(model.inputs[0].shape[1:]) != (2,):
        return
    grid = unscaled(data.outputs.scaling, outputs_of(model, quantile_grid(_GRID)))
    path = folder / "latent_grid.png"
    sheets.contact_sheet(path, grid, samples.maximum, columns, across=_GRID)
    if networks.encode is not None:
        tested = Part(samples, outcome.indices)
        encode = partial(networks.encode, networks.networks)
        places = np.concatenate([encode(tested.inputs(at)) for at in tested.chunks()])
        known = None if samples.classes is None else samples.classes[tested.indices]
        reconstructions.codes(folder, places, known, samples.class_names)


def _beside_nearest(folder: Path, data: Data, drawn: np.ndarray) -> None:
    """Draw each drawn image with the training images nearest to it, a row each.

    Nearest are those of the smallest squared difference of scaled pixels, among some thousands.
    """
    from sklearn.neighbors import NearestNeighbors

    count, chosen = _NEAREST[1], np.linspace(0, len(data.train) - 1, _COMPARED).astype(int)
    inputs = data.train.inputs(np.unique(chosen))
    rows = scaled(data.outputs.scaling, inputs).reshape(len(inputs), -1)
    search = NearestNeighbors(n_neighbors=count).fit(rows)
    places = search.kneighbors(drawn.reshape(len(drawn), -1), return_distance=False)
    pairs = zip(unscaled(data.outputs.scaling, drawn), places, strict=True)
    images = np.concatenate([np.concatenate([image[None], inputs[at]]) for image, at in pairs])
    path = folder / "nearest_training.png"
    sheets.contact_sheet(path, images, data.samples.maximum, across=1 + count)
