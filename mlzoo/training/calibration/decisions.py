"""The operating point of a classifier, chosen on held-out samples by the costs of mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import yaml

from mlzoo.core import files, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand
from mlzoo.core.progress import Listener
from mlzoo.data.contracts import Outcome
from mlzoo.data.samples import Data, Samples
from mlzoo.evaluating.decision_costs import decision_costs
from mlzoo.reporting.figures.decisions import cost_curve, precision_recall
from mlzoo.runs.contents.metrics import DecisionRecord, DecisionRule
from mlzoo.runs.models import outputs_of
from mlzoo.runs.predicting.decisions import FILE, rule_sentence
from mlzoo.statistics.calibration.decisions import (
    Decision,
    chosen_threshold,
    even_threshold,
    ratio_costs,
)
from mlzoo.statistics.metrics import as_probabilities, class_counts, rarer

if TYPE_CHECKING:
    from mlzoo.training.members import Ensemble


@dataclass(frozen=True)
class OperatingPoint:
    """A decision, and the held-out predictions that it was chosen on.

    Attributes:
        decision: the rule.
        record: content of `decision.json`.
        probabilities: (n, k) of held-out samples; empty where there were none.
        y_true: (n,) their classes.
    """

    decision: Decision
    record: DecisionRule
    probabilities: np.ndarray
    y_true: np.ndarray


def cost_matrix(cost: str, samples: Samples) -> tuple[np.ndarray, int]:
    """Return the costs (k, k), true by predicted class, and the class that can be missed.

    With a ratio this is the rarer of two classes, or the second where none is rarer.

    Args:
        cost: the option: a ratio, or the path of a YAML file.
        samples: of classes.

    Raises:
        UsageError: the file does not hold a cost for every two classes, or a ratio is given where
            there are not two classes.
    """
    names = samples.class_names
    positive = rarer(class_counts(samples)) if len(names) == 2 else len(names) - 1
    try:
        ratio = float(cost)
    except ValueError:
        costs = _matrix_file(expand(cost), names)
    else:
        if len(names) != 2:
            raise UsageError(
                f"--cost {cost}: a ratio is for two classes, and there are {len(names)}; name a "
                "YAML file of costs, as in `a: {b: 5, c: 1}` for each true class"
            )
        costs = ratio_costs(ratio, positive)
    extra = costs - np.diag(costs)[:, None]
    if extra.min() < 0 or not extra.any():
        raise UsageError(
            f"--cost {cost}: a mistake must cost at least as much as the right decision for the "
            "same true class, and some mistake more"
        )
    return costs, positive


def _matrix_file(path: Path, names: tuple[str, ...]) -> np.ndarray:
    """Read costs from a YAML file: for each true class a cost of each predicted class."""
    if not path.is_file():
        raise UsageError(
            f"--cost {path}: write a ratio (cost of a miss over that of a false alarm), or the "
            "path of a YAML file of costs"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise UsageError(f"{path}: expected lines `true class: {{predicted class: cost, ...}}`")
    given = {
        (str(true), str(predicted)): cost
        for true, row in content.items()
        for predicted, cost in row.items()
    }
    problems = [
        f"{path}: {registry.unknown('class', name, names)}"
        for name in dict.fromkeys(name for pair in given for name in pair)
        if name not in names
    ]
    costs = np.zeros((len(names), len(names)))
    for i, true in enumerate(names):
        for j, predicted in enumerate(names):
            cost = given.get((true, predicted), 0 if i == j else None)
            if cost is None:
                problems.append(f"{path}: true {true!r} predicted as {predicted!r} has no cost")
            elif not _is_cost(cost):
                problems.append(
                    f"{path}: the cost of true {true!r} predicted as {predicted!r} must be a "
                    f"number from 0 on, got {cost!r}"
                )
            else:
                costs[i, j] = cost
    if problems:
        raise UsageError(problems)
    return costs


def _is_cost(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < float("inf")


def operating_point(
    config: RunConfig,
    model: keras.Model,
    data: Data,
    ensemble: Ensemble | None,
    temperature: Mapping[str, Any] | None,
    listener: Listener,
) -> OperatingPoint:
    """Return the operating point of a trained classifier that `--cost` asks for.

    Args:
        config: `cost` says what mistakes cost.
        model: as it is saved, calibrated.
        data: as split for the run.
        ensemble: the members of the model, if there are several.
        temperature: the record of the temperature that the model's logits are divided by.
        listener: is told the rule.
    """
    assert config.cost is not None
    costs, positive = cost_matrix(config.cost, data.samples)
    split, probabilities, y_true = _held_out(model, data, ensemble, temperature)
    names = data.samples.class_names
    decision = Decision(costs)
    if len(names) == 2:
        p = probabilities[:, positive]
        threshold = (
            chosen_threshold(costs, positive, p, y_true)
            if len(p)
            else even_threshold(costs, positive)
        )
        decision = Decision(costs, positive, threshold)
    record: DecisionRule = {
        "costs": {
            true: dict(zip(names, row, strict=True))
            for true, row in zip(names, costs.tolist(), strict=True)
        },
        "classes": list(names),
        "rule": "expected cost" if decision.threshold is None else "threshold",
        "positive": None if decision.threshold is None else names[positive],
        "threshold": decision.threshold,
        "chosen_on": split,
        "samples": len(y_true),
    }
    listener.note(rule_sentence(record))
    return OperatingPoint(decision, record, probabilities, y_true)


def _held_out(
    model: keras.Model,
    data: Data,
    ensemble: Ensemble | None,
    temperature: Mapping[str, Any] | None,
) -> tuple[str | None, np.ndarray, np.ndarray]:
    """Return the name of a held-out split, probabilities (n, k) and true classes (n,)."""
    if ensemble is not None and ensemble.outputs is not None:
        p = as_probabilities(np.asarray(ensemble.outputs)).astype("float64")
        if temperature is not None and temperature["kept"]:
            p = p ** (1 / temperature["temperature"])
            p /= p.sum(axis=1, keepdims=True)
        return "out_of_fold", p, ensemble.pool.targets.astype("int64")
    rows = data.valid
    if not len(rows):
        return None, np.zeros((0, len(data.samples.class_names))), np.zeros(0, "int64")
    outputs = np.concatenate([outputs_of(model, rows.inputs(at)) for at in rows.chunks()])
    return "valid", as_probabilities(outputs).astype("float64"), rows.targets.astype("int64")


def tested(point: OperatingPoint, data: Data, outcome: Outcome, seed: int) -> DecisionRecord:
    """Return the rule, and what decisions on the test split cost; see `decision_costs`."""
    names = data.samples.class_names
    return {
        **point.record,
        **decision_costs(point.decision, outcome, names, data.test.groups, seed),
    }


def write(
    folder: Path, point: OperatingPoint, data: Data, outcome: Outcome, pictures: bool
) -> None:
    """Write `decision.json`, and the curves of precision, recall and cost.

    Args:
        folder: of the run.
        point: the operating point.
        data: as split for the run.
        outcome: the predictions of the test split.
        pictures: draw the curves.
    """
    files.write_json(folder / FILE, point.record)
    if not pictures:
        return
    names, decision = data.samples.class_names, point.decision
    p: np.ndarray = outcome.outputs  # type: ignore[attr-defined]
    y_true = np.asarray(outcome.targets).astype("int64")  # type: ignore[attr-defined]
    plots = folder / "plots"
    precision_recall(plots, p, y_true, names, decision)
    if decision.threshold is not None:
        held_out = (point.probabilities, point.y_true)
        cost_curve(plots, decision, names, {"held out": held_out, "test": (p, y_true)})
