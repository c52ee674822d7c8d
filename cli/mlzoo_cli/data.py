"""`mlzoo data`: contents and problems of data, pictures of samples, probable label errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core.errors import UsageError
from mlzoo_cli.data_figures import FIGURES, check_picture, rows_table
from mlzoo_cli.options import (
    ConfigCommand,
    ConfigGroup,
    Fields,
    Json,
    RunPath,
    SafeCsv,
    Trust,
    run_argument,
    run_fields,
    with_options,
)
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.data.samples import Part

app = typer.Typer(cls=ConfigGroup, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _data() -> None:
    """Look at data before training."""


@app.command("inspect", cls=ConfigCommand)
@with_options(run_fields("Data", names=("seed",), detailed=("Data",)))
def inspect(
    data: Annotated[str, run_argument("data")],
    clusters: Annotated[
        str | None,
        typer.Option(
            "--clusters",
            metavar="K|auto",
            help="Put samples into K clusters by k-means; auto: the number from 2 to 10 with the "
            "largest silhouette.",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page",
            "-o",
            help="Write a page (.html) too: distributions, missing values, associations with the "
            "target, samples, and problems with the commands that solve them.",
        ),
    ] = None,
    json: Json = False,
    *,
    given: Mapping[str, object],
    problems: list[str],
) -> None:
    """Print counts, shapes, class balance, problems and the split of data."""
    from mlzoo.runs.config_loading import merge

    count = _cluster_count(clusters, problems)
    if page is not None:
        _check_page(page, problems)
    merged = merge({"model": "linear", "data": data, **given}, problems=problems)
    from mlzoo.data.quality.inspection import inspected

    reporter = ConsoleReporter(quiet=json)
    try:
        inspection = inspected(merged.config, reporter.progress)
        result = inspection.record
        if page is not None:
            from mlzoo.auditing.inspection.page import write_page

            write_page(inspection, page, merged.config.seed)
        if clusters is not None:
            from mlzoo.auditing.clustering import cluster

            result["clusters"] = cluster(merged.config, count, reporter)
    finally:
        reporter.end()
    if json:
        show(result)
        return
    print(_text(result))
    if clusters is not None:
        print(_cluster_text(result["clusters"]))
    if page is not None:
        say(f"written to {page}")


def _check_page(page: Path, problems: list[str]) -> None:
    """Add what is wrong with the path of a page to the problems."""
    if page.suffix.lower() != ".html":
        problems.append(f"--page: write a name that ends in .html (got {str(page)!r})")
    elif not page.parent.is_dir():
        problems.append(f"--page: there is no folder {page.parent}")


def _cluster_count(clusters: str | None, problems: list[str]) -> int | None:
    """Return the number of clusters; None for auto. What is wrong is added to the problems."""
    if clusters in (None, "auto"):
        return None
    if clusters.isdecimal() and int(clusters) > 1:
        return int(clusters)
    problems.append(f"--clusters: write a number above 1, or auto (got {clusters!r})")
    return None


def _cluster_text(result: Any) -> str:
    """Return the table of clusters, and what speaks for their number."""
    lines = ["", f"clusters of {result['samples']:,} samples by k-means (--clusters)"]
    if len(result["tried"]) > 1:
        lines += [rows_table(result["tried"])]
        lines += [
            f"largest silhouette: {len(result['clusters'])} clusters; elbow of the inertia: "
            f"{result['elbow']}",
            "",
        ]
    lines.append(rows_table(result["clusters"]))
    if result["agreement"] is not None:
        lines.append(f"agreement with the classes (adjusted Rand index): {result['agreement']:.3f}")
    return "\n".join(lines)


for _name, _command in FIGURES.items():
    app.command(_name, cls=ConfigCommand)(_command)


@app.command("preview", cls=ConfigCommand)
@with_options(run_fields("Data", names=("seed",), detailed=("Data",)))
def preview(
    data: Annotated[str, run_argument("data")],
    picture: Annotated[Path, typer.Option("--picture", help="The PNG to write.")] = Path(
        "preview.png"
    ),
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples",
            min=1,
            max=50,
            help="Training samples to show (6), with --by-class of each class (12).",
        ),
    ] = None,
    variants: Annotated[
        int | None,
        typer.Option("--variants", min=1, max=20, hidden=True, help="Variants of each (5)."),
    ] = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Draw images by class, without variants.")
    ] = False,
    json: Json = False,
    *,
    given: Mapping[str, object],
    problems: list[str],
) -> None:
    """Draw samples as a network gets them, with augmented variants of each or by class."""
    from mlzoo.runs.config_loading import merge

    if by_class:
        idle = {"--augment": "augment" in given, "--variants": variants is not None}
        idle_flags = [flag for flag, is_given in idle.items() if is_given]
        problems = [*problems, *(f"{flag}: has no effect with --by-class" for flag in idle_flags)]
    given = {"augment": "none" if by_class else "auto", **given}
    merged = merge({"model": "linear", "data": data, **given}, problems=problems)
    check_picture(picture)
    from mlzoo.augmentation.choosing import choose
    from mlzoo.data import loading
    from mlzoo.data.label_files.joined import bare
    from mlzoo.data.samples import Part
    from mlzoo.reporting.figures.augmentation import draw

    config, reporter = merged.config, ConsoleReporter(quiet=json)
    try:
        dataset, parts = loading.partition(
            loading.read(config, reporter.progress), config, config.seed
        )
        part, alone = (Part(of, parts.parts["train"]) for of in (dataset, bare(dataset)))
        if by_class:
            counts = _by_class(picture, alone, samples or 12, config.seed)
            show({"picture": str(picture), "classes": counts}) if json else print(picture)
            return
        policy = choose(config.augment, part)
        for note in policy.notes():
            reporter.note(note)
        draw(picture, alone, policy, config.seed, samples or 6, variants or 5)
    finally:
        reporter.end()
    if json:
        show({"picture": str(picture), "policy": policy.name, **policy.record()})
    else:
        print(picture)


@app.command("audit", cls=ConfigCommand)
@with_options(Fields("auditing/settings.py", "AuditConfig"))
def audit(
    run: RunPath,
    trust: Trust = False,
    safe_csv: SafeCsv = False,
    json: Json = False,
    *,
    given: Mapping[str, object],
    problems: list[str],
) -> None:
    """List samples of a run's data whose labels are probably wrong, and duplicates.

    Labels are judged by models that never saw the sample: train with --folds 5, so that every
    sample has such a prediction. The list is for --exclude and --relabel of `mlzoo train`. Masks
    are judged by how little they overlap with such a prediction; their list is for --exclude.
    outliers.csv ranks samples by their distance to all others in the model's features, and
    --unlabeled tells which new samples to label next.
    """
    from mlzoo.auditing.settings import AuditConfig
    from mlzoo.core.configs import from_options

    config = from_options(AuditConfig, given, problems)
    from mlzoo.api import load
    from mlzoo.auditing.audit import LABEL_ERRORS
    from mlzoo.auditing.audit import audit as audit_run
    from mlzoo.auditing.page import summary

    reporter = ConsoleReporter(quiet=json)
    try:
        findings = audit_run(load(run, trust=trust), config, reporter)
    finally:
        reporter.end()
    if json:
        show(findings.record(config.limit))
        return
    shown = findings.label_errors[: config.limit]
    header = ["name", "split", "label", "suggested", "score"]
    if shown:
        print(table(header, [[getattr(error, name) for name in header] for error in shown]))
    for pair in findings.duplicates[: config.limit]:
        alike = "equals" if pair.exact else "looks like"
        print(f"{pair.second} ({pair.second_split}) {alike} {pair.first} ({pair.first_split})")
    for each in findings.label_next[: config.limit]:
        print(f"label next: {each.name} (rather {each.prediction}, {each.uncertainty:.0%} unsure)")
    say(summary(findings))
    say(f"written to {findings.folder}: {findings.folder / 'audit.html'}")
    if shown:
        path = findings.folder / LABEL_ERRORS
        say(f"next: delete the rows of {path} whose labels are right, then train with --exclude")


@app.command("compare", cls=ConfigCommand)
@with_options(Fields("auditing/settings.py", "CompareConfig"))
def compare(
    run: RunPath,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Samples that it was not trained on.")],
    trust: Trust = False,
    safe_csv: SafeCsv = False,
    json: Json = False,
    *,
    given: Mapping[str, object],
    problems: list[str],
) -> None:
    """Test whether new samples have drifted from the data of a run, and in what.

    Each column of a table (of images brightness, contrast, sharpness and colors) and the model's
    features are compared with held-out samples of the run; samples unlike the training data are
    listed. The data of the run are not read: novelty.npz in its folder holds what is needed.
    """
    from mlzoo.auditing.settings import CompareConfig
    from mlzoo.core.configs import from_options

    config = from_options(CompareConfig, given, problems)
    from mlzoo.api import load
    from mlzoo.auditing.comparison import compare as compare_data
    from mlzoo.auditing.comparison import summary
    from mlzoo.auditing.comparison_page import write

    reporter = ConsoleReporter(quiet=json)
    try:
        drift = compare_data(load(run, trust=trust), new, config, reporter)
    finally:
        reporter.end()
    folder = config.out or drift.run / "compare"
    page = write(drift, folder, config.limit)
    if json:
        show({"folder": str(folder), **drift.record()})
        return
    header = ["tested", "test", "statistic", "p", "adjusted p"]
    rows = [
        [test.name, test.test, f"{test.statistic:.4g}", f"{test.p:.3g}", f"{test.adjusted:.3g}"]
        for test in drift.tests[: config.limit]
    ]
    print(table(header, rows))
    for position in drift.unlike[: config.limit]:
        print(f"unlike: {drift.names[position]} (p = {drift.unlike_p[position]:.2g})")
    for warning in drift.warnings:
        reporter.warn(warning)
    say(summary(drift))
    say(f"written to {folder}: {page}")


def _by_class(picture: Path, part: Part, most: int, seed: int) -> dict[str, int]:
    """Draw images of each class; return how many of each.

    Args:
        picture: the PNG to write.
        part: the training samples.
        most: images of a class.
        seed: decides which.

    Raises:
        UsageError: the samples are no images, or have no class each.
    """
    import numpy as np

    from mlzoo.drawing.sheets import class_sheet

    of = part.samples
    if of.kind != "image" or not of.target.sample_class:
        raise UsageError(
            f"--by-class: is for images with a class each; these data are {of.kind}s for {of.task}"
        )
    order = np.random.default_rng(seed).permutation(len(part))
    classes = np.asarray(part.targets).astype(int)[order]
    chosen = {
        name: np.sort(order[classes == position][:most])
        for position, name in enumerate(of.class_names)
    }
    there = {name: places for name, places in chosen.items() if len(places)}
    rows = [part.inputs(places) for places in there.values()]
    class_sheet(picture, rows, list(there), of.maximum)
    return {name: len(places) for name, places in there.items()}


def _text(result: dict[str, Any]) -> str:
    shape = "x".join(map(str, result["shape"]))
    megabytes = result["bytes"] / 1e6
    lengths = result["lengths"]
    if lengths:
        shape = f"{lengths['min']} to {shape}, median {lengths['median']:g} steps"
    sizes = [f"{name} {count:,}" for name, count in result["parts"].items()]
    lines = [
        f"{result['data']}: {result['samples']:,} samples of shape {shape} ({result['dtype']}, "
        f"{megabytes:,.1f} MB decoded)",
        f"source {result['source']}, task {result['task']}, target {', '.join(result['targets'])}",
        f"parts: {', '.join(sizes) or 'none, see the problems below'}",
    ]
    if result["groups"] is not None:
        lines.append(f"groups: {result['groups']:,}, each in one split")
    for key in ("classes", "columns", "channels"):
        if result[key]:
            lines += ["", rows_table(result[key])]
    if result["target"]:
        lines += ["", rows_table([{"target": result["targets"][0], **result["target"]}])]
    for key in ("notes", "warnings", "suggestions"):
        lines += [""] * bool(result[key])
        lines += [f"{key[:-1]}: {text}" for text in result[key]]
    for problem in result["problems"]:
        lines.append(f"problem: {problem['name']}: {problem['reason']}")
    commands = list(dict.fromkeys(row["command"] for row in result["remedies"] if row["command"]))
    lines += [f"to try: {command}" for command in commands]
    return "\n".join(lines)
