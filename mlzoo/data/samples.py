"""Samples of a source (`Samples`), and the same in three splits (`Data`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.data.images.tiles import Cut, Tiling, uncut
from mlzoo.data.large_tables.rows import RowNames
from mlzoo.data.masks.operating_point import MaskRule
from mlzoo.data.policies import Policy
from mlzoo.data.reader import Reader
from mlzoo.data.specs import Inputs, Outputs, Target, target_of
from mlzoo.data.tables.reader import Column

if TYPE_CHECKING:
    from mlzoo.data.environments.environment import Environment
    from mlzoo.data.problems.problem import Problem
    from mlzoo.data.sequences.windows import Windows

_CHUNK_BYTES = 32_000_000
_COLUMN_VALUES = 2**24


class Rows(Protocol):
    """Inputs or targets that are read by position: a NumPy array, or files that stay on disk.

    `rows[indices]`, with an integer array or a slice, gives an array (n, *shape). Rows that are no
    array have `only(indices)`, which gives the rows at those positions, as lazily as they are.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(samples, *shape of one)."""
        ...

    @property
    def dtype(self) -> Any:
        """The NumPy type of what reading gives."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, indices: Any) -> np.ndarray: ...


@dataclass(frozen=True)
class Samples:
    """All samples of a source, before they are split.

    Attributes:
        inputs: (n, *shape). A table is float32 with NaN where a value is missing and the
            position in `Column.categories` where a column is categorical (-1: unseen, missing).
        targets: (n,) int32 positions in `class_names`, or (n,) or (n, k) float32. Multilabel:
            (n, k) float32, 1 for each of `class_names` that a sample has, else 0. Segmentation:
            rows (n, height, width) uint8 of such positions, `IGNORED` where a pixel does not
            count. Fields: (n, height, width, k) float32, NaN where a value does not count.
            Reconstruction: the inputs themselves.
        task: name of the task, such as `classification`.
        kind: `image`, `table`, `sequence` or `array`; how files of new samples are read.
        class_names: names of classes, in which a target is a position, or of labels.
        target_names: one a regression output, or the one column that holds the class.
        columns: tables only.
        maximum: images only: the largest value that the bit depth can hold (255, 65535, 16, 1).
        names: what to call each sample (a file relative to the folder, `row 17`).
        groups: a label a sample; samples that share one must not be parted. None: no groups.
        weights: (n,) over 0 with a mean of 1, how much each sample counts in the loss of training
            and validation. None: all count the same.
        classes: where the target is the sample itself and its class is known, (n,) positions in
            `class_names`, which nothing is learned from but to draw samples of a class.
        numbers: the same of a number of each, (n,) float32.
        copies: whether each sample is an augmented copy of another in its group. None: none is.
        given_parts: `train`, `valid` or `test` a sample where the source is already split.
        published: the given parts are a published benchmark's; copies across them are its own
            and are reported, not refused.
        sizes: (n, 2) height and width of each image where they differ within one frame, which is
            padded on the right and below. None: images fill their rows.
        pixels: segmentation only: (n, k) pixels of each class in each mask.
        instances: where instances are told apart, rows (n, height, width) of their ids, 0 where
            there is none; the targets are classes of pixels that stand for them.
        target_hashes: a digest of each mask or field.
        windows: forecasting only: where each window lies in time.
        problem: equations only: what is solved at the points that samples are.
        environment: control only: what is played. A sample is an episode: its input an
            observation, its target the seed that decides all that is random in it.
        hashes: a digest of each sample's decoded inputs, to find exact duplicates; of rows that
            stay on disk its first 64 bits (uint64).
        near_hashes: a perceptual hash (64-bit int) of each image, where it makes sense.
        problems: files that were left out, each with the reason.
        reader: what `mlzoo.data.inputs.read_inputs` needs to read new samples the same way; the
            model of the kind of data (goes into data.json).
        notes: what was inferred, a sentence each, ending with the flag that changes it.
        warnings: what was found wrong but does not stop training.
    """

    inputs: Rows
    targets: Rows
    task: str
    kind: str = "array"
    class_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ("target",)
    columns: tuple[Column, ...] = ()
    maximum: float | None = None
    names: Sequence[str] = ()
    groups: np.ndarray | None = None
    weights: np.ndarray | None = None
    classes: np.ndarray | None = None
    numbers: np.ndarray | None = None
    copies: np.ndarray | None = None
    given_parts: np.ndarray | None = None
    published: bool = False
    sizes: np.ndarray | None = None
    pixels: np.ndarray | None = None
    instances: Rows | None = None
    target_hashes: np.ndarray | None = None
    windows: Windows | None = None
    problem: Problem | None = None
    environment: Environment | None = None
    hashes: np.ndarray | None = None
    near_hashes: np.ndarray | None = None
    problems: tuple[tuple[str, str], ...] = ()
    reader: Reader = field(default_factory=Reader)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def target(self) -> Target:
        """The kind of target that the task predicts."""
        return target_of(self.task)

    @property
    def labels(self) -> np.ndarray:
        """The targets of a task whose targets are held in memory: classes or numbers."""
        return np.asarray(self.targets)

    @property
    def anomalous(self) -> np.ndarray | None:
        """Return whether each sample is of no normal class (n,); None where that is not known."""
        if self.classes is None or not self.reader.normal:
            return None
        known = np.array([name not in self.reader.normal for name in self.class_names])
        return np.asarray(known[self.classes])

    @property
    def target_channels(self) -> tuple[int, ...]:
        """Where forecast targets stand among the inputs' channels; none if one is no input."""
        channels = self.reader.input_names
        places = tuple(channels.index(name) for name in self.target_names if name in channels)
        return places if len(places) == len(self.target_names) else ()

    @property
    def context_channels(self) -> tuple[int, ...]:
        """Where channels that are known ahead stand among the inputs' channels."""
        return getattr(self.reader, "context", ())

    def only(self, indices: np.ndarray) -> Samples:
        """The samples at some positions, as samples of their own."""

        def pick(values: Any) -> Any:
            if values is None or isinstance(values, np.ndarray):
                return None if values is None else values[indices]
            return values.only(indices)

        inputs = pick(self.inputs)
        return replace(
            self,
            inputs=inputs,
            targets=inputs if self.targets is self.inputs else pick(self.targets),
            sizes=pick(self.sizes),
            pixels=pick(self.pixels),
            instances=pick(self.instances),
            target_hashes=pick(self.target_hashes),
            windows=pick(self.windows),
            names=_named(self.names, indices),
            groups=pick(self.groups),
            weights=pick(self.weights),
            classes=pick(self.classes),
            numbers=pick(self.numbers),
            copies=pick(self.copies),
            given_parts=pick(self.given_parts),
            hashes=pick(self.hashes),
            near_hashes=pick(self.near_hashes),
        )

    def name_of(self, index: int) -> str:
        """Return what to call the sample at a position."""
        return self.names[index] if len(self.names) else f"sample {index}"

    def names_of(self, indices: np.ndarray) -> Sequence[str]:
        """Return what to call the samples at some positions (n,); of tables made when read."""
        return _named(self.names, indices) if len(self.names) else RowNames(indices, "sample")

    def columns_of(
        self, indices: np.ndarray, blocks: np.ndarray | None = None
    ) -> list[tuple[str, Any]]:
        """Return columns that name samples: `index`, `name`, and `group` where there are groups.

        Args:
            indices: (n,) positions.
            blocks: (n,) labels that stand for groups where there are none.
        """
        columns: list[tuple[str, Any]] = [("index", indices), ("name", self.names_of(indices))]
        if self.groups is not None:
            columns.append(("group", [str(g) for g in np.asarray(self.groups)[indices]]))
        elif blocks is not None:
            columns.append(("group", blocks))
        return columns


