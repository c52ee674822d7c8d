"""`mlzoo explain`: why a model says what it says, with the evidence for each map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core.errors import UsageError
from mlzoo_cli.options import Json, SafeCsv, Trust
from mlzoo_cli.output import Talk, say, show, table

if TYPE_CHECKING:
    from mlzoo.explaining.work import Outcome


def explain(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A finished run folder, or a .keras file.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="`mlzoo explainers`, comma-separated, or all [default: one that fits].",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", "--images", help="New samples; by default the run's test part."),
    ] = None,
    input: Annotated[
        str | None, typer.Option("--input", help="Of a .keras file with several inputs: which.")
    ] = None,
    part: Annotated[
        str | None, typer.Option("--part", help="train, valid or test [default: test].")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="Samples, mistakes first [default: 16]."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "--class",
            help="predicted, true, all, or the name of a class or output [default: predicted].",
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Hold the class against this one.")
    ] = None,
    step: Annotated[
        int | None, typer.Option("--step", help="Step of a sequence of outputs; -1: the last.")
    ] = None,
    pixel: Annotated[
        str | None, typer.Option("--pixel", metavar="ROW,COLUMN", help="Masks: one pixel.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", help="Masks: all, largest, boundary or connected.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option("--layer", help="Layer of class activation maps [default: the last map]."),
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Setting of the method, repeatable."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            help="mlzoo, or tf-keras-vis: that package's maps, to check against another "
            "implementation or to repeat published ones; six methods, images [default: mlzoo].",
        ),
    ] = None,
    no_evidence: Annotated[
        bool, typer.Option("--no-evidence", help="Score maps by --truth alone, or not.")
    ] = False,
    sanity: Annotated[
        str | None,
        typer.Option("--sanity", help="cascading, independent and labels, comma-separated."),
    ] = None,
    sanity_weights: Annotated[
        str | None, typer.Option("--sanity-weights", help="permute or redraw [default: permute].")
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option("--truth", help="Folder of masks named as the images, or boxes.csv."),
    ] = None,
    shared_scale: Annotated[
        bool, typer.Option("--shared-scale", help="Draw all samples of a method on one scale.")
    ] = False,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides all that is random.")] = None,
    max_memory: Annotated[
        int | None, typer.Option("--max-memory", help="Megabytes a chunk may take [default: 400].")
    ] = None,
    repeat: Annotated[
        str | None,
        typer.Option("--repeat", metavar="FOLDER", help="Do again what an explain.json says."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to write [default: RUN/explanations/METHOD]."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder of explanations.")
    ] = False,
    safe_csv: SafeCsv = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Explain what a model says: maps, pictures, and how far the maps can be trusted.

    Writes a folder with an overlay of every sample, the raw maps (maps.npz), their evidence
    (scores.csv), a page (index.html) and explain.json, from which --repeat does it again.
    """
    values: dict[str, Any] = {
        "run": run,
        "method": method,
        "data": data,
        "input": input,
        "part": part,
        "limit": limit,
        "target": target,
        "against": against,
        "step": step,
        "pixel": pixel,
        "region": region,
        "layer": layer,
        "set": _settings(set or []),
        "engine": engine,
        "evidence": False if no_evidence else None,
        "sanity": sanity,
        "sanity_weights": sanity_weights,
        "truth": truth,
        "shared_scale": shared_scale or None,
        "seed": seed,
        "max_memory": max_memory,
    }
    given = {name: value for name, value in values.items() if value not in (None, {})}
    config = _repeated(repeat, given, out, trust) if repeat else _configured(given)
    import os

    # Explainers run on TensorFlow, whatever a model was trained on.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from mlzoo.runs.devices import prepare

    prepare()
    from mlzoo.explaining.work import explain_configured

    talk = Talk(quiet=json)
    try:
        outcome = explain_configured(config, out, overwrite=overwrite, trust=trust, listener=talk)
    finally:
        talk.end()
    if repeat:
        _tell_changes(repeat, outcome)
    if json:
        show({"folder": str(outcome.folder), **outcome.record})
    else:
        _summary(outcome)


def _configured(given: dict[str, Any]) -> Any:
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


def _repeated(repeat: str, given: dict[str, Any], out: Path | None, trust: bool) -> Any:
    from mlzoo.explaining.settings import read_record

    if given:
        flags = ", ".join("RUN" if n == "run" else f"--{n.replace('_', '-')}" for n in given)
        raise UsageError(f"--repeat does what its record says; leave out {flags}")
    if out is None:
        raise UsageError("--repeat needs --out, a folder for the new explanations")
    return read_record(repeat, trust)


def _tell_changes(repeat: str, outcome: Outcome) -> None:
    """Warn where the model is not the one that the record was made with."""
    from mlzoo.explaining.settings import read_record_file

    before = read_record_file(repeat).get("model", {}).get("weights_sha256")
    if before != outcome.record["model"]["weights_sha256"]:
        say("warning: the model's weights have changed since, so that the maps differ")


def _settings(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or not name:
            raise UsageError(f"--set: write NAME=VALUE (got {line!r})")
        found[name.strip()] = value
    return found


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


def _summary(outcome: Outcome) -> None:
    evidence, methods = outcome.record["evidence"], outcome.record["methods"]
    scored: dict[str, Any] = evidence.get("methods", {})
    shown = [name for name in _SHOWN if any(name in row for row in scored.values())]
    ranking = {found["method"]: found["rank"] for found in evidence.get("ranking", ())}
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
