"""Gradient of the loss by steps before the end: vanishing and exploding gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from mlzoo.layers.gradients import GradientRecorder


class _Probe(keras.layers.Layer):
    """Input plus a zero weight of the same shape, whose gradient is that of the input."""

    def __init__(self, shape: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.shape = shape

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weight."""
        self.probe = self.add_weight(shape=self.shape, initializer="zeros", name="probe")

    def call(self, x: Any) -> Any:
        """Add the weight."""
        return keras.ops.cast(x, "float32") + self.probe

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape."""
        return input_shape


def lag_gradients(model: keras.Model, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the mean norm of the loss's gradient at the input, by steps before the end.

    Bengio, Simard and Frasconi, "Learning Long-Term Dependencies with Gradient Descent is
    Difficult" (1994); Pascanu, Mikolov and Bengio, "On the Difficulty of Training Recurrent
    Neural Networks" (2013).

    Args:
        model: compiled; its weights are not changed.
        inputs: (n, steps, channels) raw, NaN beyond a sequence's end.
        targets: in the form that its loss takes.

    Returns:
        (steps,): at 0 the last step of each sequence, at 1 the one before it, ...; in units of the
        loss over the spread of each channel among these inputs. NaN where no sequence reaches.
    """
    start = keras.Input(inputs.shape[1:], batch_size=len(inputs))
    probe = _Probe(inputs.shape, name="probe")
    probed = keras.Model(start, model(probe(start), training=False))
    recorder = GradientRecorder()
    probed.compile(optimizer=recorder, loss=model.loss, jit_compile=False)
    recorder.build(probed.trainable_variables)
    before = [keras.ops.convert_to_numpy(v) for v in model.non_trainable_variables]
    probed.train_on_batch(inputs, targets)
    for variable, value in zip(model.non_trainable_variables, before, strict=True):
        variable.assign(value)
    place = [v is probe.probe for v in probed.trainable_variables].index(True)
    spread = np.nanstd(inputs.reshape(-1, inputs.shape[-1]), axis=0)
    # A mean loss over the batch has the gradient of each sample over the batch's size.
    gradient = recorder.gradients()[place] * spread * len(inputs)
    norms = np.sqrt((gradient.astype("float64") ** 2).sum(axis=2))
    there = ~np.isnan(inputs).all(axis=2)
    lengths = there.sum(axis=1)
    total, count = np.zeros(inputs.shape[1]), np.zeros(inputs.shape[1])
    for row, length in zip(norms, lengths.tolist(), strict=True):
        total[:length] += row[:length][::-1]
        count[:length] += 1
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