def _named(names: Any, indices: np.ndarray) -> Sequence[str]:
    """Return the names at some positions, which are made later where all of them are."""
    if hasattr(names, "only"):
        return names.only(indices)
    return [names[int(i)] for i in indices] if len(names) else ()


def without_labels(samples: Samples, task: str) -> Samples:
    """Return samples whose target is the sample itself; their classes or numbers are kept.

    Args:
        samples: as a source gives them.
        task: the task that predicts samples themselves.

    Raises:
        UsageError: they are sequences, or images with masks.
    """
    if samples.target.is_input:
        return samples
    if samples.kind == "sequence" or samples.target.per != "sample":
        raise UsageError(
            f"{task} is for images, tables and arrays of samples, but these data are for "
            f"{samples.task} on {samples.kind}s; give a folder of images or a table alone"
        )
    labeled = samples.target.sample_class
    numbers = samples.labels.reshape(len(samples), -1) if samples.target.sample_numbers else None
    note = "targets: the samples themselves; " + (
        "classes are not learned from" if labeled else "labels are left out"
    )
    return replace(
        samples,
        targets=samples.inputs,
        task=task,
        class_names=samples.class_names if labeled else (),
        target_names=tuple(column.name for column in samples.columns),
        classes=samples.labels if labeled else None,
        numbers=numbers[:, 0] if numbers is not None and numbers.shape[1] == 1 else None,
        pixels=None,
        instances=None,
        target_hashes=None,
        notes=(*samples.notes, note),
    )


