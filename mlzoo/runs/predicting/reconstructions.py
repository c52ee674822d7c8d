"""Inputs that a model gives again, and how far these are from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core.progress import Listener
from mlzoo.runs.results import Reconstructed

if TYPE_CHECKING:
    from mlzoo.runs.loaded import LoadedRun

_CHUNK = 1024


def reconstruct(run: LoadedRun, new: Any, listener: Listener) -> Reconstructed:
    """Reconstruct new samples: an array (n, *shape) of raw inputs, or a path.

    Raises:
        DataError: the samples do not fit what the model was trained on.
    """
    import numpy as np

    from mlzoo.data.contracts import task
    from mlzoo.layers.input_scaling import scaled
    from mlzoo.statistics.scorers import Reconstructions, p_values
    from mlzoo.tasks._anomalies import AnomalyTask

    rows, names, warnings = run.read_new(new, listener)
    truths, values = [], []
    for start in range(0, len(rows), _CHUNK):
        inputs = np.asarray(rows[start : start + _CHUNK])
        truths.append(scaled(run.scaling, inputs))
        values.append(run.outputs(inputs))
        listener.progress(min(start + _CHUNK, len(rows)), len(rows), "predicting")
    truth, predicted = np.concatenate(truths), np.concatenate(values)
    of = task(run.record["task"])
    assert isinstance(of, AnomalyTask)
    scores = Reconstructions(of.sums(truth, predicted)).errors()
    scored = run.metrics["test"]["metrics"]
    normal = scored.get("validation_errors")
    return Reconstructed(
        names,
        truth,
        None if run.target.scored else predicted.reshape(truth.shape),
        scores,
        None if normal is None else p_values(scores, np.array(normal)),
        warnings,
        of.maps(truth, predicted),
        scored.get("thresholds", {}).get("pixel"),
    )
