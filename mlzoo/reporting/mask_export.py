"""Folder of predicted masks or fields: one file per image, each written atomically."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import disk_errors, write_bytes, write_rows, write_text
from mlzoo.data.images.reader import PixelReader
from mlzoo.data.masks.instances import measure
from mlzoo.data.masks.values import MOST_IDS
from mlzoo.data.volumes.slices import side_by_side, slices_of
from mlzoo.drawing.palette import class_colors, instance_overlay, overlay, write_mask
from mlzoo.drawing.pictures import as_picture

if TYPE_CHECKING:
    from mlzoo.data.reader import Reader
    from mlzoo.runs.results import Painted

INSTANCES = "instances.csv"
_COLUMNS = ("name", "instance", "area", "row", "column")


class Folder:
    """Output folder of `mlzoo predict --output`.

    `masks/NAME.png`: pixels are class positions, shown in the classes' colors. `classes.txt`: one
    position and name per line. `overlays/NAME.png`: the mask on its image, unless switched
    off. `probabilities/NAME.npy`, on request: (height, width, classes) float16. Fields go
    into `fields/NAME.npy`, (height, width, fields) float32, (points, fields) of one dimension, the
    ends of their intervals into `low/` and `high/`, restored images into `restored/NAME.png`. Where
    instances are told apart, masks have their numbers, with 16 bits and without classes.txt, and
    instances.csv has a row for each. Masks of volumes are `masks/NAME.tif`, a page a slice, and
    their other arrays begin with the axis of depth. With the images beside them in `images/`, masks
    and classes.txt are what `mlzoo train` reads.

    Args:
        path: the folder; it is made with the first file.
        reader: reader of the run.
        names: names of all images that will be written.
        overwrite: replace files that exist.

    Raises:
        UsageError: classes.txt exists with other classes, a file exists, or two images would have
            the same output file.
    """

    def __init__(self, path: Path, reader: Reader, names: Sequence[str], overwrite: bool) -> None:
        self.path, self._maximum = path, reader.maximum
        self._made, self._line = False, isinstance(reader, PixelReader) and reader.line
        self._restores, self._depth = reader.target_kind.restores, reader.depth
        self._separate = reader.target_kind.separate
        self._rows: list[dict[str, object]] = []
        classes = reader.class_names
        self._masks = bool(classes)
        listed = () if self._separate else classes
        self._classes = "".join(f"{position} {name}\n" for position, name in enumerate(listed))
        if classes:
            self._colors = class_colors(reader.class_colors, len(classes))
        refuse_pairs(names)
        if not overwrite:
            self._refuse_existing(names)

    def _refuse_existing(self, names: Sequence[str]) -> None:
        advice = "choose another --output, or add --overwrite"
        listed = self.path / "classes.txt"
        if self._classes and listed.exists() and listed.read_text("utf-8") != self._classes:
            raise UsageError(f"{listed} lists other classes; {advice}")
        files = [self.path / file for name in names for file in self._files(name).values()]
        if self._separate:
            files.insert(0, self.path / INSTANCES)
        existing = [file for file in files if file.exists()]
        if existing:
            more = f" (and {len(existing) - 1} more files)" if len(existing) > 1 else ""
            raise UsageError(f"{existing[0]} exists already{more}; {advice}")

    def _files(self, name: str) -> dict[str, str]:
        """Return an image's possible files in the folder by kind, the prediction first."""
        stem = file_stem(name)
        if self._restores:
            return {"restored": f"restored/{stem}.png"}
        if not self._masks:
            return {kind: f"{kind}/{stem}.npy" for kind in ("fields", "low", "high")}
        kinds = {
            "masks": "tif" if self._depth else "png",
            "overlays": "png",
            "probabilities": "npy",
        }
        return {kind: f"{kind}/{stem}.{suffix}" for kind, suffix in kinds.items()}

    def _start(self) -> None:
        """Make the folder, just before the first file is written."""
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        if self._classes:
            write_text(self.path / "classes.txt", self._classes)
        self._made = True

    def write(self, painted: Painted, overlays: bool = True) -> str:
        """Write an image's files, and remove outdated ones of an earlier prediction.

        Returns:
            The name of the mask's or the fields' file, within the folder.
        """
        if not self._made:
            self._start()
        files = self._files(painted.name)
        for file in list(files.values())[1:]:
            (self.path / file).unlink(missing_ok=True)
        if self._restores:
            write_picture(self.path / files["restored"], as_picture(painted.values, self._maximum))
            return files["restored"]
        if not self._masks:
            ends = {"fields": painted.values, "low": painted.low, "high": painted.high}
            for kind, values in ends.items():
                if values is not None:
                    flat = values[0] if self._line else self._deep(values)
                    _write_array(self.path / files[kind], flat.astype("float32"))
            return files["fields"]
        if self._depth:
            write_stack(self.path / files["masks"], self._deep(painted.values))
        elif painted.instances is None:
            write_mask(self.path / files["masks"], painted.values, self._colors)
        else:
            _write_ids(self.path / files["masks"], painted.instances)
            measured = measure(painted.instances)
            self._rows += [{"name": painted.name, **row} for row in measured]
        if painted.outputs is not None:
            outputs = self._deep(painted.outputs).astype("float16")
            _write_array(self.path / files["probabilities"], outputs)
        if overlays:
            self._overlay(self.path / files["overlays"], painted)
        return files["masks"]

    def _deep(self, values: np.ndarray) -> np.ndarray:
        """Return what is predicted of a volume with its axis of depth; of images as it is."""
        return slices_of(values, self._depth) if self._depth else values

    def finish(self) -> None:
        """Write the table of instances, once all images are written."""
        if self._separate and self._made:
            buffer = io.StringIO()
            write_rows(buffer, _COLUMNS, ([row[c] for c in _COLUMNS] for row in self._rows))
            write_text(self.path / INSTANCES, buffer.getvalue())

    def _overlay(self, path: Path, painted: Painted) -> None:
        from PIL import Image

        image, values = painted.image, painted.values
        if self._depth:
            image, values = (side_by_side(each, self._depth) for each in (image, values))
        picture = Image.fromarray(_rgb(image, self._maximum))
        size = values.shape[::-1]
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.BILINEAR)
        mixed = (
            overlay(np.asarray(picture), values, self._colors)
            if painted.instances is None
            else instance_overlay(np.asarray(picture), painted.instances)
        )
        buffer = io.BytesIO()
        Image.fromarray(mixed).save(buffer, "PNG")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture (height, width, 3) from 0 to 1 as a file of 8 bits, gray where it is gray."""
    from PIL import Image

    pixels = np.rint(255 * picture).astype("uint8")
    if (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, path.suffix.removeprefix(".").upper())
        write_bytes(path, buffer.getvalue())


def write_stack(path: Path, slices: np.ndarray) -> None:
    """Write slices (depth, height, width) uint8 as the pages of a TIFF file."""
    from PIL import Image

    first, *others = (Image.fromarray(np.ascontiguousarray(each, "uint8")) for each in slices)
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others, compression="tiff_deflate")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())


def file_stem(name: str) -> str:
    """Return an image's name without its ending."""
    return PurePosixPath(name).with_suffix("").as_posix()


def refuse_pairs(names: Sequence[str]) -> None:
    """Raise UsageError if two images would have the same output file."""
    seen: dict[str, str] = {}
    for name in names:
        stem = file_stem(name)
        if stem in seen:
            raise UsageError(
                f"two images would have their results in {stem}: rename one ({seen[stem]}, {name}),"
                " or predict them into different folders"
            )
        seen[stem] = name


def _rgb(image: np.ndarray, maximum: float | None) -> np.ndarray:
    """Convert an image of any depth to (height, width, 3) uint8."""
    if image.dtype == np.uint8 and image.shape[-1] in (1, 3) and maximum == 255:
        return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
    return np.rint(255 * as_picture(image, maximum)).astype("uint8")


def _write_ids(path: Path, instances: np.ndarray) -> None:
    from PIL import Image

    if instances.max(initial=0) > MOST_IDS:
        raise DataError(
            f"{path.name}: {instances.max():,} instances, but a mask holds {MOST_IDS:,}; predict "
            "the image in pieces"
        )
    buffer = io.BytesIO()
    Image.fromarray(instances.astype(np.uint16)).save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())


def _write_array(path: Path, values: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
