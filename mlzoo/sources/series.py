"""Series over time in one table, a row a step: forecasts the values that follow.

The first column of dates (or one called time) orders the rows. Windows of `--window` steps of all
number columns are inputs, the `--horizon` steps of the target that follow them are predicted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mlzoo.core.configs import Settings
from mlzoo.core.files import expand
from mlzoo.core.setting_types import Delimiter, Header, as_list

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples


class Config(Settings):
    """Settings of the source series."""

    data: str
    """The file."""
    target: str | None = None
    """Column to forecast, or several, comma-separated; by default the last column of numbers."""
    drop: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list)
    """Columns to leave out, comma-separated."""
    group_by: str | None = None
    """Column that tells several series in one table apart."""
    window: int | None = Field(None, ge=1)
    """Steps of the past that a forecast is made from; by default four horizons or one season."""
    horizon: int = Field(1, ge=1)
    """Steps to forecast."""
    stride: int | None = Field(None, ge=1)
    """Steps from one window to the next; by default 1."""
    missing: Literal["error", "linear", "previous"] = "error"
    """Missing values of inputs: refuse them, draw a line between the neighbors, or repeat the last
    one, within a stretch without a break in time; missing targets neither train nor count."""
    time: str | None = None
    """Column of time stamps, or the columns that make up one time, such as year,month,day;
    recognized by default; none: rows are steps."""
    delimiter: Delimiter = None
    """Separator of the columns: a character, or tab, comma, semicolon, space; recognized."""
    header: Header = "auto"
    """Take the first line as names of the columns; recognized by default."""
    season: int | None = Field(None, ge=1)
    """Steps after which the series repeats itself, for the seasonal baseline; 1: it does not; by
    default what fits the step and the training values best."""
    calendar: Annotated[list[Literal["day", "week", "year"]], BeforeValidator(as_list)] = Field(
        default_factory=list
    )
    """Where each step stands in the day, week or year, as further inputs: day, week, year; also of
    the steps to forecast, where a window is as long as these."""
    static: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list)
    """Columns that say what kind a series is and stay the same within it, comma-separated; a text
    becomes an input for each of its values, and so does the column of --group-by, which has models
    know each series; numbers stay numbers."""
    known_ahead: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list)
    """Columns whose values are known before they come, such as holidays or prices, comma-separated:
    forecasts see those of the steps to forecast, which new data give in rows without targets;
    none: not even the calendar."""


def recognizes(path: str) -> bool:
    """Return whether it is a table whose first lines have a column of dates that go on and on."""
    from mlzoo.data.images.layouts import looks_like_series
    from mlzoo.data.label_files.recognizing import names_images

    return looks_like_series(expand(path)) and not names_images(expand(path))


def load(config: Config, progress: Any = None) -> Samples:
    """Read the table, check its time, and cut windows."""
    from mlzoo.data.sequences.series import load_series

    return load_series(config)
