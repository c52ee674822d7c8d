"""What a run folder says of its data: `data.json` and `split.json`."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.configs import RunConfig
from mlzoo.data.samples import Data, Part


def data_record(data: Data, config: RunConfig) -> dict[str, Any]:
    """What `data.json` holds: all that reading new samples for the model needs, and the facts."""
    samples = data.samples
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
        "reader": samples.reader,
        "fingerprint": data.fingerprint,
        "samples": len(samples),
        "parts": {name: _counts(part) for name, part in data.parts().items()},
        "notes": list(data.notes),
        "warnings": list(data.warnings),
    }


def _counts(part: Part) -> dict[str, Any]:
    counts: dict[str, Any] = {"samples": len(part)}
    names = part.samples.class_names
    if names:
        found = np.bincount(part.targets.astype(int), minlength=len(names))
        counts["classes"] = dict(zip(names, found.tolist(), strict=True))
    return counts


def split_record(data: Data, config: RunConfig) -> dict[str, Any]:
    """What `split.json` holds: how the parts were made, and each part's positions and names."""
    groups = data.samples.groups
    return {
        "split": config.split,
        "fractions": config.fractions,
        "seed": config.seed,
        "group_by": config.group_by,
        "parts": {
            name: {
                "indices": part.indices.tolist(),
                "names": part.names(),
                **(
                    {}
                    if groups is None
                    else {"groups": sorted(set(map(str, groups[part.indices])))}
                ),
            }
            for name, part in data.parts().items()
        },
    }
