"""`mlzoo predict`: new samples to a CSV table."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core.errors import UsageError
from mlzoo.core.files import csv_text, expand, real_path, write_text
from mlzoo_cli.options import Json, RunPath, SafeCsv, Trust, Tta
from mlzoo_cli.output import ConsoleReporter, say, show, show_csv

_PROMPT_SHOWN = 200
"""Characters of a prompt that are printed before what follows."""
_LONGEST_NAME = 256
"""Characters from which on what is given can be no file's name."""

if TYPE_CHECKING:
    from mlzoo.api import Run
    from mlzoo.runs.results import Forecast, Predictions


def predict(
    run: RunPath,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Images, tables, sequences, arrays, or folders of them; texts, or their files.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="CSV file to write, by default stdout. Where every pixel is predicted a folder, "
            "for masks/ (index PNG), classes.txt and overlays/, or for fields/ (.npy); of "
            "restored images a folder too, for errors/ (maps) and restored/.",
        ),
    ] = None,
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="Masks: write probabilities/ (.npy, float16) too."),
    ] = False,
    no_overlays: Annotated[
        bool,
        typer.Option(
            "--no-overlays", help="Masks: leave out overlays/, the masks on their images."
        ),
    ] = False,
    tile: Annotated[
        str | None,
        typer.Option("--tile", help="Cut images otherwise than in training: a side, or none."),
    ] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", help="Pixels that tiles share, with --tile.")
    ] = None,
    length: Annotated[
        int | None, typer.Option("--length", help="Text: characters to write, by default 200.")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            help="Text: 0 takes the likeliest character, 1 draws as the model says; default 0.7.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Text: decides what is drawn; by default 0.")
    ] = None,
    features: Annotated[
        bool,
        typer.Option(
            "--features", help="Write what the output layer sees of each sample instead, f1, f2..."
        ),
    ] = False,
    coverage: Annotated[
        float | None,
        typer.Option(
            "--coverage",
            help="Add intervals (low, high), or sets of classes, that hold the truth of this share "
            "of samples, as .9.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of --output that exist.")
    ] = False,
    safe_csv: SafeCsv = False,
    tta: Tta = "none",
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Predict new samples.

    The table has one row each; masks and fields of images go into a folder. A row has a name, the
    prediction and the probability of every class. Of a segmentation it has the share of each
    class's pixels, and with --output each image's mask is written, whose pixels are class positions
    that classes.txt names; of fields their means, and the fields are written. Of a model without
    labels it has the error, and the share of normal samples with one as large. Of a labeling there
    is a row a step, of a series a row a step ahead. A model of text goes on from DATA, a text file
    or the text itself.
    """
    if overwrite and output is None:
        raise UsageError("--overwrite: has no effect without --output")
    _check_writing(length, temperature, seed)
    from mlzoo.api import load

    opened = load(run, trust=trust, tta=tta)
    writing = {"--length": length, "--temperature": temperature, "--seed": seed}
    if not opened.target.causal:
        _refuse(writing, opened)
    if coverage is not None:
        _check_coverage(opened, coverage, tta, features)
    if features:
        _check_features(opened, tta)
    if opened.dense:
        from mlzoo_cli.predict_masks import MaskOutputs, predict_masks

        predict_masks(
            opened,
            data,
            output,
            MaskOutputs(probabilities, not no_overlays, overwrite),
            tile,
            overlap,
            json,
        )
        return
    flags: dict[str, Any] = {
        "--probabilities": probabilities,
        "--no-overlays": no_overlays,
        "--tile": tile,
        "--overlap": overlap,
    }
    _refuse({flag: value or None for flag, value in flags.items()}, opened)
    if output is not None and json:
        raise UsageError("--json prints to stdout and --output writes CSV: choose one")
    maps = opened.target.is_input and opened.record["kind"] == "image" and not features
    if maps and output is not None and output.suffix.lower() != ".csv":
        from mlzoo_cli.predict_errors import predict_errors

        predict_errors(opened, data, output, overwrite)
        return
    if output is not None and output.exists() and not overwrite:
        raise UsageError(f"{output} exists already; choose another, or add --overwrite")
    if features:
        _feature_table(opened, data, output, json)
    elif opened.target.causal:
        _write_on(opened, data, output, json, length, temperature, seed)
    else:
        _to_table(opened, data, output, json, coverage)


def _check_coverage(run: Run, coverage: float, tta: str, features: bool) -> None:
    """Raise UsageError where a run has no scores for a coverage, or options do not go with it."""
    from mlzoo.runs.conformal import scores_for

    if tta != "none" or features:
        raise UsageError("--coverage: does not go with --tta or --features; leave one of them out")
    scores_for(run.path, run.record["task"], coverage)


def _refuse(flags: dict[str, Any], run: Run) -> None:
    """Raise UsageError for options that were given and have no effect on a run's task."""
    unused = [flag for flag, value in flags.items() if value is not None]
    if unused:
        raise UsageError(f"{', '.join(unused)}: has no effect on {run.record['task']}")


