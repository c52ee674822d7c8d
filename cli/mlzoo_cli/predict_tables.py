"""`mlzoo predict` of whole samples, steps and series: rows of CSV or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlzoo.core.files import csv_text, write_text
from mlzoo.runs.derivatives import derivative_columns
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting import decisions, novelty
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo.runs.results import Forecast, Predictions
from mlzoo_cli.output import ConsoleReporter, say, show, show_csv


def write_predictions(
    opened: OpenedRun, data: list[str], config: PredictConfig, json: bool
) -> None:
    """A row a sample, as CSV or JSON."""
    reporter = ConsoleReporter(quiet=json)
    predicted: list[Any]
    derived: list[list[dict[str, object]]] = []
    try:
        if opened.target.ahead:
            predicted = _forecasts(opened, data, reporter, config)
            for note in dict.fromkeys(text for each in predicted for text in each.notes):
                reporter.note(note)
        else:
            predicted = [
                opened.predict(path, reporter, config.coverage, config.unlike) for path in data
            ]
            if config.derivatives:
                derived = [_derived(opened, path, config.derivatives, reporter) for path in data]
            if (rule := decisions.decision_record(opened.path)) is not None:
                reporter.note(decisions.rule_sentence(rule))
    finally:
        reporter.end()
    for warning in dict.fromkeys(text for each in predicted for text in each.warnings):
        reporter.warn(warning)
    if config.unlike and opened.marks_unlike:
        limit = novelty.limitation(opened.reference, config.unlike)
        if limit:
            reporter.note(limit)
    if opened.target.ahead:
        rows = [row for forecast in predicted for row in _forecast_rows(opened, forecast)]
    else:
        rows = [row for each in predicted for row in rows_of(opened, each)]
        if derived:
            columns = [row for each in derived for row in each]
            rows = [{**row, **more} for row, more in zip(rows, columns, strict=True)]
    _write(rows, f"{len(rows)} predictions", config.output, json)


def _derived(
    run: OpenedRun, path: str, names: Sequence[str], reporter: ConsoleReporter
) -> list[dict[str, object]]:
    """Return the columns of derivatives of a file's points, a row each."""
    points, _, _ = run.read_new(path, reporter)
    columns = derivative_columns(run, points, names)
    return [{name: columns[name][row] for name in names} for row in range(len(points))]


def _write(
    rows: Sequence[Mapping[str, object]], what: str, output: Path | None, json: bool
) -> None:
    """Print rows, or write them as CSV and say what was written."""
    if json:
        show(rows)
    elif output is None:
        show_csv(rows)
    else:
        write_text(output, csv_text(rows))
        say(f"{what} in {output}")


def _forecasts(
    run: OpenedRun, data: list[str], reporter: ConsoleReporter, config: PredictConfig
) -> list[Any]:
    """The forecasts of every series; of several files their names say which is whose."""
    forecasts: list[Forecast] = []
    for path in data:
        file_forecasts = run.forecast(path, reporter, config.coverage, config.unlike)
        if len(data) > 1:
            file_forecasts = [
                replace(each, name=" ".join(filter(None, (path, each.name))))
                for each in file_forecasts
            ]
        forecasts += file_forecasts
    return forecasts


def _forecast_rows(run: OpenedRun, forecast: Forecast) -> list[dict[str, object]]:
    """A row a step ahead: time, and of each target the forecast with the ends of its band."""
    targets = run.record["target_names"]
    rows = []
    for step, time in enumerate(forecast.times):
        row: dict[str, object] = {"series": forecast.name} if forecast.name else {}
        row |= {"step": step + 1, "time": time}
        for i, target in enumerate(targets):
            row[target] = _digits(forecast.values[step, i])
            for end in ("low", "high"):
                edge = getattr(forecast, end)
                if edge is not None:
                    row[f"{target}_{end}"] = _digits(edge[step, i])
            for level, values in forecast.quantiles.items():
                row[f"{target}_{level}"] = _digits(values[step, i])
        if forecast.unlike is not None:
            row |= {"unlike": _yes(forecast.unlike), "unlike_p": _digits(forecast.unlike_p)}
        rows.append(row)
    return rows


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _digits(value: Any) -> float:
    """A number in the seven digits that float32 has, however small it is."""
    return float(f"{float(value):.7g}")


