"""`mlzoo train`: from data to a run folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core import registry
from mlzoo.core.errors import MlzooError, UsageError
from mlzoo_cli.options import (
    Given,
    Json,
    RareSafeCsv,
    Trust,
    flag_of,
    machine_fields,
    run_argument,
    run_fields,
    with_options,
    words,
)
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.runs.contents.metrics import Repeats
    from mlzoo.runs.opened import OpenedRun
    from mlzoo.training.distributed.settings import Machines

LENIENT = True
INSTEAD = ("--print-config", "--dry-run", "--find-rate", "--overfit")
"""Options that do something else than train, see `first_run.do_instead`."""


_MACHINES = machine_fields()


@with_options(run_fields(), _MACHINES)
def train(
    context: typer.Context,
    model: Annotated[str | None, run_argument("model")] = None,
    data: Annotated[str | None, run_argument("data")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file of settings; flags win.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            hidden=True,
            help="Weights of `fixed`, a YAML or JSON file of layers; nothing is trained.",
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN", help="Resume an unfinished run, exactly."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a run of the same --name.")
    ] = False,
    allow_unused: Annotated[
        bool,
        typer.Option("--allow-unused", hidden=True, help="Accept options that have no effect."),
    ] = False,
    explain_every: Annotated[
        int | None,
        typer.Option(
            "--explain-every",
            min=1,
            hidden=True,
            help="Draw explanations of some images every K epochs.",
        ),
    ] = None,
    demo: Annotated[
        str | None,
        typer.Option(
            "--demo",
            metavar="mlp|cnn|unet|rnn",
            hidden=True,
            help="Train an example on data that come with mlzoo.",
        ),
    ] = None,
    print_config: Annotated[
        bool,
        typer.Option("--print-config", hidden=True, help="Print the whole configuration and exit."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the plan, the model, memory and time of a step; write nothing."
        ),
    ] = False,
    find_rate: Annotated[
        bool,
        typer.Option("--find-rate", help="Run the learning-rate finder; train nothing."),
    ] = False,
    overfit: Annotated[
        int | None,
        typer.Option(
            "--overfit",
            min=1,
            metavar="N",
            hidden=True,
            help="Check that the model can overfit N samples.",
        ),
    ] = None,
    snapshots: Annotated[
        bool,
        typer.Option(
            "--snapshots", hidden=True, help="Keep each epoch's weights, for `mlzoo landscape RUN`."
        ),
    ] = False,
    safe_csv: RareSafeCsv = False,
    trust: Trust = False,
    json: Json = False,
    *,
    given: Given,
    problems: list[str],
) -> None:
    """Train a model on data and write a run folder.

    The model is evaluated once, on the test split. `mlzoo train cnn digits` trains on an embedded
    data set; `mlzoo train mlp table.csv --target COLUMN` on a table; `mlzoo train cnn photos/` on a
    folder with one folder a class; `mlzoo train unet photos/` on photos/images and photos/masks.
    `mlzoo train auto DATA` tries the families that fit and keeps the best (leaderboard.csv).
    """
    (model, data), wrong = words(context, [model, data])
    problems = [*wrong, *problems]
    machines = _machines(_MACHINES.of(given), problems)
    given = run_fields().of(given)
    positional = {name: word for name, word in (("model", model), ("data", data)) if word}
    flags: Given = positional | given
    requested = (print_config, dry_run, find_rate, overfit is not None)
    instead = dict(zip(INSTEAD, requested, strict=True))
    if machines is not None:
        others = {
            "--weights": weights is not None,
            registry.AUTO_MODEL: model == registry.AUTO_MODEL,
        }
        option = "--world"
        if machines.engine == "ray":
            option = "--engine ray"
            others |= {"--explain-every": explain_every is not None, "--snapshots": snapshots}
        alone = [name for name, on in (instead | others).items() if on]
        problems += [f"{option}: {name} is done by one process; leave one out" for name in alone]
    if weights is not None and data is None and config is None and not problems:
        training = {
            "--resume": resume is not None,
            "--overwrite": overwrite,
            "--explain-every": explain_every is not None,
            "--demo": demo is not None,
            "--snapshots": snapshots,
            "--trust": trust,
        }
        return _without_data(weights, flags, instead | training, json)
    if weights is not None:
        flags = _with_weights(weights, flags, problems)
    if demo is not None:
        from mlzoo_cli.first_run import demo_flags

        flags = demo_flags(demo, flags, problems)
    problems += _excluded(instead, resume)
    if explain_every is not None and os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        problems.append("--explain-every: maps are drawn on TensorFlow; unset KERAS_BACKEND")
    optimizer = given.get("optimizer", "adam")
    full_batch = registry.constants("optimizer", optimizer).get("FULL_BATCH", False)
    if snapshots and (given.get("repeats", "1") != "1" or full_batch):
        problems.append(
            f"--snapshots: is for one training by steps; leave out --repeats and {optimizer}"
        )
    generated = given.get("augment", "").startswith("generated:")
    if trust and config is None and resume is None and not generated:
        problems.append(
            "--trust: has no effect without --config, --resume or --augment generated:RUN"
        )
    watched = explain_every is not None or snapshots
    reporter = (
        Watching(explain_every, snapshots, quiet=json) if watched else ConsoleReporter(quiet=json)
    )
    try:
        if resume is not None:
            changed = {"--config": config, "--overwrite": overwrite, "--allow-unused": allow_unused}
            run = _resume(resume, flags, problems, changed, trust, machines, reporter)
        else:
            from mlzoo.runs.config_loading import merge

            merging: dict[str, Any] = {
                "allow_unused": allow_unused,
                "problems": problems,
                "complete": not wrong,
                "trust": trust,
            }
            if model == registry.AUTO_MODEL:
                one = instead | {"--explain-every": explain_every is not None}
                run = _auto(flags, config, overwrite, merging, one, reporter)
                return _show_chosen(run, json)
            merged = merge(flags, config, **merging)
            if any(requested):
                flag = next(name for name, on in instead.items() if on)
                from mlzoo_cli.first_run import do_instead

                return do_instead(flag, merged, overfit, reporter, json)
            if machines is not None and machines.engine == "ray":
                from mlzoo.training.workers.driving import train_on_ray

                run = train_on_ray(merged, machines, overwrite, reporter, trust)
            elif machines is not None:
                from mlzoo.training.distributed.running import train_shared

                run = train_shared(merged, machines, overwrite, reporter)
            else:
                from mlzoo.training.train import train_merged

                run = train_merged(merged, overwrite=overwrite, listener=reporter)
    finally:
        reporter.end()
    if run is None:
        return
    from mlzoo.training.signals import stopping

    with stopping("printing the scores", f"the run is complete: {run.path}"):
        if json:
            show({"run": str(run.path), **({} if run.config.unscored else run.metrics)})
        else:
            _summary(run)


def _without_data(
    path: str, flags: dict[str, Any], training: Mapping[str, bool], json: bool
) -> None:
    """Make a run folder of a file of weights, which predicts but has no scores.

    Raises:
        UsageError: other options were given than those of its folder, or the file is wrong.
    """
    from mlzoo.runs.given_weights.file import MODEL
    from mlzoo.runs.given_weights.folder import write_run

    if flags.get("model") != MODEL:
        raise UsageError(f"--weights: is for `mlzoo train {MODEL} [DATA]`")
    places = {name: flags[name] for name in ("out", "name") if name in flags}
    idle = [flag_of(name) for name in flags if name not in ("model", *places)]
    idle += [flag for flag, given in training.items() if given]
    if idle:
        raise UsageError([f"{flag}: has no effect without data" for flag in idle])
    run = write_run(path, **places)
    if json:
        show({"run": str(run.path)})
        return
    say("no data were given, so nothing is scored (mlzoo evaluate RUN DATA)")
    print(f"run folder: {run.path}")
    say(f"next: mlzoo predict {shlex.quote(str(run.path))} NEW-DATA")


def _with_weights(path: str, flags: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return flags with the weights of a file as settings of the model."""
    from mlzoo.runs.given_weights.file import MODEL, read_weights, settings_of

    if flags.get("model") != MODEL or "set" in flags:
        problems.append(
            f"--weights: is for {MODEL}, as in `mlzoo train {MODEL} DATA`, without --set"
        )
        return flags
    try:
        chosen = settings_of(read_weights(path))
    except UsageError as error:
        problems += error.problems
        return flags
    return {"calibrate": "none", **flags, "set": chosen}


