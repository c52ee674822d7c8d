"""`mlzoo landscape`: optimizers seen at work, the loss around a model, and what more would help."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand
from mlzoo_cli.options import Fields, Given, Json, Trust, flag_of, run_fields, with_options, words
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.checking.functions.trajectories import TrajectoryComparison

LENIENT = True
_FILE = "checking/settings.py"
WALK = Fields(_FILE, "WalkConfig", leave_out=("formulas",))
AROUND = Fields(_FILE, "AroundConfig", leave_out=("walked", "walks"))
CURVE = Fields(_FILE, "CurveConfig")
_WALKS = ("steps", "start", "noise", "sweep", "points", "tolerance", "view")
_WALK_FLAGS = ("optimizer", "learning_rate", "seed")
_FORMULAS = ("momentum", "weight_decay")
_PLACES = ("out", "name")
_LOOKS = ("plane", "weights", "span", "to", "eigenvalues", "budget")


@with_options(WALK, AROUND, CURVE, run_fields(basic=("Model", "Output"), title="Learning curves"))
def landscape(
    context: typer.Context,
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBJECT",
            help="A function, an expression of x and y, a run folder, or a model.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="Data of a model; with --capacity and --samples."),
    ] = None,
    gif: Annotated[
        bool,
        typer.Option(
            "--gif", help="Write an animation, paths.gif.", rich_help_panel="Functions", hidden=True
        ),
    ] = False,
    subject_to: Annotated[
        list[str] | None,
        typer.Option(
            "--subject-to",
            metavar="CONSTRAINT",
            help="Constraint on a function, as 'x + y = 1' or 'x^2 + y^2 <= 4', repeatable.",
            rich_help_panel="Functions",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder of the same --name.")
    ] = False,
    trust: Trust = False,
    json: Json = False,
    *,
    given: Given,
    problems: list[str],
) -> None:
    """Show optimizers at work, or the loss around a model.

    `mlzoo landscape rosenbrock --optimizer sgd,momentum,adam,lbfgs --learning-rate .001 --start
    -1.2,1` compares optimizers on a function (bowl, bumps, cubic-ridge, easom, matyas,
    monkey-saddle, ripple, rosenbrock) or on an expression, as in '(1-x)^2 + sin(y)^2'; --set
    beta_1=.8 changes their formulas (beta_1, beta_2, rho, epsilon, epsilon_place, accumulator).
    `mlzoo landscape line-posterior` draws the posterior of a line's weights after 0 to 20 samples.
    With --subject-to it finds the optima under constraints, with their multipliers.
    `mlzoo landscape RUN` measures the loss around a trained model; --optimizer walks on it.
    `mlzoo landscape linear table.csv --target COLUMN --capacity degree` and `--samples` say
    whether a larger model or more samples would help.
    """
    (subject, data), wrong = words(context, [subject, data])
    problems = [*wrong, *problems]
    walking = {name: given.pop(name) for name in _WALKS if name in given}
    looking = {name: given.pop(name) for name in _LOOKS if name in given}
    fitting = {name: given.pop(name) for name in CURVE.of(given)}
    if subject is None:
        raise UsageError(["name a function, an expression of x and y, or a run folder", *problems])
    if subject_to:
        _constrained(
            subject,
            data,
            subject_to,
            walking,
            {**looking, **fitting, **given},
            problems,
            overwrite,
            json,
            gif,
        )
        return
    if "capacity" in fitting or "samples" in fitting:
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
    if subject == "line-posterior":
        problems += _idle({**walking, **looking}, "on line-posterior")
        _posterior(given, problems, overwrite, json)
        return
    check_subject(subject)
    _walk(
        subject, walking, given, [*problems, *_idle(looking, "on a function")], gif, overwrite, json
    )


def _constrained(
    subject: str,
    data: str | None,
    constraints: list[str],
    walking: Given,
    others: Mapping[str, object],
    problems: list[str],
    overwrite: bool,
    json: bool,
    gif: bool,
) -> None:
    """Refuse what has no effect under constraints, and find the optima under them."""
    from mlzoo_cli.constrained import READ, constrained

    idle = [name for name in walking if name not in READ]
    idle += [name for name in others if name not in _PLACES]
    where = "with --subject-to"
    problems = [*problems, *_idle(idle, where), *(_idle(["gif"], where) if gif else [])]
    if data is not None:
        problems.append(f"{data!r}: data have no effect {where}")
    check_subject(subject)
    places = {name: others[name] for name in _PLACES if name in others}
    constrained(subject, constraints, walking, places, problems, overwrite, json)


def _idle(given: Any, where: str) -> list[str]:
    return [f"{flag_of(name)}: has no effect {where}" for name in given]


def _around(
    subject: str,
    walking: Mapping[str, object],
    looking: Given,
    given: Given,
    problems: list[str],
    overwrite: bool,
    trust: bool,
    json: bool,
) -> None:
    from mlzoo.checking.landscapes.folders import folder_of
    from mlzoo.checking.settings import around, walks
    from mlzoo.runs import run_folder
    from mlzoo.runs.contents.folders import refuse_links

    problems += _idle([n for n in ("noise", "sweep", "tolerance", "view") if n in walking],
                      "on a run")  # fmt: skip
    fitting = {*_WALK_FLAGS, *_PLACES, "limit"}
    problems += _idle([name for name in given if name not in fitting], "on a run")
    values = {n: v for n, v in walking.items() if n in ("steps", "start")}
    values |= {name: given[name] for name in ("optimizer", "learning_rate") if name in given}
    if values and "optimizer" not in given:
        problems += _idle(values, "on a run without --optimizer")
    settings = looking | {name: given[name] for name in ("seed", "limit") if name in given}
    settings |= {"points": walking["points"]} if "points" in walking else {}
    try:
        config = around({**settings, "walked": "optimizer" in given}, walks(values, {}))
    except UsageError as error:
        raise UsageError([*problems, *error.problems]) from None
    if problems:
        raise UsageError(problems)
    path = run_folder.find(subject)
    if config.to is not None:
        run_folder.find(config.to)
    default = path / "landscapes" / config.plane
    folder = folder_of(given.get("out"), given.get("name"), default, overwrite)
    refuse_links(path, folder)
    from mlzoo.runs.devices import prepare

    prepare()
    from mlzoo.api import load
    from mlzoo.checking.landscapes.loss_surface import look, write

    reporter = ConsoleReporter(quiet=json)
    run = load(path, trust=trust)
    try:
        surface = look(run, config, reporter)
        record = write(folder, surface, run, config)
    finally:
        reporter.end()
    if json:
        show({"folder": str(folder), **record})
        return
    if surface.eigenvalues is not None:
        rows = [[i, value] for i, value in enumerate(surface.eigenvalues["largest"], 1)]
        print(table(["eigenvalue", "of the Hessian"], rows))
    for line in surface.sentences:
        print(line)
    say(f"written to {folder}")


def _posterior(given: Given, problems: list[str], overwrite: bool, json: bool) -> None:
    """Draw the posterior of a line's weights as samples come in."""
    from mlzoo.checking.landscapes.folders import folder_of

    problems += _idle([n for n in given if n not in (*_PLACES, "seed")], "on line-posterior")
    if problems:
        raise UsageError(problems)
    from mlzoo.checking.functions import line_posterior

    default = Path("saved_models") / f"landscape-{line_posterior.NAME}"
    folder = folder_of(given.get("out"), given.get("name"), default, overwrite)
    posteriors = line_posterior.steps(given.get("seed", 0))
    line_posterior.write(folder, posteriors)
    rows = [line_posterior.row(step) for step in posteriors]
    if json:
        show({"folder": str(folder), "steps": rows})
        return
    print(table(list(rows[0]), [list(row.values()) for row in rows]))
    say(f"written to {folder}")


