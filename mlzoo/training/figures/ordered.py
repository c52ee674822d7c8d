"""Pictures of forecasts, labeled steps, texts and translations."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import files
from mlzoo.data.samples import Data, Part
from mlzoo.data.text.captions import caption_symbols
from mlzoo.data.text.characters import continue_text
from mlzoo.data.text.reader import CaptionReader, TextReader
from mlzoo.drawing import pictures
from mlzoo.layers.attention_decoder import attention_of
from mlzoo.reporting.figures import attention, forecasts, plots, timelines
from mlzoo.runs.models import outputs_of
from mlzoo.tasks._steps import labels_of
from mlzoo.tasks._tallies import TallyOutcome
from mlzoo.tasks.forecasting import ForecastOutcome
from mlzoo.tasks.translation import TranslationTally
from mlzoo.training.figures.cases import chosen_cases
from mlzoo.training.loop.batches import Batch

_CAPTIONS = 16
_ATTENDED = 4


def draw_forecasts(
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
            None if outcome.ends is None else outcome.ends[:, place],
        )
        for title, place in chosen_cases(-outcome.errors())
    ]
    forecasts.forecast_cases(folder, cases, samples.target_names)
    forecasts.horizon_errors(folder, record["test"]["metrics"]["per_horizon"])
    correlation = record["test"]["metrics"]["autocorrelation"]
    if samples.windows is not None:
        forecasts.over_time(folder, outcome, samples)
    if correlation is not None and correlation["lags"]:
        forecasts.residual_correlation(folder, correlation)


def _past(rows: Part, place: int, channels: Sequence[int]) -> np.ndarray:
    """The targets' values before a forecast, (steps, targets); no columns if they are no inputs."""
    inputs = rows.inputs(np.array([place]))[0]
    return inputs[:, list(channels)] if channels else np.zeros((0, 0))


def draw_timelines(
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


def write_text_sample(
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


def draw_translations(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: TallyOutcome,
) -> None:
    """Draw what the decoder attends to in the best, the median and the worst test pairs."""
    tally = outcome.tally
    assert isinstance(tally, TranslationTally)
    places = [place for _, place in chosen_cases(tally.scores())]
    reader = data.samples.reader
    if isinstance(reader, CaptionReader):
        _captions(folder, data, tally)
        places = list(range(min(_ATTENDED, len(data.test))))
    inputs = data.test.inputs(np.array(places))
    weights = attention_of(model, inputs)
    if weights is None:
        return
    if isinstance(reader, CaptionReader):
        _caption_attention(folder, reader, tally, inputs, weights)
        return
    cases = [
        attention.AttentionCase(
            title, tally.sources[at], tally.truth[at], tally.predicted[at], each
        )
        for (title, at), each in zip(chosen_cases(tally.scores()), weights, strict=True)
    ]
    attention.attention_cases(folder, cases)


def _caption_attention(
    folder: Path,
    reader: CaptionReader,
    tally: TranslationTally,
    images: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Draw where the decoder looks on the first test images.

    Args:
        folder: of the pictures.
        reader: which symbols there are.
        tally: texts of all test images.
        images: (n, height, width, channels).
        weights: attention (n, symbols, cells).
    """
    cases = []
    for i, (image, each) in enumerate(zip(images, weights, strict=True)):
        symbols = caption_symbols(tally.predicted[i], reader.unit)
        cases.append(attention.CaptionCase(f"image {i + 1}", image, tally.truth[i], symbols, each))
    attention.caption_cases(folder, cases, reader.maximum)


def _captions(folder: Path, data: Data, tally: TranslationTally) -> None:
    """Draw test images, each with what was written of it, and the truth where that differs."""
    count = min(_CAPTIONS, len(data.test))
    pairs = list(zip(tally.predicted, tally.truth, strict=True))[:count]
    texts = []
    for written, truth in pairs:
        lines = textwrap.wrap(written, 26)[:2]
        if written != truth:
            lines += textwrap.wrap(f"(truth: {truth})", 26)[:2]
        texts.append("\n".join(lines))
    images = data.test.inputs(np.arange(count))
    pictures.captioned_images(folder / "captions.png", images, texts, data.samples.maximum)
