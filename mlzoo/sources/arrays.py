"""Arrays: an .npz, HDF5 or MATLAB file, an .npy file, or a folder with x.npy and y.npy.

A file of several arrays holds inputs and targets as `x` and `y` (or `X` and `y`, `inputs` and
`targets`, `images` and `labels` or `masks`, ...; data sets of HDF5 groups as `group/x`), or
already split as `x_train`, `y_train`, `x_test`, `y_test` and perhaps `x_valid`, `y_valid`.
Targets of the images' height and width are masks where they are whole numbers (n, height, width),
ids of instances with `--task instances`, else (or with `--task regression`) fields (n, height,
width, k), NaN where a value does not count. Numbers with decimals (n, steps, channels) are
sequences, shorter ones end in NaN; their targets are (n,), (n, steps) or (n, horizon, k). An .npy
holds a table of numbers whose last column is the target. Models that learn without labels need
no targets: one array of a file, x.npy alone, or an .npy of any other shape are their inputs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError
from mlzoo.core.files import expand
from mlzoo.core.setting_types import Levels, TaskName, WordList
from mlzoo.data.specs import target_of

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.samples import Samples

UNLABELED = True
_ENDINGS = (".npz", ".npy", ".h5", ".hdf5", ".mat")
_NARROW = 8
"""Arrays of numbers with fewer columns could as well be channels as pixels."""


class Config(Settings):
    """Settings of the source arrays."""

    data: str
    """The file or folder."""
    task: TaskName | None = None
    """Kind of the target: classification, ordinal, multilabel, regression or, of masks, instances;
    inferred by default."""
    class_order: WordList = Field(default_factory=list)
    """Classes of --task ordinal from the lowest to the highest; numbers are in order."""
    inputs: str | None = None
    """Name of the input array within the file; recognized by default."""
    targets: str | None = None
    """Name of the target array within the file; recognized by default."""
    kind: Literal["auto", "image", "sequence", "array", "line"] = "auto"
    """image: (n, height, width[, channels]); auto: 8- and 16-bit values, and all with 4 axes.
    sequence: (n, steps, channels); auto: numbers with decimals and 3 axes.
    line: (n, points[, channels]) with fields (n, points[, k]), of one dimension."""
    following: bool = False
    """Sequences: targets (n, horizon, k) are the next values of the first k channels."""
    ignore: Levels = ()
    """Values of a mask's pixels that don't count, as 11 or 11,255; by default 255
    beside 0, 1, 2, ..."""
    ignore_index: int | None = Field(None, ge=0, le=255)
    """The same for one value, as it was called before."""
    threshold: int | None = Field(None, ge=1, le=255)
    """Make two classes of masks: values from this on are the second."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.ignore and self.ignore_index is not None:
            raise ValueError("ignore and ignore_index are one setting; give ignore alone")
        if self.threshold is not None and self.ignored:
            raise ValueError("threshold and ignore exclude each other; choose one")
        return self

    @property
    def unlabeled(self) -> bool:
        """Return whether the samples are learned themselves, without targets."""
        return self.task is not None and target_of(self.task).is_input

    @property
    def ignored(self) -> tuple[int, ...]:
        """The values that were said not to count."""
        return self.ignore if self.ignore_index is None else (self.ignore_index,)


def recognizes(path: str) -> bool:
    """Return whether the name is that of a file of arrays, or it is a folder that holds x.npy."""
    return path.lower().endswith(_ENDINGS) or (expand(path) / "x.npy").is_file()


def load(config: Config, progress: Any = None) -> Samples:
    """Read the arrays, check them, and find out what they are."""
    from dataclasses import replace

    from mlzoo.data.arrays import check_samples
    from mlzoo.data.masks.arrays import is_dense
    from mlzoo.data.sequences.arrays import are_sequences
    from mlzoo.data.tables.labels import label

    x, y, parts, notes = _read(config)
    check_samples(x, x if y is None else y, config.data)
    if y is None:
        return _unlabeled(config, x, parts, notes)
    if config.unlabeled:
        config = config.model_copy(update={"task": None})
    if config.kind == "line":
        return _dense(config, *_rows(config, x, y), parts, notes)
    narrow = x.ndim == y.ndim == 3 and x.dtype.kind == "f" and x.shape[2] < _NARROW
    if config.kind == "auto" and narrow and is_dense(x, y):
        raise DataError(
            f"{config.data}: inputs {x.shape} and targets {y.shape} could be images of "
            f"{x.shape[1]}x{x.shape[2]} pixels with a target at each, or sequences of "
            f"{x.shape[2]} channels and the values that follow; say --source-set kind=array "
            "(or image), kind=line (points of a field) or kind=sequence"
        )
    if config.kind == "sequence" or (not is_dense(x, y) and are_sequences(x, y, config.kind)):
        return _sequences(config, x, y, parts, notes)
    if config.following:
        raise DataError(f"{config.data}: following is for sequences, but inputs are {x.shape}")
    kind_of = None if config.task is None else target_of(config.task)
    if is_dense(x, y) and (kind_of is None or kind_of.separate or not kind_of.is_class):
        return _dense(config, x, y, parts, notes)
    if config.threshold or config.ignored:
        raise DataError(
            f"{config.data}: threshold and ignore are for masks, which have the images' "
            f"height and width, but inputs are of shape {x.shape} and targets {y.shape}"
        )
    if y.ndim > 2:
        raise DataError(
            f"{config.data}: inputs of shape {x.shape} and targets of shape {y.shape}; masks and "
            "fields must have the images' height and width"
        )
    labels = label(y, config.task, "targets", config.class_order)
    names: tuple[str, ...] = ("target",)
    if labels.values.ndim > 1 and not labels.class_names:
        names = tuple(f"target{i}" for i in range(labels.values.shape[1]))
    return replace(
        _samples(config, x, labels.values, labels.task, (*notes, labels.note)),
        class_names=labels.class_names,
        target_names=names,
        given_parts=parts,
    )


