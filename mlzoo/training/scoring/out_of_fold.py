"""Predictions of each sample by the member of several that never saw it, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.data.contracts import Baseline, Evaluation, Outcome, Predict, SplitScores, task
from mlzoo.data.images.tiles import uncut
from mlzoo.data.samples import Data, Part
from mlzoo.evaluating.evaluate import fit_baselines
from mlzoo.runs.contents.metrics import TrainingRecord
from mlzoo.tasks._dense import DenseTask
from mlzoo.tasks._samples import SampleTask
from mlzoo.tasks._tallies import TallyOutcome
from mlzoo.training.members import OUT_OF_FOLD, Ensemble

ScoredFolds = tuple[SplitScores, Outcome]
"""Scores of predictions out of fold, and the predictions themselves."""
FILE = "out_of_fold.npz"
"""Of images with masks: the probabilities of each, (height, width, k) float16, by its index."""


def check_out_of_fold(data: Data) -> None:
    """Raise UsageError where a task can't be scored out of fold alone."""
    if not _has_scores(data):
        raise UsageError(
            f"--fractions: {data.samples.task} needs a test split; only tasks with one prediction "
            "a sample, and masks, are scored out of fold"
        )


def _has_scores(data: Data) -> bool:
    """Return whether each sample has a prediction, or a mask, that can be scored by itself."""
    return isinstance(task(data.samples.task), SampleTask) or data.samples.target.pixel_class


def ensemble_record(ensemble: Ensemble, scored: ScoredFolds | None) -> TrainingRecord:
    """Return what metrics.json says of members: `members`, and `out_of_fold`, their scores.

    Args:
        ensemble: trained on folds, or with several seeds.
        scored: as `score_out_of_fold` returns it.
    """
    record: TrainingRecord = {"members": ensemble.rows}
    if scored is None:
        return record
    # Baselines stand beside the scores of the test split, which these may be.
    return {**record, "out_of_fold": {**scored[0], "baselines": {}, "gain": None, "verdict": None}}


def score_out_of_fold(
    ensemble: Ensemble,
    data: Data,
    seed: int,
    baselines: str,
    extra: Sequence[str] = (),
    beside: Mapping[str, Ensemble] = MappingProxyType({}),
) -> ScoredFolds | None:
    """Score the predictions of each sample by the member that never saw it.

    None where members have no predictions of samples, or those can't be scored by themselves.

    Args:
        ensemble: trained on folds.
        data: as split for the run.
        seed: of intervals and baselines.
        baselines: which to fit, on the samples outside of each fold.
        extra: names of metrics beside the task's own.
        beside: other models of the same folds by name, which are scored as baselines are.
    """
    if ensemble.outputs is None or not _has_scores(data):
        return None
    fitted = _cross_fitted(ensemble, seed, baselines)
    for name, each in beside.items():
        assert each.outputs is not None
        fitted[name] = Baseline(_replay(list(each.outputs)))
    nothing = Part(data.samples, np.arange(0))
    # An operating point was chosen on these very predictions.
    pooled = replace(data, train=ensemble.pool, valid=nothing, cut=uncut, mask_rule=None)
    given = Evaluation(_replay(list(ensemble.outputs)), pooled, "train", seed, fitted, extra=extra)
    scored, outcome = task(data.samples.task).evaluate(given)
    if isinstance(outcome, TallyOutcome):
        outcome = replace(outcome, outputs=list(ensemble.outputs))
    return {**scored, "part": OUT_OF_FOLD}, outcome


def _cross_fitted(ensemble: Ensemble, seed: int, which: str) -> dict[str, Baseline]:
    """Return baselines that predict each sample of the pool from outside of its fold."""
    predictions: dict[str, list[np.ndarray]] = {}
    images = isinstance(task(ensemble.pool.samples.task), DenseTask)
    notes: dict[str, Any] = {}
    for member in ensemble.members:
        seen = np.union1d(member.data.train.indices, member.data.valid.indices)
        data = replace(member.data, train=Part(member.data.samples, seen))
        for name, baseline in fit_baselines(data, seed, which).items():
            predictions.setdefault(name, []).extend(_predicted(baseline, member.held_out, images))
            notes[name] = baseline.note
    order = np.argsort(
        np.concatenate([member.held_out.indices for member in ensemble.members]), kind="stable"
    )
    replay = _replay_images if images else _replay
    return {
        name: Baseline(replay([rows[place] for place in order]), notes[name])
        for name, rows in predictions.items()
        if len(rows) == len(order)
    }


def _predicted(baseline: Baseline, part: Part, images: bool) -> list[np.ndarray]:
    """Return what a baseline predicts of each sample, or image, of a part."""
    if images:
        return [baseline.predict(part.image(position)) for position in range(len(part))]
    return [row for chunk in part.chunks() for row in baseline.predict(part.inputs(chunk))]


def _replay(outputs: Sequence[np.ndarray]) -> Predict:
    """Return a function that gives the outputs of the samples it is asked for one after another."""
    rows = iter(outputs)
    # Those of masks are kept as float16, in which sums would not be exact.
    return lambda inputs: np.stack([_widened(next(rows)) for _ in inputs])


def _widened(row: np.ndarray) -> np.ndarray:
    return row.astype("float32") if row.dtype == np.float16 else row


def _replay_images(masks: Sequence[np.ndarray]) -> Predict:
    """Return the same for images, which come one at a time."""
    rows = iter(masks)
    return lambda _: next(rows)


def write_members(folder: Path, ensemble: Ensemble, data: Data, scored: ScoredFolds | None) -> None:
    """Write `members.csv`, and the predictions out of fold where each sample has one, or a mask.

    `out_of_fold.csv` has the columns of `predictions.csv` and `fold`, the member that held the
    sample out. Of masks, `out_of_fold.npz` has the probabilities.

    Args:
        folder: of the run.
        ensemble: trained on folds, or with several seeds.
        data: as split for the run.
        scored: as `score_out_of_fold` returns it.
    """
    files.write_text(folder / "members.csv", files.csv_text(ensemble.rows))
    if scored is None or ensemble.outputs is None:
        return
    if data.samples.target.pixel_class:
        indices = ensemble.pool.indices.tolist()
        named = zip(map(str, indices), ensemble.outputs, strict=True)
        np.savez_compressed(folder / FILE, **dict(named))
    columns = [*scored[1].columns(data.samples), ("fold", ensemble.fold)]
    files.write_columns(folder / "out_of_fold.csv", columns)