def _check_features(run: Run, tta: str) -> None:
    """Raise UsageError where a run has no features of a whole sample, or options have no effect."""
    if run.target.per not in ("sample", "horizon"):
        raise UsageError(
            f"--features: this run is of {run.record['task']}, which has no features of a whole "
            "sample"
        )
    if tta != "none":
        raise UsageError("--tta: has no effect on --features")


def _feature_table(run: Run, data: list[str], output: Path | None, json: bool) -> None:
    """A row a sample: its name, and what the output layer sees of it."""
    reporter = ConsoleReporter(quiet=json)
    rows: list[dict[str, Any]] = []
    try:
        for path in data:
            names, features = run.features(path, reporter)
            for name, row in zip(names, features, strict=True):
                numbers = {f"f{i}": _digits(value) for i, value in enumerate(row, 1)}
                rows.append({"name": name, **numbers})
    finally:
        reporter.end()
    if json:
        show(rows)
    elif output is None:
        show_csv(rows)
    else:
        write_text(output, csv_text(rows))
        say(f"{len(rows)} rows of {len(rows[0]) - 1} features in {output}")


def _write_on(
    run: Run,
    prompts: list[str],
    output: Path | None,
    json: bool,
    length: int | None,
    temperature: float | None,
    seed: int | None,
) -> None:
    """Each prompt, or the end of each file, and what the model writes after it."""
    from mlzoo.data.text.characters import unknown_characters
    from mlzoo.data.text.reader import TextReader

    length = 200 if length is None else length
    temperature = 0.7 if temperature is None else temperature
    reporter, reader = ConsoleReporter(quiet=json), run.reader_as(TextReader)
    rows = []
    for prompt in [_prompt(given) for given in prompts]:
        unknown = unknown_characters(prompt, reader)
        if unknown:
            reporter.warn(
                f"{', '.join(map(repr, unknown))}: left out of what is gone on from, since the "
                "training text has no such character"
            )
        text = run.write(prompt, length, temperature, seed or 0)
        rows.append({"prompt": prompt[-_PROMPT_SHOWN:], "text": text})
    if json:
        show(rows)
        return
    whole = "\n".join(row["prompt"] + row["text"] for row in rows)
    if output is None:
        sys.stdout.write(whole + "\n")
    else:
        write_text(output, whole + "\n")
        say(f"{length} characters in {output}")


def _check_writing(length: int | None, temperature: float | None, seed: int | None) -> None:
    """Raise UsageError for values of the options of text that mean nothing."""
    problems = []
    if length is not None and length < 1:
        problems.append(f"--length: must be at least 1 (got {length})")
    if temperature is not None and not 0 <= temperature < math.inf:
        problems.append(f"--temperature: must be a number from 0 on (got {temperature:g})")
    if seed is not None and seed < 0:
        problems.append(f"--seed: must be at least 0 (got {seed})")
    if problems:
        raise UsageError(problems)


def _prompt(given: str) -> str:
    """The text to go on from: that of a file, or what was given itself."""
    if not given or len(given) >= _LONGEST_NAME or "\n" in given:
        return given
    path = expand(given)
    if path.is_file():
        from mlzoo.data.tables.tables import decode

        return decode(path)[0].replace("\r\n", "\n").replace("\r", "\n")
    if path.is_dir():
        raise UsageError(f"{given!r} is a folder; name a text file, or give the text itself")
    if path.suffix.lower() in (".txt", ".md") and " " not in given:
        raise UsageError(f"{given!r} is not there (looked at {real_path(path)})")
    return given


