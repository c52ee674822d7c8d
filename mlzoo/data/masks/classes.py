"""Which value of a mask stands for which class: inferred, said in classes.txt, or refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.data.masks.quality import SMOOTHED, refuse_smears
from mlzoo.data.masks.reader import GRAY, ClassMap
from mlzoo.data.masks.values import MOST_VALUES, MaskFile, shown
from mlzoo.data.specs import IGNORED

_SHOWN = 5
_FULL = 255 * GRAY
_LIST_THEM = (
    "list every value in classes.txt (a line each: value name), or leave one out with "
    "--source-set ignore=VALUE"
)


def choose_classes(
    masks: Mapping[str, MaskFile],
    listed: Sequence[tuple[int | None, str]] = (),
    ignore: int | Sequence[int] | None = None,
    threshold: int | None = None,
    flags: str = "classes.txt, --source-set threshold=",
) -> tuple[ClassMap, list[str]]:
    """Which value stands for which class, and sentences on it.

    Args:
        masks: the masks by name.
        listed: value (None: not said) and name of each class, from a classes.txt.
        ignore: gray levels or indices that do not count; without any, the marks of the field.
        threshold: gray levels from this on are the second class.
        flags: what changes the classes, for the sentences.

    Raises:
        DataError: values that can't be classes, or that none of the listed classes has; a single
            class in all masks.
    """
    total: Counter[int] = Counter()
    for mask in masks.values():
        total.update(mask.values)
    if threshold is not None:
        chosen = _by_threshold(masks, listed, threshold)
        notes = [_threshold_note(chosen, total)]
    else:
        given = [ignore] if isinstance(ignore, int) else ignore or ()
        chosen = _by_value(masks, sorted(total), listed, [value * GRAY for value in given])
        notes = _notes(chosen, total, flags, void_names(sorted(total), listed))
    present = [name for name, n in zip(chosen.names, chosen.counts(total), strict=True) if n]
    if len(present) < 2:
        named = void_names(sorted(total), listed) if threshold is None else {}
        beside = f" beside the ignored value {_ignored(chosen, named)}" if chosen.ignored else ""
        raise DataError(
            f"all masks hold one class only ({', '.join(present) or 'none'}){beside}; "
            f"segmentation needs two classes or more{_alpha_hint(masks)}"
        )
    return chosen, notes


def _alpha_hint(masks: Mapping[str, MaskFile]) -> str:
    names = [name for name, mask in masks.items() if mask.alpha]
    if not names:
        return ""
    return (
        f"; the alpha channel, which differs from pixel to pixel in {names[0]}, is left out: save "
        "what it shows as gray levels"
    )


def _by_threshold(
    masks: Mapping[str, MaskFile], listed: Sequence[tuple[int | None, str]], threshold: int
) -> ClassMap:
    _check_gray(masks)
    names = tuple(name for _, name in listed) or ("background", "foreground")
    if len(names) != 2:
        raise DataError(f"threshold makes two classes, but {len(names)} are listed")
    return ClassMap(((0,), (_FULL,)), names, threshold=threshold)


def _check_gray(masks: Mapping[str, MaskFile]) -> None:
    colored = [name for name, mask in masks.items() if mask.colored]
    if colored:
        raise DataError(f"threshold needs gray masks, but {colored[0]} has colors")


def _by_value(
    masks: Mapping[str, MaskFile],
    values: list[int],
    listed: Sequence[tuple[int | None, str]],
    ignored: list[int],
) -> ClassMap:
    _check_distinct(masks, max(MOST_VALUES, len(listed) + 1))
    has_ignored = bool(ignored)
    values = [value for value in values if value not in ignored]
    void: int | None = None
    if listed:
        classes = listed_classes(values, listed)
        if not has_ignored and _contiguous(list(classes)) and _FULL in set(values) - set(classes):
            void = _FULL
        ignored = [*ignored, *void_names(values, listed)]
        classes = {value: name for value, name in classes.items() if value not in ignored}
    else:
        refuse_smears(masks, ignored, f"number them 0, 1, 2, ... or {_LIST_THEM}")
        void = None if has_ignored else _void(masks, values)
        class_values = [value for value in values if value != void]
        _check_number(masks, class_values)
        classes = dict(zip(class_values, _default_names(class_values), strict=True))
    if len(classes) > IGNORED:
        raise DataError(f"{len(classes)} classes are more than the {IGNORED} that a mask can hold")
    if void is not None:
        _check_mixed(masks, values)
        ignored = [*ignored, void]
    chosen = ClassMap(
        tuple((value,) for value in classes),
        tuple(classes.values()),
        tuple(ignored),
        _colors(masks, list(classes)),
    )
    refuse_unknown(masks, chosen)
    return chosen


def _check_distinct(masks: Mapping[str, MaskFile], most: int = MOST_VALUES) -> None:
    smeared = [(name, mask.distinct) for name, mask in masks.items() if mask.smeared(most)]
    if smeared:
        name, count = smeared[0]
        more = f" (and {len(smeared) - 1} more masks like it)" if len(smeared) > 1 else ""
        raise DataError(
            f"mask {name} holds {count} different values{more}, which are no classes but smeared "
            f"edges, as JPEG files and resized masks have them; {SMOOTHED}"
        )


def _check_number(masks: Mapping[str, MaskFile], values: Sequence[int]) -> None:
    """Refuse more values than classes have without a list, a few in each mask."""
    if len(values) <= MOST_VALUES:
        return
    name, most = max(masks.items(), key=lambda item: item[1].distinct)
    raise DataError(
        f"the masks hold {len(values)} different values together ({name} alone {most.distinct}); "
        f"if all of them are classes, {_LIST_THEM}; if they are smeared edges, {SMOOTHED}"
    )


def _void(masks: Mapping[str, MaskFile], values: Sequence[int]) -> int | None:
    """Return the value that marks ignored pixels by the field's conventions, if there is one.

    That is 255 beside small class numbers, or the color that Pascal VOC's palette has for it,
    as a color or at index 255.
    """
    if len(values) <= 2:
        return None
    if _VOC_VOID in values:
        return _VOC_VOID
    at_end = {mask.palette[255:] for mask in masks.values() if _FULL in mask.values}
    by_color = at_end == {((_VOC_VOID >> 16, _VOC_VOID >> 8 & 255, _VOC_VOID & 255),)}
    has_void = values[-1] == _FULL and (by_color or _contiguous(values[:-1]))
    return _FULL if has_void else None


_VOC_VOID = 0xE0E0C0


def void_names(values: Sequence[int], listed: Sequence[tuple[int | None, str]]) -> dict[int, str]:
    """Return the values whose listed names say that their pixels don't count, with the names."""
    named = listed_classes(values, listed) if listed else {}
    return {value: name for value, name in named.items() if means_void(name)}


