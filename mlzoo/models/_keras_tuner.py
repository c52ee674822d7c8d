"""A keras-tuner build function as a model: `FILE.py:FUNCTION`.

`build_model(hp)` returns a compiled Keras model. Its hyperparameters become the model's settings;
its optimizer and loss are used unchanged. The network gets the same inputs as built-in models:
scaled with the statistics of the training split (unless its first layer is Rescaling or
Normalization) and with one-hot categories. Targets are class positions for losses called sparse,
one-hot vectors for other classification losses, and numbers in their own units otherwise. The
saved model takes raw inputs and returns probabilities, since preprocessing and output layers are
part of it.

A search's `best.yaml` names the file and the function, and the winner's hyperparameters under
`set`. Training it again needs the file; the saved model does not, unless the file defines custom
layers (`--trust`). No other file of that folder is read or run.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model

from mlzoo.core import registry
from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.spaces import Dimension, Space
from mlzoo.data.specs import Compiled, Inputs, Outputs
from mlzoo.models._keras_tuner_space import discover

if TYPE_CHECKING:
    import keras

_known: dict[str, ModuleType] = {}
_TRAINING = (
    *("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics"),
    *("make_train_function", "fit", "train_on_batch", "call"),
)
"""Methods that are never called, so overriding them would silently have no effect."""


def plugin(file: Path, function: str) -> ModuleType:
    """Return the build function as a model plug-in, with its search space as `SPACE`.

    Raises:
        UsageError: the file or the function is missing or fails, or does not return a compiled
            model that can be saved.
    """
    registry.check_name("model", str(file))
    code = registry.import_file(file)
    name = f"{file}:{function}"
    key = f"{code.__name__}:{function}"
    if key not in _known:
        build = _function(code, file, function)
        explored = discover(build, name)
        check(explored.first, name)
        try:
            space = explored.space
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from None
        module = ModuleType(key)
        module.__file__ = code.__file__
        module.__doc__ = code.__doc__
        attributes = {
            "SPACE": space,
            "Config": _config(space, explored.entries, name),
            "build": functools.partial(_build, build, space, name),
        }
        vars(module).update(attributes)
        _known[key] = module
    return _known[key]


def _function(code: ModuleType, file: Path, function: str) -> Callable[[Any], Any]:
    """Return the function of that name, or the `build` method of a `HyperModel` class."""
    target: Any = getattr(code, function, None)
    if isinstance(target, type) and hasattr(target, "build"):
        target = target()
    if hasattr(owner := getattr(target, "__self__", None), "build"):
        target = owner  # the bound method of a HyperModel: build_model = Mine().build
    if hasattr(target, "build"):
        if (method := _overridden(target, ("fit",), "keras_tuner")) is not None:
            raise UsageError(
                f"{file}:{function}: {type(target).__name__}.{method} is not run: `mlzoo tune` "
                "trains with its own loop. Remove it, and give what it sets (epochs, batch size) "
                "as options or dimensions"
            )
        target = target.build
    if not callable(target):
        known = [n for n, v in vars(code).items() if callable(v) and not n.startswith("_")]
        available = f"; it has {', '.join(sorted(known))}" if known else ""
        raise UsageError(registry.unknown(f"function of {file}:", function, known) + available)
    return target


def _config(space: Space, entries: dict[str, Any], name: str) -> type[Settings]:
    """Return the settings class: one field per hyperparameter, with keras-tuner's default."""
    fields: dict[str, Any] = {}
    for dimension in space.dimensions:
        if dimension.name.startswith("_"):
            raise UsageError(f"{name}: hyperparameter {dimension.name!r} can't begin with _")
        fields[dimension.name] = _field(dimension, entries[dimension.name].default)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that shadow pydantic methods
        config: type[Settings] = create_model("Config", __base__=Settings, **fields)
    return config


def _field(dimension: Dimension, default: Any) -> tuple[Any, Any]:
    when = " and ".join(
        f"{n} is {' or '.join(map(str, values))}" for n, values in dimension.when.items()
    )
    text = f"Hyperparameter of the build function{', where ' + when if when else ''}."
    if dimension.choices == (False, True):
        return bool, Field(default, description=text)
    if dimension.kind == "choice":
        return Literal[dimension.choices], Field(default, description=text)
    kind = int if dimension.kind == "int" else float
    return kind, Field(default, ge=dimension.low, le=dimension.high, description=text)


