"""Inspections of data as notebooks show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlzoo.notebooks.html import card, table

if TYPE_CHECKING:
    import pandas as pd

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.new_samples import Progress


class Inspection(dict[str, Any]):
    """Facts and problems of data, by name; see `inspect`."""

    def _repr_html_(self) -> str:
        shape = " x ".join(map(str, self["shape"]))
        facts = f"{self['samples']:,} samples of {shape} {self['dtype']}, read by {self['source']}"
        splits = ", ".join(f"{part} {count:,}" for part, count in self["parts"].items())
        problems = [f"{problem['name']}: {problem['reason']}" for problem in self["problems"][:5]]
        lines = [facts, f"splits: {splits}" if splits else "", *self["warnings"][:5], *problems]
        rows = self["classes"] or self["columns"]
        return card(f"{self['data']}: {self['task']} on {self['kind']}s", lines, [_rows(rows)])

    def to_frame(self) -> pd.DataFrame:
        """Return the classes, or else the columns, a row each."""
        import pandas as pd

        return pd.DataFrame(self["classes"] or self["columns"])


def inspect(
    config: RunConfig, progress: Progress | None = None, *, trust: bool = False
) -> Inspection:
    """Describe the data of a run; see `mlzoo.data.quality.inspection.inspect`.

    Args:
        config: the run; only what concerns its data is read.
        progress: called as samples are read.
        trust: run a Python file that `config.source` names.
    """
    from mlzoo.data.quality.inspection import inspect as inspected

    return Inspection(inspected(config, progress, trust=trust))


def _rows(rows: list[Mapping[str, Any]]) -> str:
    return table([{n: v for n, v in row.items() if not isinstance(v, dict)} for row in rows])
