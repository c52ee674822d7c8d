"""`mlzoo explain`: open a model, explain samples, score the maps, and write a folder."""

from __future__ import annotations

import resource
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo import registry
from mlzoo.errors import DataError
from mlzoo.explaining import sanity
from mlzoo.explaining.evidence import score_all, summarise
from mlzoo.explaining.explain import (
    Batch,
    Explained,
    Explanation,
    explain_batch,
    open_batches,
    run_methods,
)
from mlzoo.explaining.folders import check_free, default_folder, write
from mlzoo.explaining.settings import ExplainConfig, configure, method_settings
from mlzoo.explaining.subjects import Chosen, Subject, choose, open_subject
from mlzoo.listening import Listener
from mlzoo.reporting.pages.report import NAME as REPORT
from mlzoo.reporting.pages.report import write_report
from mlzoo.training import devices
from mlzoo.training.checkpoints import weights_sha256

SANE = 16
"""Samples that the sanity check is made on."""


@dataclass(frozen=True)
class Outcome:
    """What a run of explanations gave: the maps, the record, and where they are."""

    explained: Explained
    record: dict[str, Any]
    folder: Path


def explain(
    run: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
    **settings: Any,
) -> Outcome:
    """Explain what a model says; the same as `mlzoo explain`.

    Args:
        run: a finished run folder, or a .keras file.
        out: the folder to write; by default `explanations/METHOD` within the run folder.
        overwrite: replace such a folder.
        trust: import the run's own model.py.
        listener: hears of progress.
        **settings: fields of `ExplainConfig`: `method`, `data`, `target`, `truth`, ...

    Raises:
        MlzooError: what went wrong and what to do; see `mlzoo.errors`.
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
) -> Outcome:
    """`explain` with a configuration that was checked before."""
    listener = listener or Listener()
    folder = Path(out).expanduser() if out else default_folder(config.run, config.method)
    check_free(folder, overwrite)
    devices.prepare()
    subject = open_subject(config.run, trust)
    chosen = choose(subject, config, listener)
    batches = open_batches(subject, chosen, config)
    probe = batches[0].probe
    for note in probe.notes:
        listener.note(note)
    if probe.layer is not None:
        listener.note(_layer(probe, batches[0].x.shape))
    explained = run_methods(subject, chosen, batches, config, listener)
    settings = method_settings(config, list(explained.facts))
    summary: dict[str, Any] = {}
    controls: list[Explanation] = []
    if (config.evidence or config.truth) and explained.explanations:
        controls = score_all(explained, batches, chosen.names, config, settings, listener)
        summary = summarise(explained.explanations, controls, config.seed)
    checks = {}
    if config.sanity != "none":
        for method in explained.mapping:
            checks[method] = check_method(subject, method, batches[0], config, settings[method])
            listener.note(
                f"{method}: sanity {checks[method]['verdict']}, {checks[method]['reason']}"
            )
    _tell_of_empty(batches, chosen, explained, listener)
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
        "flagged": _count_flags(explained),
        "environment": devices.environment(config.seed, str(subject.model.dtype_policy.name)),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    write(folder, subject, explained, controls, record, listener)
    run = Path(config.run).expanduser()
    if folder.parent == run / "explanations" and (run / REPORT).is_file():
        write_report(run)
    return Outcome(explained, record, folder)


def check_method(
    subject: Subject, method: str, batch: Batch, config: ExplainConfig, settings: Any
) -> dict[str, Any]:
    """The sanity check of a method, on at most `SANE` samples, and another class's maps."""
    few = slice(0, SANE)
    asked = replace(batch.asked, weights=batch.asked.weights[few])
    part = replace(batch, x=batch.x[few], asked=asked)

    # A class activation map is what speaks for a class; one that turns negative is gone.
    positive = bool(getattr(registry.load("explainer", method), "NEEDS_LAYER", False))

    def maps() -> np.ndarray:
        return explain_batch(method, settings, part, config)

    how = config.sanity, config.sanity_weights, config.seed
    found = sanity.check(subject.model, maps, *how, positive=positive)
    weights = asked.weights
    if weights.ndim == 2 and weights.shape[1] > 1 and subject.classes:
        before = maps()
        part = replace(part, asked=replace(asked, weights=np.roll(weights, 1, axis=1)))
        found["other_class"] = sanity.alike(before, maps(), positive)["spearman"]
    return found


def _layer(probe: Any, shape: tuple[int, ...]) -> str:
    if not probe.cells:
        return f"layer: {probe.layer.name}, {probe.channels} channels (--layer)"
    cells = "x".join(map(str, probe.cells))
    sides = [f"{a / b:.3g}" for a, b in zip(shape[1:], probe.cells, strict=False)]
    unit = "pixels" if len(sides) == 2 else "steps"
    return (
        f"layer: {probe.layer.name}, {cells} cells of {'x'.join(sides)} {unit}, "
        f"{probe.channels} channels (--layer)"
    )


def _tell_of_empty(
    batches: list[Any], chosen: Chosen, explained: Explained, listener: Listener
) -> None:
    for batch in batches:
        for position, reason in zip(batch.positions, batch.asked.empty, strict=True):
            if reason:
                listener.warn(f"{chosen.names[position]} is left out: {reason}")
    if not explained.explanations and not explained.findings:
        raise DataError("nothing is left to explain; name another --target, or other --data")
    for method, count in _count_flags(explained).items():
        listener.warn(
            f"{method}: {count} maps are empty, negative or not finite (column flag in scores.csv)"
        )


def _count_flags(explained: Explained) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in explained.explanations:
        if each.flag:
            counts[each.method] = counts.get(each.method, 0) + 1
    return counts
