"""What a model is built between: the inputs it gets and the outputs it owes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlzoo.errors import UsageError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Inputs:
    """One sample's shape (without the batch axis), its dtype, and the layers that scale it.

    `scaling` holds serialised Keras layers (`keras.layers.serialize`), applied in order; their
    statistics come from the training part alone and are saved within the model, which therefore
    takes raw inputs. `kind` is `image` (height, width, channels), `table` (columns) or `array`.
    """

    shape: tuple[int, ...]
    kind: str = "array"
    dtype: str = "float32"
    scaling: Sequence[dict[str, Any]] = ()

    def start(self) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """The model's input, and the same after scaling: (batch, *shape) float."""
        import keras

        import mlzoo.layers  # noqa: F401  (registers the layers that scaling may name)

        tensor = keras.Input(self.shape, dtype=self.dtype, name="input")
        scaled = tensor
        for config in self.scaling:
            scaled = keras.layers.deserialize(config)(scaled)
        return tensor, scaled

    def require_image(self, model: str) -> None:
        """Raise UsageError unless a sample is an image."""
        if len(self.shape) != 3:
            raise UsageError(
                f"{model} needs images (height, width, channels), but a sample here has shape "
                f"{self.shape}; try `mlp` or `linear`"
            )


@dataclass(frozen=True)
class Outputs:
    """What a model predicts: `units` numbers for a task.

    Classification: class probabilities; one unit (the probability of the second class) for two
    classes, else one a class. Regression: `units` numbers in the units of the target, which the
    head restores from standardised ones with `mean` and `std` of the training part.
    """

    task: str
    units: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def head(self, features: keras.KerasTensor, **dense: Any) -> keras.KerasTensor:
        """The output layer on (batch, features): a Dense layer named `head`, in float32.

        Keyword arguments go to the Dense layer (a regulariser, an initialiser).
        """
        import keras

        import mlzoo.layers  # noqa: F401

        logits = keras.layers.Dense(self.units, name="head", dtype="float32", **dense)(features)
        if self.task == "classification":
            activation = "sigmoid" if self.units == 1 else "softmax"
            return keras.layers.Activation(activation, dtype="float32", name="output")(logits)
        if not self.mean:
            return keras.layers.Identity(name="output")(logits)
        from mlzoo.layers.scaling import Unstandardise

        return Unstandardise(self.mean, self.std, dtype="float32", name="output")(logits)