class Watching(ConsoleReporter):
    """Prints progress, has maps drawn every k epochs, and keeps each epoch's weights."""

    def __init__(self, every: int | None, snapshots: bool, quiet: bool = False) -> None:
        super().__init__(quiet)
        self._every, self._snapshots = every, snapshots

    def trained(self, epoch: int, model: Any, data: Any, folder: Path) -> None:
        """Have an epoch's maps drawn; what stops that is told, and the training goes on."""
        if self._snapshots:
            from mlzoo.checking.landscapes.snapshots import keep

            keep(epoch, model, folder)
        if self._every is None:
            return
        from mlzoo.explaining.watching import TrainingMaps

        try:
            problem = TrainingMaps(self._every).trained(epoch, model, data, folder)
        except MlzooError as error:
            problem = f"--explain-every: {error}"
        if problem:
            self.warn(problem)


def _auto(
    flags: Mapping[str, object],
    config: Path | None,
    overwrite: bool,
    merging: dict[str, Any],
    for_one: dict[str, bool],
    reporter: ConsoleReporter,
) -> OpenedRun:
    """Try several models; `for_one` are the flags that make sense for one model alone."""
    from mlzoo.tuning.families.auto import train_auto

    given = [flag for flag, on in for_one.items() if on]
    merging["problems"] += [f"{flag}: is for one model, and auto tries several" for flag in given]
    return train_auto(flags, config, overwrite=overwrite, listener=reporter, **merging)


