"""The page and the pictures of a comparison of new samples with the data of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from mlzoo.auditing.comparison import DriftFindings, summary, write_tables
from mlzoo.drawing.canvas import COLORS, label, new_figure, save, tidy
from mlzoo.drawing.pictures import captioned_images, sample_grid
from mlzoo.reporting.pages.rendering import embedded, render
from mlzoo.runs.contents.folders import refuse_links, write_files
from mlzoo.statistics.novelty.drift import FEATURES, DriftTest

_TEMPLATE = Path(__file__).with_name("comparison.html.jinja")
_PAGE = "compare.html"
_PICTURES = ("drift.png", "unlike.png", "samples.png", "samples.csv")
"""Files beside the page that not every comparison has."""
_ROWS = 200
_PANELS, _ACROSS = 6, 3
_CATEGORIES = 8
_KNOWN, _NEW = COLORS[0], COLORS[1]


def write(drift: DriftFindings, folder: Path, limit: int) -> Path:
    """Write the tables of a comparison and its page, or leave the folder as it was.

    Args:
        drift: the findings.
        folder: to write into.
        limit: samples that are drawn, at most.

    Raises:
        UsageError: the folder is a link out of the run folder.
        ResourceError: the disk is full or can't be written to.
    """
    refuse_links(drift.run, folder)

    def fill(partial: Path) -> None:
        write_tables(drift, partial)
        _write_page(drift, partial, limit)

    write_files(folder, fill, _PICTURES if (folder / _PAGE).is_file() else ())
    return folder / _PAGE


def _write_page(drift: DriftFindings, folder: Path, limit: int) -> None:
    """Write `compare.html`, with the distributions that differ most and the most unlike samples."""
    pictures = {
        _distributions(drift, folder): "Held-out samples of the run and new samples: the columns "
        "with the smallest p-values",
        _unlike(drift, folder, limit): "The new samples most unlike the training data, with their "
        "p-values",
    }
    shown = {path: caption for path, caption in pictures.items() if path is not None}
    urls = embedded(list(shown))
    render(
        folder / _PAGE,
        _TEMPLATE,
        title="New samples and the training data",
        verdict=summary(drift),
        pictures=[{"source": url, "caption": shown[path]} for path, url in urls.items()],
        rate=drift.rate,
        held_out=len(drift.known),
        tested=drift.tested,
        tests=[_row(drift, test) for test in drift.tests[:_ROWS]],
        tests_left=max(0, len(drift.tests) - _ROWS),
        samples=[
            {"name": drift.names[i], "p": round(float(drift.unlike_p[i]), 4)}
            for i in drift.unlike[:_ROWS]
        ],
        samples_left=max(0, len(drift.unlike) - _ROWS),
        warnings=drift.warnings,
    )


def _row(drift: DriftFindings, test: DriftTest) -> dict[str, object]:
    """Return the columns of a test on the page."""
    row: dict[str, object] = {"tested": test.name, "training data": "", "new": ""}
    if test.name != FEATURES:
        column = drift.fact_names.index(test.name)
        for key, facts in (("training data", drift.known), ("new", drift.facts)):
            row[key] = _typical(facts[:, column], drift.categories[column])
    adjusted, differs = round(test.adjusted, 4), test.adjusted <= drift.rate
    return {
        **row,
        "test": test.test.replace("-", " "),
        "statistic": round(test.statistic, 4),
        "adjusted p": adjusted,
        "differs": "yes" if differs else "no",
    }


def _typical(values: np.ndarray, categories: tuple[str, ...]) -> str:
    """Return the median of numbers and the middle half, or the commonest category."""
    if categories:
        places, counts = np.unique(values, return_counts=True)
        place = int(places[counts.argmax()])
        name = categories[place] if place >= 0 else "unknown"
        return f"{name} ({counts.max() / len(values):.0%})"
    known = values[~np.isnan(values)]
    if not len(known):
        return "missing"
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    return f"{middle:.4g} ({low:.4g} to {high:.4g})"


def _distributions(drift: DriftFindings, folder: Path) -> Path | None:
    """Draw the columns with the smallest p-values; None without columns."""
    tests = [test for test in drift.tests if test.name != FEATURES][:_PANELS]
    if not tests:
        return None
    down = -(-len(tests) // _ACROSS)
    figure = new_figure(3.4 * min(len(tests), _ACROSS), 2.5 * down)
    for place, test in enumerate(tests, 1):
        axes = figure.add_subplot(down, min(len(tests), _ACROSS), place)
        column = drift.fact_names.index(test.name)
        known, new = drift.known[:, column], drift.facts[:, column]
        if categories := drift.categories[column]:
            _bars(axes, known, new, categories)
        else:
            _steps(axes, known, new)
        tidy(axes, f"{label(test.name, 22)}, p = {test.adjusted:.2g}", "", "share")
        if place == 1:
            axes.legend(frameon=False, fontsize=8)
    return save(figure, folder / _PICTURES[0])


def _steps(axes: Axes, known: np.ndarray, new: np.ndarray) -> None:
    """Draw histograms of numbers over the range of both."""
    known, new = known[~np.isnan(known)], new[~np.isnan(new)]
    both = np.concatenate([known, new])
    if not len(both):
        return
    edges = np.histogram_bin_edges(both, bins=24).tolist()
    for values, color, name in ((known, _KNOWN, "training data"), (new, _NEW, "new")):
        weights = np.full(len(values), 1 / max(len(values), 1))
        axes.hist(values, edges, weights=weights, histtype="stepfilled", alpha=0.25, color=color)
        axes.hist(values, edges, weights=weights, histtype="step", color=color, label=name)


def _bars(axes: Axes, known: np.ndarray, new: np.ndarray, categories: tuple[str, ...]) -> None:
    """Draw shares of the commonest categories side by side."""
    names = ["unknown", *categories]
    shares = [
        np.bincount(values.astype(int) + 1, minlength=len(names)) / len(values)
        for values in (known, new)
    ]
    shown = np.argsort(-(shares[0] + shares[1]), kind="stable")[:_CATEGORIES]
    at = np.arange(len(shown))
    for offset, values, color, name in (
        (-0.2, shares[0], _KNOWN, "training data"),
        (0.2, shares[1], _NEW, "new"),
    ):
        axes.bar(at + offset, values[shown], 0.4, color=color, label=name)
    axes.set_xticks(at, [label(names[k], 9) for k in shown], rotation=30, fontsize=7)


def _unlike(drift: DriftFindings, folder: Path, limit: int) -> Path | None:
    """Draw the marked samples; None where there are none."""
    chosen = drift.unlike[:limit]
    if not len(chosen):
        return None
    inputs = np.asarray(drift.rows[np.sort(chosen)])[np.argsort(np.argsort(chosen))]
    texts = [f"{label(drift.names[i], 16)}\np = {drift.unlike_p[i]:.2g}" for i in chosen]
    if drift.kind == "image" and inputs.ndim == 4:
        return captioned_images(
            folder / _PICTURES[1], inputs, texts, drift.maximum, "samples unlike the training data"
        )
    if inputs.ndim > 3:
        return None
    names = [text.replace("\n", ", ") for text in texts]
    return sample_grid(folder, inputs, names, drift.kind, drift.fact_names, drift.maximum)
