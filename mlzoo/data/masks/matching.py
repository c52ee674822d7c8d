"""Masks for a trained model that may be coded otherwise than those it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlzoo.core.errors import DataError
from mlzoo.data.masks.classes import listed_classes, refuse_unknown, void_names
from mlzoo.data.masks.reader import GRAY, ClassMap
from mlzoo.data.masks.values import MaskFile, shown

_FULL = 255 * GRAY
_CODES = ([(0,), (GRAY,)], [(0,), (_FULL,)])
"""Usual codes of two classes."""


def match_classes(
    known: ClassMap,
    masks: Mapping[str, MaskFile],
    listed: Sequence[tuple[int | None, str]],
    advice: str,
) -> tuple[ClassMap, list[str]]:
    """Which value of new masks stands for which class of a model, and warnings on it.

    Args:
        known: the classes of the training data.
        masks: the new masks by name.
        listed: value (None: not said) and name of each class, from their classes.txt.
        advice: what to do about values that are no class.

    Raises:
        DataError: values that stand for no class of the model.
    """
    values = sorted({value for mask in masks.values() for value in mask.values})
    chosen, warnings = known, []
    if listed and not _agrees(known, values, listed):
        chosen = _by_name(known, values, listed)
    elif _is_other_code(known, values):
        other_code = next(code for code in _CODES if code != list(known.classes))
        chosen = replace(known, classes=tuple(other_code))
        warnings = [
            f"masks: {shown(other_code[1][0])} is taken for {known.names[1]!r}, which is "
            f"{shown(known.classes[1][0])} in the training data; a classes.txt would say so"
        ]
    refuse_unknown(masks, chosen, advice)
    return chosen, warnings


def _agrees(
    known: ClassMap, values: Sequence[int], listed: Sequence[tuple[int | None, str]]
) -> bool:
    """Return whether a list says of every value what the training data said."""
    listed_names = {value: name for value, name in listed if value is not None}
    if not listed_names:
        return tuple(name for _, name in listed) == known.names and (
            known.threshold is not None or {*values} <= _values(known)
        )
    known_names = {value: _name(known, value) for value in listed_names}
    return all(
        known_names[value] == name or (known_names[value] is None and name not in known.names)
        for value, name in listed_names.items()
    )


def _name(known: ClassMap, value: int) -> str | None:
    """The class that a value stands for in the training data, None where it doesn't count."""
    if value in known.ignored:
        return None
    if known.threshold is not None:
        return known.names[int(value >= known.threshold * GRAY)]
    pairs = zip(known.classes, known.names, strict=True)
    return next((name for class_values, name in pairs if value in class_values), "")


def _values(known: ClassMap) -> set[int]:
    return {value for class_values in known.classes for value in class_values} | {*known.ignored}


def _by_name(
    known: ClassMap, values: Sequence[int], listed: Sequence[tuple[int | None, str]]
) -> ClassMap:
    """The model's classes with the values that a list gives to their names.

    Raises:
        DataError: a class that occurs is unknown to the model.
    """
    void = void_names(values, listed)
    named = listed_classes(values, listed)
    counted_names = {v: n for v, n in named.items() if v not in void or n in known.names}
    strange = [
        name for value, name in counted_names.items() if value in values and name not in known.names
    ]
    if strange:
        raise DataError(
            f"classes.txt: class {', '.join(map(repr, strange))} is unknown to the model, which "
            f"has {', '.join(map(repr, known.names))}"
        )
    class_values = tuple(
        tuple(v for v, name in counted_names.items() if name == wanted) for wanted in known.names
    )
    ignored = tuple(value for value in known.ignored if value not in counted_names)
    ignored += tuple(value for value in void if value not in counted_names and value not in ignored)
    return ClassMap(class_values, known.names, ignored)


def _is_other_code(known: ClassMap, values: Sequence[int]) -> bool:
    """Return whether masks hold 0 and 1 in place of 0 and 255 in training, or the reverse."""
    codes = [[value for (value,) in code] for code in _CODES]
    return (
        known.threshold is None
        and list(known.classes) in _CODES
        and not {*values} <= _values(known)
        and any({*values} <= {*code, *known.ignored} for code in codes)
    )
