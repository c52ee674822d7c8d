"""Samples that a generative model draws."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.runs.models import decode_codes, draw_samples
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

    Raises:
        UsageError: the run's model draws no samples, or none of a class that is chosen, or there
            is no such end.
        DataError: the file of an end can't be read, or does not fit.
    """
    from mlzoo.statistics.unlabeled.codes import grid_codes, slerp

    if not run.target.drawn:
        raise UsageError(
            f"{run.path} is a run of {run.record['task']}, whose model draws no samples; "
            "train one that does, such as vae"
        )
    networks = run.networks
    plugin = registry.load("model", run.config.model)
    if interpolate is None and not latent_grid:
        classes = _classes(run, count, class_name)
        scaled = draw_samples(plugin, run.config.set, networks, count, seed, classes)
    else:
        first = _classes(run, 1, class_name)
        decode = partial(_decode, run, classes=first)
        shape = tuple(networks[plugin.MAIN].inputs[0].shape[1:])
        if interpolate is None:
            codes = grid_codes(decode, shape, count, seed)
        else:
            start, end = (_code_of(run, name, shape) for name in interpolate)
            codes = slerp(start, end, count)
        scaled = decode(codes)
    return Generated(_raw(run, scaled), scaled)


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


def _classes(run: LoadedRun, count: int, name: str | None) -> np.ndarray | None:
    """Return the position (count,) of the class of each sample of a conditional model.

    Raises:
        UsageError: there is no such class, or the model is not conditional.
    """
    import numpy as np

    known = run.record["class_names"]
    if not run.config.set.get("conditional"):
        if name is not None:
            raise UsageError(
                f"--class {name}: {run.path} draws samples of any class; train it with "
                "--set conditional=true"
            )
        return None
    if name is None:
        return np.arange(count) % len(known)
    if name not in known:
        listed = ", ".join(known)
        raise UsageError(f"--class: {registry.unknown('class', name, known)}; there are {listed}")
    return np.full(count, known.index(name))


def _decode(run: LoadedRun, codes: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
    """Return the scaled samples of codes, of the classes (1,) of a conditional model."""
    import numpy as np

    plugin = registry.load("model", run.config.model)
    labels = None if classes is None else np.resize(classes, len(codes))
    return decode_codes(plugin, run.config.set, run.networks, codes, labels)


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
