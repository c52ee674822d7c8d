"""A model opened up: what explainers compute with.

Explanations are computed where a model's numbers begin, its entry: behind the layer that scales
raw inputs, behind an embedding where inputs are whole numbers, else at the inputs themselves.
There an input can be blurred, mixed, disturbed and differentiated, whatever its type was. All
graphs are traced once, take batches of any size, and are fed in chunks that bound memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlzoo.errors import UsageError
from mlzoo.explaining.engine import graphs, heads, layers, resampling, scores
from mlzoo.explaining.engine.findings import Background

MEMORY = 400
"""Megabytes that one chunk may take, by default."""
_MOST = 32
_SCALES = ("Standardise", "SequenceScaling", "TableScaling", "OneHotCodes", "Rescaling")
_DEEP = 2.0
"""A gradient holds each layer's output, and about as much again on the way back."""


class Probe:
    """A Keras model, opened for inputs of one shape.

    Attributes:
        model: left as it is, weights and configuration.
        head: `softmax`, `sigmoid` or `linear`, or `log`: probabilities whose softmax was not
            found, so that their logarithm stands for logits.
        layer: the one that class activation maps look at; None where no layer has places.
        cells: the places of its output, such as (7, 7).
        channels: its number of channels.
        frame: height and width that those places cover: the image's, or more where it is padded.
        notes: what was assumed, a sentence each.
        said: what the method last run said of its maps, a number each.
        background: samples of the training part, for methods that compare with them.
        known: samples of the part that is explained, with their truth.
        forwards: samples that went through the model since it was opened.
    """

    def __init__(
        self,
        model: keras.Model,
        x: np.ndarray,
        layer: str | None = None,
        memory: int = MEMORY,
    ) -> None:
        """Open a model for inputs shaped like `x` (n, *shape).

        Args:
            model: any that TensorFlow runs, with one input and one output.
            x: a few inputs.
            layer: the layer to look at, by name; by default the last that has places.
            memory: megabytes that one chunk may take.

        Raises:
            UsageError: the model has several inputs or outputs, or no such layer.
        """
        _check(model)
        self.model, self.memory = model, memory
        self.notes: list[str] = []
        self.said: dict[str, np.ndarray] = {}
        self.forwards = 0
        self.background: Background | None = None
        self.known: Background | None = None
        self._graphs: dict[Any, Any] = {}
        self._x = tf.TensorSpec((None, *x.shape[1:]), _dtype(model, x))
        called = self._survey()
        self._open_entry(called, x)
        self._open_layer(called, layer, x.shape[1:])
        self._open_head(called, x[:4])

    # -- Opening

    def _survey(self) -> graphs.Called:
        """Call the model once in a graph of its own, to see what its layers give."""
        found: list[graphs.Called] = []

        @tf.function(input_signature=[self._x])
        def survey(x: Any) -> Any:
            found.append(graphs.call(self.model, x))
            self.head = heads.before_activation(found[0].outputs)[1]
            return found[0].outputs

        survey.get_concrete_function()
        return found[0]

    def _open_entry(self, called: graphs.Called, x: np.ndarray) -> None:
        first = [la for la in called.order if type(la).__name__ != "InputLayer"][:1]
        named = [la for la in first if la.name == "scaling" or type(la).__name__ in _SCALES]
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
        sizes = [_numbers(tensor.shape, self.shape) for tensor in called.layers.values()]
        self._sizes = sorted(sizes, reverse=True) or [1]

    def _open_layer(self, called: graphs.Called, name: str | None, shape: tuple[int, ...]) -> None:
        self.layer: keras.layers.Layer | None = None
        rank = len(shape) + 1
        try:
            self.layer = layers.choose(called, max(rank, 3), self._entry, name)
        except UsageError:
            if name is not None:
                raise
            return
        found = tuple(called.layers[id(self.layer)].shape.as_list())
        self.channels = found[-1]
        self.frame = _padded(self.model, shape[:-1])
        self.cells = found[1:-1] if None not in found[1:-1] else ()
        if self.cells and max(self.cells) < 4 and rank == 4:
            self.notes.append(
                f"the map of layer {self.layer.name} has {self.cells[0]}x{self.cells[1]} cells: "
                "class activation maps are coarse; --layer names an earlier one"
            )

    def _open_head(self, called: graphs.Called, x: np.ndarray) -> None:
        outputs = self.outputs(x)
        precise = self.model.dtype_policy.compute_dtype == "float32"
        found = heads.check(outputs, self.logits(x), self.head, precise)
        if found == "log":
            self.head = "log"
            self._graphs.clear()
            self.notes.append(
                "no softmax or sigmoid was found at the model's end, though its outputs are "
                "probabilities: their logarithms are explained"
            )
        self.units = outputs.shape[-1]
        inner = [la for la in called.order if not isinstance(la, keras.Model)]
        self._order = [la for la in inner if la is not self._entry]
        flat = [la for la in self._order if len(called.layers[id(la)].shape) == 2]
        wide = [la for la in flat if called.layers[id(la)].shape[-1] != self.units]
        self._vectors = wide[-1] if wide else None

    @property
    def entry_name(self) -> str:
        """The layer behind which explanations are computed; `input` where it is none."""
        return self._entry.name if self._entry is not None else "input"

    # -- Inputs

    def enter(self, x: np.ndarray) -> np.ndarray:
        """Inputs (n, *shape) where the model's numbers begin: (n, *self.shape) float32."""
        if self._entry is None:
            return np.asarray(x, "float32")
        return self._mapped("enter", self._enter_graph, [x], heavy=False)[0]

    def _enter_graph(self, x: Any) -> Any:
        return (tf.cast(self._call(x, None).layers[id(self._entry)], "float32"),)

    def baseline(self, x: np.ndarray) -> np.ndarray:
        """What an input without evidence looks like, at the entry: (n, *self.shape).

        Images are blurred, sequences smoothed over their steps; of anything else all is 0, which
        is the mean where the model standardises its inputs.
        """
        z = self.enter(x)
        if z.ndim == 4:
            return resampling.blur(z)
        return np.zeros_like(z)

    def inputs(self, x: np.ndarray) -> np.ndarray:
        """Samples in the type that the model takes."""
        return np.asarray(x, self._x.dtype.as_numpy_dtype)

    def positions(self, values: np.ndarray, largest: bool = False) -> np.ndarray:
        """Attributions at the entry (n, *self.shape) as those of the input's positions.

        Pixels sum over their channels, columns of a table over the places of their categories,
        tokens over their embedding. Steps keep their channels.

        Args:
            values: attributions, signed.
            largest: the largest absolute value instead of the sum.
        """
        groups = columns(self._entry)
        if groups is not None:
            parts = [values[:, group] for group in groups]
            return np.stack([_together(part, largest) for part in parts], axis=1)
        inputs = len(self._x.shape) - 1
        if len(self.shape) == 3 or len(self.shape) > inputs:
            return _together(values, largest)
        if self.shape[-1:] != tuple(self._x.shape)[-1:]:  # codes, one-hot
            return _together(values, largest)[..., None]
        return values

    def spread(self, masks: np.ndarray) -> np.ndarray:
        """Masks over an input's positions (m, *positions) as masks for `masked`."""
        groups = columns(self._entry)
        if groups is None:
            return masks
        found = np.zeros((len(masks), *self.shape), "float32")
        for column, group in enumerate(groups):
            found[:, group] = masks[:, column, None]
        return found

    def background_rows(self, count: int, seed: int) -> np.ndarray:
        """Some samples to compare with, of the shape of the inputs, drawn with a seed.

        Raises:
            UsageError: there are none of this shape.
        """
        rows = None if self.background is None else self.background.x
        if rows is None or rows.shape[1:] != tuple(self._x.shape)[1:] or not len(rows):
            raise UsageError(
                "this method compares with other samples of the same shape: explain a run folder, "
                "whose own training part has them"
            )
        rng = np.random.default_rng([seed, 0xBA])
        return self.inputs(rows[rng.permutation(len(rows))[:count]])

    # -- Outputs

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """The model's outputs (n, ..., k)."""
        return self._mapped("outputs", lambda x: (self._call(x, None).outputs,), [x])[0]

    def logits(self, x: np.ndarray, z: np.ndarray | None = None) -> np.ndarray:
        """What stands before the model's softmax or sigmoid: (n, ..., k)."""
        return self._mapped("logits", lambda x, z: (self._logits(x, z),), self._both(x, z))[0]

    def evidence(
        self, x: np.ndarray, target: np.ndarray, z: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a target, (n,) each: log-odds, how sure the model is, the weighted sum of logits.

        Args:
            x: inputs.
            target: (n, ..., k), see `mlzoo.explaining.targets`.
            z: the same inputs at the entry, disturbed.
        """

        def graph(x: Any, z: Any, target: Any) -> Any:
            logits = self._logits(x, z)
            return scores.three(logits, target, self.head)

        return tuple(self._mapped("evidence", graph, [*self._both(x, z), target]))  # type: ignore[return-value]

    def masked_outputs(self, x: np.ndarray, mask: np.ndarray, other: np.ndarray) -> np.ndarray:
        """The model's outputs (1, ..., k) for one image of which a mask shows a part.

        Args:
            x: (1, *shape).
            mask: (height, width), 1 shows the input.
            other: (1, *self.shape), what hides it.
        """
        shown = mask[None, ..., None].astype("float32")
        z = shown * self.enter(x) + (1 - shown) * other
        return heads.activate(self.logits(x, z), self.head)

    def masked(
        self, x: np.ndarray, target: np.ndarray, masks: np.ndarray, other: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`evidence` of one input, of which each mask shows a part and hides the rest.

        Args:
            x: (1, *shape), one input.
            target: (1, ..., k).
            masks: (m, ...) in [0, 1]: 1 shows the input, 0 what hides it. Images: (m, h, w), of
                any size, brought bilinearly to that of the image. Others: (m, *self.shape), or
                fewer axes, for all of the last ones.
            other: (1, *self.shape), what hides it.
        """
        masks = np.asarray(masks, "float32")
        spatial = len(self.shape) == 3
        masks = (
            masks[..., None]
            if spatial
            else masks.reshape(*masks.shape, *(1,) * (1 + len(self.shape) - masks.ndim))
        )

        def graph(masks: Any, x: Any, z: Any, other: Any, target: Any) -> Any:
            count = tf.shape(masks)[0]
            if spatial and tuple(masks.shape[1:3]) != self.shape[:2]:
                masks = tf.image.resize(masks, self.shape[:2])
            mixed = masks * z + (1 - masks) * other
            logits = self._logits(tf.repeat(x, count, axis=0), mixed)
            return scores.three(logits, target, self.head)

        fixed = [*self._both(x, None), other, target]
        name = ("masked", masks.shape[1:])
        return tuple(self._mapped(name, graph, [masks], fixed=fixed))  # type: ignore[return-value]

    def scores(self, x: np.ndarray, target: np.ndarray, z: np.ndarray | None = None) -> np.ndarray:
        """The weighted sum of logits (n,) that gradients are taken of."""
        return self.evidence(x, target, z)[2]

    # -- Gradients

    def gradient(
        self,
        x: np.ndarray,
        target: np.ndarray,
        z: np.ndarray | None = None,
        odds: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The target's score (n,) and its gradient at the entry (n, *self.shape).

        Args:
            x: inputs.
            target: (n, ..., k).
            z: the same inputs at the entry, disturbed.
            odds: of the log-odds, to which what raises all classes alike adds nothing.
        """

        def graph(x: Any, z: Any, target: Any) -> Any:
            logits = self._logits(x, z)
            linear = scores.linear(logits, target)
            score = scores.evidence(logits, target, self.head) if odds else linear
            return score, tf.gradients(score, z)[0]

        return tuple(
            self._mapped(("gradient", odds), graph, [*self._both(x, z), target], deep=True)
        )  # type: ignore[return-value]

    def features(
        self, x: np.ndarray, target: np.ndarray, layer: keras.layers.Layer | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """What a layer gives (n, *cells, channels), and the gradient of the target's score there.

        The gradient goes no deeper than that layer, which is `self.layer` by default.
        """
        if layer is None:
            self.require_layer()
        chosen: Any = layer or self.layer

        def graph(x: Any, z: Any, target: Any) -> Any:
            called = self._call(x, z)
            score = scores.linear(self._logits_of(called), target)
            values = called.layers[id(chosen)]
            found = tf.gradients(score, values)[0]
            if found is None:
                raise UsageError(f"layer {chosen.name} has no effect on the output")
            return tf.cast(values, "float32"), tf.cast(found, "float32")

        name = ("features", id(chosen))
        return tuple(self._mapped(name, graph, [*self._both(x, None), target]))  # type: ignore[return-value]

    def ablated(
        self, x: np.ndarray, target: np.ndarray, kept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`evidence` of one input, the layer's channels multiplied by `kept` (m, channels)."""
        self.require_layer()
        axes = len(self.cells) or len(self.shape) - 1

        def graph(kept: Any, x: Any, z: Any, target: Any) -> Any:
            count = tf.shape(kept)[0]
            values = self._call(x, z).layers[id(self.layer)]
            factor = tf.reshape(tf.cast(kept, values.dtype), (-1, *(1,) * axes, self.channels))
            many, changed = tf.repeat(x, count, axis=0), values * factor
            again = self._call(many, tf.repeat(z, count, axis=0), {id(self.layer): changed})
            logits = self._logits_of(again)
            return scores.three(logits, target, self.head)

        fixed = [*self._both(x, None), target]
        return tuple(self._mapped("ablated", graph, [kept], fixed=fixed))  # type: ignore[return-value]

    def goal(
        self, weights: np.ndarray, channel: bool = False
    ) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """What gradient ascent climbs: from entries (n, *self.shape) to scores (n,) and gradients.

        Args:
            weights: (1, ..., k) a target, or with `channel` a channel's position.
            channel: the mean of that channel of the layer, instead of the logits.
        """
        if channel:
            self.require_layer()

        def graph(z: Any, weights: Any) -> Any:
            raw = tf.zeros((tf.shape(z)[0], *self._x.shape[1:]), self._x.dtype)
            called = self._call(raw, z)
            if channel:
                values = tf.cast(called.layers[id(self.layer)], "float32")
                flat = tf.reduce_mean(values, axis=list(range(1, len(values.shape) - 1)))
                score = tf.gather(flat, tf.cast(weights, "int32"), axis=1)
                score = tf.reshape(score, (-1,))
            else:
                score = scores.linear(self._logits_of(called), weights)
            return score, tf.gradients(score, z)[0]

        def climb(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            held = np.atleast_1d(np.asarray(weights, "float32"))
            name = ("goal", channel)
            return tuple(self._mapped(name, graph, [z], fixed=[held], deep=True))  # type: ignore[return-value]

        return climb

    def vectors(self, x: np.ndarray) -> tuple[np.ndarray, str]:
        """The last features before the outputs (n, k), and the layer that gives them."""
        layer = self._vectors or self.layer
        if layer is None:
            return self.enter(x).reshape(len(x), -1), self.entry_name

        def graph(x: Any) -> Any:
            return (tf.cast(self._call(x, None).layers[id(layer)], "float32"),)

        found = self._mapped(("vectors", id(layer)), graph, [x])[0]
        places = tuple(range(1, found.ndim - 1))
        return found.mean(axis=places) if places else found, layer.name

    def first_layer(self) -> keras.layers.Layer:
        """The first layer that has weights, in order of the calls."""
        return next((la for la in self._order if la.weights), self._order[-1])

    # -- Maps

    def require_layer(self) -> None:
        """Raise UsageError where no layer has places."""
        if self.layer is None:
            raise UsageError(
                "no layer of this model has an output with places, which this method needs; try "
                "integrated_gradients, input_x_gradient or permutation"
            )

    def upsample(self, maps: np.ndarray) -> np.ndarray:
        """Maps over the layer's cells brought to the input's own places, (n, height, width)."""
        found = resampling.upsample(maps, self.frame)
        return found[(slice(None), *(slice(side) for side in self.shape[:-1]))]

    def patches(self, share: float, overlap: int) -> np.ndarray:
        """Parts (m, *places) that cover an input: 1 within, 0 outside.

        Squares of an image that overlap, single steps of a sequence, or a table's columns.
        """
        if len(self.shape) == 3:
            return squares(self.shape[:2], share, overlap)
        groups = columns(self._entry)
        if groups is not None:
            found = np.zeros((len(groups), *self.shape), "float32")
            for mask, group in zip(found, groups, strict=True):
                mask[group] = 1
            return found
        return np.eye(self.shape[0], dtype="float32")

    def random_parts(
        self, rng: np.random.Generator, count: int, cells: int, shown: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random masks for `masked`, and the same over the input's positions.

        Of images cells of a grid, enlarged smoothly and shifted by up to a cell; else steps or
        columns.
        """
        if len(self.shape) < 3:
            groups = columns(self._entry)
            places = self.shape[0] if groups is None else len(groups)
            drawn = (rng.random((count, places)) < shown).astype("float32")
            return self.spread(drawn), drawn
        height, width = self.shape[:2]
        grid = (rng.random((count, cells + 1, cells + 1)) < shown).astype("float32")
        step = -(-height // cells), -(-width // cells)
        large = resampling.upsample(grid, (step[0] * (cells + 1), step[1] * (cells + 1)))
        shifts = rng.integers(0, step, (count, 2))
        moved = [
            mask[down : down + height, right : right + width]
            for mask, (down, right) in zip(large, shifts, strict=True)
        ]
        masks = np.stack(moved)
        return masks, masks

    def tell(self, name: str, values: np.ndarray) -> None:
        """Keep what a method says of its own maps, a number each, for the record."""
        self.said[name] = np.asarray(values, "float64")

    # -- Graphs

    def _both(self, x: np.ndarray, z: np.ndarray | None) -> list[np.ndarray]:
        return [x, self.enter(x) if z is None else z]

    def _call(self, x: Any, z: Any, instead: dict[int, Any] | None = None) -> graphs.Called:
        if z is None:
            return graphs.call(self.model, x, instead)
        if self._entry is None:
            return graphs.call(self.model, tf.cast(z, self._x.dtype), instead)
        own = {id(self._entry): tf.cast(z, self._dtype)}
        return graphs.call(self.model, x, {**own, **(instead or {})})

    def _logits(self, x: Any, z: Any) -> Any:
        return self._logits_of(self._call(x, z))

    def _logits_of(self, called: graphs.Called) -> Any:
        if self.head == "log":
            return tf.math.log(tf.maximum(tf.cast(called.outputs, "float32"), heads.SMALLEST))
        return heads.before_activation(called.outputs)[0]

    def chunk(self, deep: bool = False) -> int:
        """How many samples go through the model at once."""
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
        """A graph's results for all samples of `arrays`, chunk by chunk; `fixed` goes in whole."""
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
            own = [tf.constant(a[start : start + size], self._spec(a).dtype) for a in arrays]
            parts.append([part.numpy() for part in self._graphs[key](*own, *held)])
        self.forwards += total if heavy else 0
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _spec(self, array: np.ndarray) -> tf.TensorSpec:
        shape = (None, *array.shape[1:])
        whole = array.dtype == self._x.dtype.as_numpy_dtype and not self._x.dtype.is_floating
        return tf.TensorSpec(shape, self._x.dtype if whole else "float32")


def squares(size: tuple[int, ...], share: float, overlap: int) -> np.ndarray:
    """Squares (m, height, width) over an image, each of a share of its shorter side."""
    side = max(1, round(share * min(size)))
    step = max(1, side // overlap)
    starts = [range(step - side, length, step) for length in size]
    found = np.zeros((len(starts[0]) * len(starts[1]), *size), "float32")
    places = ((top, left) for top in starts[0] for left in starts[1])
    for mask, (top, left) in zip(found, places, strict=True):
        mask[max(top, 0) : top + side, max(left, 0) : left + side] = 1
    return found


def columns(entry: Any) -> list[list[int]] | None:
    """Which of a table's features each column became; None where inputs are no table."""
    if type(entry).__name__ != "TableScaling":
        return None
    places: dict[int, list[int]] = {column: [i] for i, column in enumerate(entry.numeric)}
    taken = len(entry.numeric)
    for column, codes in enumerate(entry.categories):
        if codes is not None:
            places[column] = list(range(taken, taken + len(codes)))
            taken += len(codes)
    return [places[column] for column in sorted(places)]


def _together(values: np.ndarray, largest: bool) -> np.ndarray:
    if not values.shape[-1]:
        return np.zeros(values.shape[:-1], "float32")
    return np.abs(values).max(axis=-1) if largest else values.sum(axis=-1)


def _check(model: keras.Model) -> None:
    if keras.backend.backend() != "tensorflow":
        raise UsageError(
            f"explanations run on TensorFlow, but Keras runs on {keras.backend.backend()}; unset "
            "KERAS_BACKEND: a model trained on another backend is explained all the same"
        )
    for side in ("inputs", "outputs"):
        try:
            tensors = getattr(model, side, None)
        except (AttributeError, ValueError):  # subclassed models have none
            tensors = None
        if tensors is not None and len(tensors) != 1:
            raise UsageError(f"the model has {len(tensors)} {side}; one is what can be explained")


def _dtype(model: keras.Model, x: np.ndarray) -> Any:
    """The type that a model's input has; an array's own where the model doesn't say."""
    try:
        return tf.as_dtype(model.inputs[0].dtype)
    except (AttributeError, TypeError, IndexError, ValueError):
        return tf.as_dtype(x.dtype if x.dtype.kind in "iu" else np.float32)


def _numbers(shape: Any, inputs: tuple[int, ...]) -> int:
    """How many numbers a tensor holds a sample; open sides count as the input's."""
    sides = shape.as_list()[1:] if shape.rank else []
    known = [
        side if side is not None else inputs[min(i, len(inputs) - 1)]
        for i, side in enumerate(sides)
    ]
    return int(np.prod(known)) if known else 1


def _padded(model: keras.Model, size: tuple[int, ...]) -> tuple[int, ...]:
    """The height and width that a model's maps cover, where it pads images to a multiple."""
    multiples = [
        la.multiple for la in graphs.all_layers(model) if type(la).__name__ == "PadToMultiple"
    ]
    multiple = max(multiples, default=1)
    return tuple(-(-side // multiple) * multiple for side in size)


def chunks(total: int, size: int) -> Iterator[slice]:
    """Slices of `size` that cover `total`."""
    return (slice(start, start + size) for start in range(0, total, size))
