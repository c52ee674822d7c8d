"""`mlzoo landscape RUN`: the loss around a trained model.

The folder: `landscape.json` (configuration and results), `surface.npz` (a, b, loss), `contour` and
`surface` (PNG, SVG), `line.csv` and `line` (PNG, SVG) where there is a line, `paths.csv` of
optimizers, and `index.html`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from mlzoo.checking.functions.descent import Path, walk
from mlzoo.checking.functions.trajectories import path_rows, plain
from mlzoo.checking.landscapes import curvature, folders, pictures, planes, snapshots, surfaces
from mlzoo.checking.landscapes.losses import LossOf, Weights
from mlzoo.checking.landscapes.page import (
    PageTable,
    Section,
    curves,
    progress,
    write_page,
)
from mlzoo.checking.landscapes.turning import TURNING, turning_surface
from mlzoo.checking.settings import AroundConfig
from mlzoo.core import files
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.drawing import canvas
from mlzoo.layers.predictive import trained_on
from mlzoo.runs.contents.folders import write_folder
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.compiling import inside_weights
from mlzoo.training.optimizers import build_loss

if TYPE_CHECKING:
    from mlzoo.data.samples import Data
    from mlzoo.runs.opened import OpenedRun


StraightLine = TypedDict(
    "StraightLine",
    {"from": str, "places": list[float], "losses": dict[str, list[float]], "barrier": float},
)
"""Losses by split at places from 0, the weights of `from`, to 1, the run's own, and the height that
the losses of the training split rise above both ends."""


@dataclass
class LossSurface:
    """Loss around a model: plane, surface, paths, line and eigenvalues."""

    plane: planes.Plane
    surface: surfaces.Surface
    paths: list[Path]
    line: StraightLine | None = None
    eigenvalues: curvature.Spectrum | None = None
    sentences: list[str] = field(default_factory=list)


def look(run: OpenedRun, config: AroundConfig, listener: Listener | None = None) -> LossSurface:
    """Measure the loss around a run's weights.

    Args:
        run: an open run.
        config: the plane, its size and resolution.
        listener: progress callback.

    Raises:
        DataError: its data have changed or are gone.
        UsageError: a weight or the other run is wrong, or the training kept no snapshots.
    """
    listener = listener or Listener()
    run.require_predictions("landscape")
    data = run.own_data(listener)
    loss = loss_of(run, data, config, "train")
    values = loss.weights()
    # `build_model` starts Keras's names anew, which a loaded model does not mind.
    first = _first_weights(run, data, values) if config.plane == "path" else None
    plane = _plane(run, config, loss, values, first)
    land = surfaces.OnPlane(loss, plane)
    surface = surfaces.measure(land, plane, config.points, config.budget, listener)
    paths = []
    for done, name in enumerate(config.walks.optimizer if config.walked else (), 1):
        start = config.walks.start or (plane.spans[0][1] * 0.8, plane.spans[1][1] * 0.8)
        more = (start, config.walks.steps, config.walks.formulas)
        paths += walk(land, name, config.walks.rates(name), *more)
        listener.progress(done, len(config.walks.optimizer), "walking")
    result = LossSurface(plane, surface, paths)
    end = _other(run, config, values) or first
    if end is not None:
        result.line = _line(run, data, config, values, end, loss)
    if config.eigenvalues:
        listener.note(f"Hessian of {sum(v.size for v in values):,} parameters")
        result.eigenvalues = curvature.eigenvalues(loss, values, config.eigenvalues, config.seed)
    result.sentences = _sentences(result, config, loss)
    return result


def loss_of(run: OpenedRun, data: Data, config: AroundConfig, part: str) -> LossOf:
    """Return the run's own loss on some samples of a split, drawn with the seed.

    Args:
        run: an open run.
        data: its splits.
        config: with `limit` and `seed`.
        part: name of the split.
    """
    split = data.parts()[part]
    count = min(config.limit, len(split))
    if not count:
        raise DataError(f"the {part} split is empty")
    chosen = np.sort(np.random.default_rng(config.seed).choice(len(split), count, replace=False))
    loss = build_loss(run.config, data.outputs, inside_weights(run.config, data))
    model = trained_on(run.model, data.outputs)
    return LossOf(model, loss, np.asarray(split.inputs(chosen)), split.targets_at(chosen))


def _first_weights(run: OpenedRun, data: Data, values: Weights) -> Weights:
    """Return the initial weights of the training, drawn again from its seed."""
    fresh = build_model(run.config, data, run.config.seed)
    weights = checkpoints.values(fresh.trainable_variables)
    if [f.shape for f in weights] != [v.shape for v in values]:
        raise UsageError(f"{run.path}: the model plug-in builds another model than it did")
    return weights


def _plane(
    run: OpenedRun, config: AroundConfig, loss: LossOf, values: Weights, first: Weights | None
) -> planes.Plane:
    if config.plane == "weights":
        names = planes.split_names(config.weights or "")
        return planes.two_weights(loss.variables, values, names, config.span)
    if config.plane == "random":
        return planes.random_directions(values, config.seed, config.span)
    kept = snapshots.read(run.path)
    if len(kept) < 2:
        raise UsageError(
            f"{run.path} kept fewer than two snapshots; train it with --snapshots, or choose "
            "--plane random"
        )
    assert first is not None
    return planes.path_directions([first, *kept], values)


def _other(run: OpenedRun, config: AroundConfig, values: Weights) -> Weights | None:
    if config.to is None:
        return None
    from mlzoo.runs.opened import open_run

    other = open_run(config.to, trust=run.trust).model.trainable_variables
    if [tuple(v.shape) for v in other] != [v.shape for v in values]:
        raise UsageError(f"--to {config.to}: its weights are not shaped as those of {run.path}")
    return checkpoints.values(other)


def _line(
    run: OpenedRun,
    data: Data,
    config: AroundConfig,
    values: Weights,
    end: Weights,
    loss: LossOf,
) -> StraightLine:
    """From the other run, or the first weights, to the run's own."""
    places = np.linspace(-0.25, 1.25, 31)
    losses, names = [loss], ["train"]
    if len(data.valid):
        losses.append(loss_of(run, data, config, "valid"))
        names.append("valid")
    line_losses = surfaces.along(losses, end, values, places)
    return {
        "from": str(config.to) if config.to else "first weights",
        "places": places.tolist(),
        "losses": dict(zip(names, line_losses, strict=True)),
        "barrier": surfaces.barrier(line_losses[0], places),
    }