def _unlabeled(
    config: Config, x: np.ndarray, parts: np.ndarray | None, notes: list[str]
) -> Samples:
    """Samples that are their own targets."""
    from dataclasses import replace

    if config.kind in ("sequence", "line") or config.following:
        raise DataError(f"{config.data}: sequences and lines need targets beside the inputs")
    if config.threshold or config.ignored:
        raise DataError(f"{config.data}: threshold and ignore are for masks")
    note = f"arrays: inputs {x.shape} {x.dtype}; no targets, so that nothing but inputs is learned"
    samples = _samples(config, x, None, str(config.task), (*notes, note))
    return replace(samples, given_parts=parts)


def _samples(
    config: Config, x: np.ndarray, y: np.ndarray | None, task: str, notes: tuple[str, ...]
) -> Samples:
    """Images or arrays with a target each; None: they are their own."""
    from mlzoo.data.images.pixels import as_images
    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.reader import ArrayReader, Reader
    from mlzoo.data.samples import Samples

    x, maximum, kind_note = as_images(x, config.data, config.kind)
    reader: Reader = ArrayReader(shape=x.shape[1:], dtype=str(x.dtype))
    if maximum is not None:
        size, channels = (x.shape[1], x.shape[2]), x.shape[3]
        reader = ImageReader(size=size, channels=channels, dtype=str(x.dtype), maximum=maximum)
    return Samples(
        inputs=x,
        targets=x if y is None else y,
        task=task,
        target_names=(),
        kind="array" if maximum is None else "image",
        maximum=maximum,
        hashes=row_digests(x),
        reader=reader,
        notes=tuple(note for note in (*notes, kind_note) if note),
    )


def _sequences(
    config: Config, x: np.ndarray, y: np.ndarray, parts: np.ndarray | None, notes: list[str]
) -> Samples:
    """Sequences with targets of each, of each step, or that follow."""
    from dataclasses import replace

    import numpy as np

    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.sequences.arrays import sequence_arrays
    from mlzoo.data.sequences.sequences import Sequences

    if config.threshold or config.ignored:
        raise DataError(f"{config.data}: threshold and ignore are for masks")
    samples = sequence_arrays(x, y, config.data, config.task, config.following, config.class_order)
    inputs = samples.inputs
    if isinstance(inputs, Sequences):
        hashes = inputs.digests()
    else:
        hashes = row_digests(np.asarray(inputs))
    return replace(
        samples,
        given_parts=parts,
        hashes=hashes,
        notes=(*notes, *samples.notes),
    )


