"""The samples to explain: those of a run's own data, of other files, or of an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core import registry
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.messages import few
from mlzoo.core.progress import Listener
from mlzoo.data.inputs import read_inputs
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.new_samples import existing, image_files
from mlzoo.data.samples import Part
from mlzoo.explaining.settings import ALL, AUTO, ExplainConfig
from mlzoo.explaining.subjects import Subject
from mlzoo.introspection.findings import Background
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.metrics import as_probabilities

BACKGROUND = 512
"""Samples that methods may compare with, unless one has a number of its own."""
MOST = 2048
"""Samples of a part that are predicted to find the mistakes among them."""


@dataclass(frozen=True)
class Chosen:
    """Samples to explain, in the order that they are shown.

    Attributes:
        names: what each is called.
        inputs: one array each, (*shape), raw.
        truths: of each the true class, mask or values; None where unknown.
        background: samples of the run's training split, for methods that compare with them.
        known: samples of the split that is explained, with their truth.
        targets: the class or output that is asked for of each, by name; empty where all are
            asked for the same.
        groups: the group of each, whose samples are not independent; empty where all are.
        unit: what is independent: `samples` or `groups`.
    """

    names: list[str]
    inputs: list[np.ndarray]
    truths: list[Any]
    background: Background | None = None
    known: Background | None = None
    targets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    unit: str = "samples"

    @property
    def group_of(self) -> dict[str, str] | None:
        """Return the group of each sample by its name; None if samples are independent."""
        return dict(zip(self.names, self.groups, strict=True)) if self.groups else None

    def target(self, index: int) -> str | None:
        """Return the requested class or output of a sample; None if all share one."""
        return self.targets[index] if self.targets else None

    def of_every(self, outputs: Sequence[str]) -> Chosen:
        """Return the same samples, each once for every class or output."""
        pairs = [(i, name) for i in range(len(self)) for name in outputs]
        return replace(
            self,
            names=[f"{self.names[i]} ({name})" for i, name in pairs],
            inputs=[self.inputs[i] for i, _ in pairs],
            truths=[self.truths[i] for i, _ in pairs],
            targets=tuple(name for _, name in pairs),
            groups=tuple((self.groups or self.names)[i] for i, _ in pairs),
        )

    def __len__(self) -> int:
        return len(self.names)


def choose(subject: Subject, config: ExplainConfig, listener: Listener) -> Chosen:
    """Return the samples that a configuration asks for.

    Args:
        subject: the model.
        config: with `data` and `limit`.
        listener: progress callback.

    Raises:
        UsageError: a file of a model alone, and no data for it.
        DataError: the data can't be read or do not fit.
    """
    if config.data is None:
        if subject.run is None:
            raise UsageError(f"{subject.path} is a model alone: name samples for it with --data")
        return _of_own(subject, config, listener)
    if subject.run is None:
        chosen = _limited(*_plain(config.data, subject), config.limit)
        return replace(chosen, background=Background(np.stack(chosen.inputs)))
    if subject.target.dense:
        from mlzoo.data.images.inference_inputs import open_images

        images = open_images(config.data, subject.run.reader_as(DenseReader), listener.progress)
        for warning in images.warnings:
            listener.warn(warning)
        count = min(len(images), config.limit)
        arrays = [images.image(i) for i in range(count)]
        return _grouped(Chosen(list(images.names[:count]), arrays, [None] * count), subject)
    read = read_inputs(config.data, subject.run.reader, listener.progress)
    for warning in read.warnings:
        listener.warn(warning)
    chosen = _grouped(_limited(list(read.names), read.rows, config.limit), subject)
    return replace(chosen, background=_compared_with(subject, config, listener))


def _grouped(chosen: Chosen, subject: Subject) -> Chosen:
    """New images with the groups that the run's `group_by` finds in the names of all of them."""
    from mlzoo.data.quality.bad_files import groups_by

    assert subject.run is not None
    pattern = subject.run.config.group_by
    if pattern is None or subject.kind != "image":
        return chosen
    inner = [Path(name).name for name in chosen.names]
    try:
        groups = groups_by(pattern, chosen.names, inner, "the folder")
    except DataError:
        return chosen
    return replace(chosen, groups=tuple(map(str, groups)), unit="groups")


