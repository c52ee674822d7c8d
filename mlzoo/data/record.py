"""Records of a run's data: `data.json` and `split.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.data.large_tables.rows import TableRows
from mlzoo.data.reader import Reader
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import IGNORED

HASH_DIGITS = 12


def data_record(data: Data, config: RunConfig) -> dict[str, object]:
    """Return the content of `data.json`: the reader of new samples, and facts on the data."""
    samples = data.samples
    # A run tells of the equations that it was trained on, whatever becomes of their file.
    text = {"problem": samples.problem.text} if samples.problem and samples.problem.text else {}
    numbers = data.outputs.condition_quantiles
    return {
        "data": config.data,
        "task": samples.task,
        "kind": samples.kind,
        "class_names": list(samples.class_names),
        "target_names": list(samples.target_names),
        "columns": [{"name": c.name, "categories": list(c.categories)} for c in samples.columns],
        "input_shape": list(data.inputs.shape),
        "input_dtype": data.inputs.dtype,
        "units": data.outputs.units,
        "reader": write_reader(samples.reader),
        "fingerprint": data.fingerprint,
        "samples": len(samples),
        "parts": {name: _counts(part) for name, part in data.parts().items()},
        "notes": list(data.notes),
        "warnings": list(data.warnings),
        **text,
        **({"condition_quantiles": list(numbers)} if numbers else {}),
    }


def write_reader(reader: Reader) -> dict[str, object]:
    """Return a reader as JSON values: its kind, and all that was set."""
    return {"kind": reader.kind, **reader.model_dump(mode="json", exclude_unset=True)}


def _counts(part: Part) -> dict[str, object]:
    counts: dict[str, object] = {"samples": len(part)}
    names = part.samples.class_names
    if part.samples.pixels is not None:
        per_class = part.samples.pixels[part.indices]
        counts["classes"] = dict(zip(names, (per_class > 0).sum(axis=0).tolist(), strict=True))
        counts["pixels"] = dict(zip(names, per_class.sum(axis=0).tolist(), strict=True))
    elif names and isinstance(part.samples.targets, Sequences):
        steps = np.concatenate([part.target(i) for i in range(len(part))] or [np.zeros(0, int)])
        per_class = np.bincount(steps[steps != IGNORED], minlength=len(names))
        counts["classes"] = dict(zip(names, per_class.tolist(), strict=True))
    elif names and part.samples.classes is not None:
        per_class = np.bincount(part.samples.classes[part.indices], minlength=len(names))
        counts["classes"] = dict(zip(names, per_class.tolist(), strict=True))
    elif part.samples.target.is_label_set:
        per_class = part.targets.sum(axis=0).astype(int)
        counts["classes"] = dict(zip(names, per_class.tolist(), strict=True))
    elif names and part.samples.target.translated:
        symbols = part.targets[part.targets != IGNORED]
        per_class = np.bincount(symbols, minlength=len(names))
        counts["classes"] = dict(zip(names, per_class.tolist(), strict=True))
    elif names:
        per_class = np.bincount(part.targets.astype(int), minlength=len(names))
        counts["classes"] = dict(zip(names, per_class.tolist(), strict=True))
    return counts


def split_record(data: Data, config: RunConfig) -> dict[str, object]:
    """Return the content of `split.json`: how the splits were made, and what is in each.

    A part has the `indices` and `names` of its samples, its `groups`, and of each sample the
    first 12 digits of its `hashes`, by which samples that were trained on are known again. Of a
    table that stays on disk there are but the number of samples and a digest of the indices.
    """
    return {
        "split": config.split,
        "fractions": config.fractions,
        "seed": config.seed,
        "group_by": config.group_by,
        "parts": {name: _part(part) for name, part in data.parts().items()},
    }


def _part(part: Part) -> dict[str, object]:
    samples, indices = part.samples, part.indices
    if isinstance(samples.inputs, TableRows):
        digest = hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()
        return {"samples": len(part), "indices_sha256": digest}
    content: dict[str, object] = {"indices": indices.tolist(), "names": part.names()}
    if samples.groups is not None:
        content["groups"] = sorted(set(map(str, samples.groups[indices])))
    if samples.hashes is not None:
        content["hashes"] = [str(digest)[:HASH_DIGITS] for digest in samples.hashes[indices]]
    return content


def trained_on(samples: Samples, split: dict[str, Any]) -> int:
    """Return the number of exact duplicates of samples in a run's training or validation split."""
    if samples.hashes is None:
        return 0
    parts = [split["parts"][name].get("hashes", []) for name in ("train", "valid")]
    known = {digest for part in parts for digest in part}
    return sum(str(digest)[:HASH_DIGITS] in known for digest in samples.hashes)


def class_totals(record: Mapping[str, Any]) -> dict[str, int]:
    """Return how many samples of each class a run's data have, from its `data.json`."""
    parts = [part.get("classes", {}) for part in record["parts"].values()]
    return {name: sum(part.get(name, 0) for part in parts) for name in record["class_names"]}
