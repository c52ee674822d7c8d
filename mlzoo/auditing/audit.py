"""The audit of a run's data: labels that are probably wrong, samples that look alike, outliers.

Labels are judged by predictions of models that never saw the samples: those out of fold
(`--folds`), and those of the test split. Masks are predicted again for it.
"""

from __future__ import annotations

import io
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.auditing.findings import Audit, Duplicate, JudgedLabel, LabelCandidate, Outlier
from mlzoo.auditing.label_errors import label_errors
from mlzoo.auditing.page import PAGE, PICTURES, write_page
from mlzoo.auditing.settings import AuditConfig
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.contracts import task
from mlzoo.data.quality.similarity import near_pairs
from mlzoo.data.samples import Samples
from mlzoo.runs.contents.folders import refuse_links, write_files
from mlzoo.runs.opened import OpenedRun
from mlzoo.tasks._predictions import SamplePredictions

LABELS, LABEL_ERRORS, DUPLICATES = "labels.csv", "label_errors.csv", "duplicates.csv"
OUTLIERS, LABEL_NEXT = "outliers.csv", "label_next.csv"
_FILES = (LABELS, LABEL_ERRORS, DUPLICATES, OUTLIERS, LABEL_NEXT, *PICTURES)


def audit(run: OpenedRun, config: AuditConfig, listener: Listener | None = None) -> Audit:
    """Audit a run's data, and write what is found.

    Args:
        run: of a classifier of samples or pixels, whose data must not have changed.
        config: where the findings go, and how many are drawn.
        listener: receives progress.

    Raises:
        UsageError: the run does not predict one class a sample or masks, or kept no probabilities.
        DataError: its data have changed or are gone, or the unlabeled samples do not fit.
    """
    masks = run.target.pixel_class and not run.target.separate
    if not (run.target.sample_class or masks):
        raise UsageError(
            f"data audit is for runs that predict one class a sample, or masks, and this one is "
            f"for {run.record['task']}"
        )
    if masks and config.unlabeled is not None:
        raise UsageError("--unlabeled: is for runs that predict one class a sample, not for masks")
    saved = [] if masks else _unseen(run)
    data = run.own_data(listener)
    samples, split = data.samples, np.full(len(data.samples), "", dtype=object)
    for name, part in data.parts().items():
        split[part.indices] = name
    folder = config.out or run.path / "audit"
    refuse_links(run.path, folder)
    if masks:
        from mlzoo.auditing.mask_errors import judged_masks, mask_pictures

        labels = judged_masks(run, data, split, listener or Listener())
    else:
        labels = _judged(saved, samples, split)
    findings = Audit(folder, samples, labels, _duplicates(samples, split))
    if not masks:
        findings = _with_features(findings, run, config, split, listener or Listener())
    if masks:
        shown = findings.label_errors[: config.limit]
        findings = replace(findings, pictures=mask_pictures(run, data, shown, samples.maximum))

    def fill(partial: Path) -> None:
        _write(replace(findings, folder=partial), config.limit)

    # Files of these names that no audit wrote stay.
    write_files(folder, fill, _FILES if (folder / PAGE).is_file() else ())
    return findings


def _write(findings: Audit, limit: int) -> None:
    """Write the files of an audit, and its page."""
    for name, kind, rows in (
        (LABELS, JudgedLabel, findings.labels),
        (LABEL_ERRORS, JudgedLabel, findings.label_errors),
        (DUPLICATES, Duplicate, findings.duplicates),
        (OUTLIERS, Outlier, findings.outliers),
        (LABEL_NEXT, LabelCandidate, findings.label_next),
    ):
        if not rows and name in (OUTLIERS, LABEL_NEXT):
            continue
        text, header = io.StringIO(), [field.name for field in fields(kind)]
        files.write_rows(text, header, [list(vars(row).values()) for row in rows])
        files.write_text(findings.folder / name, text.getvalue())
    write_page(findings, limit)


def _with_features(
    findings: Audit, run: OpenedRun, config: AuditConfig, split: np.ndarray, listener: Listener
) -> Audit:
    """Return the findings with what the model's features tell: outliers, and what to label next."""
    from mlzoo.auditing.outliers import label_next, outliers

    new = config.unlabeled
    return replace(
        findings,
        outliers=outliers(run, findings.samples, split, listener),
        label_next=[] if new is None else label_next(run, new, config.label_next, listener),
    )


def _unseen(run: OpenedRun) -> list[SamplePredictions]:
    """Return the saved predictions of samples by models that never saw them.

    Raises:
        UsageError: there are none.
    """
    plugin = task(run.record["task"])
    paths = [run.path / name for name in ("out_of_fold.csv", "predictions.csv")]
    read = [plugin.read_predictions(path) for path in paths if path.exists()]
    saved = [each for each in read if isinstance(each, SamplePredictions) and each.classes]
    if not saved:
        raise UsageError(
            f"{run.path} has no predictions of samples that its model never saw; train with "
            "--folds 5, so that every sample has one"
        )
    return saved


def _judged(
    saved: list[SamplePredictions], samples: Samples, split: np.ndarray
) -> list[JudgedLabel]:
    """Return the labels that have a prediction, the likeliest errors first."""
    names = samples.class_names
    order = [[each.classes.index(name) for name in names] for each in saved]
    indices = np.concatenate([each.indices for each in saved])
    probabilities = np.concatenate(
        [each.probabilities[:, at] for each, at in zip(saved, order, strict=True)]
    )
    judged = label_errors(probabilities, samples.labels[indices])
    return [
        JudgedLabel(
            index=int(indices[row]),
            name=samples.name_of(int(indices[row])),
            split=str(split[indices[row]]),
            label=names[samples.labels[indices[row]]],
            suggested=names[judged.suggested[row]],
            score=round(float(judged.scores[row]), 6),
            probable=bool(judged.probable[row]),
        )
        for row in np.argsort(-judged.scores, kind="stable")
    ]


def _duplicates(samples: Samples, split: np.ndarray) -> list[Duplicate]:
    """Return each sample that repeats an earlier one, and each image that looks like one."""
    pairs: dict[tuple[int, int], bool] = {}
    whole = samples.target.sample_class
    if samples.hashes is not None:
        first: dict[Any, int] = {}
        for position, key in enumerate(samples.hashes.tolist()):
            if (before := first.setdefault(key, position)) != position:
                pairs[before, position] = True
    if samples.near_hashes is not None:
        every = np.arange(len(samples))
        near = near_pairs(np.asarray(samples.near_hashes, dtype=np.uint64), every, every)
        pairs |= {(i, j): False for i, j in near if i < j and (i, j) not in pairs}
    return [
        Duplicate(
            samples.name_of(i),
            samples.name_of(j),
            str(split[i]),
            str(split[j]),
            samples.class_names[samples.labels[i]] if whole else "",
            samples.class_names[samples.labels[j]] if whole else "",
            exact,
        )
        for (i, j), exact in sorted(pairs.items())
    ]