@dataclass(frozen=True)
class Part:
    """The training, validation or test samples: positions in a `Samples`."""

    samples: Samples
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def groups(self) -> np.ndarray | None:
        """The group of each sample as text, (n,); None where there are no groups."""
        groups = self.samples.groups
        return None if groups is None else np.asarray(groups)[self.indices].astype(str)

    @property
    def weights(self) -> np.ndarray | None:
        """Weight of each sample in the loss, (n,) float32; None where all count the same."""
        weights = self.samples.weights
        return None if weights is None else weights[self.indices].astype("float32")

    def chunks(self) -> Iterator[slice]:
        """Return slices of positions that hold at most 32 MB of inputs each."""
        inputs = self.samples.inputs
        row_bytes = int(np.prod(inputs.shape[1:])) * max(4, np.dtype(inputs.dtype).itemsize)
        step = int(np.clip(_CHUNK_BYTES // max(row_bytes, 1), 1, 8192))
        for start in range(0, len(self), step):
            yield slice(start, min(start + step, len(self)))

    def inputs(self, positions: Any = slice(None)) -> np.ndarray:
        """Inputs (n, *shape) at positions within this part."""
        return self.samples.inputs[self.indices[positions]]

    def columns(self) -> Iterator[np.ndarray]:
        """Yield the inputs of a table column by column, (n,) each; few are held at a time."""
        width = int(self.samples.inputs.shape[1])
        step = max(1, _COLUMN_VALUES // max(len(self), 1))
        for start in range(0, width, step):
            few = [self.inputs(rows)[:, start : start + step].copy() for rows in self.chunks()]
            yield from np.concatenate(few).T

    @property
    def targets(self) -> np.ndarray:
        """All targets of this part, in its order; masks are all read."""
        return self.samples.targets[self.indices]

    def targets_at(self, positions: Any = slice(None)) -> np.ndarray:
        """Targets at positions within this part."""
        return self.samples.targets[self.indices[positions]]

    def size(self, position: int) -> tuple[int, int]:
        """Height and width of the image at a position within this part, without padding."""
        index = self.indices[position]
        sizes = self.samples.sizes
        height, width = self.samples.inputs.shape[1:3] if sizes is None else sizes[index]
        return int(height), int(width)

    def image(self, position: int) -> np.ndarray:
        """One image (height, width, channels), without padding."""
        return self._unpadded(self.samples.inputs, position)

    def target(self, position: int) -> np.ndarray:
        """One image's mask or fields, without padding."""
        return self._unpadded(self.samples.targets, position)

    def instances(self, position: int) -> np.ndarray:
        """Return the ids of one image's instances (height, width), without padding."""
        assert self.samples.instances is not None
        return self._unpadded(self.samples.instances, position)

    def _unpadded(self, rows: Rows, position: int) -> np.ndarray:
        index = int(self.indices[position])
        read_row = getattr(rows, "alone", None) or getattr(rows, "own", None)
        if read_row is not None:
            return read_row(index)
        height, width = self.size(position)
        return rows[index][:height, :width]

    def names(self) -> list[str]:
        """Return the name of each sample of this split, in its order."""
        return [self.samples.name_of(int(i)) for i in self.indices]


@dataclass(frozen=True)
class Data:
    """Samples in three parts, and what a model for them gets and owes.

    Where something is predicted at every pixel, `tiling` says of what size the crops are that a
    model is trained on (None: whole images), and `cut` how an image of a height and width is cut
    when it is predicted. `policy` is how training samples are changed at random. `fingerprint` is
    a SHA-256 over all samples and targets; `notes` and `warnings` are those of the source followed
    by those of the split and the leakage checks. `tolerance` is the distance in pixels within which
    a predicted pixel also counts as right in scores that allow for it; None: there are none.
    `mask_rule` is how the pixels of two classes are decided; None: for the more probable one.
    """

    samples: Samples
    train: Part
    valid: Part
    test: Part
    inputs: Inputs
    outputs: Outputs
    fingerprint: str
    tiling: Tiling | None = None
    policy: Policy = Policy("none")
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    cut: Cut = uncut
    tolerance: float | None = None
    mask_rule: MaskRule | None = None

    def parts(self) -> dict[str, Part]:
        """The three parts by name."""
        return {"train": self.train, "valid": self.valid, "test": self.test}
