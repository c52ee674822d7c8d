"""`mlzoo tune`: search the settings of a model."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo_cli.options import (
    Fields,
    Json,
    RareSafeCsv,
    Trust,
    run_argument,
    run_fields,
    with_options,
    words,
)
from mlzoo_cli.output import say, show, table

if TYPE_CHECKING:
    from mlzoo.tuning.plan import Plan
    from mlzoo.tuning.results.search_result import SearchResult

LENIENT = True
TUNE = Fields("tuning/settings.py", "TuneConfig")
RUN = run_fields(basic=("Model", "Data", "Output"), leave_out=("folds", "ensemble", "preset"))
_PANEL = "Search"


@with_options(TUNE, RUN)
def tune(
    context: typer.Context,
    model: Annotated[str | None, run_argument("model")] = None,
    data: Annotated[str | None, run_argument("data")] = None,
    builder: Annotated[
        str | None,
        typer.Option(
            "--builder",
            metavar="FILE.py:FUNCTION",
            help="A keras-tuner build function of yours in place of MODEL: its hyperparameters are "
            "the space, its optimizer and loss are used as they are.",
            rich_help_panel=_PANEL,
            hidden=True,
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="NAME=RANGE",
            help="What to search, repeatable: learning_rate=log:1e-4..1e-1, units=16..256, "
            "activation=relu,tanh. By default what the model declares.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(
            "--space",
            help="YAML file of `name: range` lines, with `when` conditions.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="A,B",
            help="Run these strategies instead, --budget trials each (as in --budget 36), and say "
            "which won: random,bayesian,grid.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    compare_seeds: Annotated[
        int,
        typer.Option(
            "--compare-seeds",
            min=1,
            help="Number of runs of each strategy of --compare.",
            rich_help_panel=_PANEL,
            hidden=True,
        ),
    ] = 3,
    final: Annotated[
        bool,
        typer.Option(
            "--final/--no-final",
            help="Train the winner on the training and validation splits, and test it once.",
            rich_help_panel=_PANEL,
            hidden=True,
        ),
    ] = True,
    import_keras_tuner: Annotated[
        Path | None,
        typer.Option(
            "--import-keras-tuner",
            metavar="DIR",
            help="Print the trials of a keras-tuner project, also of a damaged one, and exit.",
            rich_help_panel=_PANEL,
            hidden=True,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print the plan and how long it would take; write nothing.",
            rich_help_panel=_PANEL,
        ),
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file of settings; flags win.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the search of the same name.")
    ] = False,
    safe_csv: RareSafeCsv = False,
    trust: Trust = False,
    json: Json = False,
    *,
    given: Mapping[str, object],
    problems: list[str],
) -> None:
    """Search the settings of a model; train and test the best.

    All candidates are scored alike. `mlzoo tune mlp digits` searches what the model declares;
    `mlzoo tune mlp wine.csv --target quality --strategy bayesian --trials 36 --folds 5` by
    cross-validation; `--vary` and `--space` say what is searched. The same command resumes a search
    that was stopped or killed. The test split is used once, for the winner.
    """
    if import_keras_tuner is not None:
        _imported(import_keras_tuner, json)
        return
    search = TUNE.of(given)
    given = {name: value for name, value in given.items() if name not in search}
    if compare is not None and search.get("budget", "").isdigit() and "trials" not in search:
        search["trials"] = search.pop("budget")  # of trials: time is no measure of strategies
    (model, data), wrong = words(context, [model, data])
    if builder is not None:
        model, data, more = _built(builder, model, data)
        wrong += more
    if trust and config is None:
        problems = [*problems, "--trust: has no effect without --config"]
    positional = {name: word for name, word in (("model", model), ("data", data)) if word}
    plan, merged = _plan(
        positional | given, config, vary or [], space, search, [*wrong, *problems], not wrong, trust
    )
    if dry_run:
        from mlzoo.tuning.dry_run import rehearse

        facts = rehearse(plan, merged)
        show(facts) if json else print(_rehearsed(facts))
        return
    from mlzoo_cli.search_reporter import SearchReporter

    if compare is not None:
        _compare(plan, compare, compare_seeds, overwrite, json)
        return
    reporter = SearchReporter(plan, quiet=json)
    from mlzoo.tuning.tune import run_plan

    try:
        result = run_plan(plan, merged, overwrite=overwrite, final=final, listener=reporter)
    finally:
        reporter.end()
    show(_document(result)) if json else _summary(result)
    if not result.ended.complete and "failed" in result.ended.reason:
        raise typer.Exit(1)


def _built(builder: str, model: str | None, data: str | None) -> tuple[str, str | None, list[str]]:
    """Model and data where a build function takes the model's place, and what is wrong."""
    from mlzoo.core import registry

    name = builder if registry.build_function(builder) else f"{builder}:build_model"
    if data is not None:
        return name, data, [f"--builder takes the place of MODEL; leave out {model}"]
    if registry.build_function(name) is None:
        return name, model, ["--builder: write FILE.py:FUNCTION, as in net.py:build_model"]
    return name, model, []


