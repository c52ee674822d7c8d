"""The `mlzoo` command. Importing this loads neither Keras, NumPy nor pandas."""

from __future__ import annotations

import sys

import typer

from mlzoo_cli import commands
from mlzoo_cli.output import run_command

app = typer.Typer(
    name="mlzoo",
    help="Train, tune, evaluate and explain Keras models, from data to a model to trust.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=True,
)
commands.register(app)


def run() -> None:
    """Entry point: run the command line and exit with its code."""
    sys.exit(run_command(app))


if __name__ == "__main__":
    run()
