"""The pictures that a trained model leaves in its run folder, by task."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import files
from mlzoo.data.environments.finite import FiniteEnvironment
from mlzoo.data.masks.instances import instances_of
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import IGNORED
from mlzoo.data.tables.label_sets import joined
from mlzoo.data.text.characters import continue_text
from mlzoo.data.text.reader import CaptionReader, TextReader
from mlzoo.drawing import pictures, sheets
from mlzoo.drawing.circuits import circuit_diagram
from mlzoo.drawing.palette import class_colors
from mlzoo.layers.attention_decoder import attention_of
from mlzoo.layers.description import code_size
from mlzoo.layers.gradient_flow import lag_gradients
from mlzoo.layers.input_scaling import feature_names, scaled, unscaled
from mlzoo.layers.networks import Networks
from mlzoo.layers.predictive import DISTRIBUTION, LinearPosterior, distribution_model
from mlzoo.layers.quantum.circuit import QuantumCircuit
from mlzoo.reporting.figures import (
    attention,
    augmentation,
    bands,
    forecasts,
    label_sets,
    plots,
    reconstructions,
    timelines,
)
from mlzoo.reporting.figures.pixels import instances, masks
from mlzoo.reporting.figures.pixels.field_lines import field_lines
from mlzoo.reporting.figures.probabilities.reliability import reliability_diagram
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.unlabeled.codes import quantile_grid
from mlzoo.tasks._anomalies import ReconstructionTally
from mlzoo.tasks._dense import whole
from mlzoo.tasks._samples import SampleOutcome
from mlzoo.tasks._steps import labels_of
from mlzoo.tasks._tallies import TallyOutcome
from mlzoo.tasks.control import EpisodeOutcome
from mlzoo.tasks.forecasting import ForecastOutcome
from mlzoo.tasks.generation import GenerationTally
from mlzoo.tasks.translation import TranslationTally
from mlzoo.training.loop.batches import Batch

_GRID = 12
"""Samples at a side of the grid of codes."""
_NEAREST, _COMPARED = (8, 5), 5_000
"""Drawn images that are compared, the training images beside each, and those that they are of."""
_CAPTIONS = 16
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
        model: trained and compiled.
        record: what `finishing.score` says of it.
        data: what it was trained and tested on.
        fed: a batch that it was fed, and the names of its samples.
        outcome: what it said of the test split.
    """
    if data.policy.steps:
        augmentation.draw(folder / "augmentation.png", data.train, data.policy, record["seed"])
    target = data.samples.target
    if target.is_input:
        if target.drawn:
            _drawn(folder, model, data, fed, outcome)
        else:
            _reconstructions(folder, model, data, fed, outcome)
    elif target.per == "sample":
        _pictures(folder, record, data, fed[0], outcome)
        if target.sample_numbers:
            _error_band(folder, model, data)
    elif target.ahead:
        _forecast_pictures(folder, record, data, fed, outcome)
    else:
        by_kind: dict[str, Callable[..., None]] = {
            "step": _timelines,
            "token": _text_sample,
            "symbol": _translations,
            "pixel": _dense_pictures,
            "point": _solution_pictures,
            "episode": _episode_pictures,
        }
        by_kind[target.per](folder, model, data, fed, outcome)
    scores = record["test"]["metrics"]
    if rows := scores.get("reliability"):
        reliability_diagram(folder, rows, scores.get("calibration_error"))
    coded = target.stepwise or target.translated
    if data.samples.kind == "sequence" and not coded:
        inputs, targets, _ = fed[0]
        plots.gradient_lags(folder, lag_gradients(model, inputs, targets))
    _circuits(folder, model)


def _circuits(folder: Path, model: keras.Model) -> None:
    """Draw the quantum circuits of a model."""
    for layer in model.layers:
        if isinstance(layer, QuantumCircuit):
            gates, angles = layer.gates()
            circuit_diagram(folder / f"{layer.name}.png", gates, layer.output.shape[-1], angles)


