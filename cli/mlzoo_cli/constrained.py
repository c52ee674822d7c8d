"""`mlzoo landscape FUNCTION --subject-to CONSTRAINT`: optima under constraints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlzoo.core.errors import UsageError
from mlzoo_cli.output import say, show, table

READ = ("start", "steps", "view")
"""Settings of paths that constrained descents have too."""


def constrained(
    subject: str,
    constraints: list[str],
    walking: dict[str, Any],
    places: dict[str, Any],
    problems: list[str],
    overwrite: bool,
    json: bool,
) -> None:
    """Print and write the KKT points of a function and the descents to them.

    Args:
        subject: name of a function, or an expression.
        constraints: as they were typed.
        walking: settings of paths that were given.
        places: `out` and `name`, where they were given.
        problems: mistakes that were found already, a line each.
        overwrite: replace a folder of the same name.
        json: print the record instead of tables.
    """
    from mlzoo.checking.landscapes.folders import folder_of
    from mlzoo.checking.settings import constrained_config
    from mlzoo.runs import run_folder

    given = {name: walking[name] for name in READ if name in walking}
    try:
        config = constrained_config({**given, "subject_to": constraints})
    except UsageError as error:
        raise UsageError([*problems, *error.problems]) from None
    if problems:
        raise UsageError(problems)
    default = Path("saved_models") / f"landscape-{run_folder.slug(subject)[:60]}"
    folder = folder_of(places.get("out"), places.get("name"), default, overwrite)
    from mlzoo.checking.constraints.comparison import compare, write

    comparison = compare(subject, config)
    record = write(folder, comparison, config)
    if json:
        show({"folder": str(folder), **record})
        return
    for rows in (comparison.kkt, comparison.ends):
        if rows:
            print(table(list(rows[0]), [list(row.values()) for row in rows]))
    for line in comparison.sentences:
        print(line)
    say(f"written to {folder}")
