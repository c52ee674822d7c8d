"""Readers: what reading new samples as the training data were read takes.

A reader is what `data.json` keeps of a source's work. Each kind of data has its own in its folder
(`images/reader.py`, `tables/reader.py`, ...); `record.py` writes them as JSON, which
`reader_record.py` turns into them again. Nothing heavy is imported here or by the latter.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from mlzoo.data.specs import Target, target_of

MAX_VOXELS = 268_435_456
"""Voxels of a file beyond which it is refused before it is decoded, by default."""


class Reader(BaseModel):
    """Common fields of the readers of all kinds of data.

    Fields that older runs lack have defaults; names that only other versions know are ignored.
    """

    model_config = ConfigDict(frozen=True)

    kind: str = "array"
    """`image`, `table`, `sequence` or `array`."""
    source: str | None = None
    """Source that read the training data; older runs do not say it."""
    task: str = ""
    """Task of the training data; a source leaves it to `loading.read`, as the two names below."""
    class_names: tuple[str, ...] = ()
    """Classes of the model, by which labels of new samples are mapped to positions."""
    target_names: tuple[str, ...] = ()
    """One a number that is predicted, or the one name of the class."""
    merged: dict[str, str] = {}
    """Rare classes, each with the class that it was merged into (`--rare merge`)."""
    normal: tuple[str, ...] = ()
    """Classes that are normal, of a model that learned without labels (`--normal`)."""
    maximum: float | None = None
    """Largest value that a pixel can hold; None where samples are no images."""
    depth: int = 0
    """Slices of a volume, held one below the other in an image; 0: samples are no volumes."""
    max_voxels: int = MAX_VOXELS
    """Files of volumes of more voxels are refused before they are decoded."""

    @property
    def target_kind(self) -> Target:
        """Return the kind of target that the task predicts."""
        return target_of(self.task)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of a table's columns or of a sequence's channels; else none."""
        return ()

    @property
    def class_colors(self) -> tuple[tuple[int, int, int], ...]:
        """Return the colors that masks give the classes; none where they have none."""
        return ()


class ArrayReader(Reader):
    """Reader of plain arrays (n, *shape)."""

    kind: Literal["array"] = "array"
    shape: tuple[int, ...]
    """Shape of one sample."""
    dtype: str = "float32"
    """NumPy type of the inputs."""
    horizon: int = 0
    """Steps that are forecast from a vector; 0: nothing is."""
    targets: tuple[str, ...] = ()
    """Names of the values at each of those steps."""