def _build(
    build: Callable[[Any], Any],
    space: Space,
    name: str,
    config: Settings,
    inputs: Inputs,
    outputs: Outputs,
) -> keras.Model:
    """Return the model from raw inputs to predictions; `compiled_with` says how it is trained."""
    import keras
    import keras_tuner

    parameters = keras_tuner.HyperParameters()
    parameters.values = space.active(config.model_dump())
    network = build(parameters)
    check(network, name)
    optimizer, (loss, loss_name) = network.optimizer, _loss(network, name)
    tensor, scaled = inputs.start()
    fed = _raw(tensor, inputs) if _scales_itself(network) else scaled
    y_pred = _call(network, _shaped(fed, network, name), name)
    _check_output(y_pred.shape, outputs, name)
    training_model = keras.Model(tensor, y_pred, name="built")
    logits = bool(getattr(loss, "from_logits", False))
    metrics = _metrics(outputs, y_pred.shape[-1], logits)
    if outputs.target.sample_class and y_pred.shape[-1] > 1 and "sparse" not in loss_name:
        from mlzoo.layers.adapting import OneHotTargets

        loss = OneHotTargets(loss, y_pred.shape[-1])
    model = keras.Model(tensor, _finished(y_pred, outputs, loss_name, logits), name="built")
    model.compiled_with = Compiled(training_model, optimizer, loss, metrics)
    return model


def check(network: Any, name: str) -> None:
    """Raise UsageError unless the returned model can be trained, saved and loaded again."""
    import keras

    if not isinstance(network, keras.Model):
        raise UsageError(
            f"{name} returned {type(network).__name__}, not a keras.Model; end it with return model"
        )
    if type(network) is not keras.Sequential and not getattr(network, "inputs", None):
        raise UsageError(
            f"{name} returned a {type(network).__name__}, which can't be saved without its code; "
            "return a Sequential or Functional model"
        )
    if not network.compiled or network.loss is None:
        raise UsageError(
            f"{name} returned a model that is not compiled: call model.compile(optimizer, loss) "
            "before it is returned"
        )
    if (method := _overridden(network, _TRAINING, "keras")) is not None:
        raise UsageError(
            f"{name}: {type(network).__name__}.{method} is not run: `mlzoo` trains and calls the "
            "network's layers with its own loop. Return a plain keras.Model or Sequential, and put "
            "what the method does into a layer (add_loss) or into the compiled loss"
        )
    weights = getattr(getattr(network, "_compile_loss", None), "_user_loss_weights", None)
    given = weights if isinstance(weights, list | tuple) else [weights]
    # Names are metrics that Keras 2 took in this place, and that nothing here needs.
    if any(isinstance(each, int | float) and each != 1 for each in given):
        raise UsageError(
            f"{name}: compile(loss_weights={weights}) is not used, since there is one loss; leave "
            "it out, or scale the compiled loss itself"
        )
    for layer in _layers(network):
        if isinstance(layer, keras.layers.Lambda):
            raise UsageError(
                f"{name}: layer {layer.name!r} is a Lambda, which can't be loaded safely; write a "
                "keras.layers.Layer with call and get_config, registered with "
                "keras.saving.register_keras_serializable"
            )
    if isinstance(network.loss, list | dict) or len(getattr(network, "outputs", None) or [0]) > 1:
        raise UsageError(f"{name}: the model has several outputs or losses; one is needed")
    if len(getattr(network, "inputs", None) or [0]) > 1:
        raise UsageError(f"{name}: the model has {len(network.inputs)} inputs; one is needed")


def _overridden(instance: Any, methods: Sequence[str], library: str) -> str | None:
    """Return the first method that the library does not define itself, or None."""
    for method in methods:
        attribute = getattr(instance, method, None)
        if attribute is not None and str(attribute.__module__).partition(".")[0] != library:
            return method
    return None


def _layers(network: Any) -> list[Any]:
    inner = [_layers(layer) for layer in network.layers if hasattr(layer, "layers")]
    return [*network.layers, *(layer for layers in inner for layer in layers)]


def _loss(network: Any, name: str) -> tuple[Any, str]:
    """Return the compiled loss, a function or an object, and its lower-case name."""
    import keras

    try:
        loss = keras.losses.get(network.loss)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None
    loss_name = getattr(loss, "__name__", type(loss).__name__)
    return loss, f"{loss_name} {getattr(loss, 'name', '')}".lower()


