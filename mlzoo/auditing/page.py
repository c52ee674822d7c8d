"""The page and the picture of an audit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from mlzoo.auditing.findings import Audit, JudgedLabel, Outlier
from mlzoo.data.label_files.joined import bare
from mlzoo.drawing.canvas import label
from mlzoo.drawing.pictures import captioned_images, sample_grid
from mlzoo.reporting.pages.rendering import embedded, render

_TEMPLATE = Path(__file__).with_name("audit.html.jinja")
PAGE = "audit.html"
PICTURES = ("label_errors.png", "samples.png", "samples.csv")
"""Files beside the page that not every audit has."""
_ROWS = 200
"""Rows of a table on the page; the CSV files have all."""


def write_page(findings: Audit, limit: int) -> Path:
    """Write `audit.html`, and a picture of the likeliest label errors.

    Args:
        findings: what was found.
        limit: samples that are drawn, at most.
    """
    folder, errors = findings.folder, findings.label_errors
    picture = _picture(findings, limit)
    urls = embedded([picture] if picture else [])
    masks = findings.pictures is not None
    what = "the mask, and what is predicted" if masks else "its label, what is suggested"
    caption = f"The likeliest label errors first: {what}, and the score"
    render(
        folder / PAGE,
        _TEMPLATE,
        title="Audit of the data",
        verdict=summary(findings),
        masks=masks,
        pictures=[{"source": url, "caption": caption} for url in urls.values()],
        errors=[_shown(error) for error in errors[:_ROWS]],
        errors_left=max(0, len(errors) - _ROWS),
        duplicates=[asdict(pair) for pair in findings.duplicates[:_ROWS]],
        duplicates_left=max(0, len(findings.duplicates) - _ROWS),
        outliers=[_of_outlier(each) for each in findings.outliers[:limit]],
        label_next=[asdict(each) for each in findings.label_next[:_ROWS]],
    )
    return folder / PAGE


def _shown(error: JudgedLabel) -> dict[str, object]:
    """Return the columns of a label on the page, where all are probable errors."""
    return {name: value for name, value in asdict(error).items() if name != "probable"}


def _of_outlier(outlier: Outlier) -> dict[str, object]:
    """Return the columns of an outlier on the page."""
    return {name: value for name, value in asdict(outlier).items() if name != "index"}


def summary(findings: Audit) -> str:
    """Return a sentence: how many labels are probably wrong, of how many that were judged."""
    errors, judged = len(findings.label_errors), len(findings.labels)
    probable = {0: "No label is", 1: "1 label is"}.get(errors, f"{errors:,} labels are")
    return (
        f"{probable} probably wrong; {judged:,} of {len(findings.samples):,} labels were judged by "
        "a model that never saw the sample."
    )


def _picture(findings: Audit, limit: int) -> Path | None:
    """Draw the likeliest label errors; None where there is nothing to draw."""
    shown, samples, folder = findings.label_errors[:limit], findings.samples, findings.folder
    if not shown:
        return None
    if findings.pictures is not None:
        texts = [f"{label(e.label, 20)}\nrather {label(e.suggested, 20)}" for e in shown]
        pictures, title = findings.pictures, "probable errors of masks"
        return captioned_images(folder / PICTURES[0], pictures, texts, 1.0, title)
    inputs = bare(samples).inputs[np.array([error.index for error in shown])]
    if samples.kind == "image" and inputs.ndim == 4:
        texts = [
            f"labeled {label(error.label, 14)}\n"
            f"rather {label(error.suggested, 14)}\n{error.score:.1%}"
            for error in shown
        ]
        return captioned_images(
            folder / PICTURES[0], inputs, texts, samples.maximum, "probable label errors"
        )
    texts = [f"{error.label}, rather {error.suggested}" for error in shown]
    names = [column.name for column in samples.columns]
    return sample_grid(folder, inputs, texts, samples.kind, names, samples.maximum)