def means_void(name: str) -> bool:
    """Return whether a class's name says that its pixels don't count: void, unlabeled, ignore."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    return _VOID_NAME.fullmatch(letters) is not None


_VOID_NAME = re.compile(
    r"((void|ignored?|(un|not)labell?ed|unlabell?|nolabel|unannotated|dontcare)+"
    r"(class|label|region|area|pixels?|index|id)?)"
)


def _contiguous(values: Sequence[int]) -> bool:
    return list(values) == [number * GRAY for number in range(len(values))]


def _check_mixed(masks: Mapping[str, MaskFile], values: Sequence[int]) -> None:
    """Refuse masks of 0 and 1 beside masks of 0 and 255: which is ignored then?"""
    one, full = GRAY, 255 * GRAY
    if list(values) != [0, one, full]:
        return
    masks_with_one = [name for name, mask in masks.items() if one in mask.values]
    fulls = [name for name, mask in masks.items() if full in mask.values]
    if not set(masks_with_one) & set(fulls):
        raise DataError(
            f"some masks hold 0 and 1 ({masks_with_one[0]}), others 0 and 255 ({fulls[0]}); "
            "make them alike, take both for the second class with --source-set threshold=1, or say "
            "that 255 does not count with --source-set ignore=255"
        )


def _default_names(values: Sequence[int]) -> list[str]:
    if list(values) in ([0, 255 * GRAY], [0, GRAY]):
        return ["background", "foreground"]
    return list(map(shown, values))


def listed_classes(
    values: Sequence[int], listed: Sequence[tuple[int | None, str]]
) -> dict[int, str]:
    """Names of the listed classes by value: as said, else 0, 1, 2, ..., else in order."""
    names = [name for _, name in listed]
    listed_values = [value for value, _ in listed if value is not None]
    if listed_values:
        return dict(zip(listed_values, names, strict=True))
    numbered = [number * GRAY for number in range(len(names))]
    if list(values) == [0, _FULL] and len(names) == 2:
        numbered = [0, _FULL]
    elif len(values) == len(names) and not set(values) <= {*numbered, _FULL}:
        numbered = list(values)
    return dict(zip(numbered, names, strict=True))


def refuse_unknown(
    masks: Mapping[str, MaskFile], classes: ClassMap, advice: str = _LIST_THEM
) -> None:
    """Raise DataError where masks hold values that stand for no class, with their names."""
    if classes.threshold is not None:
        _check_gray(masks)
        return
    known = {value for class_values in classes.classes for value in class_values} | set(
        classes.ignored
    )
    unknown = {value for mask in masks.values() for value in mask.values} - known
    _check_distinct(masks, max(MOST_VALUES, len(known)))
    if not unknown:
        return
    files = [
        f"{name} ({', '.join(shown(value) for value in sorted(unknown & set(mask.values)))})"
        for name, mask in masks.items()
        if unknown & set(mask.values)
    ]
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    pairs = zip(classes.classes, classes.names, strict=True)
    listed = ", ".join(
        f"{shown(class_values[0])} {name}" for class_values, name in pairs if class_values
    )
    if len(unknown) == 1:
        advice = advice.replace("VALUE", shown(*unknown))
    raise DataError(
        f"values that are no class in {', '.join(files[:_SHOWN])}{more}; the classes are {listed}; "
        f"{advice}"
    )


def _colors(
    masks: Mapping[str, MaskFile], classes: Sequence[int]
) -> tuple[tuple[int, int, int], ...]:
    """The colors that the masks themselves give the classes; none for plain gray levels."""
    if any(value % GRAY for value in classes):
        return tuple((value >> 16, value >> 8 & 255, value & 255) for value in classes)
    seen: dict[int, tuple[tuple[int, int, int], str]] = {}
    for name, mask in masks.items():
        for index in {value // GRAY for value in {*mask.values} & {*classes}}:
            if index >= len(mask.palette):
                continue
            color, first = seen.setdefault(index, (mask.palette[index], name))
            if color != mask.palette[index]:
                raise DataError(
                    f"index {index} has the color {color} in {first}, but "
                    f"{mask.palette[index]} in {name}, so indices are no classes; save masks "
                    "with one palette, or as RGB"
                )
    chosen = tuple(seen[value // GRAY][0] for value in classes if value // GRAY in seen)
    gray = all(len(set(color)) == 1 for color in chosen)
    return () if gray or len(set(chosen)) < len(classes) else chosen


def _notes(
    chosen: ClassMap, total: Mapping[int, int], flags: str, named: Mapping[int, str]
) -> list[str]:
    pixels = sum(total.values())
    parts = [
        f"{shown(class_values[0])} is {name} ({count / pixels:.1%})"
        for class_values, name, count in zip(
            chosen.classes, chosen.names, chosen.counts(total), strict=True
        )
    ]
    more = f", and {len(parts) - 20} more" if len(parts) > 20 else ""
    notes = [f"masks: {', '.join(parts[:20])}{more} ({flags})"]
    if chosen.ignored:
        share = sum(total.get(value, 0) for value in chosen.ignored) / pixels
        advice = "--source-set ignore="
        if named:
            advice += "; a class needs another name in classes.txt"
        ignored = _ignored(chosen, named)
        notes.append(f"ignored: value {ignored}, {share:.1%} of all pixels ({advice})")
    return notes


def _threshold_note(chosen: ClassMap, total: Mapping[int, int]) -> str:
    below, above = chosen.counts(total)
    shares = [
        f"{name} ({n / (below + above):.1%})"
        for name, n in zip(chosen.names, (below, above), strict=True)
    ]
    return (
        f"masks: values from {chosen.threshold} on are {shares[1]}, all others {shares[0]} "
        "(--source-set threshold=)"
    )


def _ignored(chosen: ClassMap, named: Mapping[int, str]) -> str:
    """The ignored values, each with the name that says so."""
    return ", ".join(
        f"{shown(value)} ({named[value]})" if value in named else shown(value)
        for value in chosen.ignored
    )


def read_classes(path: Path) -> list[tuple[int | None, str]]:
    """The classes of a classes.txt: a name a line, or a value (7, or 255,0,0) and a name.

    Value and name are separated by a blank, comma, semicolon, colon or equals sign; a first line
    such as `id,name` is left out.

    Raises:
        DataError: it is empty, no text, some lines have values and others none, or it repeats one.
    """
    refuse_special(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read as text: {error}") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        raise DataError(f"{path} lists {len(lines)} classes; write one name a line, at least two")
    if len(lines) > 2 and _HEADER.fullmatch(lines[0]) and all(map(_CODED.fullmatch, lines[1:])):
        lines = lines[1:]
    pairs = [_value_and_name(line) for line in lines]
    codes = [code for code, _ in pairs]
    given_codes = [code for code in codes if code is not None]
    if given_codes and None in codes:
        coded, plain = (
            lines[[code is None for code in codes].index(none)] for none in (False, True)
        )
        raise DataError(
            f"{path}: {coded!r} is a value and a name, but {plain!r} has no value (0 to 255, or "
            "255,0,0); write both on each line, or names only"
        )
    names = [name for _, name in pairs]
    for what, values in (("name", names), ("value", list(map(shown, given_codes)))):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise DataError(f"{path} has the {what} {twice[0]} twice")
    return list(zip(codes, names, strict=True))


_CODED = re.compile(r"(\d+,\d+,\d+|\d+)(?:\s*[,;:=]\s*(?=.*[^\d\s,])|\s+(?![,;:=]))(\S.*)")
"""A value or a color, a separator and a name: `7 sky`, `7,sky`, `7: sky`, `255,0,0 rust`."""
_HEADER = re.compile(r"(id|index|value|code|number|class)\s*[\s,;:=]\s*(name|class|label)", re.I)


def _value_and_name(line: str) -> tuple[int | None, str]:
    """Return a line's value and name; without a value in 0..255, None and the line."""
    match = _CODED.fullmatch(line)
    if match is None:
        return None, line
    numbers = [int(number) for number in match[1].split(",")]
    if max(numbers) > 255:
        return None, line
    red, green, blue = numbers if len(numbers) == 3 else numbers * 3
    return red << 16 | green << 8 | blue, match[2].strip("\"' ")
