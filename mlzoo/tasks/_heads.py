"""The usual head of a model, by the kind of target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.data.contracts import Task
from mlzoo.data.specs import Outputs

if TYPE_CHECKING:
    import keras


class HeadedTask(Task):
    """Task whose models end in one layer and what turns its numbers into predictions."""

    def logits(
        self, outputs: Outputs, features: keras.KerasTensor, units: int, name: str, **settings: Any
    ) -> keras.KerasTensor:
        """Return the output layer, without an activation.

        Args:
            outputs: what the model predicts.
            features: (batch, features), (batch, steps, features) or (batch, height, width,
                features).
            units: how many of the outputs; 0: all.
            name: of the layer.
            **settings: arguments of the layer, such as a regularizer.

        With `outputs.distribution` there are two units an output, for mean and deviation, or one
        for each of the `outputs.quantiles`.
        """
        import keras

        settings = {"name": name, "dtype": "float32", **settings}
        if outputs.target.dense:
            settings = {"kernel_size": 1, "padding": "same", **settings}
            return keras.layers.Conv2D(units or outputs.units, **settings)(features)
        if outputs.target.stepwise:
            from mlzoo.layers.steps import NoMask

            features = NoMask(name="unmasked")(features)
        if outputs.horizon and len(features.shape) == 2:
            x = keras.layers.Dense(outputs.horizon * outputs.units, **settings)(features)
            return keras.layers.Reshape((outputs.horizon, outputs.units), name="horizon")(x)
        return keras.layers.Dense(units or outputs.units * _each(outputs), **settings)(features)

    def finish(self, outputs: Outputs, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return probabilities of classes, or numbers in the units of the targets."""
        import keras

        if outputs.target.is_class:
            activation = "sigmoid" if outputs.units == 1 else "softmax"
            return keras.layers.Activation(activation, dtype="float32", name="output")(logits)
        if outputs.distribution and not outputs.horizon:
            from mlzoo.layers.predictive import mean_and_deviation, quantiles

            if outputs.quantiles:
                return quantiles(logits, outputs.mean, outputs.std, outputs.quantiles)
            return mean_and_deviation(logits, outputs.mean, outputs.std)
        if not outputs.mean:
            return keras.layers.Identity(name="output")(logits)
        from mlzoo.layers.scaling import Unstandardise

        return Unstandardise(outputs.mean, outputs.std, dtype="float32", name="output")(logits)


def _each(outputs: Outputs) -> int:
    """Return the units that an output takes: several where its distribution is predicted."""
    if outputs.quantiles:
        return len(outputs.quantiles)
    return 2 if outputs.distribution else 1
