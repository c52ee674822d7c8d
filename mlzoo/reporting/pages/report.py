"""Report of a run: `report.html`, made from the files of the run folder."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from mlzoo.core import files, registry
from mlzoo.core.messages import interval_title, over
from mlzoo.core.progress import Listener
from mlzoo.data.contracts import SplitScores, task
from mlzoo.data.specs import target_of
from mlzoo.reporting.card import PICTURES, calibration_sentences, scores
from mlzoo.reporting.caveats import limits, residual_sentence
from mlzoo.reporting.curve_diagnosis import Diagnosis, diagnose
from mlzoo.reporting.facts import Facts, gather
from mlzoo.reporting.pages import charts, network
from mlzoo.reporting.pages.folder import (
    answers,
    confusion,
    coverage,
    explanations,
    given_settings,
    has_layer,
    history,
    worst,
)
from mlzoo.reporting.pages.rendering import embedded, render
from mlzoo.runs.contents.metrics import Repeats
from mlzoo.statistics.metrics import title as metric_title
from mlzoo.statistics.verdicts import verdict_of, verdict_sentence

NAME = "report.html"
_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_FED = ("samples", "augmentation")
_TRUTHS = (
    *("mistakes", "segmentation", "fields", "forecasts", "timelines", "reconstructions"),
    *("generated", "solution", "state_values", "residuals", "confusion_matrix"),
)
"""Pictures of predictions beside the truth; the first that there is stands in the summary."""
_FILES = {
    "model.keras": "the model: raw inputs in, probabilities or numbers out",
    "config.yaml": "every setting that was read; it repeats the run",
    "data.json": "what the data are",
    "split.json": "which sample is in which split",
    "bad_files.csv": "files that were left out",
    "augmentation.yaml": "how training samples were changed",
    "history.csv": "loss and metrics of every epoch",
    "plots/epochs.gif": "a film of the solution over the epochs",
    "profile.csv": "where the time of the training went",
    "weights.csv": "how the weights of each layer spread over the epochs",
    "leaderboard.csv": "the candidates among which `train auto` chose",
    "members.csv": "the trainings whose mean is the model",
    "out_of_fold.csv": "what was predicted of each sample by the model that never saw it",
    "out_of_fold.npz": "probabilities of the pixels of each image by the model that never saw it",
    "metrics.json": "all scores",
    "checksums.json": "checksums of the records",
    "calibration.json": "the temperature of probabilities, and scores for `predict --coverage`",
    "decision.json": "the operating point that classes are decided by, and the costs of mistakes",
    "operating_point.json": "of masks: the threshold, and the smallest piece that is kept",
    "novelty.npz": "features of training samples, to mark inputs unlike them",
    "predictions.csv": "what the model says of each test sample",
    "layers.json": "the model's layers",
    "environment.json": "versions, device, seed",
    "README.md": "the model card",
}


def write_report(
    folder: Path, facts: Facts | None = None, listener: Listener | None = None
) -> Path:
    """Write a run's `report.html`.

    Args:
        folder: the run folder.
        facts: result of `gather`; read again by default.
        listener: receives warnings on damaged pictures.

    Raises:
        DataError: a file of the run is damaged; it is named.
    """
    facts = facts or gather(folder)
    metrics = facts["metrics"]
    rows = history(folder, metrics.get("epochs"))
    diagnoses = _diagnosis(facts, rows, has_layer(folder, "BatchNormalization"))
    drawn = {p.stem: p for p in sorted((folder / "plots").glob("*.png"))}
    explained = explanations(folder)
    pictures = [p for p in drawn.values() if p.stem != "learning_curves"]
    wanted = [*pictures, *(p for each in explained for p in each.pictures)]
    sources = embedded(wanted)
    for path in dict.fromkeys(p for p in wanted if p not in sources):
        (listener or Listener()).warn(f"{path} is damaged: the report leaves it out")
    captions = PICTURES | {"augmentation": "What augmentation makes of some training samples"}
    shown = {
        name: {"source": sources[path], "caption": captions.get(name, name.replace("_", " "))}
        for name, path in drawn.items()
        if path in sources
    }
    lead = next((name for name in _TRUTHS if name in shown), None)
    apart = (*_FED, "confusion_matrix", "reliability", lead)
    tested = metrics["test"]
    sentence = _sentence(verdict_sentence(tested))
    taken = tested.get("units"), tested.get("interval_unit")
    render(
        folder / NAME,
        _TEMPLATE,
        **facts,
        title=Path(facts["folder"]).name,
        tested=tested,
        over=over(*taken),
        interval_title=interval_title(*taken),
        verdict=verdict_of(tested),
        sentence=sentence,
        units=task(metrics["task"]).samples,
        target=target_of(metrics["task"]),
        words=metric_title,
        headline=_headline(facts),
        limits=[line for line in limits(facts) if line != sentence],
        diagnosis=diagnoses,
        curves=learning_curves(rows, metrics["kept"]["epoch"], metrics.get("scales")),
        settings=given_settings(folder),
        layers=_layers(folder),
        scores=scores(facts),
        calibration=calibration_sentences(facts),
        answers=answers(tested),
        coverage=coverage(metrics.get("conformal")),
        horizons=_horizons(tested["metrics"].get("per_horizon", [])),
        residuals=residual_sentence(tested["metrics"].get("autocorrelation")),
        confusion=confusion(tested["metrics"].get("confusion"), facts["data"]["class_names"]),
        worst=worst(folder),
        fed=[shown[name] for name in _FED if name in shown],
        lead=shown.get(lead or ""),
        reliability=shown.get("reliability"),
        pictures=[picture for name, picture in shown.items() if name not in apart],
        picture_of_confusion=shown.get("confusion_matrix"),
        written=_text(folder / "plots" / "sample.txt"),
        explained=[
            (each, [(p.stem, sources[p]) for p in each.pictures if p in sources])
            for each in explained
        ],
        repeats=_repeats(facts),
        auto=facts["metrics"].get("auto"),
        members=_members(facts),
        command=f"mlzoo train --config {shlex.quote(facts['folder'] + '/config.yaml')}",
        files={n: text for n, text in _FILES.items() if (folder / n).is_file()},
    )
    return folder / NAME


def _sentence(text: str) -> str:
    """Return a text with a capital and a period; "" as it is."""
    return f"{text[0].upper()}{text[1:]}." if text else ""


def learning_curves(
    rows: Sequence[Mapping[str, float]],
    kept: int | None = None,
    scales: Mapping[str, str] | None = None,
) -> list[Any]:
    """Return one chart per metric of a history, with training and validation.

    Args:
        rows: one row per epoch.
        kept: the epoch whose weights were kept.
        scales: {metric: unit}, for the titles.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for row in rows for name in row))
    names = [n for n in names if n not in ("epoch", "seconds", "learning_rate")]
    if len({row.get("learning_rate") for row in rows}) > 1:
        names.append("learning_rate")
    figures = []
    for name in sorted(names, key=lambda name: name != "loss"):
        first = "rate" if name == "learning_rate" else "training"
        lines = [
            charts.Line(text, [(r["epoch"], r[column]) for r in rows if column in r])
            for text, column in ((first, name), ("validation", f"val_{name}"))
        ]
        lines = [line for line in lines if line.points]
        values = [value for line in lines for _, value in line.points]
        # Over more than two decades a linear axis shows the first epochs alone.
        wide = name in ("loss", "learning_rate") and 0 < 100 * min(values) < max(values)
        mark = None if kept is None else (float(kept), "kept")
        scale = (scales or {}).get(name)
        title = name.replace("_", " ") + (f" ({scale})" if scale else "")
        figures.append(charts.line_chart(title, lines, mark=mark, log=wide))
    return figures


