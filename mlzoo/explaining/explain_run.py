"""`mlzoo explain`: open a model, explain samples, score the maps, and write a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.core import registry
from mlzoo.core.errors import DataError
from mlzoo.core.files import expand
from mlzoo.core.messages import few, over
from mlzoo.core.progress import Listener
from mlzoo.explaining.evidence import sanity
from mlzoo.explaining.evidence.learned import why_no_claim
from mlzoo.explaining.evidence.random_labels import Shuffled, train_on_shuffled
from mlzoo.explaining.evidence.scores import score_all, summarize
from mlzoo.explaining.evidence.truth import check_truth
from mlzoo.explaining.explain import (
    Batch,
    Explanation,
    ExplanationSet,
    Methods,
    choose_methods,
    explain_batch,
    open_batches,
    run_methods,
)
from mlzoo.explaining.pages.folders import check_free, default_folder, row, write
from mlzoo.explaining.samples import Chosen, choose, given
from mlzoo.explaining.settings import ALL, AUTO, ExplainConfig, configure, method_settings
from mlzoo.explaining.subjects import Subject, open_subject, subject_of
from mlzoo.layers.joined import COLUMNS, IMAGE
from mlzoo.notebooks.html import card, table
from mlzoo.reporting.pages.report import NAME as REPORT
from mlzoo.reporting.pages.report import write_report
from mlzoo.runs import devices
from mlzoo.runs.opened import OpenedRun
from mlzoo.training.checkpoints import weights_sha256
from mlzoo.training.signals import stopping

if TYPE_CHECKING:
    import pandas as pd

SANE = 16
"""Samples that the sanity check is made on."""


@dataclass(frozen=True)
class ExplanationResult:
    """Results of a run of explanations.

    Attributes:
        explained: every map, with its sample and its scores.
        record: what `explain.json` holds.
        controls: maps that know no model, for comparison.
        folder: where all of it was written; None where nothing was.
    """

    explained: ExplanationSet
    record: dict[str, Any]
    controls: list[Explanation]
    folder: Path | None = None

    @property
    def maps(self) -> dict[str, dict[str, np.ndarray]]:
        """Return raw signed maps by method and by the sample's name, float32."""
        maps: dict[str, dict[str, np.ndarray]] = {m: {} for m in self.explained.mapping}
        for each in self.explained.explanations:
            maps[each.method][each.name] = each.values
        return maps

    def to_frame(self) -> pd.DataFrame:
        """Return a row an explanation: sample, method, target, prediction and its evidence."""
        import pandas as pd

        return pd.DataFrame(self._rows())

    def _repr_html_(self) -> str:
        methods = ", ".join(self.maps)
        folder = f"written to {self.folder}" if self.folder else ""
        return card(f"Explanations by {methods}", [folder], [table(self._rows())])

    def _rows(self) -> list[dict[str, object]]:
        return [
            {
                "sample": each.name,
                "method": each.method,
                "target": each.target,
                "predicted": each.predicted,
                "truth": each.truth,
                **each.scores,
                "flag": each.flag,
            }
            for each in self.explained.explanations
        ]


def explain(
    run: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
    **settings: Any,
) -> ExplanationResult:
    """Explain what a model says; the same as `mlzoo explain`.

    Args:
        run: a finished run folder, or a .keras file.
        out: the folder to write; by default `explanations/METHOD` within the run folder.
        overwrite: replace such a folder.
        trust: run Python code that the run folder holds or names; without it none is run.
        listener: progress callback.
        **settings: fields of `ExplainConfig`: `method`, `data`, `target`, `truth`, ...

    Raises:
        MlzooError: what went wrong and what to do; see `mlzoo.core.errors`.
    """
    config = configure({"run": str(run), **settings})
    return explain_configured(config, out, overwrite=overwrite, trust=trust, listener=listener)


def explain_configured(
    config: ExplainConfig,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
) -> ExplanationResult:
    """Explain with a configuration that is validated already, and write the folder.

    Args:
        config: a validated configuration.
        out: the folder to write; by default within the run folder.
        overwrite: replace such a folder.
        trust: run Python code that the run folder holds or names.
        listener: progress callback.
    """
    listener = listener or Listener()
    known = expand(out) if out else None
    if known is None and AUTO not in config.method:
        known = default_folder(config.run, config.method, config.input)
    if known is not None:
        check_free(known, overwrite)
    with stopping("explaining") as stage:
        devices.prepare()
        subject = open_subject(config.run, trust, config.input)
        job = open_job(subject, choose(subject, config, listener), config, listener)
        folder = known or default_folder(config.run, job.methods.names, config.input)
        check_free(folder, overwrite)
        result = compute(job, listener)
        write(folder, subject, result.explained, result.controls, result.record, listener)
        stage.doing, stage.next = "writing the report", f"the explanations are complete: {folder}"
        _renew_report(expand(config.run), folder, listener)
    return replace(result, folder=folder)