def _sentences(result: LossSurface, config: AroundConfig, loss: LossOf) -> list[str]:
    z = result.surface.z
    lowest = np.unravel_index(np.nanargmin(z), z.shape)
    here = loss.value(result.plane.center)
    count = sum(len(y) for _, y in loss.parts)
    lines = [
        f"the loss is {here:.4g} at the model's weights, on {count} samples of the training split "
        f"and without penalties; over the plane it goes from {np.nanmin(z):.4g} (at "
        f"{result.surface.a[lowest[1]]:.3g}, {result.surface.b[lowest[0]]:.3g}) to "
        f"{np.nanmax(z):.4g}"
    ]
    lines += [*result.plane.notes, *([result.surface.note] if result.surface.note else [])]
    if result.line:
        height = result.line["barrier"]
        what = "no barrier" if height <= 0.01 * max(here, 1e-9) else f"a barrier of {height:.3g}"
        lines.append(f"on the straight line from {result.line['from']} there is {what}")
    if result.eigenvalues is not None:
        lines.append(curvature.sentence(result.eigenvalues))
    for path in result.paths:
        lines.append(
            f"{path.optimizer} goes from {path.values[0]:.4g} to {path.values[-1]:.4g} in "
            f"{len(path.points) - 1} steps"
        )
    return lines


def write(
    folder: File, result: LossSurface, run: OpenedRun, config: AroundConfig
) -> dict[str, object]:
    """Write the folder; returns what landscape.json holds.

    Args:
        folder: the folder to write.
        result: from `look`.
        run: the run.
        config: that the result was computed with.
    """
    grid = pictures.Grid(
        result.surface.a, result.surface.b, result.surface.z,
        f"loss of {run.path.name}", result.plane.labels, "loss",
    )  # fmt: skip
    paths = [*result.paths]
    if len(result.plane.trail):
        heights = _heights(grid, result.plane.trail)
        paths.append(Path("training", None, result.plane.trail, heights))
    record = {
        "run": str(run.path),
        "config": config.model_dump(mode="json"),
        "labels": result.plane.labels,
        "points": list(grid.z.shape),
        "fast": result.surface.fast,
        "trail": result.plane.trail.tolist(),
        "line": result.line,
        "eigenvalues": result.eigenvalues,
        "paths": plain(
            [
                {"optimizer": p.optimizer, "learning_rate": p.rate, "steps": len(p.points) - 1,
                 "value": float(p.values[-1])}
                for p in result.paths
            ]
        ),
        "sentences": result.sentences,
    }  # fmt: skip

    def fill(place: File) -> None:
        files.write_json(place / folders.RECORD, record)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, a=grid.x, b=grid.y, loss=grid.z)
        files.write_bytes(place / "surface.npz", buffer.getvalue())
        ends = np.zeros((1, 2))
        pictures.save(pictures.contour(grid, paths, ends), place / "contour.png")
        pictures.save(pictures.surface(grid, paths), place / "surface.png")
        sections = [Section("Loss", turning_surface(grid, paths), TURNING)]
        tables = []
        if result.paths:
            files.write_text(place / "paths.csv", files.csv_text(path_rows(result.paths)))
            sections.append(Section("Optimizers", progress(result.paths, "loss")))
            tables.append(PageTable("Optimizers", record["paths"]))
        if result.line:
            line = result.line
            rows = [
                {"t": t, **{n: v[i] for n, v in line["losses"].items()}}
                for i, t in enumerate(line["places"])
            ]
            files.write_text(place / "line.csv", files.csv_text(rows))
            pictures.save(_line_picture(line), place / "line.png")
            axes = (f"0: {line['from']}, 1: this model", "loss")
            shown = curves(line["places"], line["losses"], axes, log=False)
            sections.append(Section("On a straight line", shown))
        title = f"Loss around {run.path.name}"
        write_page(place / "index.html", title, result.sentences, sections, tables)

    write_folder(folder, fill)
    return record


def _heights(grid: pictures.Grid, trail: np.ndarray) -> np.ndarray:
    """Return the plane's own loss below each snapshot, as snapshots lie slightly off the plane."""
    columns = np.abs(grid.x - trail[:, :1]).argmin(axis=1)
    rows = np.abs(grid.y - trail[:, 1:]).argmin(axis=1)
    return grid.z[rows, columns]


def _line_picture(line: StraightLine) -> Any:
    figure = canvas.new_figure(6.4, 4)
    axes = figure.add_subplot()
    canvas.tidy(axes, "loss on a straight line", canvas.label(
        f"0: {line['from']}, 1: this model", 60), "loss")  # fmt: skip
    for (name, values), color in zip(line["losses"].items(), canvas.COLORS, strict=False):
        axes.plot(line["places"], values, color=color, label=name)
    for end in (0, 1):
        axes.axvline(end, color=canvas.GRAY, linewidth=0.8, linestyle=":")
    axes.legend(fontsize=8, frameon=False)
    return figure
