"""The model card: a run folder's README.md, filled from facts only."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import jinja2

from mlzoo.core import registry
from mlzoo.core.files import write_text
from mlzoo.core.messages import escape, few, interval, interval_title, number, over
from mlzoo.data.contracts import task
from mlzoo.data.specs import target_of
from mlzoo.evaluating.decision_costs import costs_sentence
from mlzoo.reporting.caveats import limits, residual_sentence
from mlzoo.reporting.facts import Facts
from mlzoo.runs.predicting.decisions import mask_sentence, rule_sentence
from mlzoo.statistics.calibration.conformal import coverage_sentence, under_covered
from mlzoo.statistics.calibration.temperature import temperature_sentence
from mlzoo.statistics.metrics import mode, near, title
from mlzoo.statistics.verdicts import (
    distribution_sentence,
    short_verdict,
    verdict_of,
    verdict_sentence,
)

PICTURES = {
    "learning_curves": "Learning curves",
    "confusion_matrix": "Confusion matrix of the test split: rows are true classes",
    "label_cooccurrence": "How many samples of the test split have both of two labels",
    "precision_recall": "Precision and recall of the test split by threshold, and of the decisions",
    "costs": "Mean cost of decisions by their threshold",
    "reliability": "Accuracy of predictions of the test split by their confidence",
    "residuals": "Predicted against true values of the test split, and their differences",
    "solution": "The solution at points of the domain: predicted, true, and the difference",
    "epochs": "The solution over the epochs",
    "slices": "The solution over the place at several times",
    "residual": "Where the residual of the equations is large",
    "error_spectrum": "Amplitudes of the error and of the exact solution by frequency",
    "returns": "Returns of the test episodes, beside those of the baselines",
    "state_values": "Values and best actions in the cells of the grid: those of the model, and the "
    "exact optimum",
    "segmentation": "The best, the median and the worst test image: truth, prediction, errors",
    "instances": "The best, the median and the worst test image: true and predicted instances, and "
    "those that were missed",
    "forecasts": "The best, the median and the worst forecast of the test split, with its band",
    "over_time": "Forecasts over the time of the test split",
    "horizon": "Mean absolute error by step ahead, beside the baselines'",
    "residual_correlation": "How residuals one step ahead go with those before them; white noise "
    "stays within the dashed lines at 95 % of the lags",
    "attention": "The best, the median and the worst test pair: what the decoder attends to at "
    "each symbol",
    "timelines": "The best, the median and the worst test sequence: true and predicted classes",
    "restorations": "The best, the median and the worst test image: input, restored image, truth",
    "fields": "The best, the median and the worst test image: true and predicted fields",
    "generated": "Samples that the model drew",
    "nearest_training": "Drawn samples at the left, and the training samples nearest to each",
    "latent_grid": "Samples at a grid of codes: quantiles of the normal distribution",
    "reconstructions": "The best, the median and the worst test samples, their reconstruction and "
    "its error",
    "feature_errors": "Mean squared error of the scaled features, beside that of their mean",
    "errors": "How large the errors of the test samples are",
    "codes": "Codes of the test samples, colored by classes that were not learned from",
    "samples": "A batch of training samples as the network gets them",
    "gradient_lags": "How far back the gradient of the loss reaches, step by step",
    "circuit": "The circuit: its inputs x as phases, then the trained angles t",
    "mistakes": "Test samples that the model was most sure of and wrong",
}
SETTINGS = (
    "optimizer learning_rate schedule batch_size epochs loss monitor early_stopping keep "
    "class_weights weight_column sampler augment clip_norm clip_value precision seed"
).split()
SPLITTING = (
    "fractions split group_by seed limit exclude relabel rare rare_below size color window horizon "
    "stride gap tile overlap file_column target drop"
).split()
HORIZONS = 12
"""Maximum number of rows in the table of steps ahead."""
_TEMPLATE = "card.md.jinja"


def write_card(folder: Path, facts: Facts) -> None:
    """Write `README.md` into a run folder; pictures found in its `plots/` are linked.

    `mlzoo.reporting.facts.gather(folder)` reads the facts from the folder's files.
    """
    sample = (folder / "plots" / "sample.txt").is_file()
    write_text(folder / "README.md", render(facts, pictures(folder), sample))


def pictures(folder: Path) -> dict[str, str]:
    """Return the pictures in a run folder: {relative path: caption}."""
    return {
        f"plots/{name}.{ending}": caption
        for name, caption in PICTURES.items()
        for ending in ("png", "gif")
        if (folder / "plots" / f"{name}.{ending}").is_file()
    }


@functools.cache
def _template() -> jinja2.Template:
    """Return the card's template, whose compilation takes longer than filling it."""
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
        "percent": lambda share: f"{100 * share:.3g} %",
        "listed": few,
        "words": _metric_name,
    }
    environment.filters["verdict"] = short_verdict
    return environment.get_template(_TEMPLATE)


