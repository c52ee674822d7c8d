"""Settings of `mlzoo export`. Neither Keras nor NumPy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from mlzoo.core.configs import Settings
from mlzoo.core.fields import Flag


class ExportConfig(Settings):
    """The format of an export and its folder."""

    format: str = "keras"
    """Format to write (`mlzoo formats`)."""
    output: Annotated[Path | None, Flag(also="-o", metavar="FOLDER")] = None
    """Folder to write; by default exports/FORMAT in the run folder."""
    int8: bool = False
    """litert: 8-bit integers, calibrated on the training split."""
    resize: bool = False
    """onnx: images of any size go in, and are resized in the graph as those of training were."""
    overwrite: bool = False
    """Replace an export that is there."""
