"""Contents of a run folder, prepared for a report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from mlzoo.core import files
from mlzoo.core.messages import over
from mlzoo.reporting.pages.rendering import interval

MOST_CLASSES = 20
"""With more classes the confusion matrix is shown as a picture."""
MOST_ROWS = 12
MOST_MAPS = 12
"""Maps per method that a report shows; the linked page has all of them."""
_HELD = 2000
"""Rows of a table that are held at once."""
_Row = dict[str, str | float]
_DEFAULT = re.compile(r"^( *)([\w-]+):.*# default$")


def history(folder: Path, epochs: int | None = None) -> list[dict[str, float]]:
    """Return `history.csv`, with numbers parsed; empty if there is no such file.

    Args:
        folder: the run folder.
        epochs: number of epochs it must hold; None: any.

    Raises:
        DataError: it is damaged.
    """
    path = folder / "history.csv"
    if not path.is_file():
        return []
    try:
        epoch_rows = [{n: float(text) for n, text in row.items() if text} for row in _rows(path)]
    except ValueError as error:
        raise files.damaged(path, f"is damaged: {error}") from None
    if epochs is not None and len(epoch_rows) != epochs:
        raise files.damaged(path, f"is damaged: it holds {len(epoch_rows)} of {epochs} epochs")
    return epoch_rows


def _rows(path: Path) -> list[dict[str, str]]:
    header, rows = files.read_rows(path)
    return [dict(zip(header, row, strict=True)) for row in rows]


def has_layer(folder: Path, kind: str) -> bool:
    """Return whether a run's model has a layer of a type; true if unknown."""
    path = folder / "layers.json"
    if not path.is_file():
        return True
    return any(layer["type"] == kind for layer in files.read_json(path))


def given_settings(folder: Path) -> dict[str, list[dict[str, object]]]:
    """Return the settings of `config.yaml`, split into `given` by the user and `defaults`."""
    text = files.read_text(folder / "config.yaml")
    values = files.read_mapping(folder / "config.yaml")
    default_keys = _defaults(text)
    settings: dict[str, list[dict[str, object]]] = {"given": [], "defaults": []}
    for name, value in values.items():
        inner = value if isinstance(value, dict) else None
        entries = {(name, key): v for key, v in inner.items()} if inner else {(name,): value}
        for keys, each in entries.items():
            kind = "defaults" if keys in default_keys or keys[:1] in default_keys else "given"
            flag = f"--{keys[0].replace('_', '-')}" + (f" {keys[1]}" if len(keys) > 1 else "")
            flag = flag.removeprefix("--") if name in ("model", "data") else flag
            if each != {}:
                settings[kind].append({"setting": flag, "value": each})
    return settings


def _defaults(text: str) -> set[tuple[str, ...]]:
    """Return the keys of the lines that are marked as defaults."""
    keys: set[tuple[str, ...]] = set()
    parent = ""
    for line in text.splitlines():
        if match := re.match(r"^([\w-]+):", line):
            parent = match[1]
        if match := _DEFAULT.match(line):
            keys.add((parent, match[2]) if match[1] else (match[2],))
    return keys


def answers(tested: Mapping[str, Any]) -> list[tuple[str, list[dict[str, object]]]]:
    """Return tables of the test metrics by class or target, and relative to the baselines."""
    metrics = tested["metrics"]
    tables = []
    for title, rows in (
        ("By class", metrics.get("per_class")),
        ("By label", metrics.get("per_label")),
        ("By target", metrics.get("per_target")),
    ):
        if rows:
            tables.append((title, [_flat(row) for row in rows]))
    if relative := tested.get("relative_mae"):
        rows = [
            {
                "baseline": name,
                "MAE over its": row["value"],
                "95 % interval": interval(row["interval"]),
                "over": over(row.get("units"), tested.get("interval_unit")),
            }
            for name, row in relative.items()
        ]
        tables.append(("Error relative to the baselines (below 1 is better)", rows))
    return tables


def _flat(row: Mapping[str, Any]) -> dict[str, object]:
    """Return a row without its nested values: of a target the baseline that it is held against."""
    flat = {name: value for name, value in row.items() if not isinstance(value, dict | list)}
    if gain := row.get("gain"):
        flat["against"] = gain["baseline"]
    return flat


class CoveredPart(TypedDict):
    """Share of a part of the test split whose truth intervals or sets hold."""

    part: str
    samples: int
    coverage: float


def coverage(record: Mapping[str, Any] | None) -> list[CoveredPart]:
    """Return a row a class, or fifth of the predictions, that tells how often its truth is held."""
    return [
        {"part": each["part"], "samples": each["samples"], "coverage": each["coverage"]}
        for each in (record or {}).get("parts", ())
    ]


