"""The evidence for maps: their scores beside controls, intervals over samples, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlzoo.evaluation.intervals import difference, intervals
from mlzoo.explaining import faithfulness
from mlzoo.explaining.explain import Batch, Explained, Explanation, explain_batch
from mlzoo.explaining.settings import ExplainConfig
from mlzoo.explaining.truth import against_truth, read_truth
from mlzoo.listening import Listener

CONTROLS = ("random", "edges")
"""Maps that know no model: random cells, and an edge detector, of images."""


def score_all(
    explained: Explained,
    batches: list[Batch],
    names: list[str],
    config: ExplainConfig,
    settings: dict[str, Any],
    listener: Listener,
) -> list[Explanation]:
    """Score every map and those of the controls; against the truth alone without evidence.

    Returns:
        The controls' explanations.
    """
    samples = {names[p]: (batch, row) for batch in batches for row, p in enumerate(batch.positions)}
    controls: list[Explanation] = []
    done, baselines = 0, {id(b): b.probe.baseline(b.x) for b in batches}
    seen: set[str] = set()
    for each in explained.explanations:
        batch, row = samples[each.name]
        one = slice(row, row + 1)
        sample = faithfulness.Sample(
            batch.probe,
            batch.x[one],
            batch.asked.weights[one],
            baselines[id(batch)][one],
            config.seed,
        )
        if each.name not in seen:
            seen.add(each.name)
            own = controls_of(each, config.seed)
            for control in own:
                _score(sample, control, config)
            controls += own
        _score(sample, each, config)
        done += 1
        listener.progress(done, len(explained.explanations), "scoring")
    if config.evidence:
        _stability(explained, batches, names, config, settings)
    return controls


def controls_of(each: Explanation, seed: int) -> list[Explanation]:
    """Explanations of the same sample by maps that know no model."""
    shape = each.values.shape
    found = [replace(each, method="random", values=faithfulness.random_map(shape, seed), scores={})]
    if each.x.ndim == 3 and len(shape) == 2:
        found.append(replace(each, method="edges", values=faithfulness.edges(each.x), scores={}))
    return [replace(control, flag="") for control in found]


def _score(sample: faithfulness.Sample, each: Explanation, config: ExplainConfig) -> None:
    if not np.isfinite(each.values).all():
        return
    if config.evidence:
        each.scores.update(faithfulness.score(sample, each.values))
    if config.truth is not None and each.values.ndim == 2:
        truth = read_truth(config.truth, each.name, each.values.shape)
        if truth is not None and truth.any():
            each.scores.update(against_truth(each.values, truth))


def _stability(
    explained: Explained,
    batches: list[Batch],
    names: list[str],
    config: ExplainConfig,
    settings: dict[str, Any],
) -> None:
    places = {(e.method, e.name): e for e in explained.explanations}
    for method in explained.mapping:
        for batch in batches:
            rows = [r for r, p in enumerate(batch.positions) if (method, names[p]) in places]
            if not rows:
                continue
            found = [places[method, names[batch.positions[r]]] for r in rows]
            part = replace(
                batch,
                positions=[batch.positions[r] for r in rows],
                x=batch.x[rows],
                asked=replace(batch.asked, weights=batch.asked.weights[rows]),
            )

            def again(x: np.ndarray, part: Batch = part, method: str = method) -> np.ndarray:
                return explain_batch(method, settings[method], replace(part, x=x), config)

            values = np.stack([e.values for e in found])
            same = faithfulness.stability(again, part.x, values, config.seed)
            for each, value in zip(found, same, strict=True):
                each.scores["stability"] = round(float(value), 6)


def summarise(
    found: Sequence[Explanation], controls: Sequence[Explanation], seed: int
) -> dict[str, Any]:
    """Means with 95 % intervals over samples, gains over the controls, ranking and sentences."""
    tables = _tables([*found, *controls])
    summary: dict[str, Any] = {"methods": {}, "compared": headline(tables), "sentences": []}
    for method, table in tables.items():
        scorers = {name: _mean(values) for name, values in table.items()}
        count = len(next(iter(table.values())))
        ends = intervals(scorers, count, seed=seed)
        summary["methods"][method] = {
            name: {"mean": float(np.mean(values)), "interval": ends[name]}
            for name, values in table.items()
        }
    by = summary["compared"]
    own = [m for m in tables if m not in CONTROLS]
    for method in own:
        beaten = {
            control: _compared(tables[method][by], tables[control][by], seed)
            for control in CONTROLS
            if control in tables and by in tables[control] and by in tables[method]
        }
        summary["methods"][method]["against"] = beaten
        summary["sentences"].append(sentence(method, by, beaten))
    summary["ranking"] = ranking({m: tables[m][by] for m in own if by in tables[m]}, seed)
    if len(summary["ranking"]) > 1:
        count = len(tables[summary["ranking"][0]["method"]][by])
        summary["sentences"].append(_ranked(summary["ranking"], by) + _few(count))
    return summary


def headline(tables: dict[str, dict[str, np.ndarray]]) -> str:
    """What methods are compared by: the truth where it is known, else insertion less deletion."""
    return "pointing" if any("pointing" in table for table in tables.values()) else "gain"


def _tables(found: Sequence[Explanation]) -> dict[str, dict[str, np.ndarray]]:
    """Scores (n,) by method and name, over the samples that every method has scores of."""
    methods = list(dict.fromkeys(e.method for e in found))
    by = {(e.method, e.name): e.scores for e in found}
    names = [
        n for n in dict.fromkeys(e.name for e in found) if all(by.get((m, n)) for m in methods)
    ]
    tables: dict[str, dict[str, np.ndarray]] = {}
    for method in methods:
        rows = [by[method, name] for name in names]
        keys = [key for key in dict.fromkeys(k for row in rows for k in row)]
        table = {key: np.array([row[key] for row in rows if key in row]) for key in keys}
        if table:
            tables[method] = table
    return tables


def _mean(values: np.ndarray) -> Any:
    def scorer(weights: np.ndarray) -> np.ndarray:
        used = weights[:, : len(values)]
        return used @ values / np.maximum(used.sum(axis=1), 1)

    return scorer


def _compared(first: np.ndarray, second: np.ndarray, seed: int) -> dict[str, Any]:
    """The mean difference of paired scores, with its interval."""
    if len(first) != len(second) or not len(first):
        return {"difference": None, "interval": None, "better": False}
    value, ends = difference(_mean(first), _mean(second), len(first), seed=seed)
    return {"difference": value, "interval": ends, "better": bool(ends and ends[0] > 0)}


def sentence(method: str, by: str, beaten: dict[str, Any]) -> str:
    """What the comparison with the controls says, for people."""
    words = {"random": "a random map", "edges": "an edge detector that knows no model"}
    missed = [words[name] for name, found in beaten.items() if not found["better"]]
    if not beaten:
        return f"{method}: nothing to compare it with"
    if missed:
        return (
            f"{method}'s maps on this model are not shown to be better than "
            f"{' or '.join(missed)} (by {by})"
        )
    return f"{method}'s maps on this model are better than {' and '.join(words[n] for n in beaten)}"


def ranking(scores: dict[str, np.ndarray], seed: int) -> list[dict[str, Any]]:
    """Methods from the best mean down.

    `rank`: that of the best one above whose difference may be chance, so that several share it;
    `behind` and `interval`: the difference to that one; `tied`: whether that is the best of all.
    """
    order = sorted(scores, key=lambda name: -float(np.mean(scores[name])))
    found: list[dict[str, Any]] = []
    leader, rank = "", 0
    for place, name in enumerate(order, 1):
        behind = _compared(scores[leader], scores[name], seed) if leader else {"better": True}
        if behind["better"]:
            leader, rank = name, place
            behind = _compared(scores[name], scores[name], seed)
        found.append(
            {
                "method": name,
                "rank": rank,
                "mean": float(np.mean(scores[name])),
                "behind": behind["difference"],
                "interval": behind["interval"],
                "tied": rank == 1,
            }
        )
    return found


ENOUGH = 32
"""Samples that a ranking of methods should rest on."""


def _few(count: int) -> str:
    return "" if count >= ENOUGH else f" (over {count} samples; --limit {ENOUGH} tells more apart)"


def _ranked(rows: list[dict[str, Any]], by: str) -> str:
    tied = [row["method"] for row in rows if row["tied"]]
    if len(tied) == 1:
        return f"best by {by}: {tied[0]}"
    return f"best by {by}: {', '.join(tied)}, whose differences may be chance"
