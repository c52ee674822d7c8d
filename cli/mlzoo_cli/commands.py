"""All commands, in the order that help shows them."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo_cli import (
    augment,
    augmentations,
    check,
    compare,
    data,
    doctor,
    evaluate,
    explain,
    explainers,
    export,
    landscape,
    models,
    predict,
    report,
    reproduce,
    serve,
    sources,
    strategies,
    train,
    tune,
    weights,
    zoo,
)
from mlzoo_cli.first_run import welcome
from mlzoo_cli.options import Panelled


def register(app: typer.Typer) -> None:
    """Add every command to the application."""
    app.callback(invoke_without_command=True)(_main)
    lenient = {"ignore_unknown_options": True, "allow_extra_args": True}
    # Help shows 60 letters of a line: the whole sentence has to fit.
    app.command(
        "train",
        cls=Panelled,
        short_help="Train a model and write a run folder.",
        context_settings=lenient,
    )(train.train)
    app.command(
        "tune",
        cls=Panelled,
        short_help="Search the settings of a model.",
        context_settings=lenient,
    )(tune.tune)
    app.command("evaluate", short_help="Score a run again, or on other data.")(evaluate.evaluate)
    app.command("predict", short_help="Predict new samples.")(predict.predict)
    app.command("explain", short_help="Why a model says what it says.")(explain.explain)
    app.command("report", short_help="Write a run's page for the browser again.")(report.report)
    app.command("check", short_help="Whether gradients are right and layers sound.")(check.check)
    app.command(
        "landscape",
        cls=Panelled,
        short_help="Optimisers at work, and the loss around a model.",
        context_settings=lenient,
    )(landscape.landscape)
    app.command("compare", short_help="Compare runs side by side.")(compare.compare)
    app.command("reproduce", short_help="Train a run again and compare.")(reproduce.reproduce)
    app.command("export", short_help="Write a model for other programs.")(export.export)
    app.command("serve", short_help="A page on localhost to try a run.")(serve.serve)
    app.add_typer(models.app, name="models")
    app.add_typer(sources.app, name="sources")
    app.add_typer(augment.app, name="augment")
    app.add_typer(augmentations.app, name="augmentations")
    app.add_typer(strategies.app, name="strategies")
    app.add_typer(explainers.app, name="explainers")
    app.add_typer(zoo.app, name="zoo")
    app.add_typer(weights.app, name="weights")
    app.add_typer(data.app, name="data")
    app.command("doctor", short_help="Versions, devices, and why no GPU.")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"mlzoo {version('mlzoo')}")
        raise typer.Exit


def _main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train, tune, evaluate and explain Keras models, from data to a model to trust."""
    if context.invoked_subcommand is None:
        print(welcome())
