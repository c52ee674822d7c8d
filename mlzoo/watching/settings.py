"""Settings of `mlzoo ui`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from pydantic import Field

from mlzoo.core.configs import Settings


class UiConfig(Settings):
    """The port of the page of runs and searches."""

    port: int = Field(8050, ge=0, le=65_535)
    """Port on localhost; 0: a free one."""
