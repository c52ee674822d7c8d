"""Features against SciPy, and what the classifier of pixels learns from them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mlzoo.baselines import _pixel_features as module
from mlzoo.baselines._pixel_features import PixelBaseline, fit_pixels, pixel_features
from mlzoo.statistics.pixels import confusion_of, mean_iou

Samples = list[tuple[np.ndarray, np.ndarray]]


def squares(images: int = 3, side: int = 32) -> Samples:
    """A bright square on a dark ground, in another place in each image."""
    found = []
    for i in range(images):
        mask = np.zeros((side, side), "uint8")
        mask[4 + i : 14 + i, 8 : 18 + i] = 1
        image = np.random.default_rng(i).integers(0, 60, (side, side, 1)) + 150 * mask[..., None]
        found.append((image.astype("uint8"), mask))
    return found


def textured(images: int = 3, side: int = 48) -> Samples:
    """Rough on the left, smooth on the right, of one mean: no pixel's own value tells which."""
    found = []
    for i in range(images):
        rough = np.random.default_rng(i).choice([60, 196], (side, side, 1)).astype("uint8")
        mask = np.zeros((side, side), "uint8")
        mask[:, side // 2 + i :] = 1
        found.append((np.where(mask[..., None] == 1, np.uint8(128), rough), mask))
    return found


def noisy(share: float, shift: float, images: int = 3, side: int = 48) -> Samples:
    """Single pixels of a class that is brighter by `shift` in noise of 20."""
    found = []
    for i in range(images):
        rng = np.random.default_rng(i)
        mask = (rng.random((side, side)) < share).astype("uint8")
        image = rng.normal(100, 20, (side, side)) + shift * mask
        found.append((image.clip(0, 255).astype("uint8")[..., None], mask))
    return found


def fitted(samples: Samples, classes: int = 2, **options: int) -> PixelBaseline:
    images, masks = zip(*samples, strict=True)
    return fit_pixels(iter(images), iter(masks), classes, 255, **options)


def accuracy(baseline: PixelBaseline, samples: Samples) -> float:
    return float(np.mean([(baseline.predict(image) == mask).mean() for image, mask in samples]))


@pytest.mark.parametrize("shape", [(40, 50, 1), (40, 50, 3), (40, 50, 6), (3, 5, 2), (1, 1, 1)])
@pytest.mark.parametrize(("dtype", "maximum"), [("uint8", 255), ("uint16", 65535), ("float64", 1)])
def test_features_agree_with_scipy(shape: tuple[int, int, int], dtype: str, maximum: float) -> None:
    share = np.random.default_rng(0).random(shape)
    image = (share * maximum).astype(dtype)
    found = pixel_features(image, maximum)
    assert found.shape == (shape[0] * shape[1], 5 * shape[2] + 3)
    assert found.dtype == "float32"
    scaled = image / maximum
    blurs = [
        ndimage.gaussian_filter(scaled, (sigma, sigma, 0), mode="reflect", truncate=4)
        for sigma in (1, 2, 4, 8)
    ]
    slopes = []
    for blurred in blurs[:3]:
        gray = blurred.mean(axis=2)
        slopes.append(np.hypot(*(ndimage.sobel(gray, axis, mode="reflect") / 8 for axis in (0, 1))))
    expected = np.dstack([scaled, *blurs, *slopes]).reshape(found.shape)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_the_gradient_is_per_pixel() -> None:
    ramp = np.tile(np.arange(80.0), (80, 1))[..., None]
    middle = pixel_features(ramp, 100).reshape(80, 80, -1)[40, 40]
    assert middle == pytest.approx([0.4] * 5 + [0.01] * 3, rel=1e-4)


def test_a_bright_square_is_found_in_a_new_image() -> None:
    samples = squares(4)
    baseline = fitted(samples[:3])
    assert accuracy(baseline, samples[3:]) > 0.99
    found = baseline.predict(samples[3][0])
    assert (found.shape, found.dtype) == ((32, 32), "uint8")


def test_three_classes() -> None:
    samples = squares(4)
    for image, mask in samples:
        image[20:, :8], mask[20:, :8] = 120, 2
    baseline = fitted(samples[:3], classes=4)  # the fourth never occurs
    assert mean_iou(confusion_of(samples[3][1], baseline.predict(samples[3][0]), 4)[None]) > 0.95


def test_texture_needs_the_neighbourhood(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = textured(4)
    assert accuracy(fitted(samples[:3]), samples[3:]) > 0.9
    whole = pixel_features

    def flattened(image: np.ndarray, maximum: float) -> np.ndarray:
        """The channel alone, all else 0."""
        return whole(image, maximum) * (np.arange(8) == 0).astype("float32")

    monkeypatch.setattr(module, "pixel_features", flattened)
    assert accuracy(fitted(samples[:3]), samples[3:]) < 0.8  # one of three values tells


def test_a_large_image_is_worked_on_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (150, 20, 3)).astype("uint8")
    mask = (ndimage.gaussian_filter(rng.normal(size=(150, 20)), 3) > 0).astype("uint8")
    whole = fitted([(image, mask)])
    predicted = whole.predict(image)
    assert 0.1 < predicted.mean() < 0.9
    positions = rng.permutation(3000)
    # Two results of one sum may be rounded otherwise where their arrays are aligned otherwise.
    np.testing.assert_allclose(
        module._features_at(image, positions, 255), pixel_features(image, 255)[positions], rtol=1e-6
    )
    monkeypatch.setattr(module, "_STRIP", 7 * 20)
    np.testing.assert_allclose(
        module._features_at(image, positions, 255), pixel_features(image, 255)[positions], rtol=1e-6
    )
    # Features of strips are rounded otherwise, so a pixel on the boundary itself may turn.
    assert (whole.predict(image) != predicted).sum() <= 1


def test_a_seed_decides_the_pixels() -> None:
    samples = noisy(0.5, 20)
    one, again, other = (fitted(samples, seed=seed, pixels=300) for seed in (0, 0, 1))
    image = samples[0][0]
    np.testing.assert_array_equal(one.predict(image), again.predict(image))
    assert (one.predict(image) != other.predict(image)).any()
    assert one.note == "fitted on 300 pixels of 3 images, without class weights"


def test_images_give_equal_numbers_of_distinct_pixels() -> None:
    image = np.zeros((30, 30, 1), "uint8")
    images = [image, image[:20], image, image[:2, :5]]
    masks = [np.full(x.shape[:2], i, "uint8") for i, x in enumerate(images)]
    labels, count = module._draw(images, masks, 255, 0, 400)[1:]
    assert (np.bincount(labels).tolist(), count) == ([100, 100, 100, 10], 4)
    ramp = np.arange(900, dtype="float32").reshape(30, 30, 1)
    features = module._draw([ramp], [np.zeros((30, 30), "uint8")], 1, 0, 500)[0]
    assert len(np.unique(features[:, 0])) == 500
    assert abs(np.median(features[:250, 0]) - 450) < 100  # in no order, so that a part is fair


def test_pixels_that_do_not_count_are_not_drawn() -> None:
    samples = squares()
    for _, mask in samples:
        mask[:, :16] = 255
    baseline = fitted([*samples, (samples[0][0], np.full((32, 32), 255, "uint8"))])
    assert baseline.note == "fitted on 1536 pixels of 3 images, without class weights"
    assert set(np.unique(baseline.predict(samples[0][0]))) == {0, 1}


def test_the_better_weighting_is_kept() -> None:
    """Unweighted, a rare class in much noise is never predicted, and its IoU is 0."""
    hard = fitted(noisy(0.25, 8))
    assert hard.note == "fitted on 6912 pixels of 3 images, with balanced class weights"
    easy = fitted(noisy(0.02, 60))
    assert easy.note == "fitted on 6912 pixels of 3 images, without class weights"


def test_one_class_is_predicted_everywhere() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype("uint8")
    baseline = fitted([(image, np.full((9, 7), 2, "uint8"))], classes=3)
    np.testing.assert_array_equal(baseline.predict(image[:4]), np.full((4, 7), 2, "uint8"))
    assert baseline.note == "fitted on 63 pixels of 1 image, all of one class"


def test_samples_that_cannot_be_fitted_are_refused() -> None:
    image, mask = squares()[0]
    with pytest.raises(ValueError, match="no image has a pixel that counts"):
        fitted([(image, np.full_like(mask, 255))])
    with pytest.raises(ValueError, match=r"\(32, 31\) for an image of \(32, 32, 1\)"):
        fitted([(image, mask[:, 1:])])


def test_slopes_do_not_depend_on_where_they_lie_in_memory() -> None:
    gray = np.random.default_rng(0).random((181, 211), "float32")
    found, kept = set(), []
    for size in range(1, 60):
        kept.append(np.empty(size * 97, "uint8"))  # moves what is allocated next
        found.add(module._slope(gray).tobytes())
    assert len(found) == 1
