"""Inspection of a data set before training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.data.label_files.joined import bare
from mlzoo.data.loading import Progress, partition, read, source_config
from mlzoo.data.quality.associations import associations
from mlzoo.data.quality.bad_files import unlisted
from mlzoo.data.quality.recognitions import recognitions
from mlzoo.data.quality.remedies import remedies
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import IGNORED
from mlzoo.data.splits.names import PARTS
from mlzoo.data.splits.splitting import Split

_IMBALANCED = 0.8


def inspect(
    config: RunConfig, progress: Progress | None = None, *, trust: bool = False
) -> dict[str, object]:
    """Describe the data of a run as plain values: shapes, classes, columns, parts, problems.

    Bad files and leaks are listed rather than refused, so that one call shows all of them.

    Args:
        config: the run; only what concerns its data is read.
        progress: called as samples are read.
        trust: run a Python file that `config.source` names.

    Raises:
        UsageError: the path, the source or one of its settings is wrong.
        DataError: nothing can be read at all.
    """
    return inspected(config, progress, trust=trust).record


@dataclass(frozen=True)
class InspectedData:
    """Samples, their split (None: it can't be made), and the record of `inspect`."""

    samples: Samples
    split: Split | None
    record: dict[str, object]


def inspected(
    config: RunConfig, progress: Progress | None = None, *, trust: bool = False
) -> InspectedData:
    """Return the samples beside the record; see `inspect`."""
    if trust:
        registry.trust(config.source)
    source, settings = source_config(config)
    tolerant: dict[str, object] = {"allow_leakage": True}
    if "on_bad" in type(settings).model_fields:
        tolerant |= {"on_bad": "skip", "max_bad": 1.0}
    samples = read(config.model_copy(update=tolerant), progress)
    problems = [{"name": name, "reason": reason} for name, reason in samples.problems]
    split: Split | None = None
    warnings = list(map(unlisted, samples.warnings))  # the files stand among the problems
    try:
        samples, split = partition(samples, config.model_copy(update=tolerant), config.seed)
        warnings += split.warnings
    except DataError as error:
        problems.append({"name": "split", "reason": str(error)})
    samples = bare(samples)
    shape = [int(side) for side in samples.inputs.shape[1:]]
    dtype = np.dtype(samples.inputs.dtype)
    suggestions = _suggestions(samples)
    messages = [*warnings, *suggestions]
    record: dict[str, object] = {
        "data": config.data,
        "source": source,
        "task": samples.task,
        "kind": samples.kind,
        "samples": len(samples),
        "shape": shape,
        "dtype": dtype.name,
        "bytes": _size(samples),
        "targets": list(samples.target_names),
        "classes": _classes(samples, split),
        "target": _numbers(samples.labels) if samples.target.sample_numbers else None,
        "columns": _columns(samples),
        "channels": _channels(samples),
        "lengths": _lengths(samples),
        "season": None if samples.windows is None else _season(samples),
        "groups": None if samples.groups is None else len(np.unique(samples.groups)),
        "parts": {} if split is None else {p: len(split.parts[p]) for p in PARTS},
        "problems": problems,
        "warnings": warnings,
        "notes": [*samples.notes, *(split.notes if split else ())],
        "suggestions": suggestions,
        "recognized": recognitions(config, samples, source),
        "associations": associations(samples),
        "remedies": remedies(config, samples, problems, messages),
    }
    return InspectedData(samples, split, record)


def _classes(samples: Samples, split: Split | None) -> list[dict[str, object]]:
    """Each class with its count and share, in all and in every part."""
    if samples.pixels is not None:
        return _pixels(samples, split)
    if samples.target.stepwise:
        return _steps(samples, split)
    if not (samples.target.sample_class or samples.target.is_label_set):
        return []
    total = _class_counts(samples, np.arange(len(samples)))
    parts = {} if split is None else split.parts
    inside = {part: _class_counts(samples, where) for part, where in parts.items()}
    return [
        {
            "name": name,
            "count": int(total[i]),
            "share": float(total[i] / len(samples)),
            "parts": {part: int(counts[i]) for part, counts in inside.items()},
        }
        for i, name in enumerate(samples.class_names)
    ]


def _class_counts(samples: Samples, where: np.ndarray) -> np.ndarray:
    """Return how many samples at some positions are of each class, or have each label, (k,)."""
    if samples.target.is_label_set:
        return samples.labels[where].sum(axis=0)
    return np.bincount(samples.labels[where], minlength=len(samples.class_names))


def _pixels(samples: Samples, split: Split | None) -> list[dict[str, object]]:
    """Each class with its pixels, their share, and the images that hold it."""
    assert samples.pixels is not None
    total = samples.pixels.sum(axis=0)
    parts = {} if split is None else split.parts
    return [
        {
            "name": name,
            "pixels": int(total[i]),
            "share": float(total[i] / max(total.sum(), 1)),
            "images": int((samples.pixels[:, i] > 0).sum()),
            "parts": {p: int((samples.pixels[where, i] > 0).sum()) for p, where in parts.items()},
        }
        for i, name in enumerate(samples.class_names)
    ]


def _steps(samples: Samples, split: Split | None) -> list[dict[str, object]]:
    """Each class with its steps, their share, and the sequences that hold it."""
    assert isinstance(samples.targets, Sequences)
    classes = len(samples.class_names)
    counts = np.array([_of_each(samples.targets.own(i), classes) for i in range(len(samples))])
    total = counts.sum(axis=0)
    parts = {} if split is None else split.parts
    what = "windows" if samples.target.causal else "sequences"
    return [
        {
            "name": name,
            "steps": int(total[i]),
            "share": float(total[i] / max(total.sum(), 1)),
            what: int((counts[:, i] > 0).sum()),
            "parts": {p: int((counts[where, i] > 0).sum()) for p, where in parts.items()},
        }
        for i, name in enumerate(samples.class_names)
    ]


def _of_each(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the number of steps of each class, without ignored ones."""
    return np.bincount(labels[labels != IGNORED], minlength=classes)


def _size(samples: Samples) -> int:
    """Bytes in memory, decoded; steps that several windows share are held once."""
    if isinstance(samples.inputs, Sequences):
        return int(samples.inputs.values.nbytes)
    shape = samples.inputs.shape[1:]
    return len(samples) * math.prod(shape) * np.dtype(samples.inputs.dtype).itemsize


def _channels(samples: Samples) -> list[dict[str, object]]:
    """Each channel of sequences with what its values are like."""
    if not isinstance(samples.inputs, Sequences) or samples.target.causal:
        return []
    values = samples.inputs.values
    names = samples.reader.input_names
    return [
        {
            "channel": names[i] if i < len(names) else f"channel{i}",
            **_numbers(values[np.isfinite(values[:, i]), i]),
        }
        for i in range(values.shape[-1])
    ]


def _lengths(samples: Samples) -> dict[str, object] | None:
    """Return the lengths of sequences, where they differ."""
    inputs = samples.inputs
    if not isinstance(inputs, Sequences) or not inputs.uneven:
        return None
    lengths = inputs.lengths
    low, high = int(lengths.min()), int(lengths.max())
    return {"min": low, "median": float(np.median(lengths)), "max": high}


def _season(samples: Samples) -> int | None:
    """Steps after which a series repeats itself; None where it does not."""
    assert samples.windows is not None
    return samples.windows.season if samples.windows.season > 1 else None


def _columns(samples: Samples) -> list[dict[str, object]]:
    """Each table column with what its values are like, without buckets of hashed words."""
    matrix = np.asarray(samples.inputs[:]) if samples.columns else np.empty((0, 0))
    described = []
    for index, column in enumerate(samples.columns):
        if column.hashed:
            continue
        values = matrix[:, index].astype(np.float64)
        entry: dict[str, object] = {"name": column.name}
        if column.categories:
            counts = np.bincount(values[values >= 0].astype(int), minlength=len(column.categories))
            entry |= {
                "kind": "categorical",
                "missing": int((values < 0).sum()),
                "categories": dict(zip(column.categories, counts.tolist(), strict=True)),
            }
        else:
            known = values[~np.isnan(values)]
            entry |= {"kind": "numeric", "missing": len(values) - len(known), **_numbers(known)}
        described.append(entry)
    return described


def _numbers(values: np.ndarray) -> dict[str, object]:
    if not len(values):
        return {"min": None, "max": None, "mean": None, "std": None}
    values = values.astype(np.float64)
    return {
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(values.mean()),
        "std": float(values.std()),
    }


def _suggestions(samples: Samples) -> list[str]:
    if not samples.target.is_class or not len(samples):
        return []
    if samples.pixels is not None:
        counts = samples.pixels.sum(axis=0)
    elif samples.target.written:
        return []
    elif isinstance(samples.targets, Sequences):
        classes = len(samples.class_names)
        rows = [_of_each(samples.targets.own(i), classes) for i in range(len(samples))]
        counts = np.sum(rows, axis=0)
    else:
        counts = np.bincount(samples.labels, minlength=len(samples.class_names))
    share = counts.max() / max(counts.sum(), 1)
    if share <= _IMBALANCED:
        return []
    name = samples.class_names[int(counts.argmax())]
    if samples.pixels is not None:
        return [
            f"{share:.1%} of the pixels are {name!r}: keep dice or another overlap in --loss, or "
            "use --class-weights auto, and read the scores of each class, not pixel accuracy"
        ]
    if samples.target.step_class:
        return [
            f"{share:.0%} of the steps are {name!r}: read macro F1 and the scores of each class, "
            "not accuracy"
        ]
    return [
        f"{share:.0%} of the samples are {name!r}: consider --class-weights auto or "
        "--sampler balanced, and read balanced accuracy, not accuracy"
    ]
