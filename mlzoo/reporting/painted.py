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

    Masks go into NAME.png (pixels are class positions, in the classes' colours), with
    `classes.txt`, a position and a name a line; fields into NAME.npy, (height, width, fields)
    float32. Beside them, where asked for: NAME_overlay.png and NAME_probabilities.npy, (height,
    width, classes) float16.

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

    def write(self, painted: Painted, overlays: bool = False) -> str:
        """Write an image's files; gives the name of the first, relative to the folder.

        Raises:
            UsageError: a file of that name exists, or was written for another image.
        """
        stem = PurePosixPath(painted.name).with_suffix("").as_posix()
        if stem in self._written:
            raise UsageError(
                f"two images would have their results in {stem}: rename one ({painted.name}), or "
                "predict them into different folders"
            )
        if not self._written:
            self._start()
        self._written.add(stem)
        name = f"{stem}.png" if painted.values.ndim == 2 else f"{stem}.npy"
        target = self.path / name
        if target.exists() and not self._overwrite:
            raise UsageError(f"{target} exists already; choose another --output, or --overwrite")
        target.parent.mkdir(parents=True, exist_ok=True)
        if painted.values.ndim == 2:
            write_mask(target, painted.values, self._colours)
        else:
            _write_array(target, painted.values.astype("float32"))
        if painted.outputs is not None:
            _write_array(self.path / f"{stem}_probabilities.npy", painted.outputs.astype("float16"))
        if overlays:
            self._overlay(self.path / f"{stem}_overlay.png", painted)
        return name

    def _overlay(self, path: Path, painted: Painted) -> None:
        from PIL import Image

        maximum = self._record["reader"].get("maximum")
        picture = np.rint(255 * as_picture(painted.image, maximum)).astype("uint8")
        picture = np.asarray(
            Image.fromarray(picture).resize(painted.values.shape[::-1], Image.Resampling.BILINEAR)
            if picture.shape[:2] != painted.values.shape
            else picture
        )
        buffer = io.BytesIO()
        Image.fromarray(overlay(picture, painted.values, self._colours)).save(buffer, "PNG")
        write_bytes(path, buffer.getvalue())


def _write_array(path: Path, values: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    write_bytes(path, buffer.getvalue())
