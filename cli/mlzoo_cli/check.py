"""`mlzoo check`: whether a model's gradients are right and its layers sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core import registry
from mlzoo.core.files import expand
from mlzoo_cli.options import Fields, Given, Json, Trust, flag_of, sample_shape, with_options
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.checking.gradients.checking import GradientReport
    from mlzoo.checking.gradients.settings import CheckConfig


@with_options(Fields("checking/gradients/settings.py", "CheckConfig"))
def check(
    subject: Annotated[
        str, typer.Argument(metavar="RUN|MODEL", help="A run folder, a model, or a plug-in file.")
    ],
    trust: Trust = False,
    json: Json = False,
    *,
    given: Given,
    problems: list[str],
) -> None:
    """Check a model's gradients and layers for errors.

    Gradients are compared with central differences, layer by layer, in float64. Also looks for
    outputs that are not finite, dead and saturated units, gradients that vanish or explode with
    depth, and outputs that depend on the batch. A model is checked with first weights on random
    inputs, a run on samples of its test split. Exits with 1 where anything is wrong, and names the
    layer. With --symmetry it says instead how much a run's predictions for up to 500 test images
    change where these are turned, mirrored or shifted.
    """
    is_run = expand(subject).is_dir() or "/" in subject.removesuffix(".py").rstrip("/")
    is_run = is_run and not subject.endswith(".py")
    reporter = ConsoleReporter(quiet=json)
    from mlzoo.checking.gradients.settings import CheckConfig
    from mlzoo.core.configs import from_options

    if is_run:
        unused = [name for name in ("input", "classes", "set") if name in given]
        problems += [f"{flag_of(name)}: has no effect on a run" for name in unused]
        from mlzoo.runs import run_folder

        read = {name: value for name, value in given.items() if name not in unused}
        config = from_options(CheckConfig, read, problems)
        run_folder.find(subject)
    else:
        if "symmetry" in given:
            problems.append("--symmetry: needs a run, whose test images are predicted")
        registry.trust(subject)
        registry.check_name("model", subject)
        from mlzoo.runs.config_loading import check_plugin_settings

        given["set"] = check_plugin_settings("model", subject, given.get("set", []))
        config = from_options(CheckConfig, given, problems)
        shape = sample_shape(config.input) if config.input is not None else None
    from mlzoo.runs.devices import prepare

    prepare()
    if config.symmetry:
        _symmetries(subject, config, trust, json, reporter)
        return
    from mlzoo.checking.gradients.checking import check_model, check_run

    try:
        if is_run:
            from mlzoo.api import load

            run = load(subject, trust=trust)
            report = check_run(run, config.samples, config.seed, reporter)
        else:
            report = check_model(
                subject, shape, config.set,
                classes=config.classes, samples=config.samples, seed=config.seed,
                listener=reporter,
            )  # fmt: skip
    finally:
        reporter.end()
    show(report.record()) if json else _summary(report)
    if not report.passed:
        raise typer.Exit(1)


def _symmetries(
    subject: str, config: CheckConfig, trust: bool, json: bool, reporter: ConsoleReporter
) -> None:
    """Print how far a run is from symmetries."""
    from dataclasses import asdict

    from mlzoo.api import load
    from mlzoo.checking.symmetries import measure_symmetries

    try:
        run = load(subject, trust=trust)
        measured = measure_symmetries(run, config.symmetry, config.seed, reporter)
    finally:
        reporter.end()
    if json:
        show({"subject": str(run.path), "symmetries": [asdict(row) for row in measured]})
        return
    classes = measured[0].changed_classes is not None
    what = "mean change of a probability" if classes else "mean change in standard deviations"
    header = ["symmetry", what, *["changed classes"] * classes]
    print(f"predictions for {measured[0].samples} images and for the same images changed")
    print(table(header, [[r.symmetry, r.change, *[r.changed_classes] * classes] for r in measured]))


def _summary(report: GradientReport) -> None:
    steps = list(report.compared[0].relative) if report.compared else []
    header = ["layer", "weight", "numbers", *(f"h={h:g}" for h in steps), "worst", ""]
    rows: list[list[Any]] = []
    for row in report.compared:
        shown = [row.relative.get(h) for h in steps]
        rows.append([row.layer, row.parameter, row.size, *shown, row.worst,
                     "" if row.agrees else "WRONG"])  # fmt: skip
    print("relative error of gradients against central differences, by step size h")
    print(table(header, rows))
    outputs = [
        [r["layer"], r["type"], r["mean"], r["std"], r["dead"], r["saturated"]]
        for r in report.activations
    ]
    print("\noutputs by depth")
    print(table(["layer", "type", "mean", "std", "dead", "saturated"], outputs))
    print("\ngradients by depth")
    print(table(["weight", "rms", "of the largest"], [list(r.values()) for r in report.depth]))
    same = report.consistency
    print(
        f"\na batch of one changes outputs by {same['batch_of_one']:.2g} of their spread, "
        f"training by {same['training']:.2g}"
    )
    for line in report.warnings:
        say(f"warning: {line}")
    for line in report.failures:
        say(f"error: {line}")
    print(f"{report.subject}: {'passed' if report.passed else 'FAILED'}")
