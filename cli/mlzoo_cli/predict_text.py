"""`mlzoo predict` of a model of text: what it writes after each prompt."""

from __future__ import annotations

import sys

from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand, real_path, write_text
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo_cli.output import ConsoleReporter, say, show

_PROMPT_SHOWN = 200
"""Characters of a prompt that are printed before what follows."""
_LONGEST_NAME = 256
"""Characters from which on what is given can be no file's name."""


def continue_prompts(run: OpenedRun, prompts: list[str], config: PredictConfig, json: bool) -> None:
    """Print or write each prompt, or the end of each file, and what the model writes after it."""
    from mlzoo.data.text.characters import unknown_characters
    from mlzoo.data.text.reader import TextReader

    reporter, reader = ConsoleReporter(quiet=json), run.reader_as(TextReader)
    rows = []
    for prompt in [_prompt(given) for given in prompts]:
        unknown = unknown_characters(prompt, reader)
        if unknown:
            reporter.warn(
                f"{', '.join(map(repr, unknown))}: left out of what is gone on from, since the "
                "training text has no such character"
            )
        text = run.write(prompt, config.length, config.temperature, config.seed)
        rows.append({"prompt": prompt[-_PROMPT_SHOWN:], "text": text})
    if json:
        show(rows)
        return
    whole = "\n".join(row["prompt"] + row["text"] for row in rows)
    if config.output is None:
        sys.stdout.write(whole + "\n")
    else:
        write_text(config.output, whole + "\n")
        say(f"{config.length} characters in {config.output}")


def _prompt(given: str) -> str:
    """The text to go on from: that of a file, or what was given itself."""
    if not given or len(given) >= _LONGEST_NAME or "\n" in given:
        return given
    path = expand(given)
    if path.is_file():
        from mlzoo.data.tables.tables import decode

        return decode(path)[0].replace("\r\n", "\n").replace("\r", "\n")
    if path.is_dir():
        raise UsageError(f"{given!r} is a folder; name a text file, or give the text itself")
    if path.suffix.lower() in (".txt", ".md") and " " not in given:
        raise UsageError(f"{given!r} is not there (looked at {real_path(path)})")
    return given
