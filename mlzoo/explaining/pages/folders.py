"""Folder that `mlzoo explain` writes, complete or not at all.

`explain.json`: the configuration, which repeats the run, and all facts. `maps.npz`: raw signed
float32 values, one array an explanation, named `METHOD/NAME`. `scores.csv`: a row an explanation.
`overlays/METHOD/NAME.png`: its picture. `model/METHOD.png` and `.npz`: what is said of the model as
a whole, drawn and in numbers. `sanity.csv` and `sanity.png`: how alike maps stay as the model is
randomized, where that was asked for. `index.html`: all of it on one offline page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.progress import Listener
from mlzoo.explaining.explain import Explanation, ExplanationSet
from mlzoo.explaining.pages import sanity_curves
from mlzoo.explaining.pages.figures import draw_finding
from mlzoo.explaining.pages.page import write_page
from mlzoo.explaining.pages.rendering import draw
from mlzoo.explaining.pages.slices import draw_slices
from mlzoo.explaining.settings import RECORD
from mlzoo.explaining.subjects import Subject
from mlzoo.introspection.findings import Finding
from mlzoo.runs import run_folder
from mlzoo.runs.contents.folders import refuse_links, write_folder

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}(?=$| \()")
"""A file's ending, also before a class in brackets."""


def default_folder(run: str, methods: Sequence[str], wanted: str | None = None) -> Path:
    """Return the default folder of explanations, within a run folder.

    Args:
        run: the run folder, or a .keras file.
        methods: names of the methods.
        wanted: the input of a run that is explained, where it was named.

    Raises:
        UsageError: a link leads out of the run folder.
    """
    path = expand(run)
    root = path.with_suffix("") if path.suffix == ".keras" else path
    names = [*methods, *([wanted] if wanted is not None and root == path else [])]
    folder = root / "explanations" / run_folder.slug("-".join(names))
    refuse_links(root, folder)
    return folder


def check_free(folder: Path, overwrite: bool) -> None:
    """Raise UsageError where a folder exists and must not, or is no folder of explanations."""
    if not folder.exists():
        return
    if not (folder / RECORD).is_file():
        raise UsageError(f"{folder} exists and holds no explanations; choose another --out")
    if not overwrite:
        raise UsageError(f"{folder} exists already; choose another --out, or add --overwrite")


def write(
    folder: Path,
    subject: Subject,
    explained: ExplanationSet,
    controls: Sequence[Explanation],
    record: Mapping[str, Any],
    listener: Listener,
) -> None:
    """Write everything, or leave what was there.

    Args:
        folder: where everything goes.
        subject: the model.
        explained: maps and findings.
        controls: explanations that know no model.
        record: what explain.json holds.
        listener: progress callback.
    """

    def fill(partial: Path) -> None:
        _fill(partial, subject, explained, controls, record, listener)

    write_folder(folder, fill)


def _fill(
    folder: Path,
    subject: Subject,
    explained: ExplanationSet,
    controls: Sequence[Explanation],
    record: Mapping[str, Any],
    listener: Listener,
) -> None:
    explanations = explained.explanations
    stems = file_stems([e.name for e in explanations])
    write_maps(folder / "maps.npz", {f"{e.method}/{stems[e.name]}": e.values for e in explanations})
    files.write_text(
        folder / "scores.csv", files.csv_text([row(e) for e in [*explanations, *controls]])
    )
    files.write_json(folder / RECORD, record)
    scale: dict[str, float] = {}
    for each in explanations if record["config"]["shared_scale"] else ():
        scale[each.method] = max(scale.get(each.method, 0.0), float(np.abs(each.values).max()))
    pictures = []
    letters = subject.alphabet
    for done, each in enumerate(explanations, 1):
        path = folder / "overlays" / each.method / f"{stems[each.name]}.png"
        largest = scale.get(each.method)
        if subject.depth and each.values.ndim == 2:
            drawn = draw_slices(path, each, subject.maximum, subject.depth, largest)
        else:
            known = subject.maximum, subject.columns, largest, letters, subject.paint
            drawn = draw(path, each, *known)
        pictures.append((each, drawn))
        listener.progress(done, len(explanations), "drawing")
    figures = _figures(folder, {**rankings(explained, subject), **explained.findings})
    if record["sanity"]:
        lines = sanity_curves.rows(record["sanity"])
        files.write_text(folder / "sanity.csv", files.csv_text(lines))
        sanity_curves.draw(folder / "sanity.png", record["sanity"])
    title = f"Explanations of {subject.path.name}"
    write_page(folder, title, record, pictures, figures, controls)


def rankings(explained: ExplanationSet, subject: Subject) -> dict[str, list[Finding]]:
    """Return each column's mean absolute attribution, by method, for tables."""
    findings: dict[str, list[Finding]] = {}
    for method in explained.mapping if subject.kind == "table" else ():
        rows = [e.values for e in explained.explanations if e.method == method]
        if rows and rows[0].ndim == 1:
            values = np.abs(np.stack(rows)).mean(axis=0)
            names = list(subject.columns) or [f"column {i + 1}" for i in range(len(values))]
            note = f"means of absolute attributions over {len(rows)} rows"
            findings[method] = [
                Finding("bars", "columns by weight", {"values": values}, names, note)
            ]
    return findings


def _figures(folder: Path, findings: dict[str, list[Finding]]) -> list[tuple[str, Path]]:
    """Pictures and numbers of what is said of the model as a whole."""
    drawn = []
    for method, several in findings.items():
        for i, finding in enumerate(several, 1):
            stem = method if len(several) == 1 else f"{method}-{i}"
            path = draw_finding(folder / "model" / f"{stem}.png", finding)
            labels = {"labels": np.array(finding.labels, str)}
            write_maps(path.with_suffix(".npz"), {**finding.arrays, **labels})
            if finding.table is not None:
                names, rows = finding.table
                lines = [dict(zip(names, line, strict=True)) for line in rows.tolist()]
                files.write_text(path.with_suffix(".csv"), files.csv_text(lines))
            drawn.append((f"{method}: {finding.title}", path))
    return drawn


def row(explanation: Explanation) -> dict[str, object]:
    """Return a row of scores.csv; the ends of a map that is not finite are None."""
    finite = bool(np.isfinite(explanation.values).all())
    return {
        "name": explanation.name,
        "method": explanation.method,
        "target": explanation.target,
        "predicted": explanation.predicted,
        "truth": explanation.truth,
        "flag": explanation.flag,
        "smallest": float(explanation.values.min()) if finite else None,
        "largest": float(explanation.values.max()) if finite else None,
        **explanation.scores,
    }


def write_maps(path: Path, maps: dict[str, np.ndarray]) -> None:
    """Write arrays as a compressed .npz file, in one step."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **maps)  # type: ignore[arg-type]
    files.write_bytes(path, buffer.getvalue())


def file_stems(names: Sequence[str]) -> dict[str, str]:
    """Return a unique file name, without suffix, for each sample."""
    stems: dict[str, str] = {}
    for name in dict.fromkeys(names):
        stem = base = run_folder.slug(_SUFFIX.sub("", name))
        number = 2
        while stem in stems.values():
            stem, number = f"{base}-{number}", number + 1
        stems[name] = stem
    if len(set(stems.values())) < len(stems):
        raise DataError("two samples have one name")
    return stems
