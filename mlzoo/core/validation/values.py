"""Checks of single values of a configuration, and what its names of plug-ins stand for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

from mlzoo.core import registry


def shares(text: str) -> tuple[float, float, float]:
    """`60/20/20` as three fractions that sum to 1; all but the first may be 0."""
    parts = text.replace(",", "/").split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or abs(sum(numbers) - 100) > 1e-6 or min(numbers) < 0:
        raise ValueError("write three shares that sum to 100, as 60/20/20")
    if numbers[0] == 0:
        raise ValueError("the training share can't be 0")
    return numbers[0] / 100, numbers[1] / 100, numbers[2] / 100


def image_size(text: str | None) -> tuple[int, int] | None:
    """`64` or `48x64` as (height, width)."""
    if text is None:
        return None
    sides = [int(side) for side in text.split("x")]
    return sides[0], sides[-1]


def split_words(text: str) -> list[str]:
    """Return the words of a comma-separated text; one that holds a comma stands in quotes."""
    [row] = csv.reader([text.replace("\n", " ")], skipinitialspace=True) if text else [[]]
    return [word.strip() for word in row if word.strip()]


def join_words(names: Iterable[str]) -> str:
    """Return words as one comma-separated text, the inverse of `split_words`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def as_text(value: Any) -> Any:
    """A number as text, so that `variant=18` from YAML is the choice "18"."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def words(value: Any) -> Any:
    """`a,b` and `[a, b]` both mean a list of words."""
    return split_words(value) if isinstance(value, str) else value


def cost_text(value: Any) -> Any:
    """A ratio of costs as text, which must be above 0, or the path of a file."""
    if value is None or isinstance(value, bool):
        return value
    try:
        ratio = float(value)
    except (TypeError, ValueError):
        return value
    if not 0 < ratio < float("inf"):
        raise ValueError("write a ratio above 0, or the path of a YAML file")
    return str(value)


def three_shares(value: str) -> str:
    """Check the shares of the three splits."""
    shares(value)
    return value


def image_sides(value: str | None) -> str | None:
    """Check the text of an image size."""
    if value is not None and not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)?", value):
        raise ValueError("write one number, or height x width as 48x64")
    return value


_DEGRADATIONS = {"noise": (0.0, 10.0), "scale": (2.0, 8.0), "mask": (0.0, 1.0)}
"""Kinds of degradation of images, each with the range of its number."""


def degradation(text: str) -> tuple[str, float]:
    """`noise=.35` as ("noise", 0.35)."""
    kind, _, number = text.partition("=")
    try:
        amount = float(number)
    except ValueError:
        amount = float("nan")
    low, high = _DEGRADATIONS.get(kind, (0.0, 0.0))
    whole = kind == "scale"
    fits = low <= amount <= high if whole else low < amount < high
    if not fits or (whole and amount % 1):
        raise ValueError(
            "write noise=.35 (over 0, under 10), scale=2 (a whole number from 2 to 8) or mask=.3 "
            "(over 0, under 1)"
        )
    return kind, amount


def degradation_text(value: str | None) -> str | None:
    """Check the text of a degradation."""
    if value is not None:
        degradation(value)
    return value


def half_at_most(value: float | str) -> float | str:
    """Check a share of at most a half, or auto."""
    if not isinstance(value, str) and not 0 <= value <= 0.5:
        raise ValueError("must be from 0 to 0.5, or auto")
    return value


def on_off(value: Any) -> Any:
    """Return a bare on or off as text."""
    # YAML reads a bare on or off as true or false.
    return ("on" if value else "off") if isinstance(value, bool) else value


def processes(value: int | str) -> int | str:
    """Check a number of processes."""
    if isinstance(value, int) and not 0 <= value <= 256:
        raise ValueError("must be from 0 to 256, or auto")
    return value


def devices(value: Any) -> Any:
    """Check which devices share a batch, and return it as text without spaces."""
    if isinstance(value, list):  # as YAML has numbers
        value = "".join(f"{number}," for number in value)
    text = re.sub(r"\s", "", str(value))
    if not re.fullmatch(r"all|[1-9]\d*|\d+,|\d+(,\d+)+,?", text):
        raise ValueError("write all, how many devices, or their numbers as 0,1")
    numbers = [int(word) for word in text.split(",") if word.isdecimal()]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"names a device twice: {text}")
    return text


def batch(value: int | str) -> int | str:
    """Check a number of samples per step."""
    if isinstance(value, int) and value < 1:
        raise ValueError("must be at least 1")
    return value


def on_the_grid(value: Any) -> Any:
    """Check that a number of pixels is a multiple of 32."""
    if isinstance(value, int) and value % 32:
        raise ValueError("must be a multiple of 32")
    return value


def expression(value: str | None) -> str | None:
    """Check a regular expression; a name of a column is one."""
    if value is not None and not re.fullmatch(r"[\w .-]+", value):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
    return value


def plain_name(value: str | None) -> str | None:
    """Check the name of a folder."""
    if value is not None and not re.fullmatch(r"\w[\w.@+=-]*", value):
        raise ValueError("a name has letters, digits and . _ - @ + = only")
    return value


LISTS = {"metrics": "metric", "log": "tracker", "callback": "callback"}
"""Fields that name several plug-ins of a kind."""
SEVERAL = ("loss", *LISTS.values())
"""Kinds of plug-ins of which a run may have several."""


def one_of(kind: str) -> Callable[[str], str]:
    """Return a check that a text names a plug-in of a kind, or a Python file."""

    def check(value: str) -> str:
        if value.endswith(".py") or registry.exists(kind, value):
            return value
        raise none_of(registry.names(kind))

    return check


def none_of(names: Collection[str]) -> PydanticKnownError:
    """Return the error of a text that is none of some names."""
    *most, last = map(repr, names)
    return PydanticKnownError("literal_error", {"expected": f"{', '.join(most)} or {last}"})


def known_losses(value: str) -> str:
    """Check the terms of a sum of losses."""
    if value != "auto":
        loss_terms(value)
    return value


def known_metrics(value: list[str]) -> list[str]:
    """Check names of metrics; each counts once."""
    known = registry.names("metric") if value else []
    for name in value:
        if not name.endswith(".py") and name not in known:
            raise ValueError(registry.unknown("metric", name, known))
        if name.endswith(".py") and registry.stem(name) in known:
            raise ValueError(f"there is a metric {registry.stem(name)!r}; rename {name}")
    return list(dict.fromkeys(value))


def known_trackers(value: list[str]) -> list[str]:
    """Check names of trackers; each counts once."""
    known = registry.names("tracker") if value else []
    for name in value:
        if not name.endswith(".py") and name not in known:
            raise ValueError(registry.unknown("tracker", name, known))
    return list(dict.fromkeys(value))


def python_files(value: list[str]) -> list[str]:
    """Check names of Python files; each counts once."""
    for name in value:
        if not name.endswith(".py"):
            raise ValueError(f"write the path of a Python file, FILE.py (got {name!r})")
    return list(dict.fromkeys(value))


def followed(value: str, info: ValidationInfo) -> str:
    """Check that a metric is followed during training."""
    given = [registry.stem(name) for name in info.data.get("metrics", ())]
    if value.removeprefix("val_") in ("loss", *given):
        return value
    names = ["loss", *registry.defining("metric", "build")]
    names = [*(f"val_{name}" for name in names), *names]
    if value in names:
        return value
    raise none_of(names)


def usual_rate(optimizer: str) -> float:
    """Return the learning rate of an optimizer where none is given."""
    return float(registry.constants("optimizer", optimizer).get("LEARNING_RATE", 1.0))


def is_full_batch(optimizer: str) -> bool:
    """Return whether an optimizer takes the whole training split at once, in place of batches."""
    return bool(registry.constants("optimizer", optimizer).get("FULL_BATCH", False))


def loss_terms(text: str) -> list[tuple[float, str]]:
    """`dice+0.5*focal` as weights and names.

    Raises:
        ValueError: a term is no loss, or its weight no positive number.
    """
    known: Collection[str] = registry.own_names("loss")
    terms = []
    for term in text.split("+"):
        number, star, name = (part.strip() for part in term.rpartition("*"))
        try:
            weight = float(number) if star else 1.0
        except ValueError:
            weight = 0.0
        if name not in known and not name.endswith(".py"):
            known = registry.names("loss")
        if name not in known and not name.endswith(".py"):
            listed = ", ".join(known)
            raise ValueError(f"{registry.unknown('loss', name, known)}; write one of {listed}")
        if not 0 < weight < float("inf"):
            raise ValueError(f"the weight of {name} must be a number over 0, as in 0.5*{name}")
        terms.append((weight, name))
    return terms


def loss_names(text: str) -> list[str]:
    """Return the names in a sum of losses, none for `auto`; weights are not checked."""
    if text == "auto":
        return []
    return [term.rpartition("*")[2].strip() for term in text.split("+")]


def absolute_losses(text: str) -> str:
    """Return a sum of losses whose files mean the same in every folder."""
    if text == "auto":
        return text
    terms = [
        (term.rpartition("*")[0], name)
        for term, name in zip(text.split("+"), loss_names(text), strict=True)
    ]
    return "+".join(
        f"{number.strip()}*{registry.absolute(name)}" if number else registry.absolute(name)
        for number, name in terms
    )


def losses_for(task: str) -> list[str]:
    """Return the losses for a task: the usual one, those for all its kin, then the others."""
    chosen = registry.load("task", task).Task
    targets = {
        name: registry.constants("loss", name).get("TARGETS", ()) for name in registry.names("loss")
    }
    return sorted(
        (name for name, entries in targets.items() if chosen.target.accepted_by(entries)),
        key=lambda n: (n != chosen.losses[0], chosen.target.values not in targets[n], n),
    )


def weighted_losses(task: str) -> list[str]:
    """Return the losses for a task that take class weights."""
    return [
        n for n in losses_for(task) if registry.constants("loss", n).get("CLASS_WEIGHTS", False)
    ]


def named_plugins(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return kind and name of each plug-in that a configuration names.

    Those are what may be a Python file of the user's own.
    """
    kinds = ("model", "source", "optimizer", "schedule")
    named = [(kind, values[kind]) for kind in kinds if isinstance(values.get(kind), str)]
    loss = values.get("loss")
    losses = loss_names(loss if isinstance(loss, str) else "auto")
    several = [(kind, words(values.get(field) or [])) for field, kind in LISTS.items()]
    listed = [(kind, each) for kind, names in several if isinstance(names, list) for each in names]
    return [*named, *(("loss", each) for each in losses), *listed]


def trust_flag(values: Mapping[str, Any]) -> str:
    """Return ` --trust` where a configuration names a file, for commands that are suggested."""
    return registry.trust_flag(*(name for _, name in named_plugins(values)))