def _diagnosis(
    facts: Facts, rows: Sequence[Mapping[str, object]], normalized: bool
) -> list[Diagnosis]:
    optimizer = registry.constants("optimizer", str(facts["config"].get("optimizer")))
    if not rows or optimizer.get("FULL_BATCH"):
        return []
    metrics = facts["metrics"]
    kept, stopped = metrics["kept"]["epoch"], metrics.get("stopped", "")
    config = facts["config"]
    weighted = config.get("class_weights", "none") != "none" or config.get("sampler") == "balanced"
    return diagnose(rows, kept, stopped, metrics["test"], normalized, weighted)


def _headline(facts: Facts) -> Any:
    """Return a chart of the headline metric with the baselines'."""
    metrics = facts["metrics"]
    head = metrics["headline"]
    if head["value"] is None:
        return ""
    rows = [("this model", head["value"], head.get("interval"))]
    for name, baseline_scores in metrics["test"]["baselines"].items():
        if baseline_scores.get(head["name"]) is not None:
            rows.append((f"baseline {name}", baseline_scores[head["name"]], None))
    better = {"max": "higher is better", "min": "lower is better"}[head["mode"]]
    title = f"{metric_title(head['name'])}, {better}"
    return charts.interval_chart(f"{title}, {_taken_over(metrics['test'])}", rows)


