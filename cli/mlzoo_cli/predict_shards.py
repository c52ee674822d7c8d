"""`mlzoo predict --shards` of a table that is larger than memory: a folder of CSV files."""

from __future__ import annotations

from functools import partial

from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.data.tables.reader import TableReader
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo.runs.predicting.shards import ShardFolder, origin_of, predict_shards
from mlzoo.training.signals import stopping
from mlzoo_cli.output import ConsoleReporter, say
from mlzoo_cli.predict_tables import text_of_rows


def write_shards(
    opened: OpenedRun, data: list[str], config: PredictConfig, tta: str, trust: bool, json: bool
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
    before = folder.done
    if before:
        say(f"going on after {before} shard{'s' if before > 1 else ''}")
    again = "run the same command again: it goes on after the shards that are there"
    order = {
        "run": str(opened.path),
        "data": data[0],
        "folder": str(config.output),
        "origin": origin,
        "rows": config.shards,
        **options,
        "trust": trust,
        "safe": files.is_safe(),
    }
    with stopping("predicting", again):
        if config.workers > 1 or config.engine == "ray":
            from mlzoo_cli.predict_parts import share_out

            count, total = share_out(order, config, again)
        else:
            given = config.shards, config.coverage, config.unlike
            text_of = partial(text_of_rows, opened)
            count, total = predict_shards(
                opened, data[0], folder, *given, text_of, ConsoleReporter()
            )
        folder.finish(total)
    say(f"{count} predictions in {total - before} shards in {folder.path}")