class ConfusionCell(TypedDict):
    """Samples of a true class that were predicted as another: count, and share of the class."""

    count: int
    share: float


class ConfusionRow(TypedDict):
    """A true class and its cells, one a predicted class."""

    name: str
    cells: list[ConfusionCell]


def confusion(
    counts: Sequence[Sequence[int]] | None, names: Sequence[str]
) -> list[ConfusionRow] | None:
    """Return rows of cells with count and share of the true class; None for many classes."""
    if not counts or len(counts) > MOST_CLASSES:
        return None
    rows: list[ConfusionRow] = []
    for name, row in zip(names, counts, strict=True):
        total = sum(row) or 1
        rows.append({"name": name, "cells": [{"count": c, "share": c / total} for c in row]})
    return rows


def worst(folder: Path) -> list[dict[str, str | float]]:
    """Return the test samples with the largest errors, from the folder's tables."""
    mistakes = folder / "plots" / "mistakes.csv"
    if mistakes.is_file():
        return [_plain(row) for row in _rows(mistakes)[:MOST_ROWS]]
    path = folder / "predictions.csv"
    if not path.is_file():
        return []
    header = next(files.each_row(path))
    if {"target", "prediction"} <= {*header}:
        shown = ("name", "target", "prediction")
        return [{**{n: row[n] for n in shown}, "error": e} for e, row in _largest_errors(path)]
    if "mean_iou" in header:
        rows = [_plain(row) for row in _rows(path)]
        known = [(iou, row["name"]) for row in rows if isinstance(iou := row["mean_iou"], float)]
        known.sort(key=lambda pair: pair[0])
        return [{"image": name, "mean IoU": iou} for iou, name in known[:MOST_ROWS]]
    return []


def _largest_errors(path: Path) -> list[tuple[float, _Row]]:
    """Return the largest errors and their rows; none where values are no numbers.

    Few of the rows, which may be millions, are held at a time.
    """
    rows = files.each_row(path)
    header = next(rows)
    largest: list[tuple[float, _Row]] = []
    for cells in rows:
        row = _plain(dict(zip(header, cells, strict=True)))
        error = _error(row)
        if error is None:
            return []
        largest.append((error, row))
        if len(largest) > _HELD:
            largest = _first_by_size(largest)
    return _first_by_size(largest)


def _first_by_size(errors: Sequence[tuple[float, _Row]]) -> list[tuple[float, _Row]]:
    """Return the largest of some errors, the first of equal ones first."""
    return sorted(errors, key=lambda pair: -abs(pair[0]))[:MOST_ROWS]


def _error(row: Mapping[str, str | float]) -> float | None:
    """Return prediction less target of a sample; None where they are no numbers."""
    target, prediction = row.get("target"), row.get("prediction")
    if isinstance(target, float) and isinstance(prediction, float):
        return prediction - target
    return None


def _plain(row: Mapping[str, str]) -> dict[str, str | float]:
    """Parse the numbers of a row; names stay text."""
    values: dict[str, str | float] = {}
    for name, text in row.items():
        try:
            values[name] = text if name in ("name", "sample") else float(text)
        except ValueError:
            values[name] = text
    return values


@dataclass(frozen=True)
class ExplanationFolder:
    """A folder of explanations within a run.

    Attributes:
        title: names of the methods.
        link: its page, relative to the run; may be empty.
        sentences: evidence in words.
        pictures: some of its maps.
    """

    title: str
    link: str
    sentences: list[str]
    pictures: list[Path]


def explanations(folder: Path) -> list[ExplanationFolder]:
    """Return the explanations in a run folder, including maps drawn during training."""
    explained = []
    for record in sorted((folder / "explanations").glob("*/explain.json")):
        content = files.read_mapping(record)
        inner = record.parent
        pictures = [*sorted(inner.glob("model/*.png")), *sorted(inner.glob("overlays/*/*.png"))]
        page = inner / "index.html"
        link = page.relative_to(folder).as_posix() if page.is_file() else ""
        sentences = [f"{text}." for text in content.get("evidence", {}).get("sentences", [])]
        sentences += [
            f"Sanity of {name} by {check}: {result['verdict']}."
            for name, checks in (content.get("sanity") or {}).items()
            for check, result in checks.items()
        ]
        explained.append(ExplanationFolder(inner.name, link, sentences, pictures[:MOST_MAPS]))
    during = sorted((folder / "explanations" / "training").glob("epoch-*.png"))
    if during:
        chosen = [during[0], during[len(during) // 2], during[-1]]
        explained.append(ExplanationFolder("while it trained", "", [], list(dict.fromkeys(chosen))))
    return explained