def given(subject: Subject, x: np.ndarray, config: ExplainConfig) -> Chosen:
    """Return samples from an array (n, *shape) of raw inputs, all of them.

    Args:
        subject: an open run.
        x: (n, *shape), raw inputs.
        config: with the methods and the seed.

    Raises:
        DataError: they do not fit what the model was trained on.
    """
    assert subject.run is not None
    if subject.target.dense:
        from mlzoo.data.images.inference_inputs import as_images

        rows: Any = as_images(x, subject.run.reader_as(DenseReader)).image
        count = len(x)
    else:
        checked = subject.run.checked(x)
        rows, count = (lambda i: _own(checked, i)), len(checked)
    if not count:
        raise DataError("the array is empty: there are no samples to explain")
    names = [f"sample {i}" for i in range(count)]
    compared = _compared_with(subject, config, Listener())
    return Chosen(names, [rows(i) for i in range(count)], [None] * count, compared)


def _compared_with(
    subject: Subject, config: ExplainConfig, listener: Listener
) -> Background | None:
    """Samples of the run's training split, where a method compares new samples with them."""
    if not any(getattr(plugin, "COMPARES", False) for plugin in _methods(config)):
        return None
    assert subject.run is not None
    try:
        return _background(subject, subject.run.own_data(listener).train, config)
    except DataError as error:
        if ALL not in config.method:
            raise
        listener.warn(f"methods that compare with training samples are left out: {error}")
        return None


def _limited(names: list[str], rows: Any, limit: int) -> Chosen:
    count = min(len(names), limit)
    if not count:
        raise DataError("there are no samples to explain")
    return Chosen(names[:count], [_own(rows, i) for i in range(count)], [None] * count)


def _own(rows: Any, index: int) -> np.ndarray:
    """Return one row, without its padding."""
    unpadded = getattr(rows, "own", None)
    return np.asarray(rows[index] if unpadded is None else unpadded(index))


def _plain(path: str, subject: Subject) -> tuple[list[str], Any]:
    """Samples for a model of which nothing is known but its input's shape."""
    model = subject.model
    import cv2

    from mlzoo.data.arrays import is_archive, is_array_file, open_archive, open_inputs

    location = existing(path)
    if subject.several is not None:
        if not is_archive(location):
            names = ", ".join(subject.several.names)
            raise DataError(f"{path}: the model has several inputs; give a .npz file of {names}")
        rows = subject.several.rows(open_archive(location), location)
        return [f"sample {i}" for i in range(len(rows))], rows
    if is_array_file(location):
        x = open_inputs(location)
    elif location.suffix.lower() in (".csv", ".tsv") and len(model.input_shape) == 2:
        x = _numbers(location, model.input_shape[1])
    else:
        if len(model.input_shape) != 4:
            raise DataError(f"{path}: the model takes arrays {model.input_shape}; give a .npy file")
        files = image_files(location)
        height, width, channels = model.input_shape[1:]
        mode = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
        images = []
        for file in files:
            image = cv2.imread(str(file), mode)
            if image is None:
                raise DataError(f"{file} can't be read as an image")
            sized = cv2.resize(image, (width, height)) if height and width else image
            images.append(sized.reshape(*sized.shape[:2], channels))
        return [file.name for file in files], np.stack(images)
    input_shape = tuple(model.input_shape[1:])
    fits = x.ndim == len(input_shape) + 1 and all(
        a is None or a == b for a, b in zip(input_shape, x.shape[1:], strict=True)
    )
    if not fits:
        raise DataError(f"{path} has shape {x.shape}, the model takes (n, {input_shape})")
    return [f"sample {i}" for i in range(len(x))], x


def _numbers(path: Path, columns: int) -> np.ndarray:
    """Return a table's numeric columns, whose number must be the model's."""
    import pandas

    table = pandas.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
    numeric = table.select_dtypes("number")
    if numeric.shape[1] != columns:
        raise DataError(
            f"{path} has {numeric.shape[1]} columns of numbers ({few(numeric.columns)}), the model "
            f"takes {columns}; leave others out, such as the target"
        )
    return numeric.to_numpy("float32")