def _taken_over(test: Mapping[str, Any]) -> str:
    return interval_title(test.get("units"), test.get("interval_unit"))


def _layers(folder: Path) -> dict[str, object] | None:
    path = folder / "layers.json"
    if not path.is_file():
        return None
    layers = files.read_json(path)
    try:
        rows = [
            {
                "layer": layer["name"],
                "type": layer["type"],
                "output": " × ".join("any" if d is None else str(d) for d in layer["output"][1:]),
                "parameters": layer["parameters"],
            }
            for layer in layers
        ]
    except (KeyError, TypeError) as error:
        raise files.damaged(path, f"is damaged: it lists no layers ({error!r})") from None
    return {"drawing": network.draw(layers), "rows": rows}


def _horizons(rows: list[Mapping[str, Any]]) -> Any:
    """Return a chart of errors by step ahead."""
    if len(rows) < 2:
        return ""
    names = [name for name in rows[0] if name != "step"]
    lines = [
        charts.Line(
            "model" if name == "mae" else name.removeprefix("mae_"),
            [(row["step"], row[name]) for row in rows if row.get(name) is not None],
        )
        for name in names
        if name.startswith("mae")
    ]
    return charts.line_chart("mean absolute error by step ahead", lines, "step ahead")


class MemberTable(TypedDict):
    """A row for each member of the model, and their out-of-fold scores, if there are any."""

    rows: Sequence[Mapping[str, Any]]
    scores: list[dict[str, object]]
    scored: SplitScores | None


class RepeatTable(Repeats):
    """The repeats of a run with a row per seed, and a chart of their spread."""

    rows: list[dict[str, object]]
    chart: Any


def _members(facts: Facts) -> MemberTable | None:
    """Return a row for each member of the model, and their out-of-fold scores, if there are any."""
    members = facts["metrics"].get("members")
    if not members:
        return None
    scored = facts["metrics"].get("out_of_fold")
    rows: list[dict[str, object]] = []
    if scored:
        for name, interval in scored["intervals"].items():
            low, high = interval or (None, None)
            value = scored["metrics"][name]
            rows.append({"metric": metric_title(name), "value": value, "low": low, "high": high})
    return {"rows": members, "scores": rows, "scored": scored}


def _repeats(facts: Facts) -> RepeatTable | None:
    """Return one row per seed, and a chart of their spread."""
    repeats = facts["metrics"].get("repeats")
    if not repeats:
        return None
    head = facts["metrics"]["headline"]["name"]
    rows = [
        {
            "seed": each["seed"],
            "epochs": each["epochs"],
            "kept epoch": each["kept"]["epoch"],
            **{
                metric_title(name): each["test"]["metrics"].get(name) for name in repeats["summary"]
            },
            "seconds": each["seconds"],
            "weights": each["weights_sha256"][:12],
        }
        for each in repeats["trainings"]
    ]
    spread = [
        (f"seed {each['seed']}", each["test"]["metrics"][head], each["test"]["intervals"].get(head))
        for each in repeats["trainings"]
        if each["test"]["metrics"].get(head) is not None
    ]
    test = repeats["trainings"][0]["test"]
    title = f"{metric_title(head)} of each seed, {_taken_over(test)}"
    chart = charts.interval_chart(title, spread) if spread else ""
    return {"rows": rows, "chart": chart, **repeats}


def _text(path: Path) -> str:
    return files.read_text(path) if path.is_file() else ""
