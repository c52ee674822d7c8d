"""`mlzoo landscape`: optimisers seen at work, the loss around a model, and what more would help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand
from mlzoo_cli.options import Json, Trust, with_run_options
from mlzoo_cli.output import Talk, say, show, table
from mlzoo_cli.train import words

if TYPE_CHECKING:
    from mlzoo.checking.landscapes.trajectories import Walked

_FUNCTIONS, _MODELS, _CURVES = "Functions", "Loss of a run", "Learning curves"
_WALKS = ("steps", "start", "noise", "sweep", "points", "tolerance", "view")
_WALK_FLAGS = ("optimizer", "learning_rate", "seed")
_FORMULAS = ("momentum", "weight_decay")
_PLACES = ("out", "name")
_LOOKS = ("plane", "weights", "span", "to", "eigenvalues", "budget")


def _option(panel: str, flag: str, help: str, **more: Any) -> Any:
    return typer.Option(flag, help=help, rich_help_panel=panel, show_default=False, **more)


@with_run_options()
def landscape(
    context: typer.Context,
    subject: Annotated[
        str | None,
        typer.Argument(help="A function, an expression of x and y, a run folder, or a model."),
    ] = None,
    data: Annotated[
        str | None, typer.Argument(help="Data of a model; with --capacity and --samples.")
    ] = None,
    steps: Annotated[
        int | None, _option(_FUNCTIONS, "--steps", "Steps of each optimizer. [default: 100]")
    ] = None,
    start: Annotated[
        str | None,
        _option(_FUNCTIONS, "--start", "Where all begin, as in -1.2,1.", metavar="X,Y"),
    ] = None,
    noise: Annotated[
        float | None,
        _option(
            _FUNCTIONS, "--noise", "Standard deviation of what is added to gradients. [default: 0]"
        ),
    ] = None,
    sweep: Annotated[
        str | None,
        _option(
            _FUNCTIONS, "--sweep", "Try every optimizer at these rates too.", metavar="LOW..HIGH"
        ),
    ] = None,
    points: Annotated[
        int | None,
        _option(
            _FUNCTIONS, "--points", "Rates of a sweep; of a surface, places a side. [default: 25]"
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        _option(_FUNCTIONS, "--tolerance", "How near counts as at the optimum. [default: 0.01]"),
    ] = None,
    view: Annotated[
        str | None,
        _option(_FUNCTIONS, "--view", "What is shown, in both directions.", metavar="LOW..HIGH"),
    ] = None,
    plane: Annotated[
        str | None,
        _option(
            _MODELS,
            "--plane",
            "random: two filter-normalised directions; weights: two weights; path: what the "
            "training went, of a run trained with --snapshots. [default: random]",
            metavar="NAME",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        _option(
            _MODELS,
            "--weights",
            "Two weights, as hidden1/kernel[3,5],head/kernel[0,1].",
            metavar="A,B",
        ),
    ] = None,
    span: Annotated[
        float | None, _option(_MODELS, "--span", "How far is shown, both ways. [default: 1]")
    ] = None,
    to: Annotated[
        str | None, _option(_MODELS, "--to", "Another run: the loss on the line between the two.")
    ] = None,
    eigenvalues: Annotated[
        int | None, _option(_MODELS, "--eigenvalues", "So many of the Hessian's largest.")
    ] = None,
    budget: Annotated[
        str | None,
        _option(
            _MODELS,
            "--budget",
            "Time for the surface: 90s, 5m; fewer points where it would take longer. [default: 5m]",
            metavar="TIME",
        ),
    ] = None,
    capacity: Annotated[
        str | None,
        _option(
            _CURVES,
            "--capacity",
            "Error against a setting of the model: degree, l2, or NAME=RANGE as in "
            "hidden=4..256/4.",
            metavar="NAME",
        ),
    ] = None,
    samples: Annotated[
        bool, _option(_CURVES, "--samples", "Error against the number of training samples.")
    ] = False,
    repeat: Annotated[
        int | None,
        _option(_CURVES, "--repeat", "Fits of each point, on other samples. [default: 5]"),
    ] = None,
    gif: Annotated[bool, _option(_FUNCTIONS, "--gif", "Write an animation, paths.gif.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder of the same --name.")
    ] = False,
    trust: Trust = False,
    json: Json = False,
    *,
    given: dict[str, Any],
    problems: list[str],
) -> None:
    """See optimisers at work on a function, or the loss around a trained model.

    `mlzoo landscape rosenbrock --optimizer sgd,momentum,adam,lbfgs --learning-rate .001 --start
    -1.2,1` compares optimisers on a function (bowl, bumps, cubic-ridge, easom, matyas,
    monkey-saddle, ripple, rosenbrock) or on an expression, as in '(1-x)^2 + sin(y)^2'; --set
    beta_1=.8 changes their formulas (beta_1, beta_2, rho, epsilon, epsilon_place, accumulator).
    `mlzoo landscape RUN` measures the loss around a trained model; --optimizer walks on it.
    `mlzoo landscape linear table.csv --target COLUMN --capacity degree` and `--samples` say
    whether a larger model or more samples would help.
    """
    own = dict(locals())
    (subject, data), wrong = words(context, [subject, data])
    problems = [*wrong, *problems]
    walking = {name: own[name] for name in _WALKS if own[name] is not None}
    looking = {name: own[name] for name in _LOOKS if own[name] is not None}
    fitting = {n: own[n] for n in ("capacity", "samples", "repeat") if own[n]}
    if subject is None:
        raise UsageError(["name a function, an expression of x and y, or a run folder", *problems])
    if capacity or samples:
        problems += _idle({**walking, **looking}, "with --capacity or --samples")
        from mlzoo_cli.learning import curve

        curve(subject, data, fitting, given, problems, overwrite, json)
        return
    problems += _idle(fitting, "without --capacity or --samples")
    if data is not None:
        problems.append(f"{data!r}: data have no effect without --capacity or --samples")
    if expand(subject).is_dir():
        problems += ["--gif: has no effect on a run"] if gif else []
        _around(subject, walking, looking, given, problems, overwrite, trust, json)
        return
    check_subject(subject)
    _walk(
        subject, walking, given, [*problems, *_idle(looking, "on a function")], gif, overwrite, json
    )


def _idle(given: Any, where: str) -> list[str]:
    return [f"--{name.replace('_', '-')}: has no effect {where}" for name in given]


def _around(
    subject: str,
    walking: dict[str, Any],
    looking: dict[str, Any],
    given: dict[str, Any],
    problems: list[str],
    overwrite: bool,
    trust: bool,
    json: bool,
) -> None:
    from mlzoo.checking.landscapes.folders import folder_of
    from mlzoo.checking.settings import around, walks
    from mlzoo.runs import run_folder

    problems += _idle([n for n in ("noise", "sweep", "tolerance", "view") if n in walking],
                      "on a run")  # fmt: skip
    fitting = {*_WALK_FLAGS, *_PLACES, "limit"}
    problems += _idle([name for name in given if name not in fitting], "on a run")
    values = {n: v for n, v in walking.items() if n in ("steps", "start")}
    values |= {name: given[name] for name in ("optimizer", "learning_rate") if name in given}
    if values and "optimizer" not in given:
        problems += _idle(values, "on a run without --optimizer")
    own = looking | {name: given[name] for name in ("seed", "limit") if name in given}
    own |= {"points": walking["points"]} if "points" in walking else {}
    try:
        config = around({**own, "walked": "optimizer" in given}, walks(values, {}))
    except UsageError as error:
        raise UsageError([*problems, *error.problems]) from None
    if problems:
        raise UsageError(problems)
    path = run_folder.find(subject)
    if config.to is not None:
        run_folder.find(config.to)
    default = path / "landscapes" / config.plane
    folder = folder_of(given.get("out"), given.get("name"), default, overwrite)
    from mlzoo.runs.devices import prepare

    prepare()
    from mlzoo.api import load
    from mlzoo.checking.landscapes.loss_surface import look, write

    talk = Talk(quiet=json)
    run = load(path, trust=trust)
    try:
        found = look(run, config, talk)
        record = write(folder, found, run, config)
    finally:
        talk.end()
    if json:
        show({"folder": str(folder), **record})
        return
    if found.eigenvalues is not None:
        rows = [[i, value] for i, value in enumerate(found.eigenvalues["largest"], 1)]
        print(table(["eigenvalue", "of the Hessian"], rows))
    for line in found.sentences:
        print(line)
    say(f"written to {folder}")


def check_subject(subject: str) -> None:
    """Raise UsageError unless a text is a function's name or an expression; loads no library."""
    from mlzoo.checking.landscapes.expressions import FUNCTIONS as INNER
    from mlzoo.checking.landscapes.expressions import parse
    from mlzoo.checking.landscapes.named import FUNCTIONS
    from mlzoo.core.registry import unknown

    if subject in FUNCTIONS:
        return
    if re.fullmatch(r"[A-Za-z][A-Za-z_-]+", subject) and subject not in INNER:
        known = ", ".join(FUNCTIONS)
        raise UsageError(
            f"{unknown('function', subject, FUNCTIONS)}; name one of {known}, an expression of x "
            "and y, or a run folder"
        )
    if re.fullmatch(r"[\w.~/ -]*[A-Za-z_]{2}[\w.~/ -]*/[\w.~/ -]*", subject):
        from mlzoo.runs import run_folder

        run_folder.find(subject)  # says what is there instead
    parse(subject)