def _resume(
    path: str,
    flags: dict[str, Any],
    problems: list[str],
    others: Mapping[str, object],
    trust: bool,
    machines: Machines | None,
    reporter: ConsoleReporter,
) -> OpenedRun | None:
    changed = [
        name.upper() if name in ("model", "data") else f"--{name.replace('_', '-')}"
        for name in flags
        if name not in ("epochs", "devices")
    ]
    changed += [flag for flag, value in others.items() if value]
    if changed:
        problems.append(
            f"--resume continues with the run's own settings; {', '.join(changed)} can't change "
            "them (only --epochs can be raised, and --devices be others)"
        )
    epochs = flags.get("epochs")
    if epochs is not None and not epochs.isdecimal():
        problems.append(f"--epochs: must be a whole number (got {epochs!r})")
    if problems:
        raise UsageError(problems)
    until = int(epochs) if epochs else None
    if machines is not None:
        from mlzoo.training.distributed.running import resume_shared

        option = "--engine ray" if machines.engine == "ray" else "--world"
        if "devices" in flags:
            raise UsageError(f"--devices can't be used with {option}: start a process for each")
        if machines.engine == "ray":
            from mlzoo.training.workers.driving import resume_on_ray

            return resume_on_ray(Path(path), machines, until, trust, reporter)
        return resume_shared(Path(path), machines, until, trust, reporter)
    from mlzoo.training.train import resume

    return resume(
        path,
        epochs=until,
        on=flags.get("devices"),
        trust=trust,
        listener=reporter,
    )


def _machines(given: Mapping[str, object], problems: list[str]) -> Machines | None:
    """Return the processes to train with; None: this one alone. Mistakes join `problems`."""
    if not given:
        return None
    from mlzoo.core.configs import from_options
    from mlzoo.training.distributed.settings import Machines

    try:
        machines = from_options(Machines, given)
    except UsageError as error:
        problems += error.problems
        return None
    return machines if machines.world > 1 or machines.engine == "ray" else None


def _excluded(flags: dict[str, bool], resume: str | None) -> list[str]:
    """Return what is wrong with the flags that do something else than train."""
    chosen = [flag for flag, on in flags.items() if on]
    problems = []
    if len(chosen) > 1:
        problems.append(f"{' and '.join(chosen)} exclude each other; choose one")
    if chosen and resume is not None:
        problems.append(f"{chosen[0]} is for a new run; leave out --resume")
    return problems


def _summary(run: OpenedRun) -> None:
    if not run.config.unscored:
        _tell_scores(run)
    say(f"run folder: {run.path}")
    if not run.config.unscored:
        say(f"report: {run.path / 'report.html'}")
    place = shlex.quote(str(run.path))
    if run.target.drawn:
        following = f"generate {place} -o FOLDER"
    else:
        following = f"predict {place} " + ("-o FOLDER" if run.target.acts else "NEW-DATA")
    say(f"next: mlzoo {following}")


def _tell_scores(run: OpenedRun) -> None:
    """Print which epoch was kept, and the scores."""
    from mlzoo.statistics.verdicts import distribution_sentence, verdict_sentence
    from mlzoo_cli.evaluate import scores

    metrics = run.metrics
    kept = metrics["kept"]
    if members := metrics.get("members"):
        epochs = ", ".join(str(member["kept_epoch"]) for member in members)
        say(f"the model is the mean of {len(members)}; they kept the epochs {epochs} (members.csv)")
    else:
        say(
            f"kept epoch {kept['epoch']} of {metrics['epochs']} ({kept['criterion']} "
            f"{kept['value']:.4g}); {metrics['stopped']}"
        )
    if metrics.get("out_of_fold") and metrics["test"]["part"] == "test":
        print(scores(metrics["out_of_fold"]))
    print(scores(metrics["test"]))
    say(verdict_sentence(metrics["test"]))
    if sentence := distribution_sentence(metrics["test"]):
        say(sentence)
    if metrics["repeats"]:
        print(_repeats(metrics["repeats"], metrics["headline"]["name"]))


def _show_chosen(run: OpenedRun, json: bool) -> None:
    """Print the leaderboard of `train auto`, then what is printed of any run."""
    if json:
        return show({"run": str(run.path), **run.metrics})
    rows = run.metrics["auto"]["leaderboard"]
    shown = ("model", "preset", "scored_on", "metric", "value", "low", "high", "seconds", "chosen")
    print(table(shown, [[row[name] for name in shown] for row in rows]))
    _summary(run)


def _repeats(repeats: Repeats, name: str) -> str:
    """The spread of a metric over the seeds, with the baselines' means over the same splits."""
    spread = repeats["summary"][name]
    splits = "each with its own split" if repeats["own_splits"] else "all with the same split"
    means = [f"{baseline} {m[name]['mean']:.4g}" for baseline, m in repeats["baselines"].items()]
    return (
        f"over {len(spread['values'])} seeds, {splits}: {name} mean "
        f"{spread['mean']:.4g}, standard deviation {spread['std']:.3g}, "
        f"each {', '.join(f'{v:.4g}' for v in spread['values'])}; mean of {', '.join(means)}"
    )
