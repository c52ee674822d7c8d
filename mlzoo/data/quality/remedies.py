"""Problems of data with the commands that solve them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from mlzoo.core import configs, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.fields import settings
from mlzoo.core.validation.values import join_words, split_words
from mlzoo.data.quality.associations import pearson
from mlzoo.data.samples import Samples
from mlzoo.data.tables.columns import drop_flag

_MISSING = 0.5
"""The share of missing values from which on a column is named."""
_SAME = 0.98
"""The correlation from which on two columns say the same."""
_MOST_COLUMNS = 60
_VALUE = r"'[^']*'|\"[^\"]*\"|auto|skip|merge|balanced|[a-z]+=\d+"
_OPTION = re.compile(rf"(--[a-z][a-z-]*)((?: (?:{_VALUE}))?)")
_DROPPED = re.compile(r"--drop (\S.*)$")
_SETTLED = ("--loss", "--split", "--fractions", "--source", "--limit", "--sampler")
"""Options that texts name beside the one that solves the problem."""


class Remedy(TypedDict):
    """A problem, and the command that solves it; empty where data have to be mended by hand."""

    problem: str
    command: str


def remedies(
    config: RunConfig,
    samples: Samples,
    problems: Sequence[Mapping[str, str]],
    messages: Sequence[str],
) -> list[Remedy]:
    """Return what is wrong with data, each with a command that trains without it.

    What keeps data from training is solved by every command, since none would run otherwise.

    Args:
        config: the run; its options are repeated.
        samples: all that can be read.
        problems: files that can't be used and a split that can't be made: `name` and `reason`.
        messages: warnings and suggestions, which name options.
    """
    rows: list[Remedy] = []
    bad = [row for row in problems if row["name"] != "split"]
    needed: list[str] = []
    if bad:
        share = np.ceil(100 * len(bad) / (len(bad) + len(samples))) / 100
        needed += ["--on-bad", "skip", *(["--max-bad", f"{share:g}"] if share > 0.01 else [])]
    unsplit = " ".join(row["reason"] for row in problems if row["name"] == "split")
    rare = next((how for how in ("merge", "drop") if f" with --rare {how}" in unsplit), None)
    if rare:
        needed += ["--rare", rare]
    if bad:
        one = "1 file or row" if len(bad) == 1 else f"{len(bad)} files or rows"
        text = f"{one} can't be used, such as {bad[0]['name']}: {bad[0]['reason']}"
        rows.append({"problem": text, "command": _command(config, samples, needed)})
    for row in problems:
        if row["name"] == "split":
            command = _command(config, samples, needed) if rare else ""
            rows.append({"problem": row["reason"], "command": command})
    idle = _columns(samples)
    for text in messages:
        if bad and "can't be used" in text:
            continue
        if (match := _DROPPED.search(text)) is not None:
            words = split_words(shlex.split(match[1])[0])
            idle.append((text.removesuffix(match[0]).rstrip("; :"), words[-1]))
            continue
        options = _named(text)
        command = _command(config, samples, [*needed, *options]) if options else ""
        rows.append({"problem": text, "command": command})
    if idle:
        dropped = shlex.split(drop_flag([name for _, name in idle], config.drop))
        text = "; ".join(dict.fromkeys(text for text, _ in idle))
        rows.append({"problem": text, "command": _command(config, samples, [*needed, *dropped])})
    return rows


def _named(text: str) -> list[str]:
    """Return the first option that a text names with its value, as words of a command."""
    for flag, value in _OPTION.findall(text):
        if flag not in _SETTLED and value:
            return [flag, value.strip().strip("'\"")]
    return []


def _command(config: RunConfig, samples: Samples, options: Sequence[str]) -> str:
    """Return a command that trains on the data as they were read, with options beside."""
    words = ["mlzoo", "train", _model(samples), config.data]
    fields = settings(Path(configs.__file__), "RunConfig")
    names = {field.name for field in fields if field.panel == "Data"} - {"data"}
    given = config.model_dump(mode="json", include=names, exclude_defaults=True)
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        if flag not in options:
            words += _given(flag, value)
    return shlex.join([*words, *options])


def _model(samples: Samples) -> str:
    """Return the model that a command names: `auto` where it tries any on such samples."""
    if samples.target.dense:
        return "unet"
    plugins = {name: registry.constants("model", name) for name in registry.names("model")}
    fitting = [
        name
        for name, plugin in plugins.items()
        if samples.target.accepted_by(plugin.get("TARGETS", registry.DEFAULT_TARGETS))
    ]
    tried = any(samples.kind in plugins[name].get("AUTO", ()) for name in fitting)
    return registry.AUTO_MODEL if tried or not fitting else fitting[0]


def _given(flag: str, value: object) -> list[str]:
    """Return an option with a value as words of a command."""
    if value is True:
        return [flag]
    if isinstance(value, Mapping):
        return [word for name, part in value.items() for word in (flag, f"{name}={_text(part)}")]
    return [flag, _text(value)]


def _text(value: object) -> str:
    return join_words(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _columns(samples: Samples) -> list[tuple[str, str]]:
    """Return sentences on columns that say little, each with the column to leave out."""
    columns = [(i, c) for i, c in enumerate(samples.columns) if not c.hashed]
    if not columns:
        return []
    matrix = np.asarray(samples.inputs[:], np.float64)
    rows = []
    useful: list[tuple[str, np.ndarray]] = []
    for index, column in columns:
        values = matrix[:, index]
        known = values >= 0 if column.categories else ~np.isnan(values)
        missing = 1 - float(known.mean())
        if missing >= _MISSING:
            rows.append((f"column {column.origin!r}: {missing:.0%} missing", column.origin))
        elif not column.categories and len(np.unique(values[known])) > 1:
            useful.append((column.origin, values))
    for second, (name, values) in enumerate(useful[:_MOST_COLUMNS]):
        for other, others in useful[:second]:
            if other == name:  # parts of one date
                continue
            both = ~np.isnan(values) & ~np.isnan(others)
            if both.sum() > 2 and abs(r := pearson(values[both], others[both])) >= _SAME:
                rows.append((f"columns {other!r} and {name!r} say the same (r = {r:.3f})", name))
                break
    return rows
