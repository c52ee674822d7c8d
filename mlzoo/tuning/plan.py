"""The plan of a search: run, space and search settings, and what must not change on resuming."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, TypedDict

from pydantic import ValidationError

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.spaces import Dimension, Space
from mlzoo.core.validation.values import named_plugins, shares
from mlzoo.runs.config_loading import check_plugin_settings
from mlzoo.tuning.settings import TuneConfig

_FREE = (
    *("trials", "budget", "max_failures", "max_memory", "workers"),
    *("nested", "engine", "address"),
)
"""Search settings that may differ when a search is resumed."""
_TRIALS = 20


class PlanRecord(TypedDict):
    """A plan as JSON.

    Attributes:
        run: fields of `RunConfig`.
        space: fields of each `Dimension`.
        search: fields of `TuneConfig`.
    """

    run: Mapping[str, Any]
    space: Sequence[Mapping[str, Any]]
    search: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """Plan of a search: the run that is varied, the space, and the search settings.

    `proposals` is the seed of the strategy; None: that of the run.
    """

    run: RunConfig
    space: Space
    search: TuneConfig
    proposals: int | None = None

    @cached_property
    def strategy(self) -> ModuleType:
        """Return the plug-in of the strategy."""
        return registry.load("strategy", self.search.strategy)

    @cached_property
    def settings(self) -> Any:
        """Return the validated settings of the strategy."""
        return self.strategy.Config(**self.search.strategy_set)

    @property
    def seed(self) -> int:
        """Return the seed of the proposals."""
        return self.run.seed if self.proposals is None else self.proposals

    @property
    def trials(self) -> int:
        """Return the largest number of trials."""
        if self.search.trials is not None:
            return self.search.trials
        return 10**9 if getattr(self.strategy, "COMPLETE", False) else _TRIALS

    @property
    def ahead(self) -> int:
        """Return the number of newest trials that count as running when the next is proposed."""
        if getattr(self.strategy, "INDEPENDENT", False):
            return 10**9
        return int(getattr(self.strategy, "AHEAD", 0))

    @property
    def fits(self) -> int:
        """Return the number of fits per candidate."""
        return self.search.folds * self.run.repeats

    def record(self) -> PlanRecord:
        """Return the plan as worker processes and the journal take it."""
        return {
            "run": self.run.model_dump(mode="json"),
            "space": [_plain(asdict(dimension)) for dimension in self.space.dimensions],
            "search": self.search.model_dump(mode="json"),
        }

    def fixed(self) -> dict[str, str]:
        """Return digests, by name, of everything that must not change when a search is resumed."""
        record = self.record()
        run = {n: v for n, v in record["run"].items() if n not in ("out", "name")}
        search = {n: v for n, v in record["search"].items() if n not in _FREE}
        chosen = {"strategy": search.pop("strategy"), "set": search.pop("strategy_set")}
        parts: dict[str, object] = {
            "run": run,
            "space": record["space"],
            "search": search,
            "strategy": chosen,
        }
        files = [registry.own_file(name) for _, name in named_plugins(self.run.model_dump())]
        if code := b"".join(file.read_bytes() for file in files if file is not None):
            parts["code"] = hashlib.sha256(code).hexdigest()
        return {name: _digest(content) for name, content in parts.items()}


def restore(record: PlanRecord) -> Plan:
    """Restore a plan from its record."""
    dimensions = [
        Dimension(
            **{
                **entry,
                "choices": as_tuples(entry["choices"]),
                "when": {name: as_tuples(values) for name, values in entry["when"].items()},
            }
        )
        for entry in record["space"]
    ]
    return Plan(
        RunConfig(**record["run"]), Space(tuple(dimensions)), TuneConfig(**record["search"])
    )


def as_tuples(value: Any) -> Any:
    """Convert the lists within a value to tuples, as a space has them."""
    return tuple(as_tuples(one) for one in value) if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def least_samples(config: RunConfig, count: int, nested: int) -> int:
    """Return the number of samples per class that the splits and all folds of a search need.

    Args:
        config: its fractions of the splits.
        count: folds of the search.
        nested: outer folds; 0: none.
    """
    parts = shares(config.fractions)
    needed = count if count > 1 else 1
    if nested:
        within = count
        if count == 1:  # a single fold of the size of the validation split
            within = max(2, round((parts[0] + parts[1]) / parts[1])) if parts[1] else 2
        needed = max(nested, math.ceil(within * nested / (nested - 1)) + 1)
    # Rounding may give the test split one sample of a class more than its fraction.
    total = math.ceil(needed / (1 - parts[2])) + 1 if count > 1 or nested else 1
    return max(sum(share > 0 for share in parts), total)


def check_search(values: Mapping[str, object]) -> TuneConfig:
    """Validate the settings of a search and of its strategy.

    Raises:
        UsageError: a setting is invalid; lists every mistake, one per line.
    """
    from mlzoo.core.messages import sentences

    values = dict(values)
    problems: list[str] = []
    strategy = str(values.get("strategy", "random"))
    strategy_values: Any = values.get("strategy_set", {})
    try:
        registry.trust(strategy)
        registry.check_name("strategy", strategy)
        lines = (
            strategy_values
            if isinstance(strategy_values, list)
            else [f"{n}={json.dumps(v)}" for n, v in strategy_values.items()]
        )
        values["strategy_set"] = check_plugin_settings("strategy", strategy, lines)
    except UsageError as error:
        problems += [line.replace("--set", "--strategy-set") for line in error.problems]
        values["strategy_set"] = {}
    try:
        search = TuneConfig.model_validate(values)
    except ValidationError as error:
        problems += [
            f"--{name.replace('_', '-')}: {text}" if name else f"search: {text}"
            for name, text in sentences(error).items()
        ]
    if problems:
        raise UsageError(problems)
    return search


def with_epochs(search: TuneConfig, run: RunConfig) -> TuneConfig:
    """Set the strategy's epochs to those of the run, unless they are given."""
    config = registry.load("strategy", search.strategy).Config
    if "epochs" not in config.model_fields or "epochs" in search.strategy_set:
        return search
    settings = {**search.strategy_set, "epochs": run.epochs}
    try:
        config(**settings)
    except ValidationError as error:
        raise UsageError(f"--epochs {run.epochs}: {error.errors()[0]['msg']}") from None
    return search.model_copy(update={"strategy_set": settings})
