"""What a run folder's files hold, as a report shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlzoo.core import files
from mlzoo.core.messages import over
from mlzoo.reporting.pages.rendering import interval

MOST_CLASSES = 20
"""Of more classes the confusion is shown as a picture."""
MOST_ROWS = 12
MOST_MAPS = 12
"""Maps of each method that a report shows; all are on the page beside them."""
_DEFAULT = re.compile(r"^( *)([\w-]+):.*# default$")


def history(folder: Path, epochs: int | None = None) -> list[dict[str, Any]]:
    """Return `history.csv`, numbers as numbers; none where there is no such file.

    Args:
        folder: of the run.
        epochs: how many it must hold; None: any number.

    Raises:
        DataError: it is damaged.
    """
    path = folder / "history.csv"
    if not path.is_file():
        return []
    try:
        found = [{n: float(text) for n, text in row.items() if text} for row in _rows(path)]
    except ValueError as error:
        raise files.damaged(path, f"is damaged: {error}") from None
    if epochs is not None and len(found) != epochs:
        raise files.damaged(path, f"is damaged: it holds {len(found)} of {epochs} epochs")
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    header, rows = files.read_rows(path)
    return [dict(zip(header, row, strict=True)) for row in rows]


def has_layer(folder: Path, kind: str) -> bool:
    """Return whether a run's model has a layer of a type; true where that is not known."""
    path = folder / "layers.json"
    if not path.is_file():
        return True
    return any(layer["type"] == kind for layer in files.read_json(path))


def given_settings(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The settings of `config.yaml`: `given` by the user, and `defaults` that were read."""
    text = files.read_text(folder / "config.yaml")
    values = files.read_mapping(folder / "config.yaml")
    usual = _defaults(text)
    found: dict[str, list[dict[str, Any]]] = {"given": [], "defaults": []}
    for name, value in values.items():
        inner = value if isinstance(value, dict) else None
        entries = {(name, key): v for key, v in inner.items()} if inner else {(name,): value}
        for keys, each in entries.items():
            kind = "defaults" if keys in usual or keys[:1] in usual else "given"
            flag = f"--{keys[0].replace('_', '-')}" + (f" {keys[1]}" if len(keys) > 1 else "")
            flag = flag.removeprefix("--") if name in ("model", "data") else flag
            if each != {}:
                found[kind].append({"setting": flag, "value": each})
    return found


def _defaults(text: str) -> set[tuple[str, ...]]:
    """The keys of the lines that are marked as defaults."""
    found: set[tuple[str, ...]] = set()
    parent = ""
    for line in text.splitlines():
        if match := re.match(r"^([\w-]+):", line):
            parent = match[1]
        if match := _DEFAULT.match(line):
            found.add((parent, match[2]) if match[1] else (match[2],))
    return found


def answers(tested: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Tables of the test part's metrics by class or target, and of what they are relative to."""
    metrics = tested["metrics"]
    tables = []
    for title, rows in (
        ("By class", metrics.get("per_class")),
        ("By target", metrics.get("per_target")),
    ):
        if rows:
            tables.append((title, [dict(row) for row in rows]))
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
        tables.append(("Error relative to the baselines (under 1 is better)", rows))
    return tables


def confusion(
    counts: Sequence[Sequence[int]] | None, names: Sequence[str]
) -> list[dict[str, Any]] | None:
    """Rows of cells with their count and their share of the true class; None for many classes."""
    if not counts or len(counts) > MOST_CLASSES:
        return None
    rows = []
    for name, row in zip(names, counts, strict=True):
        total = sum(row) or 1
        rows.append({"name": name, "cells": [{"count": c, "share": c / total} for c in row]})
    return rows


def worst(folder: Path) -> list[dict[str, Any]]:
    """The test samples that the model is most wrong of, as far as the folder's tables tell."""
    mistakes = folder / "plots" / "mistakes.csv"
    if mistakes.is_file():
        return [_plain(row) for row in _rows(mistakes)[:MOST_ROWS]]
    path = folder / "predictions.csv"
    if not path.is_file():
        return []
    rows = [_plain(row) for row in _rows(path)]
    numbers = ("target", "prediction")
    if rows and all(isinstance(row.get(n), int | float) for row in rows for n in numbers):
        for row in rows:
            row["error"] = row["prediction"] - row["target"]
        rows.sort(key=lambda row: -abs(row["error"]))
        shown = ("name", "target", "prediction", "error")
        return [{name: row[name] for name in shown} for row in rows[:MOST_ROWS]]
    if rows and "mean_iou" in rows[0]:
        known = [row for row in rows if isinstance(row["mean_iou"], float)]
        known.sort(key=lambda row: row["mean_iou"])
        return [{"image": r["name"], "mean IoU": r["mean_iou"]} for r in known[:MOST_ROWS]]
    return []


def _plain(row: Mapping[str, str]) -> dict[str, Any]:
    """Numbers that stand as text as numbers, names as they are."""
    found: dict[str, Any] = {}
    for name, text in row.items():
        try:
            found[name] = text if name in ("name", "sample") else float(text)
        except ValueError:
            found[name] = text
    return found


@dataclass(frozen=True)
class Explained:
    """A folder of explanations within a run.

    Attributes:
        title: its methods.
        link: the page with all of it, relative to the run; empty where there is none.
        sentences: its evidence.
        pictures: some of its maps.
    """

    title: str
    link: str
    sentences: list[str]
    pictures: list[Path]


def explanations(folder: Path) -> list[Explained]:
    """What `mlzoo explain` left in a run folder, and the maps that were drawn while it trained."""
    explained = []
    for record in sorted((folder / "explanations").glob("*/explain.json")):
        content = files.read_mapping(record)
        own = record.parent
        pictures = [*sorted(own.glob("model/*.png")), *sorted(own.glob("overlays/*/*.png"))]
        page = own / "index.html"
        link = page.relative_to(folder).as_posix() if page.is_file() else ""
        sentences = [f"{text}." for text in content.get("evidence", {}).get("sentences", [])]
        sentences += [
            f"Sanity of {name} by {check}: {found['verdict']}."
            for name, checks in (content.get("sanity") or {}).items()
            for check, found in checks.items()
        ]
        explained.append(Explained(own.name, link, sentences, pictures[:MOST_MAPS]))
    during = sorted((folder / "explanations" / "training").glob("epoch-*.png"))
    if during:
        chosen = [during[0], during[len(during) // 2], during[-1]]
        explained.append(Explained("while it trained", "", [], list(dict.fromkeys(chosen))))
    return explained
