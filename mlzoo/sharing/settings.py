"""Settings of `mlzoo push`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from mlzoo.core.configs import Settings


class PushConfig(Settings):
    """Choice of the files that are uploaded, and settings of the repository."""

    private: bool = False
    """Make the repository private, where it is not there yet."""
    license: str | None = None
    """License of the model for its card, as the Hub names it: mit, cc-by-4.0, apache-2.0."""
    model_only: bool = False
    """Leave out what shows the data: plots, predictions, explanations, reports and split.json."""
    message: str = "Upload a run of mlzoo"
    """Message of the commit."""
