"""Which value of a mask stands for which class: inferred, said in classes.txt, or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlzoo.data.mask_values import GRAY, MOST_VALUES, ClassMap, MaskFile, shown
from mlzoo.errors import DataError

_SHOWN = 5


def choose_classes(
    masks: Mapping[str, MaskFile],
    listed: Sequence[tuple[int | None, str]] = (),
    ignore: int | None = None,
    threshold: int | None = None,
) -> tuple[ClassMap, list[str]]:
    """Which value stands for which class, and sentences on it.

    Args:
        masks: the masks by name.
        listed: value (None: not said) and name of each class, from a classes.txt.
        ignore: a gray level or index that does not count.
        threshold: gray levels from this on are the second class.

    Raises:
        DataError: values that can't be classes, or that none of the listed classes has.
    """
    if threshold is not None:
        return _by_threshold(masks, listed, threshold)
    _check_distinct(masks)
    total: Counter[int] = Counter()
    for mask in masks.values():
        total.update(mask.values)
    ignored = {ignore * GRAY} if ignore is not None else set()
    values = sorted(set(total) - ignored)
    if listed:
        classes, names = _listed_classes(values, listed)
        if ignore is None and 255 * GRAY in values and [255 * GRAY] not in classes:
            ignored = {255 * GRAY}
    else:
        if ignore is None and _void(values):
            ignored = {255 * GRAY}
            _check_mixed(masks, values)
            values = values[:-1]
        classes = [[value] for value in values]
        names = _default_names(values)
    if len(classes) < 2:
        raise DataError(
            f"all masks hold one value only ({', '.join(map(shown, values)) or 'none'}); "
            "segmentation needs two classes or more"
        )
    colours = _colours(masks, classes)
    chosen = ClassMap(tuple(map(tuple, classes)), tuple(names), tuple(sorted(ignored)), colours)
    refuse_unknown(masks, chosen)
    return chosen, _notes(chosen, total, ignore)


def _by_threshold(
    masks: Mapping[str, MaskFile], listed: Sequence[tuple[int | None, str]], threshold: int
) -> tuple[ClassMap, list[str]]:
    coloured = [name for name, mask in masks.items() if any(v % GRAY for v in mask.values)]
    if coloured:
        raise DataError(f"threshold needs gray masks, but {coloured[0]} has colours")
    names = tuple(name for _, name in listed) or ("background", "foreground")
    if len(names) != 2:
        raise DataError(f"threshold makes two classes, but {len(names)} are listed")
    note = f"masks: values from {threshold} on are {names[1]}, all others {names[0]}"
    chosen = ClassMap(((0,), (255 * GRAY,)), names, threshold=threshold)
    return chosen, [f"{note} (--source-set threshold=)"]


def _check_distinct(masks: Mapping[str, MaskFile]) -> None:
    smeared = [(name, mask.distinct) for name, mask in masks.items() if mask.distinct > MOST_VALUES]
    if smeared:
        name, count = smeared[0]
        more = f" (and {len(smeared) - 1} more masks like it)" if len(smeared) > 1 else ""
        raise DataError(
            f"mask {name} holds {count} different values{more}, which are no classes but smeared "
            "edges, as JPEG files and resized masks have them; save masks as PNG without "
            "smoothing, or make two classes with --source-set threshold=128"
        )


def _void(values: Sequence[int]) -> bool:
    """Whether 255 stands beside small class numbers, as the field's mark for ignored pixels."""
    return len(values) > 2 and values[-1] == 255 * GRAY and _contiguous(values[:-1])


def _contiguous(values: Sequence[int]) -> bool:
    return list(values) == [number * GRAY for number in range(len(values))]


def _check_mixed(masks: Mapping[str, MaskFile], values: Sequence[int]) -> None:
    """Refuse masks of 0 and 1 beside masks of 0 and 255: which is ignored then?"""
    one, full = GRAY, 255 * GRAY
    if list(values) != [0, one, full]:
        return
    ones = [name for name, mask in masks.items() if one in mask.values]
    fulls = [name for name, mask in masks.items() if full in mask.values]
    if not set(ones) & set(fulls):
        raise DataError(
            f"some masks hold 0 and 1 ({ones[0]}), others 0 and 255 ({fulls[0]}); make them alike, "
            "take both for the second class with --source-set threshold=1, or say that 255 does "
            "not count with --source-set ignore_index=255"
        )


def _default_names(values: Sequence[int]) -> list[str]:
    if list(values) in ([0, 255 * GRAY], [0, GRAY]):
        return ["background", "foreground"]
    return list(map(shown, values))


