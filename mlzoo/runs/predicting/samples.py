"""One prediction a sample or a step: classes, numbers, label sets and translations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlzoo.core.progress import Listener
from mlzoo.data.text.reader import CaptionReader, PairReader
from mlzoo.runs.predicting import novelty, spread
from mlzoo.runs.results import Predictions

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.runs.loaded import LoadedRun

_CHUNK = 1024


def predict_rows(
    run: LoadedRun,
    rows: Any,
    names: list[str],
    warnings: tuple[str, ...],
    listener: Listener,
    unlike: float,
) -> Predictions:
    """Predict new samples, each by itself.

    Args:
        run: of a model that predicts given samples as a whole, or at each of their steps.
        rows: (n, *shape) raw inputs, as `run.read_new` returns them.
        names: what the n samples are called.
        warnings: what was odd about them.
        listener: hears of progress.
        unlike: mark samples unlike the training data at this rate of false alarms; 0: none.
    """
    if run.target.translated:
        from mlzoo.tasks.translation import predicted_texts

        reader = run.reader
        assert isinstance(reader, PairReader | CaptionReader)
        written = predicted_texts(run.outputs, rows, reader.alphabet)
        return Predictions(names, written, None, warnings)
    if run.target.step_class:
        return _of_steps(run, rows, names, warnings)
    from mlzoo.layers.predictive import levels_of

    reference = run.reference if unlike and run.marks_unlike else None
    outputs, features = _outputs_and_features(run, rows, reference is not None, listener)
    distributed = run.spread_model is not None
    levels = levels_of(run.spread_model) if run.spread_model is not None else ()
    mean = outputs[:, 0] if distributed else outputs
    predictions = _named(run, names, mean, warnings)
    if levels:
        ordered = sorted(range(len(levels)), key=lambda number: levels[number])
        quantiles = {f"q{levels[i]:g}": outputs[:, i].astype("float64") for i in ordered}
        predictions = replace(predictions, quantiles=quantiles)
    elif distributed:
        predictions = replace(predictions, std=outputs[:, 1].astype("float64"))
    if run.tta == "none":
        predictions = replace(predictions, spread=_spread(run, rows))
    if reference is None:
        return predictions
    columns = [column.name for column in run.reader_columns]
    trained = run.record["parts"]["train"]["samples"]
    return novelty.with_novelty(predictions, features, rows, reference, unlike, columns, trained)


def _outputs_and_features(
    run: LoadedRun, rows: Any, with_features: bool, listener: Listener
) -> tuple[np.ndarray, np.ndarray]:
    """Return outputs, or distributions, and features (n, d), empty unless they are asked for."""
    import numpy as np

    outputs, features = [], []
    for start in range(0, len(rows), _CHUNK):
        inputs = rows[start : start + _CHUNK]
        if with_features:
            joint, seen = run.joint_model.split(run.joint_outputs(inputs))
            features.append(seen)
            outputs.append(joint if run.tta == "none" else run.distributions(inputs))
        else:
            outputs.append(run.distributions(inputs))
        listener.progress(min(start + _CHUNK, len(rows)), len(rows), "predicting")
    return np.concatenate(outputs), np.concatenate(features) if features else np.empty((0, 0))


def _spread(run: LoadedRun, rows: Any) -> dict[str, np.ndarray]:
    """Return the columns that say how far members, or passes with dropout, differ."""
    if spread.has_members(run.path):
        return spread.spread_of(spread.member_outputs(run.model, rows), run.target)
    passes = spread.dropout_passes(run.path)
    if not passes:
        return {}
    outputs = spread.dropout_outputs(run.spread_model or run.model, rows, passes)
    return spread.spread_of(outputs, run.target)


def _of_steps(
    run: LoadedRun, rows: Any, names: list[str], warnings: tuple[str, ...]
) -> Predictions:
    """Return the classes of every step of some sequences."""
    import numpy as np

    from mlzoo.data.samples import Part, Samples
    from mlzoo.tasks._steps import step_outputs

    samples = Samples(rows, np.zeros(len(names)), "labeling", "sequence")
    part = Part(samples, np.arange(len(names)))
    sequence_outputs = list(step_outputs(run.outputs, part))
    classes = run.record["class_names"]
    labels = [[classes[k] for k in outputs.argmax(axis=-1)] for outputs in sequence_outputs]
    return Predictions(names, labels, sequence_outputs, warnings)


def _named(
    run: LoadedRun, names: list[str], outputs: np.ndarray, warnings: tuple[str, ...]
) -> Predictions:
    """Return outputs (n, units) as the names of classes or labels, or as numbers."""
    from mlzoo.statistics.metrics import as_probabilities

    classes = run.record["class_names"]
    if run.target.is_label_set:
        return _label_sets(run, names, outputs, warnings)
    if not classes:
        flat = outputs[:, 0] if outputs.shape[1] == 1 else outputs
        return Predictions(names, flat.tolist(), None, warnings)
    probabilities = as_probabilities(outputs)
    decided = probabilities.argmax(axis=1)
    if run.decision is not None:
        decided = run.decision.decide(probabilities)
    return Predictions(names, [classes[k] for k in decided], probabilities, warnings)


def _label_sets(
    run: LoadedRun, names: list[str], outputs: np.ndarray, warnings: tuple[str, ...]
) -> Predictions:
    """Return predicted label sets by the threshold that the run keeps of each label."""
    from mlzoo.data.tables.label_sets import of_row
    from mlzoo.statistics.calibration.thresholds import HALF

    labels = run.record["class_names"]
    rows = run.metrics.get("test", {}).get("metrics", {}).get("per_label", ())
    thresholds = [row["threshold"] for row in rows] or [HALF] * len(labels)
    probabilities = outputs.astype("float64")
    chosen = [of_row(row, labels) for row in (probabilities >= thresholds).astype(float)]
    return Predictions(names, chosen, probabilities, warnings)
