"""Scores of a finished run: on a split of its own data, or on new data."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from mlzoo.core import files, registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.data.contracts import Outcome, Predict, Sampler, SplitScores
from mlzoo.data.inputs import read_labelled
from mlzoo.data.record import class_totals, trained_on
from mlzoo.data.samples import Part
from mlzoo.evaluating.decision_costs import decision_costs
from mlzoo.evaluating.evaluate import evaluate
from mlzoo.runs import devices
from mlzoo.runs.models import log_weights_of
from mlzoo.runs.opened import OpenedRun
from mlzoo.statistics.metrics import rarer


def evaluate_run(
    run: OpenedRun,
    data: str | None = None,
    part: str = "test",
    listener: Listener | None = None,
    tolerance: float | None = None,
) -> SplitScores:
    """Score a run's model on a split of its own data, or on all samples of other data.

    Args:
        run: the run.
        data: new data with targets; by default the run's own, which must not have changed.
        part: the split of its own data: `train`, `valid` or `test`.
        listener: receives progress.
        tolerance: distance in pixels within which the pixels of masks also count as right; by
            default that of the run.

    Returns:
        The result of `mlzoo.evaluating.evaluate.evaluate`.

    Raises:
        DataError: the run's data have changed or are gone, or the new ones do not fit.
        UsageError: the samples can't be scored so.
    """
    if tolerance is not None and not run.target.pixel_class:
        raise UsageError(
            f"--tolerance has no effect on {run.record['task']}: it is for masks of classes"
        )
    config, listener = run.config, listener or Listener()
    devices.prepare()
    from mlzoo.layers.description import code_size

    if data is not None and run.target.drawn:
        raise UsageError(
            f"{run.record['task']}: a generative model is scored beside the data that it was "
            "trained on; leave the other data out"
        )
    if data is not None:
        from mlzoo.layers.predictive import levels_of

        labeled = read_labelled(data, run.reader, listener.progress)
        for warning in labeled.warnings:
            listener.warn(warning)
        seen = trained_on(labeled, files.read_mapping(run.path / "split.json", ("parts",)))
        if seen:
            listener.warn(
                f"{seen} of these {len(labeled)} samples were trained or validated on: the "
                "scores flatter the model"
            )
        within = tolerance or config.tolerance
        test = replace(loading.as_test_part(labeled), cut=run.tiling(), tolerance=within)
        test = replace(test, mask_rule=run.mask_rule)
        if levels := levels_of(run.model):
            test = replace(test, outputs=replace(test.outputs, quantiles=levels))
        if run.target.is_input:
            test = replace(test, outputs=replace(test.outputs, scaling=run.scaling))
        positive = rarer(list(class_totals(run.record).values()))
        # Without data of its own it has no scores either.
        trained = run.metrics["test"]["metrics"] if config.data else {}
        result, outcome = evaluate(
            run.distributions, test, "test", 0, config.baselines, positive, trained, config.metrics
        )
        result = {**result, "part": "all", "trained_on": seen}
        return _with_costs(result, run, outcome, test.test, 0)
    arranged = run.own_data(listener)
    predict: Predict = run.distributions
    if run.target.drawn:
        plugin = registry.load("model", config.model)
        given = plugin, config.set, run.networks, arranged.outputs, config.seed
        predict = Sampler(partial(_draw, run, config.seed), log_weights_of(*given))
    spread = run.spread_model is not None
    outputs = replace(arranged.outputs, code=code_size(run.model), distribution=spread)
    within = tolerance or config.tolerance
    arranged = replace(arranged, cut=run.tiling(), outputs=outputs, tolerance=within)
    arranged = replace(arranged, mask_rule=run.mask_rule)
    # Thresholds of labels are those of the run.
    kept = run.metrics["test"]["metrics"] if run.target.is_label_set else None
    result, outcome = evaluate(
        predict, arranged, part, config.seed, config.baselines, None, kept, config.metrics
    )
    return _with_costs(result, run, outcome, arranged.parts()[part], config.seed)


def _with_costs(
    result: SplitScores, run: OpenedRun, outcome: Outcome, rows: Part, seed: int
) -> SplitScores:
    """Add what decisions cost, as `decision`, where the run has an operating point."""
    if run.decision is None:
        return result
    names = rows.samples.class_names
    return {**result, "decision": decision_costs(run.decision, outcome, names, rows.groups, seed)}


def _draw(run: OpenedRun, seed: int, positions: np.ndarray) -> np.ndarray:
    """Return as many scaled samples of a generative model as there are positions."""
    return run.generate(len(positions), seed).scaled