def _step_rows(run: OpenedRun, predictions: Predictions) -> list[dict[str, object]]:
    """A row a step: its class, and the probability of every class."""
    classes = run.record["class_names"]
    rows = []
    each = zip(predictions.names, predictions.labels, predictions.probabilities, strict=True)
    for name, labels, probabilities in each:
        for step, (label, row) in enumerate(zip(labels, probabilities.tolist(), strict=True)):
            shown = {f"p_{c}": round(p, 6) for c, p in zip(classes, row, strict=True)}
            rows.append({"name": name, "step": step + 1, "prediction": label, **shown})
    return rows


def rows_of(run: OpenedRun, predictions: Predictions) -> list[dict[str, object]]:
    """Return the columns of each sample, or step, by name."""
    if run.target.step_class:
        return _step_rows(run, predictions)
    rows = []
    targets = run.record["target_names"]
    for i, (name, label) in enumerate(zip(predictions.names, predictions.labels, strict=True)):
        row: dict[str, object] = {"name": name}
        if run.target.per == "point":
            values = label if isinstance(label, list) else [label]
            rows.append({**row, **dict(zip(targets, values, strict=True))})
            continue
        if predictions.probabilities is not None:
            row["prediction"] = "|".join(label) if run.target.is_label_set else label
            probabilities = predictions.probabilities[i].tolist()
            classes = run.record["class_names"]
            row |= {f"p_{c}": round(p, 6) for c, p in zip(classes, probabilities, strict=True)}
        elif isinstance(label, dict):
            row |= label
        elif isinstance(label, list):
            row |= {f"prediction_{t}": v for t, v in zip(targets, label, strict=True)}
        else:
            row["prediction"] = label
        rows.append(row | _sureness(predictions, i, targets) | _novelty(predictions, i))
    return rows


def text_of_rows(run: OpenedRun, predictions: Predictions) -> str:
    """Return predictions as CSV."""
    return csv_text(rows_of(run, predictions))


def _novelty(predictions: Predictions, index: int) -> dict[str, object]:
    """The columns that say how unlike the training data a sample is."""
    row: dict[str, object] = {}
    if predictions.unlike is not None:
        row["unlike"] = _yes(predictions.unlike[index])
        row["unlike_p"] = _digits(predictions.unlike_p[index])
    if predictions.out_of_range is not None:
        row["out_of_range"] = "|".join(predictions.out_of_range[index])
    return row


def _sureness(predictions: Predictions, index: int, targets: list[str]) -> dict[str, object]:
    """The columns of spread (`std`, quantiles, members), and of --coverage: intervals or sets."""
    spread = predictions.spread
    if predictions.probabilities is not None:
        row: dict[str, object] = {
            name: _digits(values[index, 0]) for name, values in spread.items()
        }
        if predictions.sets is not None:
            classes = predictions.sets[index]
            row |= {"set": "|".join(classes), "unsure": "yes" if len(classes) > 1 else "no"}
        return row
    ends = {"low": predictions.low, "high": predictions.high}
    columns = {"std": predictions.std, **predictions.quantiles, **spread, **ends}
    known = [(name, values[index]) for name, values in columns.items() if values is not None]
    return {
        name if len(targets) == 1 else f"{name}_{target}": _digits(values[k])
        for k, target in enumerate(targets)
        for name, values in known
    }


def write_features(run: OpenedRun, data: list[str], config: PredictConfig, json: bool) -> None:
    """A row a sample: its name, and what the output layer sees of it."""
    reporter = ConsoleReporter(quiet=json)
    rows: list[dict[str, object]] = []
    try:
        for path in data:
            names, features = run.features(path, reporter)
            for name, row in zip(names, features, strict=True):
                numbers = {f"f{i}": _digits(value) for i, value in enumerate(row, 1)}
                rows.append({"name": name, **numbers})
    finally:
        reporter.end()
    _write(rows, f"{len(rows)} rows of {len(rows[0]) - 1} features", config.output, json)