def _walk(
    subject: str,
    asked: dict[str, Any],
    given: dict[str, Any],
    problems: list[str],
    gif: bool,
    overwrite: bool,
    json: bool,
) -> None:
    from mlzoo.checking.landscapes.folders import folder_of
    from mlzoo.checking.settings import walks
    from mlzoo.runs import run_folder

    formulas = {name: given[name] for name in _FORMULAS if name in given}
    for line in given.get("set", []):
        name, equals, value = line.partition("=")
        if not equals:
            problems.append(f"--set {line}: write name=value")
        formulas[name.strip()] = value
    fitting = {*_WALK_FLAGS, *_FORMULAS, *_PLACES, "set"}
    problems += [
        f"--{name.replace('_', '-')}: has no effect on a function"
        for name in given
        if name not in fitting
    ]
    values = asked | {name: given[name] for name in _WALK_FLAGS if name in given}
    if "points" in asked and "sweep" not in asked:
        problems.append("--points: has no effect on a function without --sweep")
    try:
        config = walks(values, formulas)
    except UsageError as error:
        raise UsageError([*problems, *error.problems]) from None
    if problems:
        raise UsageError(problems)
    default = Path("saved_models") / f"landscape-{run_folder.slug(subject)[:60]}"
    folder = folder_of(given.get("out"), given.get("name"), default, overwrite)
    from mlzoo.runs.devices import prepare

    prepare()
    from mlzoo.checking.landscapes.trajectories import compare, write

    talk = Talk(quiet=json)
    try:
        found = compare(subject, config, talk)
        record = write(folder, found, config, gif)
    finally:
        talk.end()
    show({"folder": str(folder), **record}) if json else _ranking(found, folder)


def _ranking(found: Walked, folder: Path) -> None:
    names = {
        "rank": "rank",
        "optimizer": "optimizer",
        "learning_rate": "rate",
        "outcome": "outcome",
        "steps_to_optimum": "steps to optimum",
        "distance": "distance",
        "value": "value",
        "end": "end point",
    }
    rows = [[row[key] for key in names] for row in found.ranking]
    print(table(list(names.values()), rows))
    for line in found.sentences:
        print(line)
    say(f"written to {folder}")
