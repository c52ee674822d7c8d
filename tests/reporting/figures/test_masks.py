"""Pictures of masks and fields: colours at known places, numbers, and inputs that are odd."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from mlzoo.core.errors import ResourceError
from mlzoo.drawing import palette, panels
from mlzoo.reporting.figures.pixels import masks
from mlzoo.reporting.figures.pixels.masks import FieldCase, MaskCase

LEFT = TOP = 14
ORANGE, BLUE, PURPLE = (255, 165, 0), (60, 145, 255), (226, 61, 168)


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def pixels(path: Path) -> np.ndarray:
    """RGB (height, width, 3) of a picture that is not blank and whose edge is clean."""
    found = np.asarray(Image.open(path).convert("RGB"))
    assert found.std() > 1
    edge = (found[:4], found[-4:], found[:, :4], found[:, -4:])
    assert all((line == 255).all() for line in edge), "something is cut off"
    return found


def panel(picture: np.ndarray, column: int, height: int, width: int, lines: int = 2) -> np.ndarray:
    """A panel of the first row, which lies under `lines` lines of text."""
    top, left = TOP + 18 * lines, LEFT + column * (width + 12)
    return picture[top : top + height, left : left + width]


def nearest(colours: np.ndarray) -> float:
    """Distance of the two colours that are most alike."""
    apart = np.linalg.norm(colours[:, None].astype(float) - colours, axis=-1)
    return float(apart[~np.eye(len(colours), dtype=bool)].min())


def like(pixel: np.ndarray, colour: Any) -> bool:
    """Whether a pixel has a colour of floats in 0..1, but for rounding."""
    return bool(abs(pixel - 255 * np.array(colour)).max() <= 1)


def example() -> MaskCase:
    """A quarter of the 90 x 90 pixels each: background, class 1, class 2, ignored at the end."""
    truth = np.zeros((90, 90), "uint8")
    truth[:45, 45:], truth[45:, :45], truth[45:, 45:] = 1, 2, 255
    predicted = np.where(truth == 255, 1, truth).astype("uint8")
    predicted[10:20, 10:20] = 2
    predicted[10:20, 60:70] = 0
    predicted[60:70, 10:15] = 1
    image = np.full((90, 90, 1), 100, "uint8")
    return MaskCase("worst", "a.png", image, truth, predicted, 0.625)


@pytest.mark.parametrize(("classes", "apart"), [(2, 120), (8, 60), (20, 50), (64, 30), (255, 14)])
def test_colours_are_apart_also_from_ignored(classes: int, apart: float) -> None:
    colours = palette.palette(classes)
    assert colours.shape == (classes, 3) and colours.dtype == np.uint8
    assert colours[0].tolist() == [0, 0, 0]
    assert nearest(np.vstack([colours, [palette.IGNORED_COLOR]])) > apart


def test_a_class_keeps_its_colour() -> None:
    np.testing.assert_array_equal(palette.palette(255)[:11], palette.palette(11))


def test_first_colours_are_apart_without_red_and_green_cones() -> None:
    # Vienot, Brettel and Mollon 1999: what a deuteranope sees, on linear values.
    seen = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    linear = (palette.palette(8) / 255) ** 2.2
    assert nearest(255 * np.clip(linear @ seen.T, 0, 1) ** (1 / 2.2)) > 30


@pytest.mark.parametrize("classes", [0, 256])
def test_more_classes_than_a_mask_holds(classes: int) -> None:
    with pytest.raises(ValueError, match=f"not {classes}"):
        palette.palette(classes)


def test_the_palette_of_an_image_ends_in_gray() -> None:
    numbers = palette.full_palette(np.array([(1, 2, 3), (4, 5, 6)], "uint8"))
    assert len(numbers) == 768
    assert numbers[:6] == [1, 2, 3, 4, 5, 6]
    assert numbers[-3:] == [128, 128, 128]
    assert all(type(number) is int for number in numbers)
    assert palette.full_palette(np.zeros((256, 3), "uint8"))[-6:] == [0, 0, 0, 128, 128, 128]


@pytest.mark.parametrize("classes", [2, 255])
def test_a_mask_reads_back_as_it_was(tmp_path: Path, classes: int) -> None:
    mask = (np.arange(40 * 41).reshape(40, 41) % classes).astype("uint8")
    mask[3, 4] = 255
    colours = palette.palette(classes)
    path = palette.write_mask(tmp_path / "new" / "m.png", mask, colours)
    image = Image.open(path)
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), mask)
    shown = np.asarray(image.convert("RGB"))
    assert shown[3, 4].tolist() == [128, 128, 128]
    np.testing.assert_array_equal(shown[mask == 1], np.tile(colours[1], ((mask == 1).sum(), 1)))
    assert [file.name for file in path.parent.iterdir()] == ["m.png"]


def test_a_mask_that_can_not_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = palette.write_mask(tmp_path / "m.png", np.ones((3, 4), "uint8"), palette.palette(2))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ResourceError):
        palette.write_mask(path, np.zeros((3, 4), "uint8"), palette.palette(2))
    assert np.asarray(Image.open(path)).tolist() == np.ones((3, 4)).tolist()
    assert [file.name for file in tmp_path.iterdir()] == ["m.png"]


def test_an_overlay_tints_and_outlines() -> None:
    picture = np.full((20, 30, 3), (200, 100, 50), "uint8")
    mask = np.zeros((20, 30), "uint8")
    mask[5:10, 5:10] = 1
    mask[15:, 20:] = 255
    colours = np.array([(0, 0, 0), (0, 200, 250)], "uint8")
    found = palette.overlay(picture, mask, colours, alpha=0.4)
    assert found.dtype == np.uint8
    assert (picture == (200, 100, 50)).all(), "the picture was changed"
    assert found[0, 0].tolist() == found[4, 5].tolist() == found[7, 10].tolist() == [200, 100, 50]
    assert found[7, 7].tolist() == [120, 140, 130]
    for edge in ((5, 5), (5, 7), (9, 9), (7, 9)):
        assert found[edge].tolist() == [0, 200, 250]
    assert found[6:9, 6:9].reshape(-1, 3).tolist() == [[120, 140, 130]] * 9
    assert found[15:, 20:].reshape(-1, 3).tolist() == [[171, 111, 81]] * 50


def test_an_overlay_of_the_first_class() -> None:
    picture, mask = np.full((4, 6, 3), 100, "uint8"), np.zeros((4, 6), "uint8")
    mask[:, 5] = 1
    colours = np.array([(200, 0, 0), (0, 0, 200)], "uint8")
    found = palette.overlay(picture, mask, colours, 0.5, skip_first=False)
    assert found[2].tolist() == [[150, 50, 50]] * 4 + [[200, 0, 0], [0, 0, 200]]


@pytest.mark.parametrize(("side", "thickness"), [(40, 1), (999, 1), (1000, 2), (2000, 3)])
def test_outlines_of_large_pictures_are_thicker(side: int, thickness: int) -> None:
    mask = np.zeros((30, side), "uint8")
    mask[:, 10:] = 1
    picture = np.zeros((30, side, 3), "uint8")
    found = palette.overlay(picture, mask, np.array([(0, 0, 0), (250, 0, 0)], "uint8"))
    assert (found[15, :, 0] == 250).sum() == thickness
    assert found[15, 9:11, 0].tolist() == [0, 250]
    assert found[0, -1, 0] == round(250 * 0.45), "the picture's edge is outlined"


@pytest.mark.parametrize("size", [(50, 50), (37, 61), (20, 13), (99, 199)])
def test_a_thin_line_and_a_thin_gap_are_kept(size: tuple[int, int]) -> None:
    mask = np.zeros((100, 200), "uint8")
    mask[np.arange(100), 40 + np.arange(100) // 3] = 1
    mask[:, 100:] = 2
    mask[50, 100:] = 0
    small = palette.shrink_mask(mask, size)
    assert small.shape == size and small.dtype == np.uint8
    assert (small[:, : size[1] // 2 - 1] == 1).any(axis=1).all(), "the line is broken"
    assert (small[:, size[1] // 2 + 1 :] == 0).any(axis=0).all(), "the gap is closed"


def test_large_regions_keep_their_area_and_thin_ones_touch_them() -> None:
    rows, columns = np.indices((600, 600))
    disc = ((rows - 290) ** 2 + (columns - 310) ** 2 < 150**2).astype("uint8")
    share = palette.shrink_mask(disc, (90, 90)).mean()
    assert share == pytest.approx(disc.mean(), rel=0.01)
    disc[290] = 1
    # Beside the disc a pixel that it fills is near, and the line is no longer thin.
    assert (palette.shrink_mask(disc, (90, 90)) == 1).any(axis=0).sum() >= 88


def test_masks_are_enlarged_pixel_by_pixel() -> None:
    mask = np.array([[0, 1, 255], [7, 0, 2]], "uint8")
    expected = mask.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_array_equal(palette.shrink_mask(mask, (8, 12)), expected)


def test_what_is_wrong_with_each_pixel() -> None:
    truth = np.array([[0, 1, 1, 0, 2, 255, 255]], "uint8")
    predicted = np.array([[0, 1, 0, 2, 1, 0, 1]], "uint8")
    kinds = [masks.RIGHT, masks.FOUND, masks.MISSED, masks.INVENTED, masks.WRONG]
    expected = [kinds + [masks.UNCOUNTED] * 2]
    assert masks.error_kinds(truth, predicted).tolist() == expected


def test_cases_write_their_pixels(tmp_path: Path) -> None:
    case = example()
    perfect = replace(case, title="best", name="b.png", predicted=case.truth, score=1.0)
    names = ["sand", "gravel", "clay"]
    path = masks.segmentation_cases(tmp_path / "plots", [case, perfect], names, palette.palette(3))
    assert path == tmp_path / "plots" / "segmentation.png"
    assert rows(path.with_suffix(".csv")) == [
        ["title", "name", "score", "right", "missed", "invented", "wrong class", "ignored"],
        ["worst", "a.png", "0.625", "5825", "100", "100", "50", "2025"],
        ["best", "b.png", "1.0", "6075", "0", "0", "0", "2025"],
    ]


def test_panels_of_a_case_are_drawn_pixel_by_pixel(tmp_path: Path) -> None:
    colours = palette.palette(3)
    names = ["sand", "gravel", "clay"]
    picture = pixels(masks.segmentation_cases(tmp_path, [example()], names, colours, 255))
    image, truth, predicted, errors = (panel(picture, i, 360, 360) for i in range(4))
    assert (image == 100).all()
    tinted = [np.rint(55 + 0.45 * colour).tolist() for colour in colours.astype(float)]
    assert truth[20, 20].tolist() == predicted[20, 20].tolist() == [100, 100, 100]
    assert truth[60, 260].tolist() == tinted[1] and predicted[60, 260].tolist() == [100] * 3
    assert predicted[60, 60].tolist() == tinted[2]
    assert truth[60, 180].tolist() == colours[1].tolist(), "no outline"
    assert {*truth[200:, 200:, 0].ravel().tolist()} == {105, 175}, "not hatched"
    assert {*errors[200:, 200:, 0].ravel().tolist()} == {105, 175}, "not hatched"
    assert errors[60, 260].tolist() == list(ORANGE)
    assert errors[60, 60].tolist() == list(BLUE)
    assert errors[260, 50].tolist() == list(PURPLE)
    assert errors[20, 20].tolist() == [55, 55, 55]
    red, green, blue = errors[20, 300].astype(int)
    assert 55 < red < green < 130 and 55 < blue < green, "found pixels are not faintly green"


def test_the_legend_has_the_colours_that_are_used(tmp_path: Path) -> None:
    colours = palette.palette(3)
    names = ["sand", "gravel", "clay"]
    picture = pixels(masks.segmentation_cases(tmp_path, [example()], names, colours))
    legend = picture[TOP + 36 + 360 + 10 :].reshape(-1, 3)
    for colour in (ORANGE, BLUE, PURPLE, *colours[1:].tolist()):
        assert (legend == colour).all(axis=1).sum() == 11 * 11


def test_words_of_the_legends() -> None:
    def words(key: masks.Key) -> list[str]:
        return [text for _, text in key]

    colours = palette.palette(30)
    two, three = ["ok", "crack"], ["ok", "crack", "spall"]
    assert words(masks._error_key(two, ignored=False)) == [
        "errors:",
        "found",
        "missed: crack taken for ok",
        "invented: ok taken for crack",
    ]
    assert words(masks._error_key(three, ignored=True))[2:] == [
        "missed: a class taken for ok",
        "invented: ok taken for a class",
        "wrong class: taken for another",
        "doesn't count",
    ]
    many = words(masks._class_key([f"c{i}" for i in range(25)], colours))
    assert many[1:20] == [f"c{i}" for i in range(1, 20)]
    assert many[20:] == ["and 5 more", "(not tinted: c0)"]
    assert not any("more" in text for text in words(masks._class_key(many[:20], colours)))


@pytest.mark.parametrize("kind", ["missed", "invented"])
def test_a_thin_error_in_a_large_image_is_seen(tmp_path: Path, kind: str) -> None:
    line, nothing = np.zeros((2, 1500, 1500), "uint8")
    line[:, 700] = 1
    truth, predicted = (line, nothing) if kind == "missed" else (nothing, line)
    case = MaskCase("worst", "x", np.full((1500, 1500, 3), 120, "uint8"), truth, predicted, 0.5)
    picture = pixels(masks.segmentation_cases(tmp_path, [case], ["a", "b"], palette.palette(2)))
    errors = panel(picture, 3, 360, 360).astype(int)
    seen = errors[..., 0] - errors[..., 2] if kind == "missed" else errors[..., 2] - errors[..., 0]
    assert (seen.max(axis=1) > 80).all()
    assert (seen > 20).sum() == 360, "more than the line is coloured"
    drawn = panel(picture, 1 if kind == "missed" else 2, 360, 360)
    assert (drawn == palette.palette(2)[1]).all(axis=2).any(axis=1).all()


def test_few_errors_are_fainter_than_many() -> None:
    picture = np.full((10, 10, 3), 100, "uint8")
    kinds = np.full((100, 100), masks.RIGHT, "uint8")
    kinds[0, 0] = masks.MISSED
    kinds[:10, 50:60] = masks.MISSED
    found = masks._error_picture(picture, kinds).astype(int)
    assert found[0, 5].tolist() == list(ORANGE)
    assert found[5, 5].tolist() == [55, 55, 55]
    assert 55 + 80 < found[0, 0, 0] < 255 - 40


@pytest.mark.slow
@pytest.mark.parametrize(
    "shapes",
    [
        [(512, 512), (30, 40)],
        [(60, 800), (800, 60), (1, 300), (300, 1), (28, 28), (5, 5)],
    ],
)
@pytest.mark.parametrize("classes", [2, 25])
def test_cases_of_any_size(tmp_path: Path, shapes: list[tuple[int, int]], classes: int) -> None:
    rng = np.random.default_rng(0)
    cases = [
        MaskCase(
            "second worst",
            f"folder/of/a_photograph_with_${i}$_a_very_long_name_indeed.png",
            rng.random((*shape, 1 + i)),
            rng.integers(0, classes, shape).astype("uint8"),
            rng.integers(0, classes, shape).astype("uint8"),
            float("nan") if i else 0.5,
        )
        for i, shape in enumerate(shapes)
    ]
    names = [f"a rather long name of class {i}" for i in range(classes)]
    path = masks.segmentation_cases(tmp_path, cases, names, palette.palette(classes))
    picture = pixels(path)
    assert picture.shape[1] < 2300 and picture.shape[0] < 250 + 600 * len(shapes)
    assert len(rows(tmp_path / "segmentation.csv")) == 1 + len(shapes)


def test_at_most_six_cases(tmp_path: Path) -> None:
    masks.segmentation_cases(tmp_path, [example()] * 9, ["a", "b", "c"], palette.palette(3))
    assert len(rows(tmp_path / "segmentation.csv")) == 7


def test_long_texts_are_shortened_until_they_fit() -> None:
    name = "W" * 60
    text = panels.fitted(name, 300, "worst: ", ", mean IoU 0.5", "bold")
    assert text.startswith("worst: W") and text.endswith("W, mean IoU 0.5") and "…" in text
    assert 280 < panels.text_width(text, "bold") <= 300
    assert panels.fitted("$a$", 200) == r"\$a\$"


def test_a_batch_under_its_masks(tmp_path: Path) -> None:
    inputs = np.full((3, 64, 128, 3), 0.5, "float32")
    targets = np.zeros((3, 64, 128), "int32")
    targets[0, 16:32, 32:64] = 1
    targets[1, :, :32] = 255
    names, colours = ["a.png", "b.png", "c.png"], palette.palette(2)
    path = masks.mask_grid(tmp_path, inputs, targets, names, ["ok", "crack"], colours, 1.0)
    picture = pixels(path)
    first, second, third = (panel(picture, i, 128, 256, lines=1) for i in range(3))
    assert (third == 128).all()
    outlined = np.argwhere((first == colours[1]).all(axis=2))
    assert outlined.min(axis=0).tolist() == [32, 64]
    assert outlined.max(axis=0).tolist() == [63, 127]
    assert first[48, 96].tolist() == np.rint(0.55 * 128 + 0.45 * colours[1]).tolist()
    assert {*second[:, :64, 0].ravel().tolist()} == {105, 175}
    assert rows(tmp_path / "samples.csv") == [
        ["name", "ok", "crack", "ignored"],
        ["a.png", "0.9375", "0.0625", "0.0"],
        ["b.png", "0.75", "0.0", "0.25"],
        ["c.png", "1.0", "0.0", "0.0"],
    ]


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (20, 20)), (5, (300, 40)), (20, (64, 64)), (2, (40, 400))]
)
def test_batches_of_any_size(tmp_path: Path, count: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.integers(1, 250, (count, *shape, 1)).astype("uint16")
    targets = rng.integers(0, 3, (count, *shape, 1))
    names = [f"a_long_name_of_photograph_{i}_of_the_batch_$.png" for i in range(count)]
    pixels(masks.mask_grid(tmp_path, inputs, targets, names, ["a", "b", "c"], palette.palette(3)))
    assert len(rows(tmp_path / "samples.csv")) == 1 + min(count, 16)


def field_case() -> FieldCase:
    """Two fields: the truth 1 and 3, of which the prediction differs by 1 and -0.5 in parts."""
    truth = np.ones((256, 256, 2)) * (1, 3)
    predicted = truth.copy()
    predicted[:100, :100, 0] = 0
    predicted[100:, 100:, 0] = 1.5
    truth[200:, :50, 0] = np.nan
    predicted[200:, :50, 0] = 99
    image = np.stack([np.full((256, 256), 7), np.arange(256 * 256).reshape(256, 256)], axis=-1)
    image[0, 0, 0] = 0
    return FieldCase("worst", "a.tif", image, truth, predicted, 0.5)


def test_fields_are_drawn_on_one_scale(tmp_path: Path) -> None:
    picture = pixels(masks.field_cases(tmp_path, [field_case()], ["u", "v"]))
    image, true, said = (panel(picture, i, 256, 256) for i in range(3))
    left = picture[TOP + 36 :, LEFT + 3 * (256 + 12) + 90 :][:256, :256]
    assert (image[1:] == 255).all() and image[0, 0].tolist() == [0, 0, 0]
    low, middle, high = (colormaps["viridis"](value / 1.5)[:3] for value in (0, 1, 1.5))
    assert like(true[20, 20], middle) and like(said[20, 120], middle)
    assert like(said[20, 20], low) and like(said[120, 120], high)
    for field in (true, said, left):
        assert field[220, 20].tolist() == [128, 128, 128]
    blue, red = (colormaps["RdBu_r"](value)[:3] for value in (0.25, 1.0))
    assert like(left[20, 20], red), "true above predicted by the most is not the darkest red"
    assert like(left[120, 120], blue), "true below predicted by half of it is not half as blue"
    assert left[20, 120].min() > 240, "no difference is not the middle of the scale"


def test_the_title_of_fields_says_rmse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = masks.write

    def noted(figure: Any, x: int, y: int, text: str, weight: str = "normal") -> None:
        written.append(text)
        write(figure, x, y, text, weight)

    monkeypatch.setattr(masks, "write", noted)
    masks.field_cases(tmp_path, [field_case()], ["u", "v"])
    assert written[0] == "worst: a.tif, RMSE 0.5"


def test_fields_write_their_errors(tmp_path: Path) -> None:
    masks.field_cases(tmp_path, [field_case()], ["u (mm)", "v"])
    header, *found = rows(tmp_path / "fields.csv")
    assert header[:5] == ["title", "name", "rmse", "field", "pixels"]
    assert header[5:] == [
        "mean absolute error",
        "root mean squared error",
        "mean of true minus predicted",
    ]
    assert found[1] == ["worst", "a.tif", "0.5", "v", "65536", "0.0", "0.0", "0.0"]
    counted, above, below = 256 * 256 - 56 * 50, 100 * 100, 156 * 156
    errors = above + 0.5 * below, above + 0.25 * below, above - 0.5 * below
    expected = [errors[0] / counted, (errors[1] / counted) ** 0.5, errors[2] / counted]
    assert [float(number) for number in found[0][5:]] == pytest.approx(expected)


def test_a_shrunk_field_is_the_mean_of_its_numbers() -> None:
    truth = np.array([[1.0, 3.0, np.nan, np.nan], [np.nan, 5.0, np.nan, np.nan]])
    predicted = np.array([[2.0, 2.0, 9.0, 9.0], [9.0, 2.0, 9.0, 9.0]])
    true, said, difference = masks._shrunk_fields(truth, predicted, (1, 2))
    assert true[0, 0] == 3 and np.isnan(true[0, 1])
    assert said[0, 0] == 2 and np.isnan(said[0, 1])
    assert difference[0, 0] == 1 and np.isnan(difference[0, 1])


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "scale"), [((400, 30), 1e-7), ((20, 300), 3e6)])
def test_fields_of_any_size_and_scale(tmp_path: Path, shape: tuple[int, int], scale: float) -> None:
    rng = np.random.default_rng(0)
    image, fields = rng.random((*shape, 3)), rng.random((*shape, 5)) * scale
    lost, flat = np.full((*shape, 5), np.nan), np.full((*shape, 5), scale)
    cases = [
        FieldCase("random", "a" * 90, image, fields, fields[::-1], scale),
        FieldCase("nothing counts", "b", image, lost, fields, float("nan")),
        FieldCase("flat", "c", image, flat, flat, 0.0),
    ]
    names = [f"a rather long name of field ${i}$ (unit)" for i in range(5)]
    picture = pixels(masks.field_cases(tmp_path, cases, names))
    assert picture.shape[0] < 3 * 3 * 430 and picture.shape[1] < 2000
    header, *found = rows(tmp_path / "fields.csv")
    assert [row[3] for row in found] == names * 3
    assert found[5][4:] == ["0", "", "", ""]


@pytest.mark.slow
def test_masks_need_no_pyplot_and_writing_them_no_matplotlib() -> None:
    code = (
        "import sys; import mlzoo.drawing.palette; "
        "print({'PIL', 'matplotlib', 'pandas'} & set(sys.modules)); "
        "import mlzoo.reporting.figures.pixels.masks; "
        "print({'matplotlib.pyplot', 'keras', 'tensorflow', 'scipy', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()", "set()"]
