"""`mlzoo explain`: why a model says what it says, with the evidence for each map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core.errors import UsageError
from mlzoo_cli.options import Fields, Given, Json, RareSafeCsv, Trust, flag_of, with_options
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.explaining.explain_run import ExplanationResult

EXPLAIN = Fields("explaining/settings.py", "ExplainConfig", leave_out=("run",))


@with_options(EXPLAIN)
def explain(
    run: Annotated[str | None, EXPLAIN.argument("run", metavar="RUN")] = None,
    repeat: Annotated[
        str | None,
        typer.Option(
            "--repeat",
            metavar="FOLDER",
            help="Repeat the explanations that an explain.json records.",
            rich_help_panel="Output",
            hidden=True,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder to write [default: RUN/explanations/METHOD].",
            rich_help_panel="Output",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace a folder of explanations.", rich_help_panel="Output"
        ),
    ] = False,
    safe_csv: RareSafeCsv = False,
    trust: Trust = False,
    json: Json = False,
    *,
    given: Given,
    problems: list[str],
) -> None:
    """Explain what a model predicts, with evidence for each map.

    Writes a folder with an overlay of every sample, the raw maps (maps.npz), their evidence
    (scores.csv), a page (index.html) and explain.json, the record that --repeat reads.
    """
    if problems:
        raise UsageError(problems)
    if "set" in given:
        given = {**given, "set": _settings(given["set"])}
    if run is not None:
        given = {"run": run, **given}
    config = _repeated(repeat, given, out, trust) if repeat else _configured(given)
    import os

    # Explainers run on TensorFlow, whatever a model was trained on.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from mlzoo.runs.devices import prepare

    prepare()
    from mlzoo.explaining.explain_run import explain_configured

    reporter = ConsoleReporter(quiet=json)
    try:
        outcome = explain_configured(
            config, out, overwrite=overwrite, trust=trust, listener=reporter
        )
    finally:
        reporter.end()
    if repeat:
        _tell_changes(repeat, outcome)
    if json:
        show({"folder": str(outcome.folder), **outcome.record})
    else:
        _summary(outcome)


def _configured(given: Mapping[str, object]) -> Any:
    from mlzoo.explaining.settings import configure

    if "run" not in given:
        raise UsageError("name a run folder or a .keras file: mlzoo explain RUN")
    if "part" in given and "data" in given:
        raise UsageError("--part has no effect on other data: leave it out")
    config = configure(given)
    if "sanity_weights" in given and not {"cascading", "independent"} & set(config.sanity):
        raise UsageError("--sanity-weights has no effect without --sanity cascading or independent")
    if not config.run.endswith(".keras"):
        from mlzoo.runs import run_folder

        run_folder.find(config.run)
    return config


def _repeated(repeat: str, given: Mapping[str, object], out: Path | None, trust: bool) -> Any:
    from mlzoo.explaining.settings import read_record

    if given:
        flags = ", ".join("RUN" if n == "run" else flag_of(n) for n in given)
        raise UsageError(f"--repeat does what its record says; leave out {flags}")
    if out is None:
        raise UsageError("--repeat needs --out, a folder for the new explanations")
    return read_record(repeat, trust)


def _tell_changes(repeat: str, outcome: ExplanationResult) -> None:
    """Warn where the model is not the one that the record was made with."""
    from mlzoo.explaining.settings import read_record_file

    before = read_record_file(repeat).get("model", {}).get("weights_sha256")
    if before != outcome.record["model"]["weights_sha256"]:
        say("warning: the model's weights have changed since, so that the maps differ")


def _settings(lines: list[str]) -> dict[str, str]:
    settings = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or not name:
            raise UsageError(f"--set: write NAME=VALUE (got {line!r})")
        settings[name.strip()] = value
    return settings


_SHOWN = (
    "pointing",
    "mass",
    "truth_iou",
    "iou_drop",
    "deletion",
    "insertion",
    "gain",
    "road",
    "sensitivity_n",
    "stability",
)


def _summary(outcome: ExplanationResult) -> None:
    evidence, methods = outcome.record["evidence"], outcome.record["methods"]
    scored: dict[str, Any] = evidence.get("methods", {})
    shown = [name for name in _SHOWN if any(name in row for row in scored.values())]
    ranking = {entry["method"]: entry["rank"] for entry in evidence.get("ranking", ())}
    ranked = len(ranking) > 1
    rows = []
    for name in dict.fromkeys([*ranking, *methods, *scored]):
        maps = [e for e in outcome.explained.explanations if e.method == name]
        empty = sum(bool(e.flag) for e in maps) if maps else None
        means = [scored.get(name, {}).get(key, {}).get("mean") for key in shown]
        seconds = methods.get(name, {}).get("cpu_seconds")
        rank = [ranking.get(name)] if ranked else []
        rows.append([name, *rank, len(maps) or None, empty, *means, seconds])
    header = ["method", *(["rank"] if ranked else []), "maps", "empty", *shown, "cpu s"]
    print(table(header, rows))
    for line in evidence.get("sentences", []):
        print(line)
    say(f"written to {outcome.folder}")