def _scales_itself(network: Any) -> bool:
    """Return whether the first layer with a computation scales raw inputs."""
    import keras

    passive = (keras.layers.InputLayer, keras.layers.Reshape, keras.layers.Flatten)
    first = next((layer for layer in network.layers if not isinstance(layer, passive)), None)
    return isinstance(first, keras.layers.Rescaling | keras.layers.Normalization)


def _raw(tensor: Any, inputs: Inputs) -> Any:
    """Return unscaled inputs; tables are imputed, with one-hot categories."""
    import keras

    if inputs.kind != "table":
        return keras.ops.cast(tensor, "float32") if inputs.dtype != "float32" else tensor
    (scaling,) = inputs.scaling
    config = {**scaling["config"], "mean": [0.0] * inputs.shape[0], "std": [1.0] * inputs.shape[0]}
    return keras.layers.deserialize({**scaling, "config": config})(tensor)


def _shaped(fed: Any, network: Any, name: str) -> Any:
    """Reshape inputs to what the network takes: add or drop axes of length 1, or flatten."""
    import keras

    if not network.built or not getattr(network, "inputs", None):
        return fed
    wanted, given = network.input_shape[1:], fed.shape[1:]
    if len(wanted) == len(given) and all(
        w in (None, h) for w, h in zip(wanted, given, strict=True)
    ):
        return fed
    if None in wanted or None in given or not _alike(wanted, given):
        raise UsageError(
            f"{name}: the network takes inputs of shape {wanted}, the data give {given} (numbers "
            "scaled, categories one-hot); build it for that shape"
        )
    return keras.layers.Reshape(wanted, name="reshaped")(fed)


def _alike(wanted: Sequence[int], given: Sequence[int]) -> bool:
    from math import prod

    flat = len(wanted) == 1 and wanted[0] == prod(given)
    return flat or [n for n in wanted if n != 1] == [n for n in given if n != 1]


def _call(network: Any, fed: Any, name: str) -> Any:
    """Return the network's output; a Sequential is called layer by layer, to be explainable."""
    import keras

    try:
        if type(network) is keras.Sequential:
            for layer in network.layers:
                if not isinstance(layer, keras.layers.InputLayer):
                    fed = layer(fed)
            return fed
        # A new, uncompiled model: the saved file then has neither its optimizer nor a custom loss.
        return keras.Model(network.inputs[0], network.outputs[0], name=network.name)(fed)
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"{name}: the network does not take samples of shape {fed.shape[1:]}: {reason}"
        ) from error


def _check_output(shape: Sequence[int | None], outputs: Outputs, name: str) -> None:
    """Raise UsageError unless an output of that shape (batch first) fits the data."""
    fitting = [outputs.units]
    if outputs.target.sample_class and outputs.units == 1:
        fitting = [1, 2]
    if len(shape) != 2 or shape[1] not in fitting:
        what = "classes" if outputs.target.sample_class else "numbers"
        count = 2 if fitting == [1, 2] else outputs.units
        raise UsageError(
            f"{name}: the model's output has shape {tuple(shape)}, the data have {count} {what}, "
            f"so that it has to be (None, {' or '.join(map(str, fitting))})"
        )


def _metrics(outputs: Outputs, units: int, logits: bool) -> list[keras.Metric]:
    """Return the metrics of training, under the names that all runs share."""
    import keras

    if not outputs.target.sample_class:
        return [keras.metrics.MeanAbsoluteError(name="mae")]
    if units > 1:
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    return [keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0 if logits else 0.5)]


def _finished(y_pred: Any, outputs: Outputs, loss: str, logits: bool) -> Any:
    """Return probabilities (of two classes, the second alone) or numbers from the raw output."""
    import keras

    from mlzoo.layers.adapting import SecondClass

    if not outputs.target.sample_class:
        return keras.layers.Activation("linear", dtype="float32", name="output")(y_pred)
    if logits:
        binary = y_pred.shape[-1] == 1 or "binary" in loss
        kind = "sigmoid" if binary else "softmax"
        y_pred = keras.layers.Activation(kind, dtype="float32", name="probabilities")(y_pred)
    if y_pred.shape[-1] > outputs.units:
        y_pred = SecondClass(name="second_class")(y_pred)
    return keras.layers.Activation("linear", dtype="float32", name="output")(y_pred)
