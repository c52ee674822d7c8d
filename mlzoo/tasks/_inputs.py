"""Base of tasks whose target is the sample itself: the scaled input as a model's output."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from mlzoo.data.samples import Part
from mlzoo.data.specs import Outputs
from mlzoo.tasks._tallies import TallyTask

if TYPE_CHECKING:
    import keras


class InputTask(TallyTask):
    """Task whose models give scaled inputs: pixels from 0 to 1, standardized numbers."""

    def output_spec(self, train: Part) -> Outputs:
        """Return the scaled input as the output, bounded if it is an image's pixels."""
        from mlzoo.layers.input_scaling import input_spec, scaled

        spec = input_spec(train)
        pixels = train.samples.kind == "image" and bool(train.samples.maximum)
        shape = scaled(spec.scaling, train.inputs(slice(0, 1))).shape[1:]
        return Outputs(self.name, shape[-1], scaling=spec.scaling, shape=shape, bounded=pixels)

    def logits(
        self, outputs: Outputs, features: keras.KerasTensor, units: int, name: str, **settings: Any
    ) -> keras.KerasTensor:
        """Return a 1x1 convolution of feature maps, or a Dense layer, reshaped to an image."""
        import keras

        # Of weights: single precision where layers compute in half, double where all do.
        dtype = keras.config.dtype_policy().variable_dtype
        settings = {"name": name, "dtype": dtype, **settings}
        if len(features.shape) == 4:
            settings = {"kernel_size": 1, "padding": "same", **settings}
            return keras.layers.Conv2D(units or outputs.units, **settings)(features)
        x = keras.layers.Dense(prod(outputs.shape), **settings)(features)
        shape = outputs.shape
        return x if len(shape) == 1 else keras.layers.Reshape(shape, name="reshape")(x)

    def finish(self, outputs: Outputs, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the output: of pixels through a sigmoid, since they lie from 0 to 1."""
        import keras

        activation = "sigmoid" if outputs.bounded else "linear"
        dtype = keras.config.dtype_policy().variable_dtype
        return keras.layers.Activation(activation, dtype=dtype, name="output")(logits)