def _to_table(
    opened: Run, data: list[str], output: Path | None, json: bool, coverage: float | None
) -> None:
    """A row a sample, as CSV or JSON."""
    reporter = ConsoleReporter(quiet=json)
    predicted: list[Any]
    try:
        if opened.target.ahead:
            predicted = _forecasts(opened, data, reporter)
            for note in dict.fromkeys(text for each in predicted for text in each.notes):
                reporter.note(note)
        else:
            predicted = [opened.predict(path, reporter, coverage) for path in data]
    finally:
        reporter.end()
    for warning in dict.fromkeys(text for each in predicted for text in each.warnings):
        reporter.warn(warning)
    if opened.target.ahead:
        rows = [row for forecast in predicted for row in _forecast_rows(opened, forecast)]
    else:
        rows = [row for predictions in predicted for row in _rows(opened, predictions)]
    if json:
        show(rows)
        return
    if output is None:
        show_csv(rows)
    else:
        write_text(output, csv_text(rows))
        say(f"{len(rows)} predictions in {output}")


def _forecasts(run: Run, data: list[str], reporter: ConsoleReporter) -> list[Any]:
    """The forecasts of every series; of several files their names say which is whose."""
    forecasts: list[Forecast] = []
    for path in data:
        file_forecasts = run.forecast(path, reporter)
        if len(data) > 1:
            file_forecasts = [
                replace(each, name=" ".join(filter(None, (path, each.name))))
                for each in file_forecasts
            ]
        forecasts += file_forecasts
    return forecasts


def _forecast_rows(run: Run, forecast: Forecast) -> list[dict[str, Any]]:
    """A row a step ahead: time, and of each target the forecast with the ends of its band."""
    targets = run.record["target_names"]
    rows = []
    for step, time in enumerate(forecast.times):
        row: dict[str, Any] = {"series": forecast.name} if forecast.name else {}
        row |= {"step": step + 1, "time": time}
        for i, target in enumerate(targets):
            row[target] = _digits(forecast.values[step, i])
            for end in ("low", "high"):
                edge = getattr(forecast, end)
                if edge is not None:
                    row[f"{target}_{end}"] = _digits(edge[step, i])
        rows.append(row)
    return rows


def _digits(value: Any) -> float:
    """A number in the seven digits that float32 has, however small it is."""
    return float(f"{float(value):.7g}")


def _step_rows(run: Run, predictions: Predictions) -> list[dict[str, Any]]:
    """A row a step: its class, and the probability of every class."""
    classes = run.record["class_names"]
    rows = []
    each = zip(predictions.names, predictions.labels, predictions.probabilities, strict=True)
    for name, labels, probabilities in each:
        for step, (label, row) in enumerate(zip(labels, probabilities.tolist(), strict=True)):
            shown = {f"p_{c}": round(p, 6) for c, p in zip(classes, row, strict=True)}
            rows.append({"name": name, "step": step + 1, "prediction": label, **shown})
    return rows


def _rows(run: Run, predictions: Predictions) -> list[dict[str, Any]]:
    if run.target.step_class:
        return _step_rows(run, predictions)
    rows = []
    targets = run.record["target_names"]
    for i, (name, label) in enumerate(zip(predictions.names, predictions.labels, strict=True)):
        row: dict[str, Any] = {"name": name}
        if run.target.per == "point":
            values = label if isinstance(label, list) else [label]
            rows.append({**row, **dict(zip(targets, values, strict=True))})
            continue
        if predictions.probabilities is not None:
            row["prediction"] = label
            probabilities = predictions.probabilities[i].tolist()
            classes = run.record["class_names"]
            row |= {f"p_{c}": round(p, 6) for c, p in zip(classes, probabilities, strict=True)}
        elif isinstance(label, dict):
            row |= label
        elif isinstance(label, list):
            row |= {f"prediction_{t}": v for t, v in zip(targets, label, strict=True)}
        else:
            row["prediction"] = label
        rows.append(row | _sureness(predictions, i, targets))
    return rows


def _sureness(predictions: Predictions, index: int, targets: list[str]) -> dict[str, Any]:
    """The columns that --coverage adds: ends of each target's interval, or a set of classes."""
    if predictions.sets is not None:
        classes = predictions.sets[index]
        return {"set": "|".join(classes), "unsure": "yes" if len(classes) > 1 else "no"}
    if predictions.low is None:
        return {}
    ends = (("low", predictions.low[index]), ("high", predictions.high[index]))
    return {
        end if len(targets) == 1 else f"{end}_{target}": _digits(values[k])
        for k, target in enumerate(targets)
        for end, values in ends
    }
