"""The page of an inspection: recognition, problems, distributions, associations, samples."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from markupsafe import Markup

from mlzoo.auditing.inspection.bars import bar_chart, histogram
from mlzoo.core.messages import few
from mlzoo.data.quality.associations import Association
from mlzoo.data.quality.inspection import InspectedData
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.drawing.pictures import class_label, sample_grid
from mlzoo.reporting.pages.rendering import embedded, number, render

_TEMPLATE = Path(__file__).with_name("inspection.html.jinja")
_MOST_BARS = 20
_MOST_HISTOGRAMS = 24
_MOST_ROWS = 200
_SAMPLES = 24

Record = Mapping[str, object]


def write_page(inspected: InspectedData, path: Path, seed: int = 0) -> None:
    """Write the page of an inspection, a file without others beside it.

    Args:
        inspected: of the data.
        path: of the page.
        seed: decides which samples are drawn.
    """
    record, samples = inspected.record, inspected.samples
    associations = cast(Sequence[Association], record["associations"])
    columns = _rows(record, "columns")
    render(
        path,
        _TEMPLATE,
        title=f"Data: {record['data']}",
        facts=_facts(record),
        recognized=record["recognized"],
        remedies=record["remedies"],
        files=_rows(record, "problems")[:_MOST_ROWS],
        balance=_balance(_rows(record, "classes")),
        classes=[_plain(row) for row in _rows(record, "classes")],
        target=_target(samples),
        associations=bar_chart(
            f"Association with {', '.join(samples.target_names[:3])}",
            [
                (row["column"], row["value"], f"{row['value']:.3f} ({row['measure']})")
                for row in associations[:_MOST_BARS]
            ],
            most=1.0,
        ),
        associations_left=max(0, len(associations) - _MOST_BARS),
        missing=_missing(columns, len(samples)),
        distributions=_distributions(samples, [row["column"] for row in associations]),
        columns=[_plain(row) for row in columns or _rows(record, "channels")][:_MOST_ROWS],
        picture=_picture(samples, seed),
        notes=record["notes"],
    )


def _rows(record: Record, name: str) -> Sequence[Record]:
    return cast(Sequence[Record], record[name])


def _facts(record: Record) -> list[tuple[str, str]]:
    """Return what stands first: how many, of what, for what."""
    parts = cast(Mapping[str, int], record["parts"])
    shape = " x ".join(map(str, cast(Sequence[int], record["shape"])))
    size = cast(int, record["bytes"])
    facts = [
        ("samples", number(record["samples"])),
        ("each sample", f"{shape or 'one number'} {record['dtype']}"),
        ("task", str(record["task"])),
        ("in memory", f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"),
    ]
    if record["groups"] is not None:
        facts.append(("groups", number(record["groups"])))
    if parts:
        facts.append((" / ".join(parts), " / ".join(map(number, parts.values()))))
    return facts


def _plain(row: Record) -> dict[str, object]:
    """Return a row of a table with inner mappings as text."""
    return {
        name: few([f"{key} {number(count)}" for key, count in value.items()], 8)
        if isinstance(value, Mapping)
        else value
        for name, value in row.items()
    }


def _balance(classes: Sequence[Record]) -> Markup:
    """Draw the share of each class."""
    rows = [
        (str(row["name"]), cast(float, row["share"]), f"{cast(float, row['share']):.1%}")
        for row in classes[:_MOST_BARS]
    ]
    return bar_chart("Share of each class", rows, most=1.0)


def _target(samples: Samples) -> list[Markup]:
    """Draw how each target that is a number spreads."""
    if not samples.target.sample_numbers:
        return []
    values = samples.labels.reshape(len(samples), -1).astype(np.float64)
    names = samples.target_names[:_MOST_BARS]
    return [
        histogram(f"Target {name}", values[np.isfinite(values[:, i]), i])
        for i, name in enumerate(names)
    ]


def _missing(columns: Sequence[Record], count: int) -> Markup:
    """Draw the share of missing values of the columns that have some, most first."""
    shares = [(str(row["name"]), cast(int, row["missing"]) / count) for row in columns]
    some = sorted((row for row in shares if row[1]), key=lambda row: -row[1])
    return bar_chart(
        "Missing values", [(n, share, f"{share:.1%}") for n, share in some[:_MOST_BARS]]
    )


def _distributions(samples: Samples, order: Sequence[str]) -> list[Markup]:
    """Draw how the values of columns spread, those first that go with the target."""
    if not samples.columns:
        return []
    matrix = np.asarray(samples.inputs[:], np.float64)
    place = {column.name: index for index, column in enumerate(samples.columns)}
    names = [*order, *(c.name for c in samples.columns if c.name not in order and not c.hashed)]
    charts = []
    for name in names[:_MOST_HISTOGRAMS]:
        values, column = matrix[:, place[name]], samples.columns[place[name]]
        if not column.categories:
            charts.append(histogram(name, values[np.isfinite(values)]))
            continue
        counts = np.bincount(values[values >= 0].astype(int), minlength=len(column.categories))
        most = np.argsort(-counts, kind="stable")[:6]
        charts.append(
            bar_chart(
                name, [(column.categories[i], int(counts[i]), f"{counts[i]:,}") for i in most]
            )
        )
    return charts


def _picture(samples: Samples, seed: int) -> dict[str, str] | None:
    """Draw some samples as a network gets them; None where they can't be drawn."""
    if samples.problem is not None or samples.environment is not None or samples.target.written:
        return None
    if isinstance(samples.inputs, Sequences) and samples.inputs.uneven:
        return None
    count = min(_SAMPLES, len(samples))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(samples))[:count])
    inputs = samples.inputs[chosen]
    with tempfile.TemporaryDirectory() as folder:
        names = [column.name for column in samples.columns]
        path = sample_grid(
            Path(folder), inputs, _labels(samples, chosen), samples.kind, names, samples.maximum
        )
        [url] = embedded([path], 400_000).values() or [""]
    caption = f"{count} of {len(samples):,} samples, drawn by chance"
    return {"source": url, "caption": caption} if url else None


def _labels(samples: Samples, chosen: np.ndarray) -> list[str]:
    """Return a line for each of some samples: its class or number, else its name."""
    target = samples.target
    if target.sample_class or target.sample_numbers or target.is_label_set:
        labels = samples.labels[chosen]
        if target.is_label_set:
            names = np.array(samples.class_names)
            return [", ".join(names[row > 0]) or "none" for row in labels]
        if target.sample_class:
            return [class_label(value, samples.class_names) for value in labels]
        return [number(float(np.ravel(value)[0])) for value in labels]
    return [samples.name_of(int(index)) for index in chosen]
