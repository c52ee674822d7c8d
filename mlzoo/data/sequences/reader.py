"""Readers of sequences, and of series that are forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlzoo.core.setting_types import Delimiter, Header
from mlzoo.data.reader import Reader
from mlzoo.data.tables.reader import TargetColumn


@dataclass(frozen=True)
class SequenceTarget(TargetColumn):
    """Column that holds the target of sequences.

    Attributes:
        steps: whether it is a column of the sequences, with a class for each step.
    """

    steps: bool = False


class SequenceReader(Reader):
    """Reader of sequences of steps: a table file each, or arrays (n, steps, channels)."""

    kind: Literal["sequence"] = "sequence"
    channels: tuple[str, ...]
    """Columns that are inputs, in the order that the model takes them."""
    dtype: str = "float32"
    """NumPy type of the inputs."""
    time: str | None = None
    """Column of times, which is no channel; several that make up one are comma-separated."""
    missing: Literal["error", "linear", "previous"] = "error"
    """Missing values: refused, on a line between the neighbors, or the last one again."""
    target: SequenceTarget | None = None
    """Column that predictions are compared with; None: there were arrays, without columns."""
    by_folder: bool = False
    """True: the name of its folder is the class of a sequence."""
    rate: int = 0
    """Samples a second of sounds, of which models see the spectrum; 0: there are none."""
    horizon: int = 0
    """Steps that are forecast; 0: nothing is."""
    targets: tuple[str, ...] = ()
    """Names of the values that are forecast."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the channels."""
        return self.channels


class SeriesColumns(SequenceReader):
    """Columns of a table of series, a row a step."""

    targets: tuple[str, ...]
    """Columns that are forecast; they are the first channels."""
    group: str | None = None
    """Column that tells several series apart."""
    calendar: tuple[Literal["day", "week", "year"], ...] = ()
    """Periods in which the place of each step is an input of its own."""
    ahead: tuple[str, ...] = ()
    """Channels that are known ahead: a window's step holds their value `horizon` steps later."""
    static: tuple[str, ...] = ()
    """Channels that stay the same within a series."""
    coded: dict[str, tuple[str, ...]] = {}
    """Columns of texts of which each value is a channel, 1 where a series has it."""
    delimiter: Delimiter = None
    """Delimiter of the columns; None: recognized."""
    header: Header = "auto"
    """yes: the first line names the columns; auto: recognized."""


class SeriesReader(SeriesColumns):
    """Reader of series that are forecast from windows of their past."""

    window: int
    """Steps of the past that a forecast is made from."""
    horizon: int
    """Steps that are forecast."""
    stride: int = 1
    """Steps from one window to the next."""
    season: int = 1
    """Steps after which the series repeats itself; 1: it does not."""
    step: str | int | float | None = None
    """Usual step in time: a pandas frequency, or a number; None: there is none."""
    reach_back: bool = False
    """True: inputs may reach back across the border of a split; in older runs they do not."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the channels, with the steps by which those known ahead are later."""
        later = f" (+{self.horizon})"
        return tuple(name + later * (name in self.ahead) for name in self.channels)

    @property
    def context(self) -> tuple[int, ...]:
        """Return the places of the channels that are known ahead, or static."""
        known = (*self.ahead, *self.static)
        return tuple(i for i, name in enumerate(self.channels) if name in known)

    @property
    def ahead_places(self) -> tuple[int, ...]:
        """Return the places of the channels that are known ahead."""
        return tuple(i for i, name in enumerate(self.channels) if name in self.ahead)
