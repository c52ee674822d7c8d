"""An opened Keras model: its entry, its last spatial layer and its output head.

All graphs are traced once, take batches of any size, and are fed in chunks that bound memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlzoo.core.errors import UsageError
from mlzoo.data.environments.finite import FiniteEnvironment
from mlzoo.data.problems.problem import Problem
from mlzoo.introspection import graphs, heads, layers, models
from mlzoo.introspection.findings import Background

MEMORY = 400
"""Megabytes that one chunk may take, by default."""
_MOST = 32
_SCALES = (
    "Standardise",
    "SequenceScaling",
    "TableScaling",
    "OneHotCodes",
    "Rescaling",
    "InputPart",
)
_HALF = {tf.float16, tf.bfloat16}
_DEEP = 2.0
"""A gradient holds each layer's output, and about as much again on the way back."""


class Opened:
    """A Keras model, opened for inputs of one shape.

    Attributes:
        model: left as it is, weights and configuration.
        head: `softmax`, `sigmoid` or `linear`, or `log`: probabilities whose softmax was not
            found, so that their logarithm stands for logits.
        layer: the one that class activation maps look at; None where no layer has locations.
        cells: the locations of its output, such as (7, 7).
        channels: its number of channels.
        frame: height and width that those locations cover: the image's, or more where it is padded;
            of volumes depth, height and width.
        depth: slices of a volume, one below the other in the image that holds it; 0: no volumes.
        notes: what was assumed, a sentence each.
        diagnostics: numbers that the last method reported of its maps, by name.
        background: samples of the training split, for methods that compare with them.
        known: samples of the split that is explained, with their truth.
        parted: whether samples hold several inputs, of which one is explained.
        problem: what the model solves, where its inputs are points of a domain; else None.
        grid: what the model acts on, where that is a grid; else None.
        critic: network that values the observations of a policy; None where there is none.
        forwards: samples that went through the model since it was opened.
    """

    def __init__(
        self,
        model: keras.Model,
        x: np.ndarray,
        layer: str | None = None,
        memory: int = MEMORY,
        depth: int = 0,
        entry: str = "",
    ) -> None:
        """Open a model for inputs shaped like `x` (n, *shape).

        Args:
            model: any that TensorFlow runs, with one input and one output.
            x: a few inputs.
            layer: the layer to look at, by name; by default the last that has locations.
            memory: megabytes that one chunk may take.
            depth: slices of a volume, one below the other in the image that holds it; 0: as a
                layer `Unstack` of the model says, without which inputs are no volumes.
            entry: name of the layer behind which explanations are computed, of a model whose
                samples hold several inputs; "": it is found.

        Raises:
            UsageError: the model has several inputs or outputs, or no such layer.
        """
        models.check(model)
        self.model, self.memory = model, memory
        self.notes: list[str] = []
        self.diagnostics: dict[str, np.ndarray] = {}
        self.forwards = 0
        self.background: Background | None = None
        self.known: Background | None = None
        self.problem: Problem | None = None
        self.grid: FiniteEnvironment | None = None
        self.critic: keras.Model | None = None
        self.parted = bool(entry)
        self._graphs: dict[Any, Any] = {}
        self._x = tf.TensorSpec((None, *x.shape[1:]), models.dtype_of(model, x))
        deep = (la.depth for la in graphs.all_layers(model) if type(la).__name__ == "Unstack")
        self.depth = depth or next(deep, 0)
        called = self._survey()
        self._open_entry(called, x, entry)
        if len(self.shape) != 3:  # flattened before it is scaled
            self.depth = 0
        self._open_layer(called, layer, self.shape)
        self._open_head(called, x[:4])

    # -- Opening

    def _survey(self) -> graphs.Called:
        """Call the model once in a graph of its own, to record its layers' outputs."""
        calls: list[graphs.Called] = []

        @tf.function(input_signature=[self._x])
        def survey(x: Any) -> Any:
            calls.append(graphs.call(self.model, x))
            self.head = heads.before_activation(calls[0].outputs)[1]
            return calls[0].outputs

        survey.get_concrete_function()
        return calls[0]

    def _open_entry(self, called: graphs.Called, x: np.ndarray, entry: str) -> None:
        first = [la for la in called.order if type(la).__name__ != "InputLayer"][:1]
        named = [la for la in first if la.name == "scaling" or type(la).__name__ in _SCALES]
        if entry:
            named = [la for la in called.order if la.name == entry][:1]
        if not named and not self._x.dtype.is_floating:
            floating = (la for la in called.order if called.layers[id(la)].dtype.is_floating)
            named = [next(floating)]
        self._entry = named[0] if named else None
        shape = called.layers[id(self._entry)].shape[1:] if named else x.shape[1:]
        known = [a if a is not None else b for a, b in zip(shape, x.shape[1:], strict=False)]
        self.shape: tuple[int, ...] = (*known, *tuple(shape)[len(known) :])
        # The entry's own type: float16 under a mixed policy.
        dtype = called.layers[id(self._entry)].dtype if named else self._x.dtype
        self._z = tf.TensorSpec((None, *self.shape), "float32")
        self._dtype = dtype
        sizes = [models.numbers(tensor.shape, self.shape) for tensor in called.layers.values()]
        self._sizes = sorted(sizes, reverse=True) or [1]

    def _open_layer(self, called: graphs.Called, name: str | None, shape: tuple[int, ...]) -> None:
        self.layer: keras.layers.Layer | None = None
        rank = len(shape) + 1 + bool(self.depth)
        try:
            self.layer = layers.choose(called, max(rank, 3), self._entry, name)
        except UsageError:
            if name is not None:
                raise
            return
        output_shape = tuple(called.layers[id(self.layer)].shape.as_list())
        self.channels = output_shape[-1]
        if self.depth:
            plane = (shape[0] // self.depth, shape[1])
            self.frame = (self.depth, *models.padded(self.model, plane))
        else:
            self.frame = models.padded(self.model, shape[:-1])
        self.cells = output_shape[1:-1] if None not in output_shape[1:-1] else ()
        if self.cells and max(self.cells) < 4 and rank == 4:
            self.notes.append(
                f"the map of layer {self.layer.name} has {self.cells[0]}x{self.cells[1]} cells: "
                "class activation maps are coarse; --layer names an earlier one"
            )

    def _open_head(self, called: graphs.Called, x: np.ndarray) -> None:
        outputs = self.outputs(x)
        # A loaded model's own policy says nothing of its layers.
        precise = not {tensor.dtype for tensor in called.layers.values()} & _HALF
        head = heads.check(outputs, self.logits(x), self.head, precise)
        if head == "log":
            self.head = "log"
            self._graphs.clear()
            self.notes.append(
                "no softmax or sigmoid was found at the model's end, though its outputs are "
                "probabilities: their logarithms are explained"
            )
        self.units = outputs.shape[-1]
        inner = [la for la in called.order if not isinstance(la, keras.Model)]
        self._order = [la for la in inner if la is not self._entry]
        members = graphs.of_members(called)
        hidden = {id(layer) for layer in members}
        flat = [
            la
            for la in self._order
            if len(called.layers[id(la)].shape) == 2 and id(la) not in hidden
        ]
        wide = [la for la in flat if called.layers[id(la)].shape[-1] != self.units]
        self._vectors = wide[-1] if wide else None
        if members:  # their features are averaged over the members
            kinds = [type(layer).__name__ for layer in members]
            self._vectors = members[kinds.index("FoldMembers") - 1]

    @property
    def entry_name(self) -> str:
        """Return the layer behind which explanations are computed; `input` if there is none."""
        return self._entry.name if self._entry is not None else "input"

    def require_layer(self) -> None:
        """Raise UsageError where no layer has places."""
        if self.layer is None:
            raise UsageError(
                "no layer of this model has an output with places, which this method needs; try "
                "integrated_gradients, input_x_gradient or permutation"
            )

    def tell(self, name: str, values: np.ndarray) -> None:
        """Record a number per map that a method reports of its own maps, such as an error."""
        self.diagnostics[name] = np.asarray(values, "float64")

    # -- Inputs

    def inputs(self, x: np.ndarray) -> np.ndarray:
        """Return samples in the type that the model takes; floats as float32, cast at its entry."""
        kind = "float32" if self._x.dtype.is_floating else self._x.dtype.as_numpy_dtype
        return np.asarray(x, kind)

    def enter(self, x: np.ndarray) -> np.ndarray:
        """Return inputs (n, *shape) at the model's entry: (n, *self.shape) float32."""
        if self._entry is None:
            return np.asarray(x, "float32")
        return self._mapped("enter", self._enter_graph, [x], heavy=False)[0]

    def _enter_graph(self, x: Any) -> Any:
        return (tf.cast(self._call(x, None).layers[id(self._entry)], "float32"),)

    # -- Outputs

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Return the model's outputs (n, ..., k)."""

        def graph(x: Any) -> Any:
            return (tf.cast(self._call(x, None).outputs, "float32"),)

        return self._mapped("outputs", graph, [x])[0]

    def logits(self, x: np.ndarray, z: np.ndarray | None = None) -> np.ndarray:
        """Return the values (n, ..., k) before the model's softmax or sigmoid."""
        return self._mapped("logits", lambda x, z: (self._logits(x, z),), self._both(x, z))[0]

    # -- Graphs

    def _both(self, x: np.ndarray, z: np.ndarray | None) -> list[np.ndarray]:
        return [x, self.enter(x) if z is None else z]

    def _call(
        self, x: Any, z: Any, instead: Mapping[int, Sequence[Any]] | None = None
    ) -> graphs.Called:
        if z is None:
            return graphs.call(self.model, tf.cast(x, self._x.dtype), instead)
        if self._entry is None:
            return graphs.call(self.model, tf.cast(z, self._x.dtype), instead)
        entry_output = {id(self._entry): [tf.cast(z, self._dtype)]}
        return graphs.call(
            self.model, tf.cast(x, self._x.dtype), {**entry_output, **(instead or {})}
        )

    def _logits(self, x: Any, z: Any) -> Any:
        return self._logits_of(self._call(x, z))

    def _logits_of(self, called: graphs.Called) -> Any:
        if self.head == "log":
            return tf.math.log(tf.maximum(tf.cast(called.outputs, "float32"), heads.SMALLEST))
        return heads.before_activation(called.outputs)[0]

    def chunk(self, deep: bool = False) -> int:
        """Return how many samples go through the model at once."""
        numbers = _DEEP * sum(self._sizes) if deep else 4 * self._sizes[0]
        return int(np.clip(self.memory * 1e6 / (4 * numbers), 1, _MOST))

    def _mapped(
        self,
        name: Any,
        function: Callable[..., Any],
        arrays: list[np.ndarray],
        fixed: list[np.ndarray] | None = None,
        deep: bool = False,
        heavy: bool = True,
    ) -> list[np.ndarray]:
        """Return a graph's results for all samples of `arrays`, by chunk; `fixed` goes in whole."""
        fixed = fixed or []
        given = [*arrays, *fixed]
        key = name, tuple(array.shape[1:] for array in given)
        if key not in self._graphs:
            specs = [self._spec(array) for array in given]
            self._graphs[key] = tf.function(function, input_signature=specs, autograph=False)
        size, total = self.chunk(deep), len(arrays[0])
        held = [tf.constant(array, self._spec(array).dtype) for array in fixed]
        parts = []
        for start in range(0, total, size):
            chunk_tensors = [
                tf.constant(a[start : start + size], self._spec(a).dtype) for a in arrays
            ]
            parts.append([part.numpy() for part in self._graphs[key](*chunk_tensors, *held)])
        self.forwards += total if heavy else 0
        if len(parts) == 1:
            return parts[0]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _spec(self, array: np.ndarray) -> tf.TensorSpec:
        shape = (None, *array.shape[1:])
        whole = array.dtype == self._x.dtype.as_numpy_dtype and not self._x.dtype.is_floating
        return tf.TensorSpec(shape, self._x.dtype if whole else "float32")