def check_subject(subject: str) -> None:
    """Raise UsageError unless a text is a function's name or an expression; loads no library."""
    from mlzoo.checking.functions.named import FUNCTIONS
    from mlzoo.core.expressions import FUNCTIONS as INNER
    from mlzoo.core.expressions import parse
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
    walking: Given,
    given: Given,
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
        f"{flag_of(name)}: has no effect on a function" for name in given if name not in fitting
    ]
    values = walking | {name: given[name] for name in _WALK_FLAGS if name in given}
    if "points" in walking and "sweep" not in walking:
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
    from mlzoo.checking.functions.trajectories import compare, write

    reporter = ConsoleReporter(quiet=json)
    try:
        comparison = compare(subject, config, reporter)
        record = write(folder, comparison, config, gif)
    finally:
        reporter.end()
    show({"folder": str(folder), **record}) if json else _ranking(comparison, folder)


def _ranking(comparison: TrajectoryComparison, folder: Path) -> None:
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
    rows = [[row[key] for key in names] for row in comparison.ranking]
    print(table(list(names.values()), rows))
    if comparison.stationary:
        from mlzoo.checking.functions.stationary import MOST

        names = {"x": "x", "y": "y", "value": "value", "kind": "stationary point"}
        names |= {"smaller": "eigenvalue", "larger": "eigenvalue", "hessian": "Hessian"}
        points = [[row[key] for key in names] for row in comparison.stationary[:MOST]]
        print(table(list(names.values()), points))
    for line in comparison.sentences:
        print(line)
    say(f"written to {folder}")
