"""Values of masks that are hardly classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.masks.classes import choose_classes
from mlzoo.data.masks.quality import rare_classes
from mlzoo.data.masks.reader import GRAY, ClassMap
from mlzoo.data.masks.values import MaskFile
from tests.data.pictures import config, noise, save


def of_counts(counts: dict[int, int], palette: Any = ()) -> MaskFile:
    """What would be found in a mask with so many pixels of each gray level."""
    values = {int(value) * GRAY: int(count) for value, count in counts.items()}
    return MaskFile(1, sum(values.values()), values, len(values), palette)


def values_of(classes: ClassMap) -> list[int]:
    return [own[0] // GRAY for own in classes.classes]


@pytest.mark.parametrize(
    "counts",
    [
        {0: 970, 64: 5, 128: 9, 191: 5, 255: 11},  # a thin crack, halved
        {0: 167, 64: 50, 128: 60, 191: 50, 255: 756},  # dense membranes, halved
        {0: 9000, 77: 1, 255: 999},
        {0: 9000, 3: 20, 120: 980},
    ],
)
def test_smeared_and_stray_levels_are_refused(counts: dict[int, int]) -> None:
    two = {value: n for value, n in counts.items() if value in (min(counts), max(counts))}
    masks = {"a.png": of_counts(two), "b.png": of_counts(counts)}
    low, *strays, high = sorted(counts)
    with pytest.raises(DataError) as error:
        choose_classes(masks)
    text = str(error.value)
    few = (
        f"{sum(counts[value] for value in strays)} of {sum(two.values()) + sum(counts.values()):,}"
    )
    assert f"masks hold {low} and {high}, but {few} pixels" in text
    assert f"{', '.join(map(str, strays))}, in b.png; these are hardly classes" in text
    assert "--source-set threshold=128" in text and "classes.txt" in text
    assert choose_classes(masks, threshold=100)[0].names == ("background", "foreground")
    names = [(value * GRAY, f"c{value}") for value in counts]
    assert values_of(choose_classes(masks, names)[0]) == list(counts)
    if len(strays) == 1:
        assert values_of(choose_classes(masks, ignore=strays[0])[0]) == [low, high]


@pytest.mark.parametrize("way", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA])
def test_resized_binary_masks_are_refused(way: int) -> None:
    disk = np.where(np.hypot(*np.mgrid[-64:64, -80:80]) < 40, 255, 0).astype(np.uint8)
    for size in ((80, 64), (40, 32), (100, 80), (250, 200)):
        small = cv2.resize(disk, size, interpolation=way)
        counts = dict(zip(*np.unique(small, return_counts=True), strict=True))
        with pytest.raises(DataError, match="smeared edges, as JPEG files and resized masks"):
            choose_classes({"a": of_counts(counts)})


@pytest.mark.parametrize(
    "counts",
    [
        {0: 9000, 1: 980, 2: 15, 3: 5},
        {0: 9000, 1: 5, 2: 15, 3: 980},
        {0: 8000, 1: 30, 255: 1970},  # 255 does not count
        {0: 9000, 7: 30, 8: 20, 11: 950},
        {0: 9000, 100: 980, 200: 20},
        {0: 8000, 128: 900, 255: 1100},
        {0: 9000, 50: 900, 100: 60, 255: 600},
        {0: 9000, 40: 900, 80: 60, 120: 40},
    ],
)
def test_honest_classes_are_no_smears(counts: dict[int, int]) -> None:
    chosen, _ = choose_classes({"a": of_counts(counts)})
    assert {*values_of(chosen)} | {value // GRAY for value in chosen.ignored} == {*counts}


def test_palettes_and_colours_are_no_smears() -> None:
    counts = {0: 9000, 77: 10, 255: 990}
    palette = tuple((i, 255 - i, 3) for i in range(256))
    assert len(choose_classes({"a": of_counts(counts, palette)})[0].classes) == 3
    red = MaskFile(1, 9010, {0: 8000, 0x7F0000: 10, 0xFF0000: 1000}, 3)
    assert len(choose_classes({"a": red})[0].classes) == 3


def with_counts(*counts: int) -> dict[str, MaskFile]:
    """Two masks with so many pixels of the levels 0, 1, 2, ..."""
    return {name: of_counts(dict(enumerate(counts))) for name in "ab"}


def test_rare_unlisted_classes_are_named(tmp_path: Path) -> None:
    for number in range(4):
        mask = (noise(number, 16, 20, 1) > 99).astype(np.uint8)
        mask[3, 4] = 7 if number == 2 else 0
        save(tmp_path / f"images/{number}.png", noise(number, 16, 20))
        save(tmp_path / f"masks/{number}.png", mask)
    warned = "rare classes, if they are any: '7' on 1 pixel, only in images/2.png (list the classes"
    assert [text for text in loading.read(config(tmp_path)).warnings if text.startswith(warned)]
    (tmp_path / "classes.txt").write_text("0 a\n1 b\n7 c\n")
    assert loading.read(config(tmp_path)).warnings == ()
    many = {str(i): of_counts({0: 9000, 1: 998, 2: 2}) for i in range(7)}
    chosen, _ = choose_classes(many)
    asked, told = rare_classes(many, chosen, "advice")
    assert asked.startswith(
        "the highest value, 2, has no name and covers 0.02% of the pixels, in 7"
    )
    assert told == (
        "rare classes, if they are any: '2' on 14 pixels, in 0, 1, 2, 3, 4 and 2 more (advice)"
    )
    # Rarer than a class should be as the highest value only, which may mark pixels without one.
    rare = with_counts(9000, 980, 20)
    (question,) = rare_classes(rare, choose_classes(rare)[0], "")
    assert question.startswith("the highest value, 2, has no name")
    common = with_counts(9000, 20, 980)
    assert rare_classes(common, choose_classes(common)[0], "") == []
    one = {"only": of_counts({0: 9000, 1: 1000})}
    assert rare_classes(one, choose_classes(one)[0], "") == []