def render(facts: Facts, pictures: dict[str, str], sample: bool = False) -> str:
    """Render the card as Markdown.

    Args:
        facts: facts of the run.
        pictures: {relative path: caption}.
        sample: link the text that a text model generated.
    """
    config, test = facts["config"], facts["metrics"]["test"]
    drawn = test.get("units"), test.get("interval_unit")
    repeats = facts["metrics"].get("repeats")
    return _template().render(
        **facts,
        name=Path(facts["folder"]).name,
        pictures=pictures,
        sample=sample,
        limits=limits(facts),
        verdict=verdict_of(facts["metrics"]["test"]),
        sentence=verdict_sentence(facts["metrics"]["test"]),
        scores=scores(facts),
        calibration=calibration_sentences(facts),
        over=over(*drawn),
        interval_title=interval_title(*drawn),
        units=task(facts["metrics"]["task"]).samples,
        target=target_of(facts["metrics"]["task"]),
        horizons=horizons(facts["metrics"]["test"]["metrics"].get("per_horizon", [])),
        residuals=residual_sentence(facts["metrics"]["test"]["metrics"].get("autocorrelation")),
        linear=_of_each_class(facts["metrics"]["test"]["baselines"].get("linear", {})),
        command=f"mlzoo train --config {shlex.quote(facts['folder'] + '/config.yaml')}",
        training=chosen(config, SETTINGS),
        splitting=chosen(config, SPLITTING),
        summary=repeats["summary"] if repeats else None,
        own_splits=repeats.get("own_splits", True) if repeats else True,
    )


def _metric_name(name: str) -> str:
    """Return the display name of a metric; that of a baseline names the baseline."""
    metric, _, whose = name.partition("_")
    if whose and metric == "mae":
        return escape(f"{title(metric)} of {whose}")
    return escape(title(name))


class ScoreRow(TypedDict):
    """A metric of the test split; `better` says which values are, `baselines` has theirs."""

    metric: str
    better: str
    value: float | None
    interval: Sequence[float] | None
    baselines: list[float | None]


def scores(facts: Facts) -> list[ScoreRow]:
    """Return one row per metric: value, interval, direction and the baselines' values."""
    test = facts["metrics"]["test"]
    return [
        {
            "metric": metric,
            "better": _better(metric),
            "value": value,
            "interval": test["intervals"].get(metric),
            "baselines": [scores.get(metric) for scores in test["baselines"].values()],
        }
        for metric, value in test["metrics"].items()
        if metric in test["intervals"] or registry.exists("metric", metric)
    ]


def calibration_sentences(facts: Facts) -> list[str]:
    """Return what was done to probabilities, and what distributions, intervals or sets are worth.

    How often intervals and sets hold is of the test split, with a sentence on each part that is
    covered too seldom.
    """
    temperature = facts["metrics"].get("calibration")
    conformal = facts["metrics"].get("conformal")
    texts = [temperature_sentence(temperature)] if temperature else []
    if decision := facts["metrics"].get("decision"):
        texts += [rule_sentence(decision), costs_sentence(decision)]
    if masks := facts["metrics"].get("operating_point"):
        texts.append(mask_sentence(masks))
    if distributions := distribution_sentence(facts["metrics"]["test"]):
        texts.append(distributions)
    if conformal:
        texts += [coverage_sentence(conformal), *under_covered(conformal)]
    return [f"{text[0].upper()}{text[1:]}." for text in texts]


def _better(metric: str) -> str:
    if (value := near(metric)) is not None:
        return f"near {value:g}"
    return "higher" if mode(metric) == "max" else "lower"


def horizons(rows: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Return rows of evenly chosen steps ahead, including the first and the last."""
    count = min(HORIZONS, len(rows))
    last = len(rows) - 1
    return [rows[round(i * last / max(count - 1, 1))] for i in range(count)]


def _of_each_class(scores: Mapping[str, Any]) -> dict[str, object]:
    """Return a baseline's IoU by class; empty if it does not predict masks."""
    rows = scores.get("per_class", [])
    return {row["class"]: row["iou"] for row in rows if "iou" in row}


def chosen(config: Mapping[str, object], names: list[str]) -> dict[str, object]:
    """Return the named settings that have a value."""
    unset: tuple[Any, ...] = (None, [], {}, "")
    return {name: config[name] for name in names if config.get(name) not in unset}
