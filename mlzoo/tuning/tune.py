"""From a plan to a finished search: its folder, the search itself, and the winner."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import (
    Interrupted,
    MlzooError,
    ResourceError,
    UsageError,
    disk_full,
    find_disk_full,
)
from mlzoo.core.files import expand, real_path
from mlzoo.runs import devices, run_folder
from mlzoo.runs.config_loading import Merged, check_unread, merge, read_config
from mlzoo.training.signals import Stage, Stop, caught, stopping
from mlzoo.tuning.plan import Plan, check_search, least_samples, with_epochs
from mlzoo.tuning.results.search_result import SearchResult
from mlzoo.tuning.space_from_config import build_space, check_against

if TYPE_CHECKING:
    from mlzoo.runs.opened import OpenedRun
    from mlzoo.tuning.compare import Standing
    from mlzoo.tuning.executors.engines import Engine
    from mlzoo.tuning.nested import Nested
    from mlzoo.tuning.search import Search, SearchEnd, SearchListener
    from mlzoo.tuning.trials.fitting import Evaluator

_LOOKED_AT = 100
"""Largest number of proposals whose programs are compiled ahead."""
_DENSE = ("linear", "mlp")
_REFUSED = {
    "keep": "scores of a search are those at the end of each training",
    "train_on": "a search scores on the validation split",
}


def make_plan(
    merged: Merged, vary: Sequence[str], space: Path | None, search: Mapping[str, object]
) -> Plan:
    """Return a validated plan, without importing anything heavy.

    Args:
        merged: the run that is varied.
        vary: `--vary` lines, `name=SPEC` each.
        space: YAML file of dimensions.
        search: search settings by name.

    Raises:
        UsageError: something is wrong; lists every mistake, one per line.
    """
    problems = [
        f"--{name.replace('_', '-')}: {name} can't be set: {why}"
        for name, why in _REFUSED.items()
        if name in merged.given
    ]
    if merged.config.ensemble > 1 or merged.config.folds > 1:
        problems.append(
            "configuration: a search trains one model at a time; leave out ensemble and folds, and "
            "give them to `mlzoo train --config best.yaml`"
        )
    plans: list[Any] = []
    fixed = {*merged.given - {"set"}, *merged.config.set}
    for make in (
        lambda: check_search(search),
        lambda: build_space(merged.config, vary, space, fixed),
    ):
        try:
            plans.append(make())
        except UsageError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    check_against(plans[1], fixed)
    run, chosen = merged.config.model_copy(update={"preset": "none"}), plans[0]
    if run.rare != "refuse" and run.rare_below is None:
        below = least_samples(run, chosen.folds, chosen.nested)
        run = run.model_copy(
            update={"rare_below": below}
        )  # the winner has the same classes as the search
    return Plan(run, plans[1], with_epochs(chosen, run))


def folder_of(plan: Plan) -> Path:
    """Return the folder of a search; the same command gives the same folder."""
    run = plan.run
    path = real_path(expand(run.data))
    model = registry.stem(run.model)
    default = f"tune-{model}-{path.stem if path.is_file() else path.name}"
    return expand(run.out) / (run.name or run_folder.slug(default))


def run_plan(
    plan: Plan,
    merged: Merged,
    *,
    overwrite: bool = False,
    final: bool = True,
    listener: SearchListener | None = None,
) -> SearchResult:
    """Run a search in the plan's folder, resuming a search of the same plan.

    Args:
        plan: of the search.
        merged: the run that is varied.
        overwrite: remove an earlier search in the folder.
        final: train and test the winner.
        listener: receives progress.
    """
    if plan.run.log:
        from mlzoo.runs.tracking import check_installed

        check_installed(plan.run)
    devices.choose(plan.run.device)
    devices.for_search(plan.run.model in _DENSE)  # the same table for any number of workers
    devices.prepare(plan.run.device, plan.run.precision)
    from mlzoo.tuning.folder import SearchFolder
    from mlzoo.tuning.search import SearchListener

    if plan.search.engine == "ray":
        from mlzoo.core.remote.ray_cluster import import_ray

        import_ray()  # fails before anything is written
    listener = listener or SearchListener()
    for warning in merged.warnings:
        listener.warn(warning)
    with (
        stopping("reading the data") as stage,
        SearchFolder(folder_of(plan), overwrite) as folder,
    ):
        try:
            return _search(plan, merged, folder.path, final, listener, stage)
        except BaseException as error:
            if folder.begun:
                stage.next = f"the same command resumes the search in {folder.path}"
            else:
                folder.discard()
            full = find_disk_full(error)
            if full is not None and folder.path.exists():
                raise ResourceError(
                    f"{disk_full(full)}; what is done is kept in {folder.path}, and the same "
                    "command goes on"
                ) from error
            raise


def _search(
    plan: Plan,
    merged: Merged,
    path: Path,
    final: bool,
    listener: SearchListener,
    stage: Stage,
) -> SearchResult:
    from mlzoo.tuning.folder import open_journal
    from mlzoo.tuning.results.tables import write_tables
    from mlzoo.tuning.search import Search
    from mlzoo.tuning.trials.fitting import Evaluator

    stop = Stop()
    evaluator = Evaluator(plan, path, listener, stop)
    _check_unread(merged, evaluator, listener)
    _check_built(plan, evaluator)
    journal = open_journal(path, plan, evaluator.data.fingerprint, evaluator.metric)
    with caught(stop), journal:
        search = Search(plan, evaluator.metric, journal, listener, stop)
        if plan.run.log:
            from mlzoo.tuning.tracking import TrialTrackers

            search.ended = TrialTrackers(plan.run.log, path, evaluator.metric, listener).report
        _tell(search, listener)
        stage.doing = "searching"
        try:
            _check_fast(search, evaluator, listener)
            _compile_ahead(search, evaluator)
            # Import the plotting libraries in a thread while compiled programs are running.
            threading.Thread(target=_import_page).start()
            ended, nested = _run(search, evaluator, path)
        except (Interrupted, KeyboardInterrupt) as error:
            stop.signal = stop.signal or getattr(error, "signal", signal.SIGINT)
            ended, nested = None, None
        finally:
            evaluator.close()
            listener.end()
            write_tables(path, plan, search.trials, search.metric)
    if stop.signal:
        done = sum(len(trial.fits) for trial in search.trials)
        raise Interrupted(f"stopped after {done} {'fit' if done == 1 else 'fits'}", stop.signal)
    assert ended is not None
    listener.note(f"search ended: {ended.reason}")
    first = search.best
    if first is None:
        raise MlzooError(_nothing(search))
    stage.doing = "training the winner"
    shutil.rmtree(path / "states", ignore_errors=True)
    run = _train_winner(path, listener) if final else None
    test = None if run is None else {**run.metrics["test"], **run.metrics["headline"]}
    from mlzoo.tuning.results.hparams import write_hparams
    from mlzoo.tuning.results.page import write_page
    from mlzoo.tuning.results.ties import find_ties

    stage.doing = "writing the report"
    write_page(path / "report.html", plan, search.trials, search.metric, test, nested)
    write_hparams(path / "hparams", search.trials, search.metric)
    ties = find_ties(search.trials, search.metric)
    return SearchResult(path, plan, search.metric, search.trials, first, ties, run, ended, nested)


def _run(search: Search, evaluator: Evaluator, path: Path) -> tuple[SearchEnd, Nested | None]:
    from mlzoo.tuning.executors.engines import Together
    from mlzoo.tuning.nested import run_nested

    engine = _engine(search.plan, evaluator, path)
    fast = evaluator.fast
    lanes = 1 if fast is None or search.plan.search.engine == "ray" else fast.lanes
    together = None if lanes == 1 else Together(evaluator.group, lanes)
    try:
        ended = search.run(engine, together=together)
        wants_nested = (
            search.plan.search.nested and search.best is not None and not search.stop.signal
        )
        return ended, run_nested(search, engine, path) if wants_nested else None
    finally:
        engine.close()


def _serial(plan: Plan) -> bool:
    """Return whether this process runs the fits."""
    search = plan.search
    return search.engine != "ray" and search.workers == 1 and search.max_memory is None


def _engine(plan: Plan, evaluator: Evaluator, path: Path) -> Engine:
    """Return the engine of the fits: this process, worker processes, or a cluster."""
    if plan.search.engine == "ray":
        from mlzoo.tuning.executors.cluster import Cluster

        return Cluster(plan, path, evaluator.fast is not None)
    if _serial(plan):
        from mlzoo.tuning.executors.engines import Serial

        return Serial(evaluator.fit, evaluator.fit_all)
    from mlzoo.tuning.executors.pool import Pool

    return Pool(plan, path, evaluator.fast is not None)


def _import_page() -> None:
    importlib.import_module("mlzoo.tuning.results.page")


def _compile_ahead(search: Search, evaluator: Evaluator) -> None:
    """Compile coming programs in a thread if this process runs the fits."""
    from mlzoo.tuning.trials.trial import FitJob

    plan = search.plan
    if search.trials or plan.ahead < 10**9 or not _serial(plan):
        return
    count = min(plan.trials, _LOOKED_AT)
    proposals = plan.strategy.propose(plan.settings, plan.space, [], count, plan.run.seed)
    evaluator.compile_ahead([FitJob(n, 0, 0, p.values, p.epochs) for n, p in enumerate(proposals)])


def _check_fast(search: Search, evaluator: Evaluator, listener: SearchListener) -> None:
    """Check the compiled fits once per search; a resumed search reuses the result."""
    from mlzoo.tuning.trials.trial import FitJob

    before = next((r for r in search.journal.records if r["kind"] == "check"), None)
    if before is not None:
        evaluator.fast = evaluator.fast if before["fast"] else None
        return
    first = search.plan.strategy.propose(
        search.plan.settings, search.plan.space, [], 1, search.plan.run.seed
    )
    if not first:
        return
    try:
        message = evaluator.check_fast(FitJob(0, 0, 0, first[0].values, first[0].epochs))
    except Exception:  # a candidate that can't be built becomes a failed trial
        message = None
    if message is not None:
        listener.note(message)
    search.journal.append({"kind": "check", "fast": evaluator.fast is not None, "found": message})


def _check_built(plan: Plan, evaluator: Evaluator) -> None:
    """Raise at once if the model of a build function does not fit the data."""
    if registry.build_function(plan.run.model):
        from mlzoo.training.building import build_model

        build_model(plan.run, evaluator.data, plan.run.seed)


def _check_unread(merged: Merged, evaluator: Evaluator, listener: SearchListener) -> None:
    from mlzoo.data import loading

    unread = loading.unread_by_samples(evaluator.data.samples, merged.config)
    for warning in check_unread(merged, unread):
        listener.warn(warning)


def _tell(search: Search, listener: SearchListener) -> None:
    """Report the plan of the search before it starts."""
    plan = search.plan
    size = plan.space.size
    count = min(plan.trials, size if size is not None else plan.trials)
    most = f"{count} trials" if count < 10**9 else "trials until the strategy ends"
    fits = f" = {count * plan.fits} fits" if count < 10**9 and plan.fits > 1 else ""
    over = f" x {plan.search.folds} folds" if plan.search.folds > 1 else ""
    over += f" x {plan.run.repeats} repeats" if plan.run.repeats > 1 else ""
    listener.note(f"search: {plan.search.strategy}, {most}{over}{fits}, by {search.metric}")
    done = sum(len(trial.fits) for trial in search.trials)
    if done:
        listener.note(f"going on: {done} fits of {len(search.trials)} trials are done")


def _nothing(search: Search) -> str:
    from mlzoo.tuning.results.tables import failures

    lines = [f"no trial succeeded ({len(search.trials)} were tried)"]
    for group in failures(search.trials):
        numbers = ", ".join(map(str, group["trials"][:5]))
        more = "..." if len(group["trials"]) > 5 else ""
        lines.append(f"{len(group['trials'])} trials ({numbers}{more}): {group['error']}")
    lines.append(f"tracebacks are in {search.journal.path}")
    return "\n".join(lines)


def _train_winner(path: Path, listener: SearchListener) -> OpenedRun:
    """Train `best.yaml` into `winner`, or open the run if it is there."""
    from mlzoo.runs.opened import open_run
    from mlzoo.training.train import resume, train_merged

    config = path / "best.yaml"
    winner = path / "winner"
    merged = merge({"out": str(path), "name": "winner"}, config, allow_unused=True)
    if (winner / "metrics.json").is_file() and _repeats(winner, merged.config):
        return open_run(winner)
    listener.note("training the winner on the training and validation splits")
    if _repeats(path / "winner.partial", merged.config):
        with contextlib.suppress(MlzooError):  # a run that can't be resumed is trained anew
            return resume(winner, listener=listener)
    return train_merged(merged, overwrite=True, listener=listener)


def _repeats(winner: Path, config: RunConfig) -> bool:
    """Return whether a run has the given configuration."""
    try:
        before = read_config(winner)
    except MlzooError:  # not there, or damaged
        return False
    ignored: dict[str, object] = {"name": None, "out": "", "set": {}, "learning_rate": None}
    same = before.model_copy(update=ignored) == config.model_copy(update=ignored)
    settings = {**before.set, **config.set} == before.set
    return same and settings and before.rate == config.rate


def run_comparison(
    plan: Plan,
    names: Sequence[str],
    seeds: int,
    *,
    overwrite: bool = False,
    listener: SearchListener | None = None,
) -> list[Standing]:
    """Run strategies on the plan's space, folds and number of trials, and rank them.

    Args:
        plan: of the search; its strategy is replaced.
        names: of the strategies.
        seeds: number of repetitions of each strategy.
        overwrite: remove an earlier comparison in the folder.
        listener: receives progress.

    Raises:
        UsageError: a name is wrong, or there is one strategy only.
    """
    registry.trust(*names)
    for name in names:
        registry.check_name("strategy", name)
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise UsageError("--compare: name two different strategies or more, as in random,bayesian")
    devices.choose(plan.run.device)
    devices.for_search(plan.run.model in _DENSE)  # the same table for any number of workers
    devices.prepare(plan.run.device, plan.run.precision)
    from mlzoo.tuning.compare import SharedFits, compare
    from mlzoo.tuning.folder import SearchFolder, open_journal
    from mlzoo.tuning.trials.fitting import Evaluator
    from mlzoo.tuning.trials.journal import SEARCHES, STRATEGIES

    path = folder_of(plan)
    with SearchFolder(path.with_name(f"{path.name}-compared"), overwrite) as folder:
        evaluator = Evaluator(plan, folder.path, listener)
        open_journal(folder.path, plan, evaluator.data.fingerprint, evaluator.metric).close()
        shared = SharedFits(evaluator.fit)
        budget = 20 if plan.search.trials is None else plan.search.trials
        ranking = compare(
            plan,
            names,
            budget,
            seeds,
            evaluator.metric,
            lambda name: shared,
            folder.path / SEARCHES,
            listener,
        )
        from mlzoo.core import files
        from mlzoo.tuning.results.compare_page import rows, write_comparison

        files.write_text(folder.path / STRATEGIES, files.csv_text(rows(ranking)))
        write_comparison(folder.path / "report.html", plan, ranking, evaluator.metric)
        return ranking
