"""A keras-tuner build function as a model: `FILE.py:FUNCTION`.

`build_model(hp)` returns a compiled Keras model. Its hyperparameters are the model's settings; its
optimizer and loss are used as they are. The network is fed what models of ours are fed: inputs
scaled by the training part, unless its first layer is a Rescaling or Normalization of its own, and
categories as one-hot columns. Targets are positions of classes for losses called sparse, one-hot
for others, and numbers in their own units. The model that is kept takes raw inputs and answers
with probabilities: what stands before and after the network is a part of it.

A search's `best.yaml` names the file and the function, and the winner's hyperparameters under
`set`. Training it again needs the file; the model that was saved does not, unless the file has
layers of its own (`--trust`). Of the file's folder nothing else is read or run.
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
"""Methods of a model that training and evaluating here do not go through."""


def plugin(file: Path, function: str) -> ModuleType:
    """The build function as a model plug-in, with its space as `SPACE`.

    Raises:
        UsageError: the file or the function is missing or fails, or what it returns is no compiled
            model that can be saved.
    """
    registry.check_name("model", str(file))
    code = registry.import_file(file)
    name = f"{file}:{function}"
    key = f"{code.__name__}:{function}"
    if key not in _known:
        build = _function(code, file, function)
        found = discover(build, name)
        check(found.first, name)
        try:
            space = found.space
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from None
        module = ModuleType(key)
        module.__file__ = code.__file__
        module.__doc__ = code.__doc__
        parts = {
            "SPACE": space,
            "Config": _config(space, found.entries, name),
            "build": functools.partial(_build, build, space, name),
        }
        vars(module).update(parts)
        _known[key] = module
    return _known[key]


def _function(code: ModuleType, file: Path, function: str) -> Callable[[Any], Any]:
    """The function of that name, or the `build` of a `HyperModel` class."""
    found: Any = getattr(code, function, None)
    if isinstance(found, type) and hasattr(found, "build"):
        found = found()
    if hasattr(found, "build"):
        if (own := _overridden(found, ("fit",), "keras_tuner")) is not None:
            raise UsageError(
                f"{file}:{function}: {type(found).__name__}.{own} is not run: `mlzoo tune` trains "
                "with its own loop. Remove it, and give what it sets (epochs, batch size) as "
                "options or dimensions"
            )
        found = found.build
    if not callable(found):
        known = [n for n, v in vars(code).items() if callable(v) and not n.startswith("_")]
        there = f"; it has {', '.join(sorted(known))}" if known else ""
        raise UsageError(registry.unknown(f"function of {file}:", function, known) + there)
    return found


def _config(space: Space, entries: dict[str, Any], name: str) -> type[Settings]:
    """The settings: a field a hyperparameter, with keras-tuner's default."""
    fields: dict[str, Any] = {}
    for dimension in space.dimensions:
        if dimension.name.startswith("_"):
            raise UsageError(f"{name}: hyperparameter {dimension.name!r} can't begin with _")
        fields[dimension.name] = _field(dimension, entries[dimension.name].default)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that pydantic has methods of
        made: type[Settings] = create_model("Config", __base__=Settings, **fields)
    return made


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
    """The model from raw inputs to our outputs; `compiled_with` says how it is trained."""
    import keras
    import keras_tuner

    parameters = keras_tuner.HyperParameters()
    parameters.values = space.active(config.model_dump())
    network = build(parameters)
    check(network, name)
    optimizer, (loss, called) = network.optimizer, _loss(network, name)
    tensor, scaled = inputs.start()
    fed = _raw(tensor, inputs) if _scales_itself(network) else scaled
    said = _call(network, _shaped(fed, network, name), name)
    _check_output(said.shape, outputs, name)
    trained = keras.Model(tensor, said, name="built")
    logits = bool(getattr(loss, "from_logits", False))
    metrics = _metrics(outputs, said.shape[-1], logits)
    if outputs.target.sample_class and said.shape[-1] > 1 and "sparse" not in called:
        from mlzoo.layers.adapting import OneHotTargets

        loss = OneHotTargets(loss, said.shape[-1])
    kept = keras.Model(tensor, _finished(said, outputs, called, logits), name="built")
    kept.compiled_with = Compiled(trained, optimizer, loss, metrics)
    return kept