def _listed_classes(
    values: Sequence[int], listed: Sequence[tuple[int | None, str]]
) -> tuple[list[list[int]], list[str]]:
    """Values of the listed classes: as said, else 0, 1, 2, ..., else in order."""
    names = [name for _, name in listed]
    said = [value for value, _ in listed]
    count = len(listed)
    if all(value is not None for value in said):
        return [[value] for value in said if value is not None], names
    positions = [number * GRAY for number in range(count)]
    if set(values) <= {*positions, 255 * GRAY} and not (
        count == 2 and set(values) == {0, 255 * GRAY}
    ):
        return [[value] for value in positions], names
    if count == 2 and set(values) <= {0, 255 * GRAY}:
        return [[0], [255 * GRAY]], names
    if len(values) == count:
        return [[value] for value in values], names
    return [[value] for value in positions], names


def refuse_unknown(masks: Mapping[str, MaskFile], classes: ClassMap) -> None:
    """Raise DataError where masks hold values that stand for no class, with their names."""
    if classes.threshold is not None:
        return
    known = {value for own in classes.classes for value in own} | set(classes.ignored)
    unknown = {value for mask in masks.values() for value in mask.values} - known
    _check_distinct(masks)
    if not unknown:
        return
    files = [
        f"{name} ({', '.join(shown(value) for value in sorted(unknown & set(mask.values)))})"
        for name, mask in masks.items()
        if unknown & set(mask.values)
    ]
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    pairs = zip(classes.classes, classes.names, strict=True)
    listed = ", ".join(f"{shown(own[0])} {name}" for own, name in pairs)
    raise DataError(
        f"values that are no class in {', '.join(files[:_SHOWN])}{more}; the classes are {listed}; "
        "list every value in classes.txt (a line each: value name), or leave one out with "
        "--source-set ignore_index=VALUE"
    )


def _colours(
    masks: Mapping[str, MaskFile], classes: Sequence[Sequence[int]]
) -> tuple[tuple[int, int, int], ...]:
    """The colours that the masks themselves give the classes; none for plain gray levels."""
    if any(own[0] % GRAY for own in classes):
        return tuple((own[0] >> 16, own[0] >> 8 & 255, own[0] & 255) for own in classes)
    palettes = {mask.palette for mask in masks.values()}
    if len(palettes) != 1:
        return ()
    palette = palettes.pop()
    indices = [own[0] // GRAY for own in classes]
    if not palette or max(indices) >= len(palette):
        return ()
    chosen = tuple(palette[index] for index in indices)
    gray = all(len(set(colour)) == 1 for colour in chosen)
    return () if gray or len(set(chosen)) < len(chosen) else chosen


def _notes(chosen: ClassMap, total: Mapping[int, int], ignore: int | None) -> list[str]:
    pixels = sum(total.values())
    parts = [
        f"{shown(own[0])} is {name} ({sum(total.get(v, 0) for v in own) / pixels:.1%})"
        for own, name in zip(chosen.classes, chosen.names, strict=True)
    ]
    more = f", and {len(parts) - 20} more" if len(parts) > 20 else ""
    notes = [f"masks: {', '.join(parts[:20])}{more} (classes.txt, --source-set threshold=)"]
    if chosen.ignored:
        share = sum(total.get(value, 0) for value in chosen.ignored) / pixels
        value = shown(chosen.ignored[0])
        notes.append(
            f"ignored: value {value}, {share:.1%} of all pixels (--source-set ignore_index=)"
        )
    return notes


def read_classes(path: Path) -> list[tuple[int | None, str]]:
    """The classes of a classes.txt: a name a line, or a value (7, or 255,0,0) and a name.

    Raises:
        DataError: it is empty, no text, some lines have values and others none, or it repeats one.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read as text: {error}") from None
    words = [line.split(maxsplit=1) for line in lines if line.strip()]
    codes = [_code(first[0]) if len(first) > 1 else None for first in words]
    if all(code is not None for code in codes):
        found = [(code, first[1].strip()) for code, first in zip(codes, words, strict=True)]
    else:
        found = [(None, line.strip()) for line in lines if line.strip()]
    if len(found) < 2:
        raise DataError(f"{path} lists {len(found)} classes; write one name a line, at least two")
    for what, values in (("name", [n for _, n in found]), ("value", [c for c, _ in found if c])):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise DataError(f"{path} has the {what} {twice[0]} twice")
    return found


def _code(text: str) -> int | None:
    """`7` or `255,0,0` as a value; a trailing colon is left out."""
    numbers = text.rstrip(":").split(",")
    if len(numbers) not in (1, 3) or not all(n.isdecimal() and int(n) < 256 for n in numbers):
        return None
    red, green, blue = (int(n) for n in (numbers if len(numbers) == 3 else numbers * 3))
    return red << 16 | green << 8 | blue
