"""All commands, in the order that help shows them."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo_cli import compare, data, doctor, evaluate, models, predict, sources, train


def register(app: typer.Typer) -> None:
    """Add every command to the application."""
    app.callback()(_main)
    lenient = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command("train", context_settings=lenient)(train.train)
    app.command("evaluate")(evaluate.evaluate)
    app.command("predict")(predict.predict)
    app.command("compare")(compare.compare)
    app.add_typer(models.app, name="models")
    app.add_typer(sources.app, name="sources")
    app.add_typer(data.app, name="data")
    app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"mlzoo {version('mlzoo')}")
        raise typer.Exit


def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train, evaluate and compare Keras models, from a folder of data to a model to trust."""