def check(network: Any, name: str) -> None:
    """Raise UsageError unless a build function's answer can be trained, saved and loaded again."""
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
    if (own := _overridden(network, _TRAINING, "keras")) is not None:
        raise UsageError(
            f"{name}: {type(network).__name__}.{own} is not run: `mlzoo` trains and calls the "
            "network's layers with its own loop. Return a plain keras.Model or Sequential, and put "
            "what the method does into a layer (add_loss) or into the compiled loss"
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
    """Return the first of some methods that is not the library's own; None where all are."""
    for method in methods:
        found = getattr(instance, method, None)
        if found is not None and str(found.__module__).partition(".")[0] != library:
            return method
    return None


def _layers(network: Any) -> list[Any]:
    inner = [_layers(layer) for layer in network.layers if hasattr(layer, "layers")]
    return [*network.layers, *(layer for layers in inner for layer in layers)]


def _loss(network: Any, name: str) -> tuple[Any, str]:
    """The compiled loss, a function or an object, and what it is called in lower case."""
    import keras

    try:
        found = keras.losses.get(network.loss)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None
    own = getattr(found, "__name__", type(found).__name__)
    return found, f"{own} {getattr(found, 'name', '')}".lower()


def _scales_itself(network: Any) -> bool:
    """Whether the first layer that computes scales raw inputs."""
    import keras

    passive = (keras.layers.InputLayer, keras.layers.Reshape, keras.layers.Flatten)
    first = next((layer for layer in network.layers if not isinstance(layer, passive)), None)
    return isinstance(first, keras.layers.Rescaling | keras.layers.Normalization)


def _raw(tensor: Any, inputs: Inputs) -> Any:
    """Inputs as they are; of tables with gaps filled and categories one-hot."""
    import keras

    if inputs.kind != "table":
        return keras.ops.cast(tensor, "float32") if inputs.dtype != "float32" else tensor
    (scaling,) = inputs.scaling
    config = {**scaling["config"], "mean": [0.0] * inputs.shape[0], "std": [1.0] * inputs.shape[0]}
    return keras.layers.deserialize({**scaling, "config": config})(tensor)


def _shaped(fed: Any, network: Any, name: str) -> Any:
    """Inputs in the shape that the network takes, where only axes of length 1 or none differ."""
    import keras

    if not network.built or not getattr(network, "inputs", None):
        return fed
    wanted, there = network.input_shape[1:], fed.shape[1:]
    if len(wanted) == len(there) and all(
        w in (None, h) for w, h in zip(wanted, there, strict=True)
    ):
        return fed
    if None in wanted or None in there or not _alike(wanted, there):
        raise UsageError(
            f"{name}: the network takes inputs of shape {wanted}, the data give {there} (numbers "
            "scaled, categories one-hot); build it for that shape"
        )
    return keras.layers.Reshape(wanted, name="reshaped")(fed)


def _alike(wanted: Sequence[int], there: Sequence[int]) -> bool:
    from math import prod

    flat = len(wanted) == 1 and wanted[0] == prod(there)
    return flat or [n for n in wanted if n != 1] == [n for n in there if n != 1]


def _call(network: Any, fed: Any, name: str) -> Any:
    """The network's output; a Sequential layer by layer, so that each can be explained."""
    import keras

    try:
        if type(network) is keras.Sequential:
            for layer in network.layers:
                if not isinstance(layer, keras.layers.InputLayer):
                    fed = layer(fed)
            return fed
        # Never compiled: neither its optimizer nor a loss of one's own goes into the file.
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
    """What is followed beside the loss, under the names that all runs have."""
    import keras

    if not outputs.target.sample_class:
        return [keras.metrics.MeanAbsoluteError(name="mae")]
    if units > 1:
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    return [keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0 if logits else 0.5)]


def _finished(said: Any, outputs: Outputs, loss: str, logits: bool) -> Any:
    """Our outputs out of the network's: probabilities, of the second class alone where of two."""
    import keras

    from mlzoo.layers.adapting import SecondClass

    if not outputs.target.sample_class:
        return keras.layers.Activation("linear", dtype="float32", name="output")(said)
    if logits:
        binary = said.shape[-1] == 1 or "binary" in loss
        kind = "sigmoid" if binary else "softmax"
        said = keras.layers.Activation(kind, dtype="float32", name="probabilities")(said)
    if said.shape[-1] > outputs.units:
        said = SecondClass(name="second_class")(said)
    return keras.layers.Activation("linear", dtype="float32", name="output")(said)
