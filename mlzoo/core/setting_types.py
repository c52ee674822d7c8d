"""Types of settings that several plug-ins share; light, because help reads them.

A list may be given as a list, as one value, or as a comma-separated text (`--set hidden=64,32`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mlzoo.core import registry
from mlzoo.core.validation.values import split_words


def as_list(value: Any) -> Any:
    """`64`, `"64,32"` and `[64, 32]` as a list; what is none of these stays as it is."""
    if isinstance(value, str):
        return split_words(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value]
    return value


def as_scales(value: Any) -> Any:
    """`auto` as it is, else a list of numbers."""
    return value if value == "auto" else as_list(value)


def as_character(value: Any) -> Any:
    """A delimiter's name (`tab`, `comma`, ...) as the character."""
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "bar": "|"}
    return named.get(value, value) if isinstance(value, str) else value


def as_yes_no(value: Any) -> Any:
    """True and False, which YAML makes of yes and no, as `yes` and `no`."""
    return ("yes" if value else "no") if isinstance(value, bool) else value


_Character = Annotated[str, Field(min_length=1, max_length=1)]
Delimiter = Annotated[_Character | None, BeforeValidator(as_character)]
"""Separator of a table's columns; None: recognized."""
Header = Annotated[Literal["auto", "yes", "no"], BeforeValidator(as_yes_no)]
"""yes: a table's first row names the columns; auto: recognized."""

Size = Annotated[int, Field(ge=1, le=65_536)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Sizes = Annotated[tuple[Size, ...], BeforeValidator(as_list)]
"""Numbers of units or filters, one a layer."""
Rates = Annotated[tuple[Rate, ...], BeforeValidator(as_list)]
"""Shares in [0, 1), one for all layers or one a layer."""


def _task_name(value: str) -> str:
    if value not in registry.names("task"):
        raise ValueError(registry.unknown("task", value, registry.names("task")))
    return value


TaskName = Annotated[str, AfterValidator(_task_name)]
"""Name of a task."""
Words = Annotated[tuple[str, ...], BeforeValidator(as_list)]
WordList = Annotated[list[str], BeforeValidator(as_list)]
Levels = Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], BeforeValidator(as_list)]
"""Gray levels or palette indices of masks."""

Activation = Literal[
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "selu",
    "tanh",
    "sigmoid",
    "linear",
    "trainable_exponent",
    "trainable_slope",
]
Activations = Annotated[tuple[Activation, ...], BeforeValidator(as_list)]
"""Activations, one for all layers or one a layer."""
Initializer = Literal[
    "auto",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "standard_normal",
]
Scales = Annotated[
    Literal["auto"] | Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)],
    BeforeValidator(as_scales),
]
"""Positive numbers, or `auto`."""
Penalty = Annotated[float, Field(ge=0)]


def check_lengths(layers: str, count: int, **lists: tuple[Any, ...]) -> None:
    """Raise ValueError unless each list holds one value, or one for each of `count` layers."""
    for name, values in lists.items():
        if len(values) not in (1, count):
            raise ValueError(
                f"{name} has {len(values)} values for {count} {layers}; "
                f"give one for all, or one for each"
            )


def per_layer(values: tuple[Any, ...], count: int) -> list[Any]:
    """One value for each of `count` layers from a list that `check_lengths` accepted."""
    return list(values) * count if len(values) == 1 else list(values)


def searched(
    low: float | None = None,
    high: float = 0,
    *,
    log: bool = False,
    choices: Any = (),
    needs: str = "",
) -> dict[str, Any]:
    """Return how `mlzoo tune` searches a setting by default, for `json_schema_extra`.

    Args:
        low: least value; whole numbers make a range of them.
        high: greatest value.
        log: the logarithm is spread evenly.
        choices: values, instead of a range.
        needs: a setting without which this one has no effect: it is searched only where that is
            given.
    """
    mark = {"low": low, "high": high, "log": log, "choices": list(choices), "needs": needs}
    return {"search": mark}


def searched_layers(
    count: str,
    counts: tuple[int, int],
    size: str,
    sizes: tuple[int, int],
    growth: int = 1,
) -> dict[str, Any]:
    """The same for a list of sizes: how many layers, and how large the first of them is.

    Args:
        count: what the number of layers is called in a search.
        counts: the fewest and the most.
        size: what the size of the first layer is called.
        sizes: the least and the greatest; their logarithm is spread evenly.
        growth: what each further layer's size is multiplied by.
    """
    numbers = {"count": count, "counts": counts, "size": size, "sizes": sizes}
    return {"search_layers": {**numbers, "growth": growth}}
