"""Welcome text, demos, and what `mlzoo train` does instead of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core import registry
from mlzoo.core.errors import MlzooError, UsageError
from mlzoo_cli.demos import DEMOS
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.runs.config_loading import Merged
    from mlzoo.training.preflight.dry_run import DryRun
    from mlzoo.training.preflight.lr_finder import RateSweep

WELCOME = """\
mlzoo trains Keras models on your data and says how far to trust them.

Try one; each takes under a minute and needs no network:
{demos}

With your own data:
  mlzoo train mlp table.csv --target COLUMN     numbers and words in columns
  mlzoo train cnn photos/                       a folder of images a class
  mlzoo train unet photos/                      photos/images and photos/masks
  mlzoo train rnn series.csv --target COLUMN    values over time

Before a long training:
  mlzoo data inspect DATA                       what is in the data, and what is wrong with them
  mlzoo train ... --dry-run                     the plan, the model, memory and time
  mlzoo train ... --find-rate                   a good learning rate
  mlzoo train ... --overfit 8                   whether the model can learn 8 samples by heart

Each run is a folder with the model, its scores beside baselines, and report.html.
All commands: mlzoo --help. Completion for your shell: mlzoo --install-completion."""


def welcome() -> str:
    """Return the welcome text: the purpose of mlzoo and first commands."""
    lines = [f"  mlzoo train --demo {name:11}  {demo.shows}" for name, demo in DEMOS.items()]
    return WELCOME.format(demos="\n".join(lines))


def demo_flags(name: str, flags: Mapping[str, object], problems: list[str]) -> dict[str, object]:
    """The flags of a demo, with those that were given in their place.

    Raises:
        UsageError: there is no such demo.
    """
    if name not in DEMOS:
        wrong = registry.unknown("demo", name, DEMOS)
        raise UsageError(f"--demo: {wrong}; choose {', '.join(DEMOS)}")
    conflicting = [word.upper() for word in ("model", "data") if word in flags]
    if conflicting:
        problems.append(
            f"--demo brings its own model and data; leave out {' and '.join(conflicting)}"
        )
    return {**DEMOS[name].settings, **flags}


def do_instead(
    flag: str, merged: Merged, count: int | None, reporter: ConsoleReporter, json: bool
) -> None:
    """Do what one of `train.INSTEAD` asks for, and print what came of it."""
    if flag == "--print-config":
        from mlzoo.training.starting.folder import config_text

        print(config_text(merged), end="")
    elif flag == "--dry-run":
        from mlzoo.training.preflight.dry_run import rehearse

        plan = rehearse(merged, reporter)
        reporter.end()
        show(plan) if json else print(_plan(plan))
    elif flag == "--find-rate":
        from mlzoo.training.preflight.lr_finder import find_rate

        sweep = find_rate(merged, reporter)
        reporter.end()
        show(sweep) if json else print(_rate(sweep))
        say(f"written to {Path(sweep['folder'])}")
    else:
        from mlzoo.training.preflight.overfitting import overfit

        assert count is not None
        result = overfit(merged, count, reporter)
        reporter.end()
        show(result) if json else print(result["text"])
        if not result["fitted"]:
            raise MlzooError(
                "the samples were not learned by heart: look at targets and inputs (`mlzoo data "
                "preview`), try another --learning-rate, a larger model, or more --epochs"
            )


def _plan(plan: DryRun) -> str:
    layers = [
        [row["name"], row["type"], _shape(row["output"]), row["parameters"]]
        for row in plan["layers"]
    ]
    memory, time = plan["memory"], plan["seconds"]
    lines = [
        table(["layer", "type", "output", "parameters"], layers),
        "",
        f"{plan['model']}: {plan['parameters']:,} parameters on {plan['device']}",
        f"samples: {plan['parts']['train']} to train on, {plan['parts']['valid']} to validate, "
        f"{plan['parts']['test']} to test",
        f"steps: {plan['steps']} an epoch of up to {plan['batch_size']} samples, at most "
        f"{plan['epochs']} epochs",
        f"memory: about {memory['weights']:.3g} MiB of weights, {memory['optimizer']:.3g} MiB of "
        f"gradients and optimizer, {memory['activations']:.3g} MiB of activations a step "
        "(--batch-size)",
    ]
    if time["step"] is not None:
        lines.append(
            f"time: {time['step']:.3g} s a step ({time['first_step']:.3g} s the first, which "
            f"compiles), {time['epoch']:.3g} s an epoch, {time['all']:.3g} s for all epochs, "
            "without validation and test"
        )
    lines.append(f"would be written to {plan['run']}")
    return "\n".join(lines)


def _shape(output: list[int | None]) -> str:
    return " x ".join("any" if side is None else str(side) for side in output[1:])


def _rate(sweep: RateSweep) -> str:
    if sweep["suggestion"] is None:
        return (
            f"no rate from {sweep['lowest']:.1g} to {sweep['highest']:.1g} made the loss fall by "
            "5 %: look at the data (`mlzoo data preview`) or try another model"
        )
    return (
        f"--learning-rate {sweep['suggestion']:.2g} (where the loss falls fastest; it is least at "
        f"{sweep['least']:.2g} and rises beyond)"
    )
