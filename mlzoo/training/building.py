"""From a model plug-in to the network for a run's data, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import MlzooError, UsageError
from mlzoo.core.messages import series
from mlzoo.core.progress import Listener
from mlzoo.runs import devices

if TYPE_CHECKING:
    import keras

    from mlzoo.data.images.tiles import Cutting
    from mlzoo.data.samples import Data


def takes_full_batch(config: RunConfig, model: keras.Model) -> bool:
    """Return whether a model is trained on all samples at once, or needs no training."""
    return config.full_batch or hasattr(model, "solved")


def build_model(config: RunConfig, data: Data, seed: int) -> keras.Model:
    """The model plug-in's network for the data, its weights drawn from the seed.

    A plug-in's `initialize(model, data)` may set some from the data before training.

    Raises:
        UsageError: the plug-in's model does not take these inputs or owe these outputs.
    """
    import keras

    from mlzoo.layers.networks import Networks, build_network
    from mlzoo.layers.predictive import distribution_model

    plugin = registry.load("model", config.model)
    settings: Mapping[str, Any] = config.set
    keras.utils.clear_session()  # which also forgets the precision
    devices.set_precision(config.precision)
    keras.utils.set_random_seed(seed)
    inputs = data.inputs
    if settings.get("carry_state"):
        from mlzoo.training.loop.batches import stream_count

        inputs = replace(inputs, streams=stream_count(config, data))
    build = partial(build_network, plugin) if hasattr(plugin, "networks") else plugin.build
    if inputs.beside is not None:
        from mlzoo.layers.joined import build_joined

        build = partial(build_joined, build, config.model)
    try:
        model = build(plugin.Config(**settings), inputs, data.outputs)
    except Exception as error:
        if isinstance(error, MlzooError) or registry.own_file(config.model) is None:
            raise
        raise UsageError(
            f"{config.model}: build failed: {type(error).__name__}: {error}"
        ) from error
    networks: Networks | None = getattr(model, "networks", None)
    if networks is not None:
        _check_several(config)
    for each in networks.networks.values() if networks else [model]:
        _check_functional(config.model, each)
    _check_output(config.model, model, data)
    if data.outputs.distribution:
        if distribution_model(model) is None:
            raise UsageError(
                f"{config.model} has no head for --loss {config.loss}, which needs several "
                "numbers a target; choose mse"
            )
        model.plain_only = True  # Compiled fits of a search have heads of means alone.
    if (initialize := getattr(plugin, "initialize", None)) is not None:
        if inputs.beside is not None and config.model != "mlp":
            raise UsageError(
                f"{config.model} sets weights from images alone, which does not go with "
                "--with-columns; choose `cnn`, `resnet`, `transfer` or `mlp`"
            )
        initialize(model, data)
    return model


def cutting(config: RunConfig, model: keras.Model, depth: int) -> Cutting:
    """Return how images are cut when a network, with its present weights, predicts them.

    Args:
        config: of the run.
        model: the network.
        depth: slices of a volume; 0: samples are no volumes.
    """
    from mlzoo.data.images.tiles import Cutting, tile_of
    from mlzoo.layers.receptive_field import reach

    return Cutting(tile_of(config.tile, depth), config.overlap, cache(partial(reach, model)))


def tell_of_tiles(config: RunConfig, data: Data, model: keras.Model, listener: Listener) -> None:
    """Say what tiles of the largest image share, and warn where the network needs more."""
    from mlzoo.data.images.tiles import seams

    if not data.outputs.target.dense:
        return
    height, width = data.samples.inputs.shape[1:3]
    cut = cutting(config, model, data.samples.reader.depth)
    tiling = cut(height, width)
    if tiling is None or tiling.holds(height, width):
        return
    listener.note(f"tiles share {tiling.overlap} pixels where an image is put together (--overlap)")
    problem = seams(tiling, height, width, cut.reach)
    if problem is not None:
        listener.warn(problem)


def check_task(model: str, task: str) -> None:
    """Raise UsageError where a model is not for a task; it names the models that are."""
    if not registry.accepts(model, task):
        tasks = [name for name in registry.names("task") if registry.accepts(model, name)]
        fitting = [name for name in registry.names("model") if registry.accepts(name, task)]
        raise UsageError(
            f"{model} is for {series(tasks, 'and')}, but these data are for {task}; "
            f"choose {series(fitting, 'or')}"
        )


def _check_output(name: str, model: keras.Model, data: Data) -> None:
    """Raise UsageError unless a model's output has the shape that the data need."""
    shape, units = tuple(model.output_shape), data.outputs.units
    if data.outputs.target.dense:
        expected: tuple[int | None, ...] = (None, *data.inputs.shape[:2], units)
        sides = zip(shape[1:-1], expected[1:-1], strict=False)
        fits = len(shape) == 4 and shape[-1] == units and all(s in (None, e) for s, e in sides)
    elif data.outputs.horizon:
        expected = (None, data.outputs.horizon, units)
        fits = shape == expected
    elif data.outputs.target.translated:
        expected = (None, *data.outputs.shape, units)
        fits = shape == expected
    elif data.outputs.target.stepwise:
        expected = (None, None, units)
        fits = len(shape) == 3 and shape[-1] == units
    elif data.outputs.target.is_input:
        expected = (None, *data.inputs.shape[:-1], units)
        fits = shape == expected
    else:
        expected = (None, units)
        fits = shape == expected
    if not fits:
        raise UsageError(
            f"{name}: the model's output has shape {shape}, the data need "
            f"{expected}; end it with outputs.head(features)"
        )


def _check_several(config: RunConfig) -> None:
    """Raise UsageError for settings of a run that several networks do not go with."""
    refused = {
        f"--loss {config.loss}": config.loss != "auto",
        f"--metrics {','.join(config.metrics)}": bool(config.metrics),
        f"--class-weights {config.class_weights}": config.class_weights != "none",
        f"--optimizer {config.optimizer}": config.full_batch,
        f"--precision {config.precision}": config.precision == "mixed_float16",
        f"--folds {config.folds}": config.folds > 1,
        f"--ensemble {config.ensemble}": config.ensemble > 1,
    }
    given = [flag for flag, wrong in refused.items() if wrong]
    if given:
        raise UsageError(
            f"{config.model} trains its networks on losses of its own, which does not go with "
            f"{series(given, 'and')}; leave {'them' if len(given) > 1 else 'it'} out"
        )


def _check_functional(name: str, model: Any) -> None:
    """Raise UsageError unless a model can be saved and loaded again without running its code."""
    import keras

    if not isinstance(model, keras.Model):
        raise UsageError(f"{name}: build returned {type(model).__name__}, not a keras.Model")
    if not getattr(model, "inputs", None):
        raise UsageError(
            f"{name}: build returned a {type(model).__name__}, not a Functional model; return "
            "keras.Model(start, outputs.head(features))"
        )
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.Lambda):
            raise UsageError(
                f"{name}: layer {layer.name!r} is a Lambda, which can't be loaded safely; write a "
                "keras.layers.Layer with call and get_config, registered with "
                "keras.saving.register_keras_serializable"
            )


def all_layers(model: Any) -> Iterator[Any]:
    """All layers, those of layers within layers included."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from all_layers(layer)
