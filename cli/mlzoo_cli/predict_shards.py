"""`mlzoo predict --shards` of a table that is larger than memory: a folder of CSV files."""

from __future__ import annotations

from mlzoo.core.errors import UsageError
from mlzoo.core.files import csv_text
from mlzoo.data.tables.reader import TableReader
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo.runs.predicting.shards import ShardFolder, origin_of, predict_shards
from mlzoo.training.signals import stopping
from mlzoo_cli.output import ConsoleReporter, say
from mlzoo_cli.predict_tables import rows_of


def write_shards(
    opened: OpenedRun, data: list[str], config: PredictConfig, tta: str, json: bool
) -> None:
    """Predict a table shard by shard, after those that are there already.

    Raises:
        UsageError: more than one table, a run of another kind of data, or options that do not go
            together; the folder holds something else.
    """
    assert config.shards is not None
    problems = [
        f"--shards: {text}"
        for wrong, text in (
            (config.output is None, "name the folder with --output"),
            (len(data) != 1, f"takes one table, got {len(data)}"),
            (config.features, "does not go with --features"),
            (json, "does not go with --json"),
            (
                not isinstance(opened.reader, TableReader) or opened.target.ahead,
                f"is for the rows of tables; this run is of {opened.record['task']} of kind "
                f"{opened.record['kind']}",
            ),
        )
        if wrong
    ]
    if problems:
        raise UsageError(problems)
    assert config.output is not None
    options = {"coverage": config.coverage, "unlike": config.unlike, "tta": tta}
    origin = origin_of(opened, data[0], config.shards, options)
    folder = ShardFolder(config.output, origin, config.overwrite)
    if folder.complete:
        say(f"all {folder.done} shards are in {folder.path}")
        return
    reporter, before = ConsoleReporter(), folder.done
    if before:
        say(f"going on after {before} shards")
    again = "run the same command again: it goes on after the shards that are there"
    with stopping("predicting", again):
        count = predict_shards(
            opened,
            data[0],
            folder,
            config.shards,
            config.coverage,
            config.unlike,
            lambda predictions: csv_text(rows_of(opened, predictions)),
            reporter,
        )
    say(f"{count} predictions in {folder.done - before} shards in {folder.path}")