def _renew_report(run: Path, folder: Path, listener: Listener) -> None:
    """Write a run's report again where its explanations have changed."""
    if folder.parent == run / "explanations" and (run / REPORT).is_file():
        write_report(run, listener=listener)


def explain_samples(
    run: OpenedRun, x: Any = None, listener: Listener | None = None, **settings: Any
) -> ExplanationResult:
    """Explain samples with an open run and write nothing; see `mlzoo.load(...).explain`.

    Args:
        run: an open run.
        x: raw inputs (n, *shape), a path, or None for the run's own samples.
        listener: progress callback.
        **settings: fields of `ExplainConfig`.
    """
    listener = listener or Listener()
    path = str(x) if isinstance(x, (str, Path)) else None
    config = configure({"run": str(run.path), "data": path, **settings})
    subject = subject_of(run, config.input)
    from_config = x is None or path is not None
    chosen = (
        choose(subject, config, listener) if from_config else given(subject, np.asarray(x), config)
    )
    return compute(open_job(subject, chosen, config, listener), listener)


@dataclass(frozen=True)
class ExplainJob:
    """A model and samples, opened, as `compute` needs them."""

    subject: Subject
    chosen: Chosen
    config: ExplainConfig
    batches: list[Batch]
    methods: Methods


def open_job(
    subject: Subject, chosen: Chosen, config: ExplainConfig, listener: Listener
) -> ExplainJob:
    """Open a model for its samples, and pick the methods.

    Args:
        subject: the model.
        chosen: the samples.
        config: everything asked for.
        listener: progress callback.

    Raises:
        UsageError: a method does not fit the model, or a setting the method.
    """
    if config.target == ALL:
        chosen = chosen.of_every(subject.outputs)
    batches = open_batches(subject, chosen, config)
    methods = choose_methods(config, batches[0].probe, subject.kind)
    if AUTO in config.method:
        config = config.model_copy(update={"method": tuple(methods.names)})
        listener.note(f"method: {methods.names[0]} (--method; `mlzoo explainers` lists them)")
    method_settings(config, methods.names)
    return ExplainJob(subject, chosen, config, batches, methods)


def compute(job: ExplainJob, listener: Listener) -> ExplanationResult:
    """Compute the maps of chosen samples, their evidence and the record."""
    subject, chosen, config, batches = job.subject, job.chosen, job.config, job.batches
    if config.truth is not None:
        count = check_truth(config.truth, chosen.names, subject.depth)
        listener.note(f"truth: known of {count} of {len(chosen)} samples")
    shuffled = None
    if "labels" in config.sanity:
        shuffled = train_on_shuffled(subject, config.seed, listener)
        listener.note(f"sanity by labels: {shuffled.budget}")
    probe = batches[0].probe
    if subject.several is not None:
        listener.note(
            f"input: {subject.several.explained} of {', '.join(subject.several.names)} (--input); "
            "the others stay as they are"
        )
    if subject.taken:
        other = next(name for name in (IMAGE, COLUMNS) if name != subject.taken)
        listener.note(f"input: {subject.taken}; --input {other} explains the other")
    for note in probe.notes:
        listener.note(note)
    if probe.layer is not None:
        listener.note(_layer(probe, (1, *probe.shape)))
    explained = run_methods(subject, chosen, batches, job.methods, config, listener)
    _tell_left_out(explained.left_out, listener)
    settings = method_settings(config, list(explained.facts))
    summary: dict[str, object] = {}
    controls: list[Explanation] = []
    if (config.evidence or config.truth) and explained.explanations:
        controls = score_all(explained, batches, chosen.names, config, settings, listener)
        summary = summarize(
            explained.explanations,
            controls,
            config.seed,
            chosen.group_of,
            chosen.unit,
            why_no_claim(subject, chosen),
        )
    checks = {}
    for method in explained.mapping if config.sanity else ():
        checks[method] = check_method(
            subject, method, batches[0], config, settings[method], shuffled
        )
        for mode, check in checks[method].items():
            listener.note(f"{method}: sanity by {mode} {check['verdict']}, {check['reason']}")
    left_out = _left_out(batches, chosen.names)
    _tell_of_empty(left_out, explained, listener)
    record = {
        "config": {**config.model_dump(mode="json"), "method": list(explained.facts)},
        "model": {
            "task": subject.task,
            "weights_sha256": weights_sha256(subject.model),
            "head": probe.head,
            "layer": probe.layer.name if probe.layer is not None else None,
            "cells": list(probe.cells) if probe.layer is not None else None,
            "entry": probe.entry_name,
        },
        "samples": chosen.names,
        "methods": explained.facts,
        "evidence": summary,
        "sanity": checks,
        "left_out": left_out,
        "methods_left_out": explained.left_out,
        "maps": [row(each) for each in [*explained.explanations, *controls]],
        "flagged": _count_flags(explained),
        "environment": devices.environment(config.seed, str(subject.model.dtype_policy.name)),
        "peak_memory_mb": devices.peak_memory_mb(),
    }
    return ExplanationResult(explained, record, controls)


