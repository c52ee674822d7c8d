"""Samples that a generative model draws."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.runs.models import conditions_in_turn, decode_codes, draw_samples
from mlzoo.runs.results import Generated

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.runs.loaded import LoadedRun


_PARTS = ("train", "valid", "test")


def draw(
    run: LoadedRun,
    count: int,
    seed: int,
    class_name: str | None,
    interpolate: tuple[str, str] | None = None,
    latent_grid: bool = False,
    number: float | None = None,
) -> Generated:
    """Draw new samples from a generative model.

    Args:
        run: of the model.
        count: how many.
        seed: decides what is drawn.
        class_name: class of all samples, of a conditional model; None: each in turn, and the first
            where they are interpolated or of a grid.
        interpolate: ends of a path of codes: seeds, samples of the run's data, or files of one.
        latent_grid: draw samples at a square grid of codes, of at most `count`.
        number: of all samples, of a model that is conditional on one; None: spread as those of the
            training split, and the median where samples are interpolated or of a grid.

    Raises:
        UsageError: the run's model draws no samples, or none of a class or number that is chosen,
            or there is no such end.
        DataError: the file of an end can't be read, or does not fit.
    """
    import numpy as np

    from mlzoo.statistics.unlabeled.codes import grid_codes, slerp

    if not run.target.drawn:
        raise UsageError(
            f"{run.path} is a run of {run.record['task']}, whose model draws no samples; "
            "train one that does, such as vae"
        )
    networks = run.networks
    plugin = registry.load("model", run.config.model)
    if interpolate is None and not latent_grid:
        conditions = _conditions(run, count, class_name, number)
        scaled = draw_samples(plugin, run.config.set, networks, count, seed, conditions)
    else:
        conditions = _conditions(run, 1, class_name, number)
        decode = partial(_decode, run, conditions=conditions)
        shape = tuple(networks[plugin.MAIN].inputs[0].shape[1:])
        if interpolate is None:
            codes = grid_codes(decode, shape, count, seed)
        else:
            start, end = (_code_of(run, name, shape) for name in interpolate)
            codes = slerp(start, end, count)
        scaled = decode(codes)
    numbers = None
    if conditions is not None and run.record.get("condition_quantiles"):
        numbers = np.resize(conditions, len(scaled))
    return Generated(_raw(run, scaled), scaled, numbers)


def draw_of_classes(run: LoadedRun, classes: np.ndarray, seed: int) -> np.ndarray:
    """Return raw samples (n, *shape) of a conditional model.

    Args:
        run: of the model.
        classes: (n,) position of the class of each.
        seed: decides what is drawn.
    """
    plugin = registry.load("model", run.config.model)
    drawn = draw_samples(plugin, run.config.set, run.networks, len(classes), seed, classes)
    return _raw(run, drawn)


def _raw(run: LoadedRun, scaled: np.ndarray) -> np.ndarray:
    """Return raw samples (n, *shape) of scaled ones, pixels within their range."""
    import numpy as np

    from mlzoo.layers.input_scaling import unscaled

    raw = unscaled(run.scaling, scaled)
    return np.clip(raw, 0, run.reader.maximum) if run.reader.maximum else raw


def _conditions(
    run: LoadedRun, count: int, class_name: str | None, number: float | None
) -> np.ndarray | None:
    """Return the class position or number (count,) of each sample of a conditional model.

    Raises:
        UsageError: there is no such class or number, or the model is not conditional on it.
    """
    import numpy as np

    known, quantiles = run.record["class_names"], run.record.get("condition_quantiles", [])
    conditional = bool(run.config.set.get("conditional"))
    kind = "any class" if not conditional else "a number" if quantiles else "a class"
    if class_name is not None and kind != "a class":
        other = "use --number" if quantiles else "train it with --set conditional=true"
        raise UsageError(f"--class {class_name}: {run.path} draws samples of {kind}; {other}")
    if number is not None and kind != "a number":
        other = "use --class" if conditional else "leave it out"
        raise UsageError(f"--number {number:g}: {run.path} draws samples of {kind}; {other}")
    if number is not None and not quantiles[0] <= number <= quantiles[-1]:
        raise UsageError(
            f"--number {number:g}: {run.path} was trained on numbers from {quantiles[0]:g} to "
            f"{quantiles[-1]:g}; choose one of these"
        )
    if class_name is not None and class_name not in known:
        unknown = registry.unknown("class", class_name, known)
        raise UsageError(f"--class: {unknown}; there are {', '.join(known)}")
    if not conditional:
        return None
    if number is not None:
        return np.full(count, number, "float32")
    if class_name is not None:
        return np.full(count, known.index(class_name))
    return conditions_in_turn(len(known), quantiles, np.arange(count))


def _decode(run: LoadedRun, codes: np.ndarray, conditions: np.ndarray | None) -> np.ndarray:
    """Return the scaled samples of codes, of the class or number (1,) of a conditional model."""
    import numpy as np

    plugin = registry.load("model", run.config.model)
    each = None if conditions is None else np.resize(conditions, len(codes))
    return decode_codes(plugin, run.config.set, run.networks, codes, each)


def _code_of(run: LoadedRun, end: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the code (*shape) that one end of a path names.

    Args:
        run: of a generative model.
        end: a seed; a sample of the run's own data, as `test:3`; or a file of one sample.
        shape: of a code.

    Raises:
        UsageError: the model can't find the code of a sample, or there is no such sample.
        DataError: the file can't be read, or does not fit what the model was trained on.
    """
    import numpy as np

    if end.isdecimal():
        codes = np.random.default_rng(int(end)).normal(size=(1, *shape))
        return codes[0].astype("float32")
    plugin = registry.load("model", run.config.model)
    if not hasattr(plugin, "encode"):
        raise UsageError(
            f"--interpolate: {run.config.model} finds no codes of given samples, such as {end}; "
            "name two seeds, as in --interpolate 1 2"
        )
    part, _, position = end.partition(":")
    if part in _PARTS and position.isdecimal():
        rows = run.own_data().parts()[part]
        if int(position) >= len(rows):
            raise UsageError(
                f"--interpolate: {end} is no sample of the {part} split, which has {len(rows):,}, "
                "counted from 0"
            )
        inputs = rows.inputs(np.array([int(position)]))
    else:
        inputs = run.read_new(end, Listener())[0]
        if len(inputs) != 1:
            raise UsageError(
                f"--interpolate: {end} holds {len(inputs):,} samples; name a file of one"
            )
    settings = plugin.Config(**run.config.set)
    return np.asarray(plugin.encode(settings, run.networks, np.asarray(inputs[:1])))[0]