def _imported(folder: Path, json: bool) -> None:
    from mlzoo.tuning.importing import read_keras_tuner

    record = read_keras_tuner(folder)
    if json:
        show(record)
        return
    names = list(dict.fromkeys(name for row in record["trials"] for name in row["values"]))
    rows = [
        [row["trial"], row["state"], row["score"], *(row["values"].get(n, "") for n in names)]
        for row in record["trials"]
    ]
    print(table(["trial", "state", record["metric"], *names], rows))
    for path in record["damaged"]:
        say(f"warning: {path} is damaged; what it held is left out")


def _compare(plan: Plan, names: str, seeds: int, overwrite: bool, json: bool) -> None:
    from dataclasses import asdict

    from mlzoo.tuning.compare import verdict
    from mlzoo.tuning.tune import run_comparison
    from mlzoo_cli.search_reporter import SearchReporter

    reporter = SearchReporter(plan, quiet=json)
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    standings = run_comparison(plan, chosen, seeds, overwrite=overwrite, listener=reporter)
    if json:
        show({"verdict": verdict(standings), "standings": [asdict(one) for one in standings]})
        return
    header = ["strategy", "best score", "95 % interval", "behind the first", "95 % interval "]
    rows = [
        [s.strategy, s.mean, _between(s.interval), s.behind, _between(s.behind_interval)]
        for s in standings
    ]
    print(table(header, rows))
    print(verdict(standings))
    from mlzoo.tuning.tune import folder_of

    folder = folder_of(plan)
    say(f"comparison: {folder.with_name(folder.name + '-compared')} (report.html, strategies.csv)")


def _between(interval: list[float] | None) -> str:
    return "" if interval is None else f"[{interval[0]:.4g}, {interval[1]:.4g}]"


def _plan(
    flags: Mapping[str, object],
    config: Path | None,
    vary: list[str],
    space: Path | None,
    search: Mapping[str, object],
    problems: list[str],
    complete: bool,
    trust: bool,
) -> tuple[Plan, Any]:
    """The checked plan; every mistake is told in one pass."""
    from mlzoo.core import registry
    from mlzoo.core.errors import UsageError
    from mlzoo.runs.config_loading import merge
    from mlzoo.tuning.plan import check_search
    from mlzoo.tuning.tune import make_plan

    if registry.build_function(str(flags.get("model"))):
        from mlzoo.runs import devices

        devices.prepare(str(flags.get("device", "auto")))  # before the file imports Keras
    try:
        merged = merge(flags, config, problems=problems, complete=complete, trust=trust)
    except UsageError as error:
        try:
            check_search(search)
        except UsageError as more:
            raise UsageError([*error.problems, *more.problems]) from None
        raise
    return make_plan(merged, vary, space, search), merged


def _rehearsed(facts: dict[str, Any]) -> str:
    lines = [table(["dimension", "values", "when"], facts["space"])]
    lines += ["", table(["trial", *facts["names"]], facts["first"])] if facts["first"] else []
    lines += ["", facts["text"]]
    return "\n".join(lines)


def _document(result: SearchResult) -> dict[str, object]:
    """All of a search as one JSON document."""
    from dataclasses import asdict

    from mlzoo.tuning.results.tables import failures, ranks

    order = ranks(result.trials, result.metric)
    return {
        "search": str(result.path),
        "metric": result.metric,
        "ended": result.ended.reason,
        "best": None if result.best is None else result.best.number,
        "tied": result.tied,
        "ties": result.ties.text,
        "trials": [
            {
                "trial": trial.number,
                "rank": order.get(trial.number),
                "state": trial.state,
                "values": trial.values,
                "mean": trial.mean if trial.state != "failed" else None,
                "error": trial.error if trial.state != "failed" else None,
                "scores": trial.scores,
                "epochs": trial.epochs_done,
            }
            for trial in result.trials
        ],
        "failures": failures(result.trials),
        "nested": None if result.nested is None else asdict(result.nested),
        "winner": None if result.run is None else str(result.run.path),
        "test": None if result.run is None else result.run.metrics["headline"],
    }


def _summary(result: SearchResult) -> None:
    from mlzoo.tuning.results.tables import failures
    from mlzoo.tuning.trials.trial import ranked
    from mlzoo_cli.search_reporter import row

    names = result.plan.space.names
    rows = [row(trial, names) for trial in ranked(result.trials, result.metric)[:10]]
    print(table(["trial", result.metric, "± error", *names], rows))
    for group in failures(result.trials):
        count = len(group["trials"])
        say(f"warning: {count} trial{'s' if count > 1 else ''} failed: {group['error']}")
    if result.ties.text:
        say(result.ties.text)
    if result.run is not None:
        from mlzoo.core.messages import over

        test = result.run.metrics["headline"]
        interval = test["interval"]
        between = f" [{interval[0]:.4g}, {interval[1]:.4g}]" if interval else ""
        taken = over(
            result.run.metrics["test"]["units"], result.run.metrics["test"]["interval_unit"]
        )
        between += f" over {taken}" if interval else ""
        print(f"test split, winner: {test['name']} {test['value']:.4g}{between}")
        say(f"winner: {result.run.path}")
    if result.nested is not None:
        from mlzoo.tuning.nested import spoken

        print(spoken(result.nested))
    say(f"search folder: {result.path} (report.html, trials.csv, hparams/)")
    from mlzoo.core.validation.values import trust_flag

    code = trust_flag(result.plan.run.model_dump())
    say(f"next: mlzoo train --config {shlex.quote(str(result.path / 'best.yaml'))}{code}")