def _of_own(subject: Subject, config: ExplainConfig, listener: Listener) -> Chosen:
    """Draw samples of the run's own data with the seed, the most confident mistakes first."""
    assert subject.run is not None
    data = subject.run.own_data(listener)
    part = data.parts()[config.part]
    if not len(part):
        raise DataError(
            f"the {config.part} split of {subject.path} holds no samples; choose another with "
            "--part"
        )
    order = np.random.default_rng([config.seed, 0xE4]).permutation(len(part))
    if subject.target.per == "sample" and len(part) > 1:
        seen = np.sort(order[:MOST])
        wrong = _mistakes(subject, part, seen)[: config.limit // 2]
        order = np.array([*wrong, *(i for i in order if i not in set(wrong))])
    positions = order[: config.limit]
    names, groups = part.names(), part.samples.groups
    return Chosen(
        [names[int(i)] for i in positions],
        [_input(part, int(i)) for i in positions],
        [None if subject.error else _truth(part, int(i)) for i in positions],
        _background(subject, data.train, config),
        _background(subject, part, config),
        groups=() if groups is None else tuple(str(groups[part.indices[i]]) for i in positions),
        unit="samples" if groups is None else "groups",
    )


def _methods(config: ExplainConfig) -> list[Any]:
    """Return the plug-ins of the methods that are named; what AUTO picks compares nothing."""
    named = [name for name in config.method if name != AUTO]
    names = registry.names("explainer") if ALL in named else named
    return [registry.load("explainer", name) for name in names]


def _background(subject: Subject, part: Part, config: ExplainConfig) -> Background | None:
    """Return some samples of a split in one array; None if they have several shapes.

    They are at most `BACKGROUND`, of this module or of a method that asks for more.
    """
    if subject.target.per != "sample" or not len(part):
        return None
    most = max([BACKGROUND, *(getattr(each, "BACKGROUND", 0) for each in _methods(config))])
    chosen = np.random.default_rng([config.seed, 0xB6]).permutation(len(part))[:most]
    of = part.samples.classes
    return Background(
        part.inputs(chosen),
        None if subject.error else np.asarray(part.targets_at(chosen)),
        subject.columns,
        subject.outputs,
        subject.classes,
        None if of is None else np.asarray(of)[part.indices[chosen]],
        () if of is None else part.samples.class_names,
    )


def _mistakes(subject: Subject, part: Part, positions: np.ndarray) -> list[int]:
    """Return the positions of wrong predictions, by confidence or by error, the largest first."""
    outputs = [
        outputs_of(subject.model, part.inputs(positions[start : start + 256]))
        for start in range(0, len(positions), 256)
    ]
    if subject.error:
        return positions[np.argsort(-np.concatenate(outputs)[:, 0], kind="stable")].tolist()
    y_pred, y_true = np.concatenate(outputs), np.asarray(part.targets)[positions]
    if not subject.target.is_class:
        error = np.abs(y_pred - y_true.reshape(len(y_pred), -1)).mean(axis=1)
        return positions[np.argsort(-error, kind="stable")].tolist()
    shares = as_probabilities(y_pred)
    chosen = shares.argmax(axis=1)
    wrong = np.flatnonzero(chosen != y_true)
    sure = shares[wrong, chosen[wrong]]
    return positions[wrong[np.argsort(-sure, kind="stable")]].tolist()


def _input(part: Part, position: int) -> np.ndarray:
    if part.samples.target.dense:
        return part.image(position)
    return _own(part.samples.inputs, int(part.indices[position]))


def _truth(part: Part, position: int) -> Any:
    if part.samples.target.acts:
        return None
    if part.samples.target.dense:
        return part.target(position)
    return _own(part.samples.targets, int(part.indices[position]))


def by_shape(arrays: Sequence[np.ndarray]) -> dict[tuple[int, ...], list[int]]:
    """Return the positions of arrays of the same shape, by shape."""
    positions: dict[tuple[int, ...], list[int]] = {}
    for i, array in enumerate(arrays):
        positions.setdefault(array.shape, []).append(i)
    return positions
