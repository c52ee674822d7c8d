"""Learning curves and validation curves with spread, bias and variance.

The test split takes no part in this. The folder: `landscape.json`, `curve.csv` (a row a point),
`curve` (PNG, SVG), `index.html`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from mlzoo.checking.landscapes import folders, pictures
from mlzoo.checking.landscapes.page import PageTable, Section, curves, write_page
from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.core.progress import Listener
from mlzoo.core.spaces import Dimension
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data
from mlzoo.drawing import canvas
from mlzoo.runs.contents.folders import write_folder
from mlzoo.runs.folds import fold_data
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.metrics import as_probabilities, class_counts
from mlzoo.training import full_batch
from mlzoo.training.building import build_model, takes_full_batch
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from mlzoo.tuning.space_from_config import candidate
from mlzoo.tuning.trials.fitting import fit_seed
from mlzoo.tuning.trials.scoring import score_model

SIZES = 7
_LEAST = 8


class Decomposition(TypedDict, total=False):
    """Parts of the mean squared error over repeats, of probabilities for classes.

    Only classes and numbers of whole samples have them. `bias` is squared, with noise included.
    """

    bias: float
    variance: float


class CurvePoint(Decomposition):
    """Errors at a number of samples or a value of a setting: means and spreads over repeats."""

    value: Any
    train: float
    valid: float
    train_spread: float | None
    valid_spread: float | None


@dataclass(frozen=True)
class Curve:
    """Learning or validation curve: errors against the number of samples or a setting.

    Attributes:
        name: `samples`, or the setting that was varied.
        error: what an error is: `1 - accuracy`, `rmse`, ...
        rows: one a point.
        sentence: what they say.
    """

    name: str
    error: str
    rows: list[CurvePoint]
    sentence: str
    log: bool


def against_samples(
    data: Data, config: RunConfig, repeats: int, listener: Listener | None = None
) -> Curve:
    """Return errors against the number of training samples, each drawn `repeats` times.

    Args:
        data: the splits.
        config: of the run.
        repeats: fits per point.
        listener: progress callback.

    Raises:
        DataError: there are too few samples, or no validation split.
    """
    whole = len(data.train)
    if whole < 2 * _LEAST:
        raise DataError(
            f"{whole} training samples are too few for a curve; {2 * _LEAST} are needed"
        )
    sizes = np.unique(np.geomspace(max(_LEAST, whole // 64), whole, SIZES).round().astype(int))
    points = [(int(size), config, int(size), False) for size in sizes]
    error, rows = _measured(data, points, repeats, listener)
    return Curve("samples", error, rows, _about_samples(rows), True)


def against_setting(
    data: Data,
    config: RunConfig,
    dimension: Dimension,
    repeats: int,
    listener: Listener | None = None,
) -> Curve:
    """Return errors against a setting, on `repeats` bootstrap samples each.

    Args:
        data: the splits.
        config: of the run.
        dimension: the setting and its values.
        repeats: fits per point.
        listener: progress callback.

    Raises:
        UsageError: a value of the setting is not allowed.
        DataError: there is no validation split.
    """
    levels = dimension.levels(15)
    points = [(v, candidate(config, {dimension.name: v}), len(data.train), True) for v in levels]
    error, rows = _measured(data, points, repeats, listener)
    return Curve(dimension.name, error, rows, _about_setting(dimension.name, rows), dimension.log)


def _measured(
    data: Data,
    points: Sequence[tuple[Any, RunConfig, int, bool]],
    repeats: int,
    listener: Listener | None,
) -> tuple[str, list[CurvePoint]]:
    listener = listener or Listener()
    if not len(data.valid):
        raise DataError("there is no validation split to measure errors on; see --fractions")
    samples = data.samples
    judged = task(samples.task).judged_by(class_counts(samples), len(samples.target_names))
    rows: list[CurvePoint] = []
    done = 0
    for value, config, size, bootstrap in points:
        errors, outputs = [], []
        for repeat in range(repeats):
            generator = np.random.default_rng([config.seed, size, repeat])
            chosen = generator.choice(data.train.indices, size, replace=bootstrap)
            part = fold_data(data, (np.sort(chosen), data.valid.indices))
            train, valid, y_pred = _fit(part, config, fit_seed(config.seed, 0, repeat), judged.name)
            errors.append((train, valid))
            outputs.append(y_pred)
            done += 1
            listener.progress(done, len(points) * repeats, "fitting")
        both = np.array(errors)
        both = 1 - both if judged.mode == "max" else both
        spread = both.std(axis=0, ddof=1) if repeats > 1 else [None, None]
        rows.append(
            {
                "value": value,
                "train": float(both[:, 0].mean()),
                "valid": float(both[:, 1].mean()),
                "train_spread": None if spread[0] is None else float(spread[0]),
                "valid_spread": None if spread[1] is None else float(spread[1]),
                **_bias_variance(outputs, data),
            }
        )
    return judged.name if judged.mode == "min" else f"1 - {judged.name}", rows


def _fit(data: Data, config: RunConfig, seed: int, metric: str) -> tuple[float, float, Any]:
    """Train and score: return the training error, the validation error and the outputs there."""
    with tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch:
        model = build_model(config, data, seed)
        if takes_full_batch(config, model):
            full_batch.fit(model, data, config, Listener(), Stop())
        else:
            quiet = config.model_copy(update={"checkpoint_every": 1e9})
            Training(model, data, quiet, Path(scratch), seed, Listener(), Stop()).fit()
    train, _ = score_model(model, replace(data, valid=data.train), metric)
    valid, _ = score_model(model, data, metric)
    if data.samples.target.per != "sample":
        return train, valid, None
    return train, valid, outputs_of(model, np.asarray(data.valid.inputs()))


def _bias_variance(outputs: Sequence[Any], data: Data) -> Decomposition:
    """Split the mean squared error over repeats into bias and variance (Geman et al. 1992)."""
    if len(outputs) < 2 or outputs[0] is None:
        return {}
    if data.samples.target.sample_class:
        y_pred = np.stack([as_probabilities(o) for o in outputs]).astype("float64")
        y_true = np.eye(y_pred.shape[-1])[data.valid.targets]
    else:
        y_pred = np.stack(outputs).astype("float64")
        y_true = np.asarray(data.valid.targets, "float64").reshape(y_pred.shape[1:])
    mean = y_pred.mean(axis=0)
    return {
        "bias": float(((mean - y_true) ** 2).sum(axis=-1).mean()),
        "variance": float(((y_pred - mean) ** 2).sum(axis=-1).mean()),
    }


def _about_samples(rows: Sequence[CurvePoint]) -> str:
    last, half = rows[-1], rows[-1]
    for row in rows[:-1]:
        if row["value"] <= last["value"] / 1.9:
            half = row
    gain, gap = half["valid"] - last["valid"], last["valid"] - last["train"]
    # The full set is drawn alike each time, so the spread is that of the smaller one.
    spread = max(half["valid_spread"] or 0.0, last["valid_spread"] or 0.0)
    text = (
        f"from {half['value']} to {last['value']} samples the validation error went from "
        f"{half['valid']:.3g} to {last['valid']:.3g} (spread {spread:.2g})"
    )
    if gain > spread:
        return f"{text}: more samples would help"
    if gap > max(spread, 0.25 * last["valid"]):
        return (
            f"{text}, and the training error is {last['train']:.3g}: more samples no longer help "
            "much, and the model fits its samples better than others: try a smaller or "
            "regularized one"
        )
    return (
        f"{text}, about the training error of {last['train']:.3g}: more samples would not help; a "
        "larger model or better inputs might"
    )


def _about_setting(name: str, rows: Sequence[CurvePoint]) -> str:
    best = min(rows, key=lambda row: row["valid"])
    fine = [
        row["value"] for row in rows if row["valid"] <= best["valid"] + (best["valid_spread"] or 0)
    ]
    place = rows.index(best)
    text = f"the validation error is lowest at {name} {_shown(best['value'])}, {best['valid']:.3g}"
    if len(fine) > 1:
        text += f"; {_shown(fine[0])} to {_shown(fine[-1])} are within one standard deviation"
    if place in (0, len(rows) - 1):
        return f"{text}; that is the end of the range, so look beyond it"
    sides = [rows[0], rows[-1]]
    parts = [
        f"at {_shown(row['value'])} it is {row['valid']:.3g}, on training samples "
        f"{row['train']:.3g} ({'too stiff' if row['train'] > 0.5 * row['valid'] else 'too free'})"
        for row in sides
    ]
    return f"{text}; {'; '.join(parts)}"


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def draw(curve: Curve, title: str) -> Any:
    """Draw training and validation error with a band of one standard deviation."""
    parts = "bias" in curve.rows[0]
    figure = canvas.new_figure(9.6 if parts else 6.0, 4.2)
    axes = figure.subplots(1, 2 if parts else 1, squeeze=False)[0]
    x = [row["value"] for row in curve.rows]
    series = (
        ("train", canvas.BLUE, [(row["train"], row["train_spread"]) for row in curve.rows]),
        ("valid", canvas.ORANGE, [(row["valid"], row["valid_spread"]) for row in curve.rows]),
    )
    for name, color, points in series:
        y = np.array([error for error, _ in points])
        spread = np.array([deviation or 0.0 for _, deviation in points])
        axes[0].plot(x, y, "o-", color=color, label=name, markersize=4)
        axes[0].fill_between(x, y - spread, y + spread, color=color, alpha=0.2, linewidth=0)
    canvas.tidy(axes[0], canvas.label(title, 60), curve.name, curve.error)
    if parts:
        bias = np.array([row["bias"] for row in curve.rows])
        variance = np.array([row["variance"] for row in curve.rows])
        axes[1].plot(x, bias, "o-", color=canvas.GREEN, label="bias², noise included", markersize=4)
        axes[1].plot(x, variance, "o-", color=canvas.RED, label="variance", markersize=4)
        axes[1].plot(x, bias + variance, color=canvas.GRAY, linestyle=":", label="their sum")
        canvas.tidy(axes[1], "mean squared error over repeats", curve.name, "squared error")
    for each in axes:
        each.legend(fontsize=8, frameon=False)
        if curve.log:
            each.set_xscale("log")
        tops = [v for line in each.lines for v in np.asarray(line.get_ydata(), float)]
        if max(tops) > 100 * max(min(tops), 1e-12) and min(tops) > 0:
            each.set_yscale("log")
    return figure


def write(folder: Path, curve: Curve, config: RunConfig, repeats: int) -> dict[str, object]:
    """Write the folder; returns what landscape.json holds.

    Args:
        folder: the folder to write.
        curve: the curve.
        config: of the run.
        repeats: fits per point.
    """
    rows = [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in curve.rows
    ]
    record = {
        "model": config.model,
        "data": config.data,
        "against": curve.name,
        "error": curve.error,
        "repeats": repeats,
        "rows": rows,
        "sentences": [curve.sentence],
    }
    title = f"{config.model} on {Path(config.data).name}"

    def fill(place: Path) -> None:
        files.write_json(place / folders.RECORD, record)
        files.write_text(place / "curve.csv", files.csv_text(curve.rows))
        pictures.save(draw(curve, title), place / "curve.png")
        x = [row["value"] for row in curve.rows]
        lines = {
            "train": [row["train"] for row in curve.rows],
            "valid": [row["valid"] for row in curve.rows],
        }
        axes = (curve.name, curve.error)
        sections = [Section("Errors", curves(x, lines, axes, curve.log))]
        if "bias" in rows[0]:
            two = {
                "bias": [row["bias"] for row in curve.rows],
                "variance": [row["variance"] for row in curve.rows],
            }
            note = (
                "Of the mean squared error over repeats; the bias is squared and holds the noise."
            )
            axes = (curve.name, "squared error")
            sections.append(Section("Bias and variance", curves(x, two, axes, curve.log), note))
        write_page(
            place / "index.html", f"{title}: error against {curve.name}", [curve.sentence],
            sections, [PageTable("Points", rows)],
        )  # fmt: skip

    write_folder(folder, fill)
    return record
