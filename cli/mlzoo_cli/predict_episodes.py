"""`mlzoo predict` with a model that acts: an episode as a table of steps, and as a film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.errors import UsageError
from mlzoo.core.files import csv_text, write_text
from mlzoo.training.signals import again_over, stopping
from mlzoo_cli.output import ConsoleReporter, say, show, show_csv

if TYPE_CHECKING:
    from mlzoo.api import Run
    from mlzoo.runs.predicting.episodes import RecordedEpisode
    from mlzoo.runs.predicting.settings import PredictConfig


def play_episodes(run: Run, data: list[str], config: PredictConfig, json: bool) -> None:
    """Play an episode that nothing was trained on; print its steps, or write them with a film.

    Raises:
        UsageError: data were given, or the folder holds files.
    """
    from mlzoo.runs.devices import prepare
    from mlzoo.runs.predicting.episodes import play_episode

    if data:
        raise UsageError(
            f"{data[0]}: a model that acts takes no data: it plays an episode (--seed)"
        )
    folder = config.output
    if folder is not None and json:
        raise UsageError("--json prints to stdout and --output writes files: choose one")
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder, for film.gif and steps.csv")
    if folder is not None and folder.exists() and any(folder.iterdir()) and not config.overwrite:
        raise UsageError(f"{folder} holds files already; choose another, or add --overwrite")
    prepare()
    reporter = ConsoleReporter(quiet=json)
    try:
        episode = play_episode(run, config.seed, reporter)
    finally:
        reporter.end()
    rows = _rows(episode)
    if json:
        show(rows)
    elif folder is None:
        show_csv(rows)
    else:
        with stopping("writing", again_over(folder)):
            _write(folder, episode, rows)
    if not json:
        end = "ended" if episode.ended else "was cut at its limit of steps"
        say(f"the episode {end} after {len(rows)} steps with a return of {rows[-1]['return']:.4g}")


def _rows(episode: RecordedEpisode) -> list[dict[str, object]]:
    """Return a row a step: the action, its reward, the sum so far, and the outputs."""
    rows = []
    total = 0.0
    for step, (action, reward) in enumerate(zip(episode.actions, episode.rewards, strict=True)):
        total += reward
        outputs = zip(episode.names, episode.outputs[step], strict=True)
        row = {"step": step + 1, "action": action, "reward": reward, "return": round(total, 9)}
        rows.append(row | {f"output_{name}": float(f"{value:.6g}") for name, value in outputs})
    return rows


def _write(folder: Path, episode: RecordedEpisode, rows: Sequence[Mapping[str, object]]) -> None:
    """Write steps.csv, and film.gif where observations can be drawn."""
    from mlzoo.reporting.films import write_film

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "steps.csv", csv_text(rows))
    say(f"{len(rows)} steps in {folder / 'steps.csv'}")
    if episode.pictures:
        write_film(folder / "film.gif", episode.pictures)
        say(f"film: {folder / 'film.gif'}")
    else:
        say("film: none, since the observations of this environment can't be drawn")
