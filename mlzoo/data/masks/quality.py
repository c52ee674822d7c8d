"""Values of masks that are hardly classes: smeared edges between two others, stray pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mlzoo.core.errors import DataError
from mlzoo.core.messages import few
from mlzoo.data.masks.reader import GRAY, ClassMap
from mlzoo.data.masks.values import MaskFile, shown

SMOOTHED = (
    "save masks as PNG without smoothing, or make two classes with --source-set threshold=128"
)
"""Advice on smeared edges."""
_FULL = 255
_APART = 64
_FEW, _EACH, _MANY = 0.05, 0.03, 0.25
_RARE = 0.001
_HIGHEST = 0.05
_SHOWN = 5


def refuse_smears(masks: Mapping[str, MaskFile], ignored: Sequence[int], advice: str) -> None:
    """Raise DataError where gray levels are two classes and what smoothing made between them.

    Masks of colors or with a palette are left alone, and so are levels 0, 1, 2, ...

    Args:
        masks: the masks by name.
        ignored: values that don't count.
        advice: what to do where all values are classes.
    """
    plain = {n: m for n, m in masks.items() if not m.palette and not m.colored}
    total = _total(plain)
    levels = {value // GRAY: n for value, n in total.items() if value not in ignored}
    strays = {level * GRAY for level in _smears(levels)}
    if not strays:
        return
    low, high = (level for level in sorted(levels) if level * GRAY not in strays)
    pixels = sum(total[value] for value in strays)
    raise DataError(
        f"masks hold {low} and {high}, but {pixels:,} of {sum(levels.values()):,} pixels "
        f"{_listed(sorted(strays))}, in {_files(plain, strays)}; these are hardly classes but "
        f"smeared edges, as JPEG files and resized masks have them, or stray pixels; {SMOOTHED}; "
        f"if all of them are classes, {advice}"
    )


def _smears(levels: Mapping[int, int]) -> list[int]:
    """The levels from 0 to 255 that look like smeared edges between two others.

    Between 0 and 255 they hold up to 5 % of the pixels, and more where there are many of them;
    between the two commonest levels, where those are far apart, up to 5 %.
    """
    numbers = sorted(set(levels) - {_FULL})
    if len(levels) < 3 or numbers == list(range(len(numbers))):
        return []
    if {0, _FULL} <= set(levels):
        low, high = 0, _FULL
    else:
        low, high = sorted(sorted(levels, key=levels.__getitem__)[-2:])
    strays = [level for level in levels if level not in (low, high)]
    most = min(max(_FEW, _EACH * len(strays)), _MANY) if (low, high) == (0, _FULL) else _FEW
    share = sum(levels[level] for level in strays) / sum(levels.values())
    between = high - low >= _APART and all(low < level < high for level in strays)
    return strays if between and share < most else []


def rare_classes(masks: Mapping[str, MaskFile], classes: ClassMap, advice: str) -> list[str]:
    """Warnings where values that became classes unasked are rare or stand in one mask only."""
    total = _total(masks)
    few = _RARE * sum(total.values())
    rare = []
    highest = _highest_doubtful(classes, total)
    questions = [] if highest is None else [_question(masks, classes, total, highest)]
    for class_values, name in zip(classes.classes, classes.names, strict=True):
        values = set(class_values)
        holding = [mask for mask, file in masks.items() if values & set(file.values)]
        pixels = sum(total[value] for value in class_values)
        if pixels < few or (len(holding) == 1 and len(masks) > 1):
            where = f"only in {holding[0]}" if len(holding) == 1 else f"in {_files(masks, values)}"
            rare.append(f"{name!r} on {pixels:,} pixel{'s' * (pixels != 1)}, {where}")
    if not rare:
        return questions
    more = f"; and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
    return [
        *questions,
        f"rare classes, if they are any: {'; '.join(rare[:_SHOWN])}{more} ({advice})",
    ]


def _highest_doubtful(classes: ClassMap, total: Mapping[int, int]) -> int | None:
    """Return the highest class number where it is rare, as a mark for pixels without a class is."""
    values = [value for class_values in classes.classes for value in class_values]
    if len(values) < 3 or any(value % GRAY for value in values):
        return None
    highest = max(values)
    counted = sum(total[value] for value in values)
    return highest if 0 < total[highest] < _HIGHEST * counted else None


def _question(
    masks: Mapping[str, MaskFile], classes: ClassMap, total: Mapping[int, int], highest: int
) -> str:
    """Ask whether the highest value is a class."""
    share = total[highest] / sum(total.values())
    holding = sum(highest in mask.values for mask in masks.values())
    flag = ",".join(map(shown, sorted({highest, *classes.ignored})))
    return (
        f"the highest value, {shown(highest)}, has no name and covers {share:.2%} of the pixels, "
        f"in {holding} of {len(masks)} masks: if it marks pixels that don't count (void), leave it "
        f"out with --source-set ignore={flag}; if it is a class, nothing is wrong"
    )


def _total(masks: Mapping[str, MaskFile]) -> Counter[int]:
    total: Counter[int] = Counter()
    for mask in masks.values():
        total.update(mask.values)
    return total


def _listed(values: Sequence[int]) -> str:
    return few(map(shown, values), _SHOWN)


def _files(masks: Mapping[str, MaskFile], values: set[int]) -> str:
    """The masks that hold some of the values, the first ones of many."""
    names = [name for name, mask in masks.items() if values & set(mask.values)]
    return few(names, _SHOWN)
