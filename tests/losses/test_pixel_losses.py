from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlzoo.data.specs import IGNORED, Outputs
from mlzoo.layers.gradients import GradientRecorder
from mlzoo.losses._boundary import Boundary
from mlzoo.losses._lovasz import Lovasz
from mlzoo.losses._overlap import Dice, IoU, Tversky
from mlzoo.losses._pixels import PixelCrossentropy
from mlzoo.losses._sum import LossSum
from mlzoo.training.optimizers import build_loss
from tests.training.made import config


def pixel_loss(
    names: list[tuple[float, str]], class_weights: Any = None, **fields: Any
) -> keras.losses.Loss:
    """The loss of a run that names some."""
    text = "+".join(name if weight == 1 else f"{weight}*{name}" for weight, name in names)
    return build_loss(config(loss=text, **fields), Outputs("segmentation", 2), class_weights)


NAMES = ["crossentropy", "focal", "topk", "dice", "iou", "tversky", "lovasz", "boundary"]
WEIGHTS = (0.5, 2.0, 0.0, 3.0)
# Few on JAX, which compiles each operation anew for each shape.
EAGER = keras.backend.backend() == "tensorflow"
SIZES = [(1, 1), (1, 4), (3, 2), (4, 4)] if EAGER else [(1, 1), (3, 2)]
CLASSES = [2, 3, 4] if EAGER else [2, 3]
ALL = {
    "crossentropy": PixelCrossentropy(),
    "focal": PixelCrossentropy(2.0),
    "weak focal": PixelCrossentropy(0.5),
    "topk": PixelCrossentropy(share=0.3),
    "dice": Dice(),
    "iou": IoU(),
    "tversky": Tversky(0.7),
    "lovasz": Lovasz(),
    "boundary": Boundary(3),
}


def _values(loss: keras.losses.Loss, y: Any, p: Any) -> np.ndarray:
    """The loss of each sample."""
    p = np.asarray(p)
    return keras.ops.convert_to_numpy(loss.call(np.asarray(y), p.astype("float32")))


def _value(loss: keras.losses.Loss, y: Any, p: Any) -> float:
    """The loss of one sample, given without its batch axis."""
    return float(_values(loss, np.asarray(y)[None], np.asarray(p)[None])[0])


def _hard(labels: Any, classes: int = 2) -> np.ndarray:
    return np.eye(classes)[np.asarray(labels)]


# The losses once more, pixel by pixel: y (height, width), p (height, width, classes).


def _counted(y: np.ndarray) -> list[tuple[int, int]]:
    return [(i, j) for i, j in np.ndindex(y.shape) if y[i, j] != IGNORED]


def _crossentropy(gamma: float = 0.0, weights: Any = None, share: float = 1.0) -> Callable:
    def loss(y: np.ndarray, p: np.ndarray) -> float:
        losses = []
        for i, j in _counted(y):
            q = min(max(p[i, j, y[i, j]], 1e-7), 1)
            weight = 1 if weights is None else weights[y[i, j]]
            losses.append(-weight * (1 - q) ** gamma * math.log(q))
        kept = sorted(losses)[-math.ceil(share * len(losses)) :] if losses else [0.0]
        return sum(kept) / len(kept)

    return loss


def _tversky(false_positive: float, false_negative: float) -> Callable:
    def loss(y: np.ndarray, p: np.ndarray) -> float:
        of_classes = []
        for c in range(p.shape[-1]):
            tp = sum(p[at][c] for at in _counted(y) if y[at] == c)
            fp = sum(p[at][c] for at in _counted(y) if y[at] != c)
            fn = sum(1 - p[at][c] for at in _counted(y) if y[at] == c)
            below = tp + false_positive * fp + false_negative * fn
            of_classes.append(1 - tp / below if below else 0.0)
        return sum(of_classes) / len(of_classes)

    return loss


def _jaccard(truth: set, prediction: set) -> float:
    return 1 - len(truth & prediction) / len(truth | prediction) if truth | prediction else 0.0


def _lovasz(y: np.ndarray, p: np.ndarray) -> float:
    """By the definition: the largest errors become wrong one after the other."""
    of_classes = []
    for c in sorted({int(y[at]) for at in _counted(y)}):
        truth = {at for at in _counted(y) if y[at] == c}
        error = {at: abs((y[at] == c) - p[at][c]) for at in _counted(y)}
        wrong: set = set()
        total, before = 0.0, 0.0
        for at in sorted(error, key=lambda at: -error[at]):
            wrong.add(at)
            now = _jaccard(truth, truth ^ wrong)
            total += error[at] * (now - before)
            before = now
        of_classes.append(total)
    return sum(of_classes) / max(len(of_classes), 1)


