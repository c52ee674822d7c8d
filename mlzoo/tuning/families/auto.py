"""`mlzoo train auto`: try the families that fit the data, then the best two with more effort.

Each candidate is a run of its own. What is chosen is chosen on the validation split, or out of fold
where the finalists have folds; the test split scores the winner alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mlzoo.core import files, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, Interrupted, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.data.contracts import task
from mlzoo.reporting.card import write_card
from mlzoo.reporting.facts import gather
from mlzoo.reporting.pages.report import write_report
from mlzoo.runs import devices, run_folder
from mlzoo.runs.config_loading import Merged, merge
from mlzoo.runs.contents.folders import write_checksums
from mlzoo.runs.opened import OpenedRun
from mlzoo.tasks._samples import SampleTask
from mlzoo.training.members import OUT_OF_FOLD
from mlzoo.training.starting.folder import default_name, seal
from mlzoo.tuning.families.candidates import METRICS, CandidateRuns, QuietListener, families
from mlzoo.tuning.families.leaderboard import Candidate, baseline_rows, line, ranked, reason

LEADERBOARD = "leaderboard.csv"
_CANDIDATES = "-candidates"
_RECORD = "auto.json"
_FINALISTS = 2
_PRESETS = {"fast": "", "good": "good", "best": "best"}
"""Preset of the finalists by the preset that was given; "": there are none."""


def train_auto(
    flags: Mapping[str, Any],
    file: Path | None = None,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
    **merging: Any,
) -> OpenedRun:
    """Choose a family by the data and train it.

    A call that was stopped is continued by the same call: finished candidates are kept.

    Args:
        flags: fields of the run that were given, without `model`.
        file: a configuration file; flags win.
        overwrite: replace a run of the same name.
        listener: hears of progress.
        **merging: as `config_loading.merge` takes.

    Returns:
        The chosen run, with `leaderboard.csv` in its folder.

    Raises:
        UsageError: a setting is wrong or is that of one model; no family fits.
    """
    listener = listener or Listener()
    if flags.get("set"):
        raise UsageError("--set: is for one model, and auto tries several; leave it out")
    merged = merge({**flags, "model": "linear"}, file, **merging)
    config = merged.config
    _check(merged)
    devices.choose(config.device)
    samples = loading.read(config, listener.progress)
    names = families(samples)
    if not names:
        raise UsageError(f"auto has no model for {samples.task} of {samples.kind}s; name one")
    given = {name: getattr(config, name) for name in merged.given - {"model", "name", "out"}}
    final = _place(config, given, overwrite)
    folder = final.parent / (final.name + _CANDIDATES)
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / _RECORD, _as_json(given))
    search = CandidateRuns(folder, given, listener, QuietListener(listener))
    try:
        return _chosen(search, names, config, final, overwrite)
    except Interrupted as error:
        raise Interrupted(
            error.what, error.signal, "run the same command again: finished candidates are kept"
        ) from None


def _check(merged: Merged) -> None:
    """Raise UsageError for settings that auto decides itself, or that are those of one model."""
    config = merged.config
    problems = []
    if config.unscored:
        problems.append("--unscored: auto chooses by scores; name one model, or give --folds 5")
    if config.preset not in _PRESETS:
        problems.append("--preset none: auto tries models with their recipes; choose fast or good")
    if config.train_on != "train":
        problems.append("--train-on: auto needs the validation split to choose on")
    if config.repeats > 1:
        problems.append("--repeats: is for one model; train the chosen one with it")
    if problems:
        raise UsageError(problems)


def _as_json(given: Mapping[str, Any]) -> dict[str, object]:
    return {name: given[name] for name in sorted(given)}


def _place(config: RunConfig, given: Mapping[str, Any], overwrite: bool) -> Path:
    """Return the folder that the chosen run gets; candidates of the same call lie beside it."""
    root = files.expand(config.out)
    run_folder.check_root(root)
    if config.name:
        run_folder.check_free(root, config.name, overwrite)
        final = root / config.name
        folder = root / (config.name + _CANDIDATES)
        if folder.exists() and not _same_call(folder, given):
            if not overwrite:
                raise UsageError(
                    f"{folder} holds candidates of other settings; choose another --name, or "
                    "remove them with --overwrite"
                )
            shutil.rmtree(folder)
        return final
    base = default_name(config.model_copy(update={"model": registry.AUTO_MODEL}))
    number = 1
    while True:
        final = run_folder.free(root, base if number == 1 else f"{base}-{number}")
        folder = root / (final.name + _CANDIDATES)
        if not folder.exists() or _same_call(folder, given):
            return final
        number += 1


def _same_call(folder: Path, given: Mapping[str, Any]) -> bool:
    try:
        return files.read_mapping(folder / _RECORD) == _as_json(given)
    except (DataError, OSError):
        return False


def _chosen(
    search: CandidateRuns, names: Sequence[str], config: RunConfig, final: Path, overwrite: bool
) -> OpenedRun:
    """Train the candidates, choose one, and give its run the name of the whole."""
    listener = search.listener
    listener.note(f"auto tries {', '.join(names)}")
    first: list[Candidate] = []
    for number, name in enumerate(names, start=1):
        listener.note(f"candidate {number} of {len(names)}: {name}")
        # The baselines' scores are the same for all.
        candidate = search.candidate(name, "fast", "none" if first else config.baselines)
        if candidate is not None:
            first.append(candidate)
            listener.note(line(candidate))
    if not first:
        raise UsageError("auto: no model could be trained; see the warnings above")
    by_score = ranked(first)
    finalists = _finalists(search, by_score, config)
    best = ranked(finalists or by_score)
    why = reason(best)
    listener.note(why)
    rows = [each.row(each is best[0]) for each in [*best, *(by_score if finalists else [])]]
    rows += baseline_rows(first[0])
    return _finished(best[0].run, final, rows, why, overwrite)


def _finalists(
    search: CandidateRuns, by_score: Sequence[Candidate], config: RunConfig
) -> list[Candidate]:
    """Return the best candidates trained on folds, if the task can be scored out of fold.

    None where they were so at once.
    """
    preset = _PRESETS[config.preset] if "preset" in search.given else "good"
    plugin = task(by_score[0].run.record["task"])
    if not preset or not isinstance(plugin, SampleTask) or by_score[0].part == OUT_OF_FOLD:
        return []
    finalists = []
    for candidate in by_score[:_FINALISTS]:
        model = candidate.run.config.model
        search.listener.note(f"finalist: {registry.stem(model)} with --preset {preset}")
        finalist = search.candidate(model, preset, "none")
        if finalist is not None:
            finalists.append(finalist)
            search.listener.note(line(finalist))
    return finalists


def _finished(
    run: OpenedRun, final: Path, rows: Sequence[Mapping[str, object]], why: str, overwrite: bool
) -> OpenedRun:
    """Give the chosen run its final name, with the leaderboard in it; return it, opened."""
    rows = [{**row, "run": str(final) if row["chosen"] else row["run"]} for row in rows]
    files.write_text(run.path / LEADERBOARD, files.csv_text(rows))
    record = {**run.metrics, "auto": {"reason": why, "leaderboard": rows}}
    files.write_json(run.path / METRICS, record)
    write_checksums(run.path, run_folder.RECORDS)
    _move_out(run.path / "config.yaml", final.parent)
    facts = gather(run.path, final)
    write_card(run.path, facts)
    write_report(run.path, facts)
    if overwrite and final.exists():
        shutil.rmtree(final)
    run.path.rename(final)
    return OpenedRun(final)


def _move_out(path: Path, out: Path) -> None:
    """Have a configuration write its run into another folder when it is repeated."""
    text = files.read_text(path).rpartition(files.SEAL)[0]
    moved = yaml.safe_dump({"out": str(out)})
    files.write_text(path, seal(re.sub(r"(?m)^out: .*\n", lambda _: moved, text)))
