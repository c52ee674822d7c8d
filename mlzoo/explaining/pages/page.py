"""All explanations on one page that opens in a browser offline, the confident mistakes first."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from mlzoo.explaining.explain import Explanation
from mlzoo.reporting.pages.rendering import render

_TEMPLATE = Path(__file__).with_name("page.html.jinja")
_SHOWN = (
    "pointing",
    "mass",
    "truth_auc",
    "truth_iou",
    "iou_drop",
    "deletion",
    "insertion",
    "gain",
    "road",
    "sensitivity_n",
    "sparseness",
    "stability",
)


def write_page(
    folder: Path,
    title: str,
    record: Mapping[str, Any],
    pictures: Sequence[tuple[Explanation, Path]],
    figures: Sequence[tuple[str, Path]] = (),
    controls: Sequence[Explanation] = (),
) -> Path:
    """Write `index.html` with every picture within it.

    Args:
        folder: where it goes.
        title: the page's heading.
        record: what explain.json holds.
        pictures: every explanation and its PNG, in the order of the samples.
        figures: titles and PNGs of what is said of the model as a whole.
        controls: maps of the same samples that know no model, whose scores stand beside.
    """
    evidence = record["evidence"]
    header, rows = score_table(evidence.get("methods", {}), evidence.get("ranking", ()))
    render(
        folder / "index.html",
        _TEMPLATE,
        title=title,
        facts=_facts(record),
        sentences=evidence.get("sentences", []),
        header=header,
        scores=rows,
        intervals=any("[" in cell for row in rows for cell in row),
        units=f"{evidence['units']} {evidence['unit']}" if evidence else "",
        sanity=[
            (method, mode, check)
            for method, modes in record["sanity"].items()
            for mode, check in modes.items()
        ],
        curve=_embedded(folder / "sanity.png") if record["sanity"] else "",
        figures=[(name, _embedded(path)) for name, path in figures],
        samples=_samples(pictures, controls),
    )
    return folder / "index.html"


def score_table(
    methods: Mapping[str, Any], ranking: Sequence[Mapping[str, Any]] = ()
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the methods' mean scores with intervals, the best first."""
    names = [name for name in _SHOWN if any(name in scores for scores in methods.values())]
    ranks = {ranked["method"]: ranked["rank"] for ranked in ranking} if len(ranking) > 1 else {}
    order = [*ranks, *(method for method in methods if method not in ranks)]
    rows = []
    for method in order:
        cells = [_cell(methods[method].get(name)) for name in names]
        rank = [str(ranks.get(method, ""))] if ranks else []
        rows.append([method, *rank, *cells])
    return ["method", *(["rank"] if ranks else []), *names], rows


def _cell(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return ""
    ends = score["interval"]
    shown = f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else ""
    return f"{score['mean']:.3f}{shown}"


def _facts(record: Mapping[str, Any]) -> str:
    model = record["model"]
    layer = f"; maps of layer {model['layer']}" if model["layer"] else ""
    weights = model["weights_sha256"][:12]
    return (
        f"{model['task']}; {len(record['samples'])} samples; weights {weights}{layer}; computed "
        f"behind {model['entry']}, on what stands before a {model['head']} output"
    )


_CAPTION = ("pointing", "mass", "iou_drop", "deletion", "insertion", "gain", "road")


def caption(each: Explanation, controls: Sequence[Explanation]) -> tuple[str, bool]:
    """Return a map's scores beside the controls', and whether it beats a random map.

    By the same score as the summary: the gain.
    """
    parts = []
    for name in (name for name in _CAPTION if name in each.scores):
        beside = [f"{c.method} {c.scores[name]:.2f}" for c in controls if name in c.scores]
        among = f" ({', '.join(beside)})" if beside else ""
        parts.append(f"{name} {each.scores[name]:.2f}{among}")
    chance = [c.scores["gain"] for c in controls if c.method == "random" and "gain" in c.scores]
    beats = not chance or "gain" not in each.scores or each.scores["gain"] > chance[0]
    return "; ".join(parts), beats


class ExplainedSample(TypedDict):
    """A sample with its maps: `images` holds method, PNG in base64, scores in words and `beats`."""

    name: str
    predicted: str
    truth: str
    wrong: bool
    images: list[tuple[str, str, str, bool]]


def _samples(
    pictures: Sequence[tuple[Explanation, Path]], controls: Sequence[Explanation]
) -> list[ExplainedSample]:
    beside: dict[str, list[Explanation]] = {}
    for control in controls:
        beside.setdefault(control.name, []).append(control)
    samples: dict[str, ExplainedSample] = {}
    for each, path in pictures:
        sample = samples.setdefault(
            each.name,
            {
                "name": each.name,
                "predicted": each.predicted,
                "truth": each.truth,
                "wrong": each.wrong,
                "images": [],
            },
        )
        texts = caption(each, beside.get(each.name, ()))
        sample["images"].append((each.method, _embedded(path), *texts))
    return sorted(samples.values(), key=lambda sample: not sample["wrong"])


def _embedded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
