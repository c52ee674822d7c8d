"""The model card: a run folder's README.md, filled from facts only."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import jinja2

from mlzoo.evaluation.metrics import MODES, TITLES
from mlzoo.files import write_text
from mlzoo.reporting.facts import Facts
from mlzoo.reporting.limits import limits
from mlzoo.reporting.texts import escape, interval, listed, number

PICTURES = {
    "learning_curves": "Learning curves",
    "confusion_matrix": "Confusion matrix of the test part: rows are true classes",
    "residuals": "Predicted against true values of the test part, and their differences",
    "segmentation": "The best, the median and the worst test image: truth, prediction, errors",
    "fields": "The best, the median and the worst test image: true and predicted fields",
    "samples": "What the network was fed: a batch of training samples",
    "mistakes": "Test samples that the model was most sure of and wrong",
}
SETTINGS = (
    "optimizer learning_rate schedule batch_size epochs loss monitor early_stopping keep "
    "class_weights sampler augment clip_norm clip_value precision seed"
).split()
SPLITTING = "fractions split group_by seed limit size color tile overlap target drop".split()
_TEMPLATE = "card.md.jinja"


def write_card(folder: Path, facts: Facts) -> None:
    """Write `README.md` into a run folder; pictures found in its `plots/` are linked.

    `mlzoo.reporting.facts.gather(folder)` reads the facts from the folder's files.
    """
    write_text(folder / "README.md", render(facts, pictures(folder)))


def pictures(folder: Path) -> dict[str, str]:
    """The pictures in a run folder: {relative path: caption}."""
    return {
        f"plots/{name}.png": caption
        for name, caption in PICTURES.items()
        if (folder / "plots" / f"{name}.png").is_file()
    }


def render(facts: Facts, pictures: dict[str, str]) -> str:
    """The card as Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML: names go through the filter `text`
    )
    environment.filters |= {
        "text": escape,
        "number": number,
        "interval": interval,
        "listed": listed,
        "words": lambda name: escape(TITLES.get(name, name.replace("_", " "))),
    }
    config = facts["config"]
    return environment.get_template(_TEMPLATE).render(
        **facts,
        name=Path(facts["folder"]).name,
        pictures=pictures,
        limits=limits(facts),
        scores=_scores(facts),
        linear=_of_each_class(facts["metrics"]["test"]["baselines"].get("linear", {})),
        command=f"mlzoo train --config {shlex.quote(facts['folder'] + '/config.yaml')}",
        training=_chosen(config, SETTINGS),
        splitting=_chosen(config, SPLITTING),
        summary=(facts["metrics"].get("repeats") or {}).get("summary"),
        own_splits=(facts["metrics"].get("repeats") or {}).get("own_splits", True),
    )


def _scores(facts: Facts) -> list[dict[str, Any]]:
    """A row a metric: its value, interval, and the baselines' values in their order."""
    test = facts["metrics"]["test"]
    return [
        {
            "metric": metric,
            "better": "higher" if MODES[metric] == "max" else "lower",
            "value": value,
            "interval": test["intervals"].get(metric),
            "baselines": [scores.get(metric) for scores in test["baselines"].values()],
        }
        for metric, value in test["metrics"].items()
        if metric in MODES
    ]


def _of_each_class(scores: dict[str, Any]) -> dict[str, Any]:
    """A baseline's IoU by class; empty where there is none of masks."""
    rows = scores.get("per_class", [])
    return {row["class"]: row["iou"] for row in rows if "iou" in row}


def _chosen(config: dict[str, Any], names: list[str]) -> dict[str, Any]:
    unset: tuple[Any, ...] = (None, [], {}, "")
    return {name: config[name] for name in names if config.get(name) not in unset}
