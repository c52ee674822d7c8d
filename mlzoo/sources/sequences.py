"""A folder of sequences: one table file each, a row a step; their classes or values in a table.

Files that share their columns are the sequences; any other table in the folder says something of
each (its class, a value, a group), found by the file's name or by the number that ends it. Or one
folder of files a class stands for the table; or a column of the files themselves is the target,
and every step has a class. WAV files are sequences too: models see their log-mel spectrum.
So are .npy and .npz files of an array (steps,) or (steps, channels) each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mlzoo.core.configs import Settings
from mlzoo.core.files import expand
from mlzoo.core.setting_types import TaskName, WordList, as_list

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples


class Config(Settings):
    """Settings of the source sequences."""

    data: str
    """The folder."""
    target: str | None = None
    """Column to predict, of a table or of the sequences; 'column>=6' makes two classes."""
    task: TaskName | None = None
    """Kind of the target: classification, ordinal, multilabel or regression; inferred."""
    class_order: WordList = Field(default_factory=list)
    """Classes of --task ordinal from the lowest to the highest; numbers are in order."""
    drop: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list)
    """Columns to leave out, comma-separated."""
    group_by: str | None = None
    """Column of a table, or a regular expression on file names, that says what stays together."""
    on_bad: Literal["error", "skip"] = "error"
    """Unreadable files: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    missing: Literal["error", "linear", "previous"] = "error"
    """Missing values: refuse them, draw a line between the neighbors, or repeat the last one."""
    time: str | None = None
    """Column of time stamps, which is no channel; recognized by default; none: there is none."""


def recognizes(path: str) -> bool:
    """Return whether it is a folder of tables, or of folders of tables, without images."""
    from mlzoo.data.images.layouts import has_sequences

    return has_sequences(expand(path))


def load(config: Config, progress: Any = None) -> Samples:
    """Read and check every file."""
    from mlzoo.data.sequences.folders import load_folder

    return load_folder(config, progress)
