"""Decisions that reading made: what was recognized, why, and with which certainty."""

from __future__ import annotations

import re
from typing import Literal, TypedDict

from mlzoo.core.configs import RunConfig
from mlzoo.data.samples import Samples

Certainty = Literal["given", "certain", "likely"]
_FLAGS = re.compile(r" ?\((--[a-z-]+(?:, --[a-z-]+)*)\)$")
_BY_VALUES = ("whole numbers with", "by its name", "values number", "look like", "drawn with")
"""Words of notes on what was decided by values or names, which may mislead."""


class Recognition(TypedDict):
    """A decision; `certainty` is `likely` where values or names decided, not the form of data."""

    what: str
    decision: str
    certainty: Certainty
    change: str


def recognitions(config: RunConfig, samples: Samples, source: str) -> list[Recognition]:
    """Return the decisions on source, task and inputs, each with the option that changes it.

    Args:
        config: of the run.
        samples: as they were read.
        source: that read them.
    """
    why = "" if config.source else ", the only source that reads such data"
    rows: list[Recognition] = [
        _row("source", f"{source}{why}", ["--source"], config),
        _row("task", samples.task, ["--task"], config),
    ]
    for note in samples.notes:
        match = _FLAGS.search(note)
        what, separator, decision = note.partition(": ")
        if match is None or not separator or what == "source":
            continue
        flags = match[1].split(", ")
        decision = _FLAGS.sub("", decision)
        if "--task" in flags:
            rows[1] = _row("task", f"{samples.task}: {decision}", flags, config)
        else:
            rows.append(_row(what, decision, flags, config))
    return rows


def _row(what: str, decision: str, flags: list[str], config: RunConfig) -> Recognition:
    certainty: Certainty = "likely" if any(text in decision for text in _BY_VALUES) else "certain"
    if any(_given(config, flag) for flag in flags):
        certainty = "given"
    return {"what": what, "decision": decision, "certainty": certainty, "change": ", ".join(flags)}


def _given(config: RunConfig, flag: str) -> bool:
    """Return whether an option of the run has another value than by default."""
    name = flag.removeprefix("--").replace("-", "_")
    field = type(config).model_fields.get(name)
    return field is not None and getattr(config, name) != field.get_default(
        call_default_factory=True
    )
