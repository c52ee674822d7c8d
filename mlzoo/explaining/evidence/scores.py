"""Scores of maps beside those of controls, with intervals, verdicts and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

import numpy as np

from mlzoo.core.progress import Listener
from mlzoo.explaining.evidence import faithfulness
from mlzoo.explaining.evidence.claims import (
    CONTROLS,
    FEWEST,
    RANDOM_MAPS,
    SMALLEST,
    IndependentUnits,
    against_random_maps,
    judge,
    paired,
    ranked,
    ranking,
    sentence,
)
from mlzoo.explaining.evidence.truth import against_truth, read_truth
from mlzoo.explaining.explain import (
    Batch,
    Explanation,
    ExplanationSet,
    explain_batch,
    without_padding,
)
from mlzoo.explaining.settings import ExplainConfig
from mlzoo.statistics.intervals import intervals


def score_all(
    explained: ExplanationSet,
    batches: list[Batch],
    names: list[str],
    config: ExplainConfig,
    settings: Mapping[str, object],
    listener: Listener,
) -> list[Explanation]:
    """Score every map and those of the controls; against the truth alone without evidence.

    Args:
        explained: the maps, whose scores are set.
        batches: the opened samples.
        names: of the samples.
        config: what is scored.
        settings: `Config` of each method.
        listener: progress callback.

    Returns:
        The controls' explanations.
    """
    rows = {names[p]: (batch, row) for batch in batches for row, p in enumerate(batch.positions)}
    baselines = {id(b): b.probe.baseline(b.x) for b in batches}
    samples: dict[str, faithfulness.Sample] = {}
    controls: list[Explanation] = []
    for done, each in enumerate(explained.explanations, 1):
        if each.name not in samples:
            batch, row = rows[each.name]
            one = slice(row, row + 1)
            samples[each.name] = faithfulness.Sample(
                batch.probe,
                batch.x[one],
                batch.resolved.weights[one],
                baselines[id(batch)][one],
                faithfulness.sample_seed(each.name, config.seed),
            )
            controls += scored_controls(samples[each.name], each, config)
        _score(samples[each.name], each, config)
        listener.progress(done, len(explained.explanations), "scoring")
    if config.evidence:
        _stability(explained, batches, names, config, settings)
    return controls


def scored_controls(
    sample: faithfulness.Sample, each: Explanation, config: ExplainConfig
) -> list[Explanation]:
    """Return explanations of the same sample by maps that know no model, with their scores.

    The random map's scores are the means over `RANDOM_MAPS` maps, which no other sample shares; the
    explanation holds the first of them.

    Args:
        sample: the sample, opened for scoring.
        each: an explanation of it.
        config: with the seed.
    """
    shape = each.values.shape

    def control(method: str, values: np.ndarray) -> Explanation:
        explanation = replace(each, method=method, values=values, flag="", scores={})
        _score(sample, explanation, config)
        return explanation

    draws = [
        control("random", without_padding(values[None], each.x[None])[0])
        for values in random_maps(shape, each.name, config.seed)
    ]
    means = {
        name: round(float(np.mean([draw.scores[name] for draw in draws])), 6)
        for name in draws[0].scores
    }
    controls = [replace(draws[0], scores=means, draws=tuple(draw.scores for draw in draws))]
    if each.x.ndim == 3 and len(shape) == 2:
        controls.append(control("edges", faithfulness.edges(each.x, sample.probe.depth or 1)))
    return controls


def random_maps(shape: tuple[int, ...], name: str, seed: int) -> list[np.ndarray]:
    """Return the random maps of the sample of a name.

    Args:
        shape: of a map.
        name: of the sample.
        seed: of the run.
    """
    seeds = [faithfulness.sample_seed(f"{name} {i}", seed) for i in range(RANDOM_MAPS)]
    return [faithfulness.random_map(shape, map_seed) for map_seed in seeds]


def _score(sample: faithfulness.Sample, each: Explanation, config: ExplainConfig) -> None:
    if not np.isfinite(each.values).all():
        return
    if config.evidence:
        each.scores.update(faithfulness.score(sample, each.values))
    if config.truth is not None and each.values.ndim == 2:
        truth = read_truth(config.truth, each.name, each.values.shape, sample.probe.depth)
        if truth is not None and truth.any():
            each.scores.update(against_truth(each.values, truth))


def _stability(
    explained: ExplanationSet,
    batches: list[Batch],
    names: list[str],
    config: ExplainConfig,
    settings: Mapping[str, object],
) -> None:
    by_sample = {(e.method, e.name): e for e in explained.explanations}
    for method in explained.mapping:
        for batch in batches:
            rows = [r for r, p in enumerate(batch.positions) if (method, names[p]) in by_sample]
            if not rows:
                continue
            explanations = [by_sample[method, names[batch.positions[r]]] for r in rows]
            part = replace(
                batch,
                positions=[batch.positions[r] for r in rows],
                x=batch.x[rows],
                resolved=replace(batch.resolved, weights=batch.resolved.weights[rows]),
            )

            def again(x: np.ndarray, part: Batch = part, method: str = method) -> np.ndarray:
                return explain_batch(method, settings[method], replace(part, x=x), config)

            values = np.stack([e.values for e in explanations])
            same = faithfulness.stability(again, part.x, values, config.seed)
            for each, value in zip(explanations, same, strict=True):
                each.scores["stability"] = round(float(value), 6)


def summarize(
    explanations: Sequence[Explanation],
    controls: Sequence[Explanation],
    seed: int,
    groups: Mapping[str, str] | None = None,
    word: str = "groups",
    doubt: str = "",
) -> dict[str, object]:
    """Summarize scores: means with 95 % intervals, verdicts beside the controls, and a ranking.

    Args:
        explanations: explanations with their scores.
        controls: those of maps that know no model.
        seed: decides the parts that the intervals leave out.
        groups: the group of each sample, by the sample's name; None: samples are independent.
        word: what groups are called.
        doubt: why no method earns a claim on this model; "" where nothing forbids one.
    """
    names, tables = _tables([*explanations, *controls])
    labels = None if groups is None else np.array([groups[name] for name in names])
    units = IndependentUnits(labels, "samples" if groups is None else word)
    by = headline(tables)
    count = len(names) if labels is None else len(np.unique(labels))
    summaries: dict[str, dict[str, object]] = {
        m: dict(_means(table, labels, seed)) for m, table in tables.items()
    }
    sentences: list[str] = []
    scores = {method: table[by] for method, table in tables.items() if by in table}
    methods = [method for method in scores if method not in CONTROLS]
    beside = [control for control in CONTROLS if control in scores]
    pairs = {(m, c): paired(scores[m], scores[c], units) for m in methods for c in beside}
    if "random" in beside:
        maps = _drawn([e for e in controls if e.method == "random"], names, by)
        pairs |= {(m, "random"): against_random_maps(scores[m], maps, units) for m in methods}
    judged = judge(pairs, doubt)
    over = f"{count} {units.word}"
    for method in methods:
        against = {control: judged[method, control] for control in beside}
        summaries[method]["against"] = against
        sentences.append(sentence(method, by, against, over, doubt))
    places = ranking({m: scores[m] for m in methods}, units, doubt)
    if len(methods) > 1 and not doubt:
        sentences.append(ranked(places, by, over, count))
    if judged and not doubt and count >= FEWEST:
        sentences.append(
            f"verdicts rest on randomization tests (random maps) and paired t-tests over {over} "
            f"(Holm's correction for {len(judged)}); a difference in {by} of less than {SMALLEST} "
            "is too small to matter"
        )
    return {
        "methods": summaries,
        "compared": by,
        "unit": units.word,
        "units": count,
        "smallest": SMALLEST,
        "doubt": doubt,
        "sentences": sentences,
        "ranking": places,
    }


class ScoreMean(TypedDict):
    """Mean of a score over the samples that have it, and the ends of its 95 % interval."""

    mean: float
    interval: Sequence[float] | None


def _drawn(controls: Sequence[Explanation], names: Sequence[str], by: str) -> np.ndarray:
    """Return a score (n, k) of each random map of each named sample."""
    draws = {control.name: control.draws or (control.scores,) for control in controls}
    return np.array([[draw.get(by, np.nan) for draw in draws[name]] for name in names])


def _tables(
    explanations: Sequence[Explanation],
) -> tuple[list[str], dict[str, dict[str, np.ndarray]]]:
    """Return the samples that every method has scores of, and their scores (n,) by method.

    A score that a sample lacks is NaN.
    """
    methods = list(dict.fromkeys(e.method for e in explanations))
    by = {(e.method, e.name): e.scores for e in explanations}
    names = [
        n
        for n in dict.fromkeys(e.name for e in explanations)
        if all(by.get((m, n)) for m in methods)
    ]
    tables = {}
    for method in methods if names else ():
        rows = [by[method, name] for name in names]
        keys = dict.fromkeys(key for row in rows for key in row)
        tables[method] = {key: np.array([row.get(key, np.nan) for row in rows]) for key in keys}
    return names, tables


def headline(tables: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    """Return the score that methods are compared by: the truth's, else the gain."""
    return "pointing" if any("pointing" in table for table in tables.values()) else "gain"


def _means(
    table: Mapping[str, np.ndarray], labels: np.ndarray | None, seed: int
) -> dict[str, ScoreMean]:
    """Return the mean of each score."""
    means: dict[str, ScoreMean] = {}
    for name, scores in table.items():
        has = np.isfinite(scores)
        values = scores[has]
        groups = None if labels is None else labels[has]
        ends = intervals({name: _mean(values)}, len(values), groups, seed)
        means[name] = {"mean": float(values.mean()), "interval": ends[name]}
    return means


def _mean(values: np.ndarray) -> Any:
    return lambda weights: weights @ values / np.maximum(weights.sum(axis=1), 1)