def _boundary(radius: int) -> Callable:
    def loss(y: np.ndarray, p: np.ndarray) -> float:
        total = 0.0
        for c in range(p.shape[-1]):
            for at in _counted(y):
                inside = y[at] == c
                distances = [
                    max(abs(at[0] - i), abs(at[1] - j)) - 0.5
                    for i, j in _counted(y)
                    if (y[i, j] == c) != inside
                ]
                phi = min([*distances, radius]) / radius
                total += -phi * (p[at][c] - 1) if inside else phi * p[at][c]
        return total / max(len(_counted(y)) * p.shape[-1], 1)

    return loss


PLAIN: dict[str, Callable] = {
    "crossentropy": _crossentropy(),
    "focal": _crossentropy(2.0),
    "weak focal": _crossentropy(0.5),
    "topk": _crossentropy(share=0.3),
    "dice": _tversky(0.5, 0.5),
    "iou": _tversky(1, 1),
    "tversky": _tversky(0.3, 0.7),
    "lovasz": _lovasz,
    "boundary": _boundary(3),
}


@st.composite
def _samples(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two images with ignored pixels, and predictions that are often exactly 0 or 1."""
    classes = draw(st.sampled_from(CLASSES))
    shape = (2, *draw(st.sampled_from(SIZES)))
    y = draw(arrays("int64", shape, elements=st.sampled_from([*range(classes), IGNORED])))
    votes = draw(arrays("int64", (*shape, classes), elements=st.integers(0, 4)))
    votes[..., 0] += votes.sum(-1) == 0
    return y, (votes / votes.sum(-1, keepdims=True)).astype("float32")


@pytest.mark.backends
@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(_samples())
def test_losses_are_those_of_plain_loops_and_bounded(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    most = -math.log(1e-7)
    for name, loss in ALL.items():
        values = _values(loss, y, p)
        expected = [PLAIN[name](*pair) for pair in zip(y, p.astype("float64"), strict=True)]
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5, err_msg=name)
        crossentropy = isinstance(loss, PixelCrossentropy)
        assert (values >= -1e-6).all(), name
        assert (values <= (most if crossentropy else 1) + 1e-5).all(), name


@pytest.mark.backends
@settings(max_examples=20, deadline=None)
@given(_samples())
def test_weighted_crossentropy_is_that_of_plain_loops_and_bounded(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    y, p = sample
    weights = WEIGHTS[: p.shape[-1]]
    for gamma, share in [(0.0, 1.0), (2.0, 1.0), (0.0, 0.5)]:
        values = _values(PixelCrossentropy(gamma, weights, share), y, p)
        plain = _crossentropy(gamma, weights, share)
        expected = [plain(*pair) for pair in zip(y, p.astype("float64"), strict=True)]
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
        assert (values <= -math.log(1e-7) * max(weights) + 1e-4).all()


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(_samples())
def test_predictions_at_ignored_pixels_change_nothing(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    y, p = sample
    other = np.where((y == IGNORED)[..., None], p[..., ::-1] ** 2, p)
    for name, loss in ALL.items():
        np.testing.assert_array_equal(_values(loss, y, p), _values(loss, y, other), name)


@settings(max_examples=20, deadline=None)
@given(_samples())
def test_a_perfect_prediction_costs_nothing(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    perfect = _hard(np.where(y == IGNORED, 0, y), p.shape[-1])
    for name, loss in ALL.items():
        np.testing.assert_allclose(_values(loss, y, perfect), 0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
def test_a_sample_without_counting_pixels_costs_nothing(loss: keras.losses.Loss) -> None:
    y = np.full((2, 3, 3), IGNORED)
    y[1] = 1
    p = np.full((2, 3, 3, 2), 0.5)
    assert _values(loss, y, p)[0] == 0
    assert _values(loss, y, p)[1] > 0


@pytest.mark.parametrize(("gamma", "value"), [(0, 0.693147), (1, 0.346574), (2, 0.173287)])
def test_focal_at_one_half(gamma: float, value: float) -> None:
    loss = PixelCrossentropy(gamma)
    assert _value(loss, [[0]], [[[0.5, 0.3, 0.2]]]) == pytest.approx(value, abs=1e-6)
    assert _value(loss, [[1, IGNORED]], [[[0.5, 0.5], [1, 0]]]) == pytest.approx(value, abs=1e-6)


def test_crossentropy_is_that_of_keras() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, size=(2, 5, 4))
    p = generator.dirichlet(np.ones(3), size=y.shape).astype("float32")
    expected = keras.losses.SparseCategoricalCrossentropy()(y, p)
    assert float(PixelCrossentropy()(y, p)) == pytest.approx(float(expected), rel=1e-5)


def test_weights_of_classes_change_the_loss_by_what_their_pixels_lose() -> None:
    y, p = [[0, 0, 1, IGNORED]], [[[0.5, 0.5], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]]]
    first, second = -np.log(0.5) - np.log(0.2), -np.log(0.4)
    assert _value(PixelCrossentropy(), y, p) == pytest.approx((first + second) / 3, rel=1e-5)
    weighted = PixelCrossentropy(weights=[3.0, 0.5])
    assert _value(weighted, y, p) == pytest.approx((3 * first + second / 2) / 3, rel=1e-5)
    weighted = PixelCrossentropy(1.0, weights=[0.0, 5.0])
    assert _value(weighted, y, p) == pytest.approx(5 * 0.6 * second / 3, rel=1e-5)


def test_weights_must_be_one_a_class() -> None:
    with pytest.raises(ValueError, match="3 class weights for 2 classes"):
        _value(PixelCrossentropy(weights=[1, 2, 3]), [[0]], [[[0.5, 0.5]]])


@pytest.mark.parametrize(
    ("share", "kept"), [(1, 5), (0.99, 5), (0.8, 4), (0.6, 3), (0.41, 3), (0.4, 2), (0.001, 1)]
)
def test_a_share_keeps_the_largest_losses(share: float, kept: int) -> None:
    p = np.array([0.9, 0.1, 0.5, 0.3, 0.7, 0.001, 0.002])
    y = [[0, 0, 0, 0, 0, IGNORED, IGNORED]]
    expected = -np.log([0.1, 0.3, 0.5, 0.7, 0.9][:kept]).mean()
    loss = PixelCrossentropy(share=share)
    assert _value(loss, y, [np.stack([p, 1 - p], -1)]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("number", [10, 90, 1000])
def test_a_whole_share_is_not_rounded_up(share: float, number: int) -> None:
    # Only round(share * number) pixels are wrong: one more would lower the mean.
    wrong = np.arange(number) < round(share * number)
    loss = PixelCrossentropy(share=share)
    assert _value(loss, np.zeros((1, number)), [_hard(wrong.astype(int))]) == pytest.approx(
        -math.log(1e-7), rel=1e-5
    )


@pytest.mark.parametrize("share", [0, -0.1, 1.5])
def test_a_share_is_over_0_and_at_most_1(share: float) -> None:
    with pytest.raises(ValueError, match=f"got {share}"):
        PixelCrossentropy(share=share)


@pytest.mark.parametrize("loss", [Dice(), IoU(), Tversky(), Lovasz()])
def test_overlap_at_its_ends(loss: keras.losses.Loss) -> None:
    y = np.array([[0, 0], [1, 1]])
    assert _value(loss, y, _hard(y)) == pytest.approx(0, abs=1e-6)
    assert _value(loss, y, _hard(1 - y)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("loss", [Dice(), IoU(), Tversky()])
def test_a_class_in_neither_mask_costs_nothing(loss: keras.losses.Loss) -> None:
    y = np.array([[0, 0], [1, 1]])
    assert _value(loss, y, _hard(y, 3)) == pytest.approx(0, abs=1e-6)
    assert _value(loss, y, _hard(1 - y, 3)) == pytest.approx(2 / 3, abs=1e-6)
    assert _value(loss, np.zeros((2, 2)), _hard(np.zeros((2, 2), int))) == pytest.approx(0)


def test_overlap_in_between() -> None:
    # Class 1: two true positives, one false positive, one false negative; class 0: 1, 1, 1.
    y, p = [[1, 1, 1, 0, 0]], _hard([[0, 1, 1, 1, 0]])
    assert _value(Dice(), y, p) == pytest.approx((2 / 6 + 2 / 4) / 2, abs=1e-6)
    assert _value(IoU(), y, p) == pytest.approx((2 / 4 + 2 / 3) / 2, abs=1e-6)
    assert _value(Lovasz(), y, p) == pytest.approx((2 / 4 + 2 / 3) / 2, abs=1e-6)


def test_tversky_charges_beta_for_what_is_missed() -> None:
    # Class 1: 2 found, 1 missed; class 0: 1 found, 1 in excess.
    y, p = [[1, 1, 1, 0]], _hard([[1, 1, 0, 0]])
    expected = ((1 - 2 / (2 + 0.9)) + (1 - 1 / (1 + 0.1))) / 2
    assert _value(Tversky(0.9), y, p) == pytest.approx(expected, abs=1e-6)
    assert _value(Tversky(0.5), y, p) == pytest.approx(_value(Dice(), y, p), abs=1e-6)


def test_smooth_adds_true_positives() -> None:
    # Class 1 is found nowhere: 1 of 4 pixels too many; class 0: 3 found, 1 missed.
    y, p = [[0, 0, 0, 0]], _hard([[1, 0, 0, 0]])
    assert _value(IoU(1.0), y, p) == pytest.approx((1 / 2 + 1 / 5) / 2, abs=1e-6)


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
def test_samples_are_compared_apart(loss: keras.losses.Loss) -> None:
    generator = np.random.default_rng(3)
    y = generator.integers(0, 3, size=(3, 4, 5))
    y[:, 0, 0] = IGNORED
    p = generator.dirichlet(np.ones(3), size=y.shape)
    apart = [_value(loss, *pair) for pair in zip(y, p, strict=True)]
    assert len(set(apart)) == 3
    np.testing.assert_allclose(_values(loss, y, p), apart, rtol=1e-5)
    assert float(loss(y, p.astype("float32"))) == pytest.approx(np.mean(apart), rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(_samples())
def test_lovasz_of_hard_masks_is_1_minus_iou(sample: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = sample
    found = p.argmax(-1)
    expected = []
    for truth, labels in zip(y, found, strict=True):
        pixels = _counted(truth)
        of_classes = [
            _jaccard(
                {at for at in pixels if truth[at] == c}, {at for at in pixels if labels[at] == c}
            )
            for c in {int(truth[at]) for at in pixels}
        ]
        expected.append(np.mean(of_classes or [0.0]))
    values = _values(Lovasz(), y, _hard(found, p.shape[-1]))
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_lovasz_of_one_class() -> None:
    # Only class 0 is present: errors .75, .5 and .25 become wrong in turn, each for a third.
    p = np.array([0.5, 0.25, 0.75])
    assert _value(Lovasz(), [[0, 0, 0]], [np.stack([p, 1 - p], -1)]) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.backends
def test_lovasz_keeps_its_digits_in_a_large_image() -> None:
    # One class in all pixels: each error counts for one part in their number.
    y = np.zeros((1, 300, 300), int)
    gradient = _gradient(Lovasz(), y, np.full((*y.shape, 2), 0.5, "float32"))
    np.testing.assert_allclose(gradient[..., 0], -1 / y.size, rtol=1e-4)
    np.testing.assert_array_equal(gradient[..., 1], 0)


def test_boundary_counts_the_distance_to_the_boundary() -> None:
    # Distances .5 and 1.5 on each side, for both classes: 1 in the mean.
    y, swapped = [[0, 0, 1, 1]], _hard([[1, 1, 0, 0]])
    assert _value(Boundary(16), y, swapped) == pytest.approx(1 / 16, abs=1e-6)
    assert _value(Boundary(2), y, swapped) == pytest.approx(1 / 2, abs=1e-6)
    assert _value(Boundary(1), y, swapped) == pytest.approx((0.5 + 1) / 2, abs=1e-6)
    # The pixel beside the boundary costs a third of the one behind it.
    near, far = _hard([[0, 1, 1, 1]]), _hard([[1, 0, 1, 1]])
    assert 3 * _value(Boundary(), y, near) == pytest.approx(_value(Boundary(), y, far), rel=1e-5)


def test_boundary_takes_diagonal_steps() -> None:
    y = np.zeros((3, 3), int)
    y[1, 1] = 1
    p = _hard(y)
    p[0, 0] = [0, 1]
    # The corner is .5 from class 1 and within class 0, for which it is lost.
    assert _value(Boundary(4), y, p) == pytest.approx(2 * 0.5 / 4 / 18, abs=1e-6)


def test_boundary_passes_over_ignored_pixels() -> None:
    y, swapped = [[0, IGNORED, 1]], _hard([[1, 1, 0]])
    assert _value(Boundary(), y, swapped) == pytest.approx(4 * 1.5 / 16 / 4, abs=1e-6)


def test_a_class_that_is_not_in_the_truth_is_far_from_everywhere() -> None:
    y = np.zeros((2, 3), int)
    assert _value(Boundary(), y, _hard(y + 1)) == pytest.approx(1, abs=1e-6)
    assert _value(Boundary(), y, _hard(y + 1, 4)) == pytest.approx(0.5, abs=1e-6)


class _Table(keras.layers.Layer):
    """Predicts its weight for each sample, so that its gradient is that of the probabilities."""

    def __init__(self, p: np.ndarray) -> None:
        super().__init__()
        self.p = self.add_weight(shape=p.shape, initializer="zeros")
        self.p.assign(p)

    def call(self, x: Any) -> Any:
        return x * 0 + self.p


def _gradient(loss: keras.losses.Loss, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Of the loss of each sample in the probabilities."""
    tensor = keras.Input(batch_shape=p.shape)
    model = keras.Model(tensor, _Table(p)(tensor))
    recorder = GradientRecorder()
    # One step: on TensorFlow tracing it takes longer; elsewhere each operation is compiled.
    model.compile(recorder, loss, run_eagerly=EAGER)
    assert np.isfinite(model.train_on_batch(np.zeros_like(p), y))
    return recorder.gradients()[0] * len(p)


@pytest.mark.backends
@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_the_plain_loops(name: str) -> None:
    generator = np.random.default_rng(5)
    y = generator.integers(0, 3, size=(1, 2, 4))
    y[0, 0, 0] = IGNORED
    p = generator.dirichlet(np.ones(3), size=y.shape)
    expected = np.zeros_like(p)
    for at in np.ndindex(p.shape):
        step = np.zeros_like(p)
        step[at] = 1e-6
        expected[at] = (PLAIN[name](y[0], (p + step)[0]) - PLAIN[name](y[0], (p - step)[0])) / 2e-6
    found = _gradient(ALL[name], y, p.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert np.abs(found).max() > 0.01


@pytest.mark.backends
@pytest.mark.slow
@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
def test_gradients_are_finite_everywhere(loss: keras.losses.Loss) -> None:
    both = np.array([[0, 0, 1, 1], [0, 1, 1, IGNORED]])
    y = np.stack([both, both, both * 0, both * 0 + 1, both * 0 + IGNORED, both])
    p = _hard(np.where(y == IGNORED, 0, y), 3)
    p[1] = p[1, ..., ::-1]
    p[3] = [1, 0, 0]
    p[5] = 1 / 3
    gradient = _gradient(loss, y, p.astype("float32"))
    assert np.isfinite(gradient).all()
    assert (gradient[y == IGNORED] == 0).all()
    one = _gradient(loss, np.array([[[0]], [[1]], [[IGNORED]]]), np.eye(3)[:, None, None])
    assert np.isfinite(one).all()


@pytest.mark.backends
@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
def test_any_type_of_number_gives_a_loss_in_float32(loss: keras.losses.Loss) -> None:
    y = np.array([[[0, 1], [IGNORED, 1]]])
    p = np.random.default_rng(0).dirichlet(np.ones(2), size=y.shape).astype("float16")
    expected = _values(loss, y, p.astype("float32"))
    for dtype in ["uint8", "int64", "float32"]:
        value = keras.ops.convert_to_numpy(loss.call(y.astype(dtype), p))
        assert value.dtype == "float32"
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)


def test_samples_can_be_weighted() -> None:
    y, p = np.array([[[0]], [[1]]]), np.full((2, 1, 1, 2), 0.5, "float32")
    value = PixelCrossentropy()(y, p, sample_weight=np.array([3.0, 0.0]))
    assert float(value) == pytest.approx(1.5 * math.log(2), rel=1e-5)


class _Sizes(keras.utils.PyDataset):
    """One epoch of two batches, images of different sizes or of one."""

    def __init__(self, sizes: int = 2) -> None:
        super().__init__()
        self.sizes = sizes

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        more = index % self.sizes
        x = np.random.default_rng(index).normal(size=(2, 4 + more, 6 - more, 1))
        y = (x[..., 0] > 0).astype("uint8")
        y[0, 0] = IGNORED
        return x.astype("float32"), y


def _small_model() -> keras.Model:
    tensor = keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(2, 1, activation="softmax", kernel_initializer="zeros")
    return keras.Model(tensor, layer(tensor))


# Elsewhere each loss's gradients are compared alone, and all are trained together.
TRAINED = NAMES if keras.backend.backend() == "tensorflow" else NAMES[:1]


@pytest.mark.backends
@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_model_of_any_image_size_learns(name: str) -> None:
    model = _small_model()
    model.compile(keras.optimizers.Adam(0.1), pixel_loss([(1.0, name)]), jit_compile=False)
    losses = model.fit(_Sizes(), epochs=5, verbose=0, shuffle=False).history["loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.backends
@pytest.mark.slow
def test_a_sum_of_all_losses_learns_where_steps_are_compiled() -> None:
    model = _small_model()
    loss = pixel_loss([(0.5, name) for name in NAMES])
    model.compile(keras.optimizers.Adam(0.1), loss, jit_compile=True)
    losses = model.fit(_Sizes(1), epochs=5, verbose=0, shuffle=False).history["loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.backends
def test_mixed_precision_computes_the_loss_in_float32() -> None:
    tensor = keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(
        2, 1, activation="softmax", kernel_initializer="zeros", dtype="mixed_float16"
    )
    model = keras.Model(tensor, layer(tensor))
    model.compile("sgd", pixel_loss([(1.0, "crossentropy")]))
    # A sum in float16 would end at 65504.
    x, y = np.zeros((1, 400, 400, 1), "float32"), np.zeros((1, 400, 400), "uint8")
    assert model.evaluate(x, y, verbose=0) == pytest.approx(math.log(2), rel=1e-4)


def test_a_sum_adds_the_weighted_losses() -> None:
    y, p = np.array([[[0, 1]], [[1, 1]]]), np.full((2, 1, 2, 2), 0.5)
    expected = 0.5 * _values(Dice(), y, p) + 3 * _values(Lovasz(), y, p)
    np.testing.assert_allclose(_values(LossSum([Dice(), Lovasz()], [0.5, 3]), y, p), expected)
    with pytest.raises(ValueError, match="1 weights for 2 losses"):
        LossSum([Dice(), IoU()], [1.0])


@pytest.mark.parametrize(
    "loss",
    [
        PixelCrossentropy(1.5, [0.2, 0.8], 0.5),
        Dice(1.0),
        IoU(0.5, name="jaccard"),
        Tversky(0.9, 0.1),
        Lovasz(),
        Boundary(2),
        LossSum([PixelCrossentropy(weights=[1.0, 2.0]), Tversky(0.9)], [0.5, 2.0]),
    ],
    ids=lambda loss: loss.name,
)
def test_serialisation(loss: keras.losses.Loss) -> None:
    config = keras.losses.serialize(loss)
    assert config["registered_name"].startswith("mlzoo>")
    again = keras.losses.deserialize(config)
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    y, p = [[0, 1, 0, 1, IGNORED]], [[[0.9, 0.1], [0.3, 0.7], [0.4, 0.6], [1, 0], [1, 0]]]
    assert _value(again, y, p) == _value(loss, y, p)


def test_a_saved_model_keeps_its_losses(tmp_path: Path) -> None:
    model = _small_model()
    model.compile("sgd", pixel_loss([(1.0, "topk"), (2.0, "dice")], class_weights=[1, 3]))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == model.loss.get_config()
    x, y = _Sizes()[0]
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_names_stand_for_losses() -> None:
    settings = {"focal_gamma": 3.0, "tversky_beta": 0.9, "top_share": 0.2}
    found = {
        name: pixel_loss([(1.0, name)], class_weights=[1, 2], **settings).get_config()
        for name in NAMES
    }
    assert {name: config.get("weights") for name, config in found.items()} == {
        **dict.fromkeys(NAMES),
        **dict.fromkeys(["crossentropy", "focal", "topk"], (1.0, 2.0)),
    }
    assert {name: config.get("gamma") for name, config in found.items() if "gamma" in config} == {
        "crossentropy": 0.0,
        "focal": 3.0,
        "topk": 0.0,
    }
    assert (found["topk"]["share"], found["crossentropy"]["share"]) == (0.2, 1.0)
    assert found["tversky"]["beta"] == 0.9
    types = [type(pixel_loss([(1.0, name)])) for name in NAMES[3:]]
    assert types == [Dice, IoU, Tversky, Lovasz, Boundary]


def test_weighted_names_stand_for_a_sum() -> None:
    loss = pixel_loss([(0.5, "dice"), (1.0, "crossentropy")])
    assert isinstance(loss, LossSum)
    assert [type(part) for part in loss.losses] == [Dice, PixelCrossentropy]
    assert loss.weights == [0.5, 1.0]
    y, p = [[0, 1]], [[[0.5, 0.5], [0.5, 0.5]]]
    assert _value(pixel_loss([(2.0, "iou")]), y, p) == pytest.approx(2 * _value(IoU(1.0), y, p))
