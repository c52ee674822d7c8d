"""Settings of `mlzoo serve`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from pydantic import Field

from mlzoo.core.configs import Settings

MAX_PIXELS = 40_000_000
"""Pixels of an image that is decoded, at most."""
MAX_ROWS = 10_000
"""Rows of a table that are predicted at once."""
TIMEOUT = 30.0
"""Seconds in which an upload has to arrive."""
EXPLAIN_SECONDS = 10.0
"""Seconds that an explanation may take."""


class ServeConfig(Settings):
    """The port that a run is served on, and the limits of what is uploaded."""

    port: int = Field(8000, ge=0, le=65_535)
    """Port on localhost; 0: a free one."""
    max_mb: float = Field(20.0, gt=0, le=1000)
    """The largest upload that is read, in megabytes."""
    max_pixels: int = Field(MAX_PIXELS, ge=1)
    """Images with more are refused undecoded."""
    max_rows: int = Field(MAX_ROWS, ge=1)
    """Tables with more rows are refused."""
    timeout: float = Field(TIMEOUT, gt=0, le=3600)
    """Seconds in which an upload has to arrive."""
    unlike: float = Field(0.05, ge=0, lt=1)
    """Mark samples unlike the training data at this rate of false alarms; 0: none."""
    map: bool = True
    """Compute the Grad-CAM map of images of classes."""
    explain_seconds: float = Field(EXPLAIN_SECONDS, ge=0, le=600)
    """Seconds that the explanation of a row or an image may take; 0: none. Without explanations and
    maps (--no-map) the backend is that of KERAS_BACKEND, else TensorFlow."""
