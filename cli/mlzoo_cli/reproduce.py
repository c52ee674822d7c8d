"""`mlzoo reproduce`: train a run again and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import MlzooError
from mlzoo_cli.options import Json, RunPath, Trust
from mlzoo_cli.output import ConsoleReporter, say, show, table

if TYPE_CHECKING:
    from mlzoo.training.reproducing import Reproduction


def reproduce(run: RunPath, trust: Trust = False, json: Json = False) -> None:
    """Train a run again and compare the results.

    It is trained from its config.yaml, in a temporary folder. Exit code 0 only where it came out
    the same: bit by bit where the run states that it is bitwise deterministic, else with its score
    within the first one's interval.
    """
    from mlzoo.training.reproducing import reproduce as train_again

    reporter = ConsoleReporter(quiet=json)
    try:
        result = train_again(run, reporter, trust=trust)
    finally:
        reporter.end()
    if json:
        show(result)
    else:
        print(_text(result))
        say(f"stated determinism: {result['determinism']}")
    if not result["reproduced"]:
        parts = [c["what"] for c in result["checks"] if c["counts"] and not c["same"]]
        raise MlzooError(f"{run} did not come out the same: {', '.join(parts)}{_why(result)}")


def _text(result: Reproduction) -> str:
    checks = [
        [
            c["what"],
            *("" if c["what"] == "baseline scores" else _short(c[n]) for n in ("first", "again")),
            "yes" if c["same"] else "no",
        ]
        for c in result["checks"]
        if c["what"] != "test scores"
    ]
    scores = [list(row.values()) for row in result["scores"]]
    lines = [table(["", "first", "again", "same"], checks)]
    lines += ["", table(["test score", "first", "again", "difference"], scores)]
    if result["environment"]:
        rows = [[name, *map(str, pair)] for name, pair in result["environment"].items()]
        lines += ["", table(["environment", "first", "again"], rows)]
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = " to ".join(f"{v:.4g}" for v in value) if isinstance(value, list) else str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."


def _why(result: Reproduction) -> str:
    changed = [name for name in result["environment"] if name not in ("git_commit", "files")]
    return f"; the environment differs in {', '.join(changed)}" if changed else ""
