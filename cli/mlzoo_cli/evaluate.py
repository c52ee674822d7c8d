"""`mlzoo evaluate`: score a run again, or on other data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core import registry
from mlzoo.core.messages import interval_title, over
from mlzoo_cli.options import Fields, Json, RunPath, Trust, Tta, with_options
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.data.contracts import SplitScores


@with_options(Fields("evaluating/settings.py", "EvaluateConfig"))
def evaluate(
    run: RunPath,
    data: Annotated[
        str | None,
        typer.Argument(help="Other labelled data; by default the run's own.", show_default=False),
    ] = None,
    tta: Tta = "none",
    trust: Trust = False,
    json: Json = False,
    *,
    given: dict[str, object],
    problems: list[str],
) -> None:
    """Score a run on its test split again, or on other data."""
    from mlzoo.core.configs import from_options
    from mlzoo.evaluating.settings import EvaluateConfig

    if data is not None and given.get("part", "test") != "test":
        problems.append("--part has no effect on other data: leave it out")
    config = from_options(EvaluateConfig, given, problems)
    from mlzoo.api import load

    reporter = ConsoleReporter(quiet=json)
    try:
        result = load(run, trust=trust, tta=tta).evaluate(
            data, config.part, reporter, config.tolerance
        )
    finally:
        reporter.end()
    if json:
        show(result)
        return
    from mlzoo.statistics.verdicts import distribution_sentence, verdict_sentence

    print(scores(result))
    if "decision" in result:
        from mlzoo.evaluating.decision_costs import costs_sentence

        say(costs_sentence(result["decision"]))
    for sentence in filter(None, (verdict_sentence(result), distribution_sentence(result))):
        say(sentence)


def scores(result: SplitScores) -> str:
    """The scores of one part beside the baselines', with the model's intervals."""
    from mlzoo.statistics.metrics import imbalanced, near, never_predicted
    from mlzoo.statistics.verdicts import short_verdict

    metrics, baselines = result["metrics"], result["baselines"] or {}
    rows = []
    for name in [n for n, v in metrics.items() if isinstance(v, float)]:
        interval = result["intervals"].get(name)
        shown = f"[{interval[0]:.4g}, {interval[1]:.4g}]" if interval else ""
        wanted = near(name)
        title = name if wanted is None else f"{name} (near {wanted:g})"
        if registry.constants("metric", name).get("ONE_CLASS"):
            title += f" of {metrics['positive_class']}"
        if registry.constants("metric", name).get("TOLERANT"):
            title += f" within {result['tolerance']:g} px"
        rows.append([title, metrics[name], shown, *(b.get(name) for b in baselines.values())])
    titles = {"all": "all samples", "out_of_fold": "out of fold"}
    what = titles.get(result["part"], f"{result['part']} split")
    part = f"{what} ({result['samples']})"
    heading = interval_title(result.get("units"), result.get("interval_unit"))
    text = table([part, "model", heading, *baselines], rows)
    if names := never_predicted(metrics):
        text += f"\nnever predicted, so their precision counts as 0: {', '.join(names)}"
    if result.get("relative_mae"):
        return f"{text}\n{_relative(result['relative_mae'], result.get('interval_unit'))}"
    if len(kinds := metrics.get("per_kind", ())) > 1:
        return f"{text}\n{_kinds(kinds, baselines)}"
    if labels := metrics.get("per_label"):
        header = ["label", "average_precision", "roc_auc", "f1", "precision", "recall", "threshold"]
        return f"{text}\n{table(header, [[row[name] for name in header] for row in labels])}"
    if targets := [row for row in metrics.get("per_target", ()) if "verdict" in row]:
        header = ["target", "r2", "rmse", "mae"]
        lines = [[*map(row.get, header), short_verdict(row)] for row in targets]
        return f"{text}\n{table([*header, 'verdict on its rmse'], lines)}"
    steps = [row for row in metrics.get("per_class", ()) if "segments" in row]
    if steps:
        header = ["class", "precision", "recall", "f1", "segment_f1"]
        return f"{text}\n{table(header, [[row[name] for name in header] for row in steps])}"
    samples = [row for row in metrics.get("per_class", ()) if "iou" not in row]
    if samples and imbalanced([row["support"] for row in samples]):
        return f"{text}\n{_recalls(samples, baselines)}"
    classes = [row for row in metrics.get("per_class", ()) if "iou" in row]
    if not classes:
        return text
    # A mean over classes hides the rare one, which is mostly what is looked for.
    linear = {row["class"]: row["iou"] for row in baselines.get("linear", {}).get("per_class", ())}
    header = ["class", "iou", *["linear iou"] * bool(linear)]
    rest = ["dice", "precision", "recall", "boundary_f1"]
    lines = [
        [row["class"], row["iou"], *[linear.get(row["class"])] * bool(linear), *map(row.get, rest)]
        for row in classes
    ]
    return f"{text}\n{table([*header, *rest], lines)}"


def _kinds(rows: Sequence[Mapping[str, object]], baselines: Mapping[str, Mapping[str, Any]]) -> str:
    """Return how well each kind of anomaly is told from normal samples, and by each baseline."""
    theirs = {
        f"{name} roc_auc": {row["kind"]: row["roc_auc"] for row in scores["per_kind"]}
        for name, scores in baselines.items()
        if scores.get("per_kind")
    }
    scores = [name for name in ("average_precision", "anomaly_recall") if name in rows[0]]
    lines = [
        [row["kind"], row["samples"], row["roc_auc"]]
        + [areas.get(row["kind"]) for areas in theirs.values()]
        + [row[name] for name in scores]
        for row in rows
    ]
    return table(["kind of anomaly", "samples", "roc_auc", *theirs, *scores], lines)


def _recalls(
    rows: Sequence[Mapping[str, object]], baselines: Mapping[str, Mapping[str, Any]]
) -> str:
    """Recall and precision of each class, and the recall that each baseline has."""
    theirs = {
        f"{name} recall": {row["class"]: row["recall"] for row in scores["per_class"]}
        for name, scores in baselines.items()
        if scores.get("per_class")
    }
    lines = []
    for row in rows:
        others = [recalls.get(row["class"]) for recalls in theirs.values()]
        lines.append([row["class"], row["recall"], row["precision"], *others, row["support"]])
    return table(["class", "recall", "precision", *theirs, "samples"], lines)


def _relative(ratios: Mapping[str, Mapping[str, Any]], unit: str | None) -> str:
    """The mean absolute error relative to that of each baseline."""
    rows = []
    for name, row in ratios.items():
        ends = row["interval"]
        shown = f"[{ends[0]:.4g}, {ends[1]:.4g}]" if ends else ""
        rows.append([name, row["value"], shown, over(row.get("units"), unit)])
    header = ["MAE relative to (below 1 is better)", "ratio", "95 % interval", "over"]
    return table(header, rows)