def _rows(config: Config, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return fields of one dimension as images of a single row."""
    if not (x.ndim in (2, 3) and y.ndim in (2, 3) and x.shape[:2] == y.shape[:2]):
        raise DataError(
            f"{config.data}: kind=line needs inputs (n, points[, channels]) and fields "
            f"(n, points[, k]) at the same points, but they have shapes {x.shape} and {y.shape}"
        )
    return x[:, None], y[:, None]


def _dense(
    config: Config, x: np.ndarray, y: np.ndarray, parts: np.ndarray | None, notes: list[str]
) -> Samples:
    """Images with masks or fields."""
    import numpy as np

    from mlzoo.data.arrays import check_inputs
    from mlzoo.data.images.pixels import as_images
    from mlzoo.data.images.reader import MAX_PIXELS
    from mlzoo.data.masks.arrays import are_masks, dense_fields, dense_instances, dense_masks
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples

    line = config.kind == "line"
    masks = config.task is None and not line and are_masks(y)
    if not masks and (config.threshold or config.ignored):
        raise DataError(f"{config.data}: threshold and ignore are for masks of classes")
    x = x[..., None] if x.ndim == 3 else x
    maximum: float | None
    if config.kind in ("array", "line"):
        x, maximum, note = check_inputs(x.astype(np.float32), config.data), None, ""
    else:
        x, maximum, note = as_images(x, config.data, "image")
    if masks:
        dense = dense_masks(y, config.data, config.ignored, config.threshold)
    elif config.task is not None and target_of(config.task).separate:
        dense = dense_instances(y, config.data)
    else:
        dense = dense_fields(y, config.data)
    reader = DenseReader(
        kind="array" if maximum is None else "image",
        line=line,
        size=None,
        channels=x.shape[-1],
        dtype=str(x.dtype),
        maximum=maximum,
        max_pixels=MAX_PIXELS,
        masks=dense.classes,
    )
    return Samples(
        inputs=x,
        kind=reader.kind,
        maximum=maximum,
        given_parts=parts,
        hashes=row_digests(x),
        reader=reader,
        **dense.sample_fields(),
        notes=tuple(n for n in (*notes, note, *dense.notes) if n),
        warnings=dense.warnings,
    )


def _read(config: Config) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, list[str]]:
    """Return inputs, targets, parts and notes; no targets where none are there or needed."""
    from mlzoo.data.arrays import open_archive, open_npy

    path = expand(config.data)
    if path.is_dir():
        if config.unlabeled and not os.path.lexists(path / "y.npy"):
            return open_npy(path / "x.npy"), None, None, []
        if not (path / "y.npy").is_file():
            raise DataError(f"{path} holds x.npy but no y.npy; both are needed")
        return open_npy(path / "x.npy"), open_npy(path / "y.npy"), None, []
    if path.suffix.lower() == ".npy":
        table = open_npy(path)
        holds_target = table.ndim == 2 and table.shape[1] > 1
        if config.unlabeled and not holds_target:
            return table, None, None, []
        return _last_column(path, table)
    arrays = open_archive(path)
    if config.unlabeled and config.targets is None:
        if config.inputs in arrays:
            return arrays[config.inputs], None, None, []
        if config.inputs is None and len(arrays) == 1:
            return next(iter(arrays.values())), None, None, []
    if config.inputs is None and config.targets is None and "x_train" in arrays:
        return _given_parts(path, arrays, config.unlabeled)
    return _pair(path, arrays, config)


def _last_column(path: Path, table: np.ndarray) -> tuple[np.ndarray, np.ndarray, None, list[str]]:
    if table.ndim != 2 or table.shape[1] < 2:
        raise DataError(
            f"{path} has shape {table.shape}; an .npy file must be (samples, columns) with the "
            "target in the last column; for anything else save x and y in one .npz file"
        )
    return table[:, :-1], table[:, -1], None, ["target: the last column"]


def _pair(
    path: Path, arrays: dict[str, np.ndarray], config: Config
) -> tuple[np.ndarray, np.ndarray, None, list[str]]:
    from mlzoo.data.arrays import choose_pair, describe

    for name in (config.inputs, config.targets):
        if name is not None and name not in arrays:
            raise DataError(f"{path} has no array {name!r}; it holds {describe(arrays)}")
    if config.inputs is None or config.targets is None:
        first, second = choose_pair(arrays, path)
    x, y = config.inputs or first, config.targets or second
    note = f"arrays: inputs {x} {arrays[x].shape} {arrays[x].dtype}, targets {y} {arrays[y].shape}"
    flags = "--source-set inputs=NAME, --source-set targets=NAME"
    return arrays[x], arrays[y], None, [f"{note} ({flags})"]


def _given_parts(
    path: Path, arrays: dict[str, np.ndarray], unlabeled: bool
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, list[str]]:
    import numpy as np

    from mlzoo.data.arrays import check_samples, describe

    named = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
    part_names = {suffix: part for suffix, part in named.items() if f"x_{suffix}" in arrays}
    lacking = [f"y_{suffix}" for suffix in part_names if f"y_{suffix}" not in arrays]
    alone = unlabeled and len(lacking) == len(part_names)
    lacking = [] if alone else lacking
    shapes = {arrays[f"x_{suffix}"].shape[1:] for suffix in part_names}
    if lacking or len(shapes) > 1:
        reason = f"it lacks {', '.join(lacking)}" if lacking else "samples differ in shape"
        raise DataError(f"{path}: {reason}; it holds {describe(arrays)}")
    letter = "x" if alone else "y"
    targets = [arrays[f"{letter}_{suffix}"] for suffix in part_names]
    for suffix, values in zip(part_names, targets, strict=True):
        check_samples(arrays[f"x_{suffix}"], values, f"{path}, {suffix}")
    if len({values.shape[1:] for values in targets}) > 1:
        raise DataError(f"{path}: targets differ in shape; it holds {describe(arrays)}")
    x = np.concatenate([arrays[f"x_{suffix}"] for suffix in part_names])
    y = None if alone else np.concatenate(targets)
    parts = np.concatenate(
        [np.full(len(arrays[f"x_{suffix}"]), part) for suffix, part in part_names.items()]
    )
    return (
        x,
        y,
        parts,
        [f"parts: {', '.join(dict.fromkeys(part_names.values()))}, as the file has them"],
    )
