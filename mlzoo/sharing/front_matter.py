"""Front matter of a model card for the Hub: tags and scores that its pages and searches read."""

from __future__ import annotations

from collections.abc import Sequence

from mlzoo.data.contracts import SplitScores
from mlzoo.data.specs import Target, target_of
from mlzoo.reporting.facts import Facts

_PIPELINES = {
    ("image", "classes", "sample"): "image-classification",
    ("image", "ordered", "sample"): "image-classification",
    ("image", "classes", "pixel"): "image-segmentation",
    ("image", "inputs", "draw"): "unconditional-image-generation",
    ("table", "classes", "sample"): "tabular-classification",
    ("table", "ordered", "sample"): "tabular-classification",
    ("table", "numbers", "sample"): "tabular-regression",
    ("sequence", "numbers", "horizon"): "time-series-forecasting",
    ("sequence", "classes", "token"): "text-generation",
}
"""Names that the Hub has for a kind of data, values and what they are predicted for."""


def front_matter(facts: Facts, name: str, license: str | None = None) -> str:
    """Return the YAML that a card on the Hub begins with, between its lines of dashes.

    Each score of the test split is a result of `model-index`; its interval stands in the metric's
    arguments.

    Args:
        facts: facts of the run (`gather`).
        name: name of the model.
        license: as the Hub names it; left out where it is None.
    """
    from huggingface_hub import EvalResult, ModelCardData

    metrics, data = facts["metrics"], facts["data"]
    target, tested = target_of(metrics["task"]), metrics["test"]
    pipeline = pipeline_of(data["kind"], target)
    results = [
        EvalResult(
            task_type=pipeline or metrics["task"],
            dataset_type=str(data["data"]),
            dataset_name=str(data["data"]),
            dataset_split=str(tested.get("part", "test")),
            metric_type=metric,
            metric_value=value,
            metric_name=metric,
            metric_args=_arguments(tested["intervals"].get(metric), tested),
        )
        for metric, value in tested["metrics"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    card = ModelCardData(
        model_name=name,
        license=license,
        library_name="keras",
        pipeline_tag=pipeline,
        tags=["mlzoo", str(facts["config"]["model"]), metrics["task"]],
        eval_results=results,
    )
    return f"---\n{card.to_yaml()}\n---\n"


def pipeline_of(kind: str, target: Target) -> str | None:
    """Return the Hub's name of a kind of prediction; None where it has none."""
    return _PIPELINES.get((kind, target.values, target.per))


def _arguments(interval: Sequence[float] | None, tested: SplitScores) -> dict[str, object]:
    arguments: dict[str, object] = {"samples": tested["samples"]}
    if interval is not None:
        unit = tested.get("interval_unit")
        arguments |= {
            "interval": interval,
            "level": 0.95,
            "units": tested.get("units"),
            "unit": unit,
        }
    return arguments
