"""Results of the sanity checks, as rows and as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes

from mlzoo.drawing.canvas import COLORS, GRAY, label, new_figure, save, tidy
from mlzoo.explaining.evidence.sanity import PASS, WARN, SanityCheck

MEASURES = {
    "spearman": "rank correlation",
    "ssim": "structural similarity",
    "hog": "histograms of gradients",
}
_STYLES = ("-o", "--s", ":^", "-.v")
_TITLES = {
    "cascading": "from the output down",
    "independent": "each stage alone",
    "labels": "shuffled labels",
}


@dataclass(frozen=True)
class StageLikeness:
    """A stage of a method's check: its layers and the similarities of maps, by measure."""

    method: str
    check: str
    stage: int
    layers: str
    likeness: dict[str, float]


def stages(checks: Mapping[str, Mapping[str, SanityCheck]]) -> list[StageLikeness]:
    """Return every stage of the checks, by method and check."""
    return [
        StageLikeness(
            method,
            mode,
            number,
            " ".join(stage["layers"]),
            {name: value for name, value in stage.items() if isinstance(value, int | float)},
        )
        for method, modes in checks.items()
        for mode, check in modes.items()
        for number, stage in enumerate(check["stages"], 1)
    ]


def rows(checks: Mapping[str, Mapping[str, SanityCheck]]) -> list[dict[str, object]]:
    """Return a row per method, check and stage: its layers and the similarities of maps."""
    return [
        {
            "method": each.method,
            "check": each.check,
            "stage": each.stage,
            "layers": each.layers,
            **{name: each.likeness.get(name, "") for name in MEASURES},
        }
        for each in stages(checks)
    ]


def draw(path: Path, checks: Mapping[str, Mapping[str, SanityCheck]]) -> Path:
    """Write the picture: a row a check, a column a measure, a line a method."""
    lines = stages(checks)
    modes = list(dict.fromkeys(line.check for line in lines))
    measures = [name for name in MEASURES if any(name in line.likeness for line in lines)]
    wide = max(3.6 * len(measures), 6)
    figure = new_figure(wide, 3.4 * len(modes) + 0.4)
    panels = figure.subplots(len(modes), len(measures), squeeze=False)
    for mode, across in zip(modes, panels, strict=True):
        for measure, axes in zip(measures, across, strict=True):
            of_mode = [line for line in lines if line.check == mode]
            (_bars if mode == "labels" else _lines)(axes, of_mode, measure)
            tidy(axes)
            axes.set_title(f"{MEASURES[measure]}, {_TITLES[mode]}", fontsize=8)
            _thresholds(axes, measure)
    if len(checks) > 1 and modes != ["labels"]:
        panels[0][0].legend(fontsize=7)
    figure.suptitle("likeness to the trained model's maps: low is good", fontsize=10)
    return save(figure, path)


def _lines(axes: Axes, lines: list[StageLikeness], measure: str) -> None:
    methods = list(dict.fromkeys(line.method for line in lines))
    for i, method in enumerate(methods):
        of_method = [line for line in lines if line.method == method]
        style = _STYLES[i // len(COLORS) % len(_STYLES)]
        values = [1.0, *(line.likeness[measure] for line in of_method)]
        axes.plot(values, style, color=COLORS[i % len(COLORS)], label=method, markersize=4)
    texts = ["trained", *(label(_last(line.layers), 16) for line in of_method)]
    axes.set_xticks(range(len(texts)), texts, rotation=60, ha="right")
    axes.set_ylim(min(-0.1, axes.get_ylim()[0]), 1.05)


def _last(layers: str) -> str:
    """Return a stage's last layer, which stands for all of it."""
    return layers.rpartition(" ")[2]


def _bars(axes: Axes, lines: list[StageLikeness], measure: str) -> None:
    values = [line.likeness[measure] for line in lines]
    axes.bar(range(len(lines)), values, color=COLORS[0])
    names = [label(line.method, 16) for line in lines]
    axes.set_xticks(range(len(lines)), names, rotation=60, ha="right")
    axes.set_ylim(min(-0.1, *values), 1.05)


def _thresholds(axes: Axes, measure: str) -> None:
    if measure == "spearman":
        for height in (PASS, WARN):
            axes.axhline(height, color=GRAY, linewidth=0.8, linestyle=":")