def check_method(
    subject: Subject,
    method: str,
    batch: Batch,
    config: ExplainConfig,
    settings: Any,
    shuffled: Shuffled | None = None,
) -> dict[str, sanity.SanityCheck]:
    """Run the sanity checks of a method, on at most `SANE` samples.

    `other_class` of each is how alike the maps of another class are, where there are classes.

    Args:
        subject: the model.
        method: name of the method.
        batch: samples of one shape.
        config: with the checks.
        settings: `Config` of the method.
        shuffled: weights trained on shuffled labels.
    """
    few = slice(0, SANE)
    resolved = replace(batch.resolved, weights=batch.resolved.weights[few])
    part = replace(batch, x=batch.x[few], resolved=resolved)

    # A class activation map is what speaks for a class; one that turns negative is gone.
    positive = bool(getattr(registry.load("explainer", method), "NEEDS_LAYER", False))

    depth = batch.probe.depth or 1

    def maps(part: Batch = part) -> np.ndarray:
        return explain_batch(method, settings, part, config)

    likeness: float | None = None
    weights, other = resolved.weights, np.roll(resolved.weights, 1, axis=-1)
    # Of two classes the maps of one are those of the other with the sign turned.
    if weights.ndim == 2 and subject.classes and not np.array_equal(np.abs(other), np.abs(weights)):
        turned = replace(part, resolved=replace(resolved, weights=other))
        likeness = sanity.alike(maps(), maps(turned), positive)["spearman"]
    checks: dict[str, sanity.SanityCheck] = {}
    for mode in dict.fromkeys(config.sanity):
        if mode == "labels":
            assert shuffled is not None
            trained = shuffled.weights, shuffled.budget
            check = sanity.check_labels(subject.model, maps, *trained, positive, depth)
        else:
            how = mode, config.sanity_weights, config.seed
            check = sanity.check(subject.model, maps, *how, positive, depth)
        checks[mode] = check if likeness is None else sanity.beside_another_class(check, likeness)
    return checks


def _layer(probe: Any, shape: tuple[int, ...]) -> str:
    channels = over(probe.channels, "channels")
    if not probe.cells:
        return f"layer: {probe.layer.name}, {channels} (--layer)"
    cells = "x".join(map(str, probe.cells))
    covered = probe.frame if probe.depth else shape[1:]
    sides = [f"{a / b:.3g}" for a, b in zip(covered, probe.cells, strict=False)]
    unit = {2: "pixel", 3: "voxel"}.get(len(sides), "step")
    size = f"{'x'.join(sides)} {unit}{'' if sides == ['1'] else 's'}"
    return f"layer: {probe.layer.name}, {cells} cells of {size}, {channels} (--layer)"


def _tell_left_out(left_out: dict[str, str], listener: Listener) -> None:
    """Name the methods that `all` leaves out, those of one reason together."""
    by: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        by.setdefault(reason, []).append(name)
    for reason, names in by.items():
        listener.note(f"left out: {', '.join(names)}: {reason}")


def _tell_of_empty(left_out: dict[str, str], explained: ExplanationSet, listener: Listener) -> None:
    by: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        by.setdefault(reason, []).append(name)
    for reason, names in by.items():
        listener.warn(f"{few(names)} left out: {reason}")
    if not explained.explanations and not explained.findings:
        raise DataError("nothing is left to explain; name another --target, or other --data")
    for method, count in _count_flags(explained).items():
        maps = "maps are" if count > 1 else "map is"
        listener.warn(
            f"{method}: {count} {maps} empty, negative or not finite (column flag in scores.csv)"
        )


def _left_out(batches: list[Batch], names: list[str]) -> dict[str, str]:
    """Samples that have nothing to explain, and why."""
    return {
        names[position]: reason
        for batch in batches
        for position, reason in zip(batch.positions, batch.resolved.empty, strict=True)
        if reason
    }


def _count_flags(explained: ExplanationSet) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in explained.explanations:
        if each.flag:
            counts[each.method] = counts.get(each.method, 0) + 1
    return counts
