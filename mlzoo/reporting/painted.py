"""A folder of predicted masks or fields: a file for each image, written in one step each."""

from __future__ import annotations

import io
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.errors import UsageError
from mlzoo.files import disk_errors, write_bytes, write_text
from mlzoo.reporting.palette import class_colours, overlay, write_mask
from mlzoo.reporting.pictures import as_picture

if TYPE_CHECKING:
    from mlzoo.trained import Painted


class Folder:
    """Where `mlzoo predict --output` writes.

    `masks/NAME.png`: pixels are class positions, shown in the classes' colours. `classes.txt`: a
    position and a name a line. `overlays/NAME.png`: the mask on its image, unless it is not
    wanted. `probabilities/NAME.npy`, where asked for: (height, width, classes) float16. Fields go
    into `fields/NAME.npy`, (height, width, fields) float32. With the images beside them in
    `images/`, masks and classes.txt are what `mlzoo train` reads.

    Args:
        path: the folder; it is made with the first file.
        record: `data.json` of the run.
        overwrite: replace files that exist.

    Raises:
        UsageError: classes.txt is there and is another's.
    """

    def __init__(self, path: Path, record: dict[str, Any], overwrite: bool) -> None:
        self.path, self._overwrite = path, overwrite
        self._record = record
        self._written: set[str] = set()
        names = record["class_names"]
        self._classes = "".join(f"{position} {name}\n" for position, name in enumerate(names))
        if not names:
            return
        self._colours = class_colours(record["reader"], len(names))
        listed = path / "classes.txt"
        if listed.exists() and listed.read_text("utf-8") != self._classes and not overwrite:
            raise UsageError(
                f"{listed} lists other classes; choose another --output, or add --overwrite"
            )

    def _start(self) -> None:
        """Make the folder; not before there is something to write."""
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        if self._classes:
            write_text(self.path / "classes.txt", self._classes)

    def write(self, painted: Painted, overlays: bool = True) -> str:
        """Write an image's files; gives the name of the mask's or the fields', within the folder.

        Raises:
            UsageError: a file of that name exists, or was written for another image.
        """
        stem = PurePosixPath(painted.name).with_suffix("").as_posix()
        if stem in self._written:
            raise UsageError(
                f"two images would have their results in {stem}: rename one ({painted.name}), or "
                "predict them into different folders"
            )
        name = f"masks/{stem}.png" if self._classes else f"fields/{stem}.npy"
        if (self.path / name).exists() and not self._overwrite:
            raise UsageError(
                f"{self.path / name} exists already; choose another --output, or add --overwrite"
            )
        if not self._written:
            self._start()
        self._written.add(stem)
        if not self._classes:
            _write_array(self.path / name, painted.values.astype("float32"))
            return name
        write_mask(self.path / name, painted.values, self._colours)
        if painted.outputs is not None:
            target = self.path / "probabilities" / f"{stem}.npy"
            _write_array(target, painted.outputs.astype("float16"))
        if overlays:
            self._overlay(self.path / "overlays" / f"{stem}.png", painted)
        return name

    def _overlay(self, path: Path, painted: Painted) -> None:
        from PIL import Image

        picture = Image.fromarray(_rgb(painted.image, self._record["reader"].get("maximum")))
        size = painted.values.shape[::-1]
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.BILINEAR)
        mixed = overlay(np.asarray(picture), painted.values, self._colours)
        buffer = io.BytesIO()
        Image.fromarray(mixed).save(buffer, "PNG")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())


def _rgb(image: np.ndarray, maximum: float | None) -> np.ndarray:
    """An image of any depth as (height, width, 3) uint8."""
    if image.dtype == np.uint8 and image.shape[-1] in (1, 3) and maximum == 255:
        return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
    return np.rint(255 * as_picture(image, maximum)).astype("uint8")


def _write_array(path: Path, values: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