def _reconstructions(
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


def _drawn(
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


def _error_band(folder: Path, model: keras.Model, data: Data) -> None:
    """Draw the first target's predictive distribution over the input, where there is one number."""
    samples, spread = data.samples, distribution_model(model)
    numeric = samples.kind == "table" and not any(column.categories for column in samples.columns)
    if spread is None or not numeric or len(samples.columns) != 1:
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


def _forecast_pictures(
    folder: Path,
    record: Mapping[str, Any],
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: ForecastOutcome,
) -> None:
    """Draw a batch, the best, median and worst forecasts, and errors by step ahead."""
    samples = data.samples
    (inputs, _, _), names = fed
    pictures.sample_grid(folder, inputs, names, samples.kind)
    known = Part(samples, outcome.indices)
    cases = [
        forecasts.ForecastCase(
            title,
            samples.name_of(int(outcome.indices[place])),
            _past(known, place, data.outputs.channels),
            outcome.targets[place],
            outcome.outputs[place],
        )
        for title, place in chosen_cases(-outcome.errors())
    ]
    forecasts.forecast_cases(folder, cases, samples.target_names, outcome.band)
    forecasts.horizon_errors(folder, record["test"]["metrics"]["per_horizon"])
    correlation = record["test"]["metrics"]["autocorrelation"]
    if samples.windows is not None:
        forecasts.over_time(folder, outcome, samples)
    if correlation is not None and correlation["lags"]:
        forecasts.residual_correlation(folder, correlation)


def _solution_pictures(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: SampleOutcome,
) -> None:
    """Draw the solution of a problem over the domain, its error, and where residuals are large."""
    # A run of other data need not read these.
    from mlzoo.reporting.figures import equation_errors, solutions
    from mlzoo.training.equations.residuals import sizes_at

    problem = data.samples.problem
    assert problem is not None
    points = np.asarray(data.samples.inputs[outcome.indices], float)
    solutions.solution(folder, problem, points, outcome.targets, outcome.outputs)
    equation_errors.residual_map(folder, problem, points, sizes_at(problem, model, points))
    for draw_errors in (equation_errors.slices, equation_errors.error_spectrum):
        draw_errors(folder, problem, lambda at: outputs_of(model, at))


def _episode_pictures(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: EpisodeOutcome,
) -> None:
    """Draw the returns of episodes beside those of baselines, and values of the cells of a grid."""
    # A run of other data need not read these.
    from mlzoo.reporting.figures import control

    environment = data.samples.environment
    control.returns(folder, outcome.returns, outcome.beside)
    if isinstance(environment, FiniteEnvironment):
        outputs = outputs_of(model, environment.frames)
        networks = model.networks.networks
        values = outputs.max(axis=1)
        if "value" in networks:  # of a policy, whose outputs are no values
            values = outputs_of(networks["value"], environment.frames)[:, 0]
        control.state_values(folder, environment, values, outputs.argmax(axis=1))


def _text_sample(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: TallyOutcome,
) -> None:
    """Write the text that the model generates after the beginning of the test split."""
    reader = data.samples.reader
    assert isinstance(reader, TextReader)
    codes = data.test.image(0)[:, 0].astype(int)
    prompt = "".join(reader.alphabet[code] for code in codes)
    written = continue_text(lambda x: outputs_of(model, x), prompt, reader, 400, 0.7, 0)
    files.write_text(folder / "sample.txt", f"{prompt}|{written}\n")


def _past(rows: Part, place: int, channels: Sequence[int]) -> np.ndarray:
    """The targets' values before a forecast, (steps, targets); no columns if they are no inputs."""
    inputs = rows.inputs(np.array([place]))[0]
    return inputs[:, list(channels)] if channels else np.zeros((0, 0))


def _timelines(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: TallyOutcome,
) -> None:
    """Draw a batch, the confusion matrix of steps, and the best, median and worst sequences."""
    samples = data.samples
    (inputs, _, _), names = fed
    pictures.sample_grid(folder, inputs, names, samples.kind)
    confusion: Any = outcome.tally.tables()["confusion"]
    plots.confusion_matrix(folder, confusion, samples.class_names)
    scores = outcome.tally.scores()
    cases = []
    for title, place in chosen_cases(scores):
        one = Part(samples, outcome.indices[[place]])
        y_pred = labels_of(lambda x: outputs_of(model, x), one)[0]
        name = samples.name_of(int(outcome.indices[place]))
        arrays = one.image(0), one.target(0), y_pred
        cases.append(timelines.Timeline(title, name, *arrays, float(scores[place])))
    channels = samples.reader.input_names
    timelines.timelines(folder, cases, samples.class_names, channels)


def _translations(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: TallyOutcome,
) -> None:
    """Draw what the decoder attends to in the best, the median and the worst test pairs."""
    tally = outcome.tally
    assert isinstance(tally, TranslationTally)
    if isinstance(data.samples.reader, CaptionReader):
        _captions(folder, data, tally)
        return
    places = [place for _, place in chosen_cases(tally.scores())]
    weights = attention_of(model, data.test.inputs(np.array(places)))
    if weights is None:
        return
    cases = [
        attention.AttentionCase(
            title, tally.sources[at], tally.truth[at], tally.predicted[at], each
        )
        for (title, at), each in zip(chosen_cases(tally.scores()), weights, strict=True)
    ]
    attention.attention_cases(folder, cases)


def _captions(folder: Path, data: Data, tally: TranslationTally) -> None:
    """Draw test images, each with what was written of it, and the truth where that differs."""
    count = min(_CAPTIONS, len(data.test))
    pairs = list(zip(tally.predicted, tally.truth, strict=True))[:count]
    texts = [
        "\n".join(textwrap.wrap(written, 26)[:2])
        if written == truth
        else "\n".join([*textwrap.wrap(written, 26)[:2], "truly", *textwrap.wrap(truth, 26)[:2]])
        for written, truth in pairs
    ]
    images = data.test.inputs(np.arange(count))
    pictures.captioned_images(folder / "captions.png", images, texts, data.samples.maximum)


def _dense_pictures(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: TallyOutcome,
) -> None:
    """Draw a batch, and the best, median and worst images of the test split."""
    samples, classes = data.samples, data.samples.target.pixel_class
    (inputs, targets, _), names = fed
    colours = (
        class_colors(samples.reader.class_colors, len(samples.class_names)) if classes else None
    )
    if colours is not None:
        if targets.ndim == 4:  # mixed: the class of the larger share
            targets = np.where(targets.sum(axis=-1) > 0, targets.argmax(axis=-1), IGNORED)
        masks.mask_grid(
            folder, inputs, targets, names, samples.class_names, colours, samples.maximum
        )
    elif data.inputs.flat:
        pictures.sample_grid(folder, inputs[:, 0], names)
    else:
        maximum = samples.maximum if samples.target.restores else None
        pictures.sample_grid(folder, inputs, names, "image", (), maximum)
    scores = outcome.tally.scores()
    cases: list[Any] = []
    for title, place in chosen_cases(scores):
        image, truth = data.test.image(place), data.test.target(place)
        if outcome.outputs is not None:  # classes, out of fold
            y_pred = outcome.outputs[place].argmax(axis=-1).astype("uint8")
        else:
            cut = data.cut(*image.shape[:2])
            y_pred = whole(image, lambda x: outputs_of(model, x), cut, classes)
        name = samples.name_of(int(outcome.indices[place]))
        score = float(scores[place])
        if samples.target.restores:
            arrays = image, y_pred, truth
            cases.append(reconstructions.RestorationCase(title, name, *arrays, score))
            continue
        if samples.target.separate:
            arrays = image, data.test.instances(place), instances_of(y_pred)
            cases.append(instances.InstanceCase(title, name, *arrays, score))
            continue
        case = masks.MaskCase if classes else masks.FieldCase
        cases.append(case(title, name, image, truth, y_pred, abs(score)))
    if samples.target.restores:
        reconstructions.restoration_cases(folder, cases)
    elif samples.target.separate:
        instances.instance_cases(folder, cases, samples.maximum)
    elif colours is not None:
        masks.segmentation_cases(folder, cases, samples.class_names, colours, samples.maximum)
    elif data.inputs.flat:
        field_lines(folder, cases, samples.target_names)
    else:
        masks.field_cases(folder, cases, samples.target_names)


def chosen_cases(scores: np.ndarray) -> list[tuple[str, int]]:
    """The best, the median and the worst position, each once; of two there is no median."""
    order = np.argsort(-scores, kind="stable").tolist()
    titles = {0: "best"}
    for title, rank in (("worst", len(order) - 1), ("median", len(order) // 2)):
        titles.setdefault(rank, title)
    return [(titles[rank], order[rank]) for rank in sorted(titles)]


def _named(targets: np.ndarray, data: Data) -> list[Any]:
    """Return what the targets of a batch are called: classes, label sets, or the numbers."""
    names = data.samples.class_names
    if data.samples.target.is_label_set:
        return [text or "none" for text in joined(targets, names)]
    return [pictures.class_label(target, names) for target in targets] if names else list(targets)


def _pictures(
    folder: Path, record: Mapping[str, Any], data: Data, batch: Batch, outcome: SampleOutcome
) -> None:
    """Draw a batch, and correct and wrong predictions."""
    samples = data.samples
    names = samples.class_names
    fed, targets, _ = batch
    labels = _named(targets, data)
    columns = [column.name for column in samples.columns]
    pictures.sample_grid(folder, fed, labels, samples.kind, columns, samples.maximum)
    if samples.target.is_label_set:
        plots.label_cooccurrence(folder, record["test"]["metrics"]["together"], names)
        label_sets.mistakes(folder, data.test, outcome.targets, outcome.outputs)
        return
    if not names:
        plots.residuals(folder, outcome.targets, outcome.outputs, samples.target_names)
        return
    plots.confusion_matrix(folder, record["test"]["metrics"]["confusion"], names)
    pictures.mistakes(
        folder,
        data.test.inputs,
        outcome.targets,
        outcome.outputs,
        names,
        data.test.names(),
        samples.kind,
        samples.maximum,
    )
