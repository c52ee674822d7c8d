"""Pieces of recurrent networks, against what they say in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.layers.decoding import FeedbackCell, FromLast, NoTeacher, Teacher, last_step
from mlzoo.layers.recurrent import CELLS, Carried
from mlzoo.layers.scaling import SequenceScaling
from mlzoo.layers.steps import (
    AttentionPooling,
    ConcatPooling,
    LastStep,
    MaskLike,
    NoMask,
    ZeroBeyond,
)

NAN = np.nan


def numbers(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def ended(x: np.ndarray, lengths: list[int]) -> np.ndarray:
    x = x.copy()
    for row, length in zip(x, lengths, strict=True):
        row[length:] = NAN
    return x


def masks(lengths: list[int], steps: int) -> np.ndarray:
    return np.arange(steps) < np.array(lengths)[:, None]


def test_the_last_step_is_the_last_that_is_there() -> None:
    x = random(3, 5, 2)
    np.testing.assert_array_equal(numbers(LastStep()(x)), x[:, 4])
    found = numbers(LastStep()(x, mask=masks([5, 2, 1], 5)))
    np.testing.assert_array_equal(found, x[[0, 1, 2], [4, 1, 0]])


@pytest.mark.backends
def test_mean_maximum_and_last_step_are_those_that_are_there() -> None:
    x = random(3, 5, 2) - 4
    pooled = numbers(ConcatPooling()(x, mask=masks([5, 2, 1], 5)))
    for row, length, said in zip(x, [5, 2, 1], pooled, strict=True):
        own = row[:length]
        expected = np.concatenate([own.mean(axis=0), own.max(axis=0), own[-1]])
        np.testing.assert_allclose(said, expected, rtol=1e-6)
    np.testing.assert_allclose(numbers(ConcatPooling()(x))[0], pooled[0], rtol=1e-6)
    assert ConcatPooling()(keras.KerasTensor((None, None, 3))).shape == (None, 9)


def test_last_values_of_some_channels() -> None:
    x = ended(random(2, 4, 3), [4, 2])
    found = numbers(last_step(x, (2, 0)))
    np.testing.assert_array_equal(found, x[[0, 1], [3, 1]][:, None, [2, 0]])


def test_changes_are_added_to_the_last_value() -> None:
    x, change = ended(random(2, 4, 3), [4, 3]), random(2, 5, 2)
    found = numbers(FromLast((2, 0), (10.0, 0.5))([change, x]))
    last = x[[0, 1], [3, 2]][:, None, [2, 0]]
    np.testing.assert_allclose(found, last + change * np.array([10, 0.5]), rtol=1e-6)


def test_attention_weighs_the_steps_that_are_there() -> None:
    layer, x = AttentionPooling(units=4), random(3, 6, 2)
    layer.build(x.shape)
    layer.set_weights([random(2, 4), random(4), random(4, 1)])
    kernel, bias, vector = layer.get_weights()
    lengths = [6, 3, 1]
    found = numbers(layer(x, mask=masks(lengths, 6)))
    for row, length, said in zip(x, lengths, found, strict=True):
        scores = np.tanh(row[:length] @ kernel + bias) @ vector
        weights = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(said, (weights * row[:length]).sum(axis=0), atol=1e-6)
    assert AttentionPooling().build((None, None, 7)) is None
    np.testing.assert_allclose(numbers(layer(x))[0], found[0], atol=1e-6)


@pytest.mark.backends
def test_attention_in_half_precision_gives_masked_steps_no_weight() -> None:
    layer, x = AttentionPooling(dtype="float16"), random(1, 4, 2).astype("float16")
    one = numbers(layer(x, mask=masks([1], 4)))
    np.testing.assert_array_equal(one, x[:, 0])


@pytest.mark.backends
def test_masks_are_carried_dropped_and_applied() -> None:
    start = keras.Input((None, 2))
    scaled = SequenceScaling([0.0, 0.0], [1.0, 1.0])(start)
    plain = NoMask()(scaled)
    x = ended(random(2, 4, 2), [4, 2])
    zero = keras.Model(start, ZeroBeyond()([NoMask(name="other")(plain) + 1, scaled]))
    expected = np.where(masks([4, 2], 4)[..., None], np.nan_to_num(x) + 1, 0)
    np.testing.assert_allclose(numbers(zero(x)), expected, rtol=1e-6)
    mean = keras.layers.GlobalAveragePooling1D()
    without = numbers(keras.Model(start, mean(plain))(x))
    again = numbers(keras.Model(start, mean(MaskLike()([plain, scaled])))(x))
    np.testing.assert_allclose(without[1], np.nansum(x[1], axis=0) / 4, rtol=1e-5)
    np.testing.assert_allclose(again[1], np.nanmean(x[1], axis=0), rtol=1e-5)


def test_a_teacher_tells_the_step_before() -> None:
    truth, x = random(2, 3, 2), ended(random(2, 4, 3), [4, 3])
    truth[1, 0, 1] = NAN
    found = numbers(Teacher((1.0, 2.0), (2.0, 4.0))([truth, x]))
    assert found.shape == (2, 3, 3)
    assert not found[:, 0].any(), "nothing comes before the first step"
    np.testing.assert_allclose(found[0, 1:, :2], (truth[0, :2] - [1, 2]) / [2, 4], rtol=1e-5)
    assert found[0, :, 2].tolist() == [0, 1, 1]
    assert found[1, :, 2].tolist() == [0, 0, 1], "a missing value teaches nothing"
    np.testing.assert_allclose(found[1, 2, :2], (truth[1, 1] - [1, 2]) / [2, 4], rtol=1e-5)
    change = numbers(Teacher((1.0, 2.0), (2.0, 4.0), (2, 0))([truth, x]))
    last = x[0, 3, [2, 0]]
    np.testing.assert_allclose(change[0, 1:, :2], (truth[0, :2] - last) / [2, 4], rtol=1e-5)
    assert numbers(NoTeacher(3, 2)(x)).shape == (2, 3, 3)


@pytest.mark.backends
@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_is_fed_its_own_output_or_the_true_value(kind: str) -> None:
    cell = FeedbackCell(kind, 4, 2)
    cell.build((None, 3))
    sizes = {"simple": [4, 2], "gru": [4, 2], "lstm": [4, 4, 2]}
    assert cell.state_size == sizes[kind]
    states = [random(1, size) for size in cell.state_size]
    free = np.array([[7.0, 8.0, 0.0]], "float32")  # the true value is there but not to be taken
    said, new = cell(free, states)
    hidden, _ = cell.cell(states[-1], states[:-1])
    kernel, bias = cell.read_out.get_weights()
    np.testing.assert_allclose(numbers(said), numbers(hidden) @ kernel + bias, atol=1e-6)
    np.testing.assert_array_equal(numbers(new[-1]), numbers(said))
    assert len(new) == len(states)
    taught, _ = cell(np.array([[7.0, 8.0, 1.0]], "float32"), states)
    hidden, _ = cell.cell(free[:, :2], states[:-1])
    np.testing.assert_allclose(numbers(taught), numbers(hidden) @ kernel + bias, atol=1e-6)


@pytest.mark.backends
@pytest.mark.parametrize("kind", CELLS)
def test_states_are_carried_where_a_sequence_goes_on(kind: str) -> None:
    layer = CELLS[kind](3, return_sequences=True, return_state=True)
    carried, x = Carried(layer, 2), random(2, 9, 4)
    whole = numbers(layer(x)[0])
    first = numbers(carried([x[:, :5], np.zeros((2, 1), "float32")]))
    second = numbers(carried([x[:, 5:], np.array([[1.0], [0.0]], "float32")]))
    np.testing.assert_allclose(first, whole[:, :5], atol=1e-6)
    np.testing.assert_allclose(second[0], whole[0, 5:], atol=1e-6)
    np.testing.assert_allclose(second[1], numbers(layer(x[1:, 5:])[0])[0], atol=1e-6)
    assert [tuple(state.shape) for state in carried.non_trainable_weights] == (
        [(2, 3)] * (2 if kind == "lstm" else 1)
    )


@pytest.mark.slow
def test_configurations_and_shapes_survive() -> None:
    """What no model of the registry saves in the contract's tests, or only by its defaults."""
    for layer in (
        AttentionPooling(3),
        FromLast((1, 0), (2.0, 3.0)),
        Teacher((1.0,), (2.0,), (0,)),
        NoTeacher(3, 2),
        FeedbackCell("gru", 4, 2, use_bias=False),
    ):
        again = keras.layers.deserialize(keras.layers.serialize(layer))
        assert again.get_config() == layer.get_config()
    raw, truth = keras.KerasTensor((None, None, 3)), keras.KerasTensor((None, 5, 2))
    assert Teacher((0.0, 0.0), (1.0, 1.0))([truth, raw]).shape == (None, 5, 3)
    assert NoTeacher(5, 2)(raw).shape == (None, 5, 3)
    assert FromLast((0, 1), (1.0, 1.0))([truth, raw]).shape == (None, 5, 2)
    assert LastStep()(raw).shape == AttentionPooling()(raw).shape == (None, 3)
