"""`mlzoo landscape MODEL DATA --samples`, `--capacity`: from flags to a curve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.errors import UsageError
from mlzoo_cli.options import Given
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.core.spaces import Dimension

_OCTAVES = 20
_KNOWN = {
    "degree": "degree=1..15",
    "l2": "l2=" + ",".join(f"{2.0**k:.6g}" for k in range(-_OCTAVES, _OCTAVES + 1)),
}
"""Ranges of settings that need none: degrees, and 40 octaves of the penalty."""


def curve(
    model: str,
    data: str | None,
    fitting: Given,
    given: Given,
    problems: list[str],
    overwrite: bool,
    json: bool,
) -> None:
    """Check the settings, fit, and write and print the curve.

    Args:
        model: the model plug-in.
        data: the data, or None where a mistake hides them.
        fitting: given fields of `CurveConfig`.
        given: given fields of `RunConfig`.
        problems: mistakes found so far.
        overwrite: replace a folder of the same name.
        json: print one JSON document.
    """
    from mlzoo.checking import settings
    from mlzoo.checking.landscapes.folders import folder_of
    from mlzoo.runs import run_folder
    from mlzoo.runs.config_loading import merge

    chosen, dimension = None, None
    try:
        chosen = settings.curve(fitting)
        dimension = setting_range(chosen.capacity) if chosen.capacity is not None else None
    except UsageError as error:
        problems = [*problems, *error.problems]
    except ValueError as error:
        problems = [*problems, f"--capacity: {fitting['capacity'].partition('=')[0]} {error}"]
    flags = {"model": model, **({"data": data} if data else {})}
    flags |= {n: v for n, v in given.items() if n not in ("out", "name")}
    merged = merge(flags, None, problems=problems)
    assert chosen is not None  # Otherwise there are problems.
    config = merged.config
    if dimension is not None:
        from mlzoo.tuning.space_from_config import candidate

        for value in dimension.levels(15):
            candidate(config, {dimension.name: value})
    what = dimension.name if dimension else "samples"
    base = f"landscape-{Path(model).stem}-{Path(config.data).stem}-{what}"
    default = Path("saved_models") / run_folder.slug(base)
    folder = folder_of(given.get("out"), given.get("name"), default, overwrite)
    from mlzoo.runs.devices import prepare

    prepare(config.device, config.precision)
    from mlzoo.checking.landscapes import learning
    from mlzoo.runs import datasets
    from mlzoo.training.building import check_task
    from mlzoo.training.starting.preparing import with_solution

    reporter = ConsoleReporter(quiet=json)
    try:
        arranged = datasets.load(config, reporter.progress)
        check_task(config.model, arranged.samples.task)
        for note in arranged.notes:
            reporter.note(note)
        config = with_solution(merged, arranged).config
        if dimension is None:
            result = learning.against_samples(arranged, config, chosen.repeat, reporter)
        else:
            result = learning.against_setting(arranged, config, dimension, chosen.repeat, reporter)
        record = learning.write(folder, result, config, chosen.repeat)
    finally:
        reporter.end()
    if json:
        show({"folder": str(folder), **record})
        return
    print(table([what, *list(result.rows[0])[1:]], [list(row.values()) for row in result.rows]))
    print(result.sentence)
    say(f"written to {folder}")


def setting_range(text: str) -> Dimension:
    """The values of a setting, from `degree`, `l2` or NAME=RANGE.

    Raises:
        ValueError: it has no range, or no numbers.
    """
    from dataclasses import replace

    from mlzoo.tuning.parsing import parse_line

    if "=" not in text and text not in _KNOWN:
        raise ValueError(f"needs a range, as in {text}=1..10 (known without: {', '.join(_KNOWN)})")
    dimension = parse_line(_KNOWN.get(text, text))
    if dimension.kind == "choice" and not all(
        isinstance(v, int | float) for v in dimension.choices
    ):
        raise ValueError("must be numbers")
    return replace(dimension, log=True) if text == "l2" else dimension
