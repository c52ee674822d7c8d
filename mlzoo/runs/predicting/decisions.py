"""The operating point of a run: `decision.json`, by which its classes are decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files

if TYPE_CHECKING:
    from mlzoo.runs.contents.metrics import DecisionRule
    from mlzoo.statistics.calibration.decisions import Decision

FILE = "decision.json"


def decision_record(folder: Path) -> DecisionRule | None:
    """Return the content of `decision.json`; None where the most probable class is decided for."""
    path = folder / FILE
    if not path.is_file():
        return None
    content: Any = files.read_mapping(path, ("costs", "classes", "threshold"))
    rule: DecisionRule = content
    return rule


def read_decision(folder: Path) -> Decision | None:
    """Return the operating point of a run; None as above.

    Raises:
        DataError: the file is damaged.
    """
    import numpy as np

    from mlzoo.statistics.calibration.decisions import Decision

    record = decision_record(folder)
    if record is None:
        return None
    try:
        classes, threshold = record["classes"], record["threshold"]
        costs = np.array([[record["costs"][t][p] for p in classes] for t in classes], "float64")
        if threshold is None:
            return Decision(costs)
        positive = classes.index(str(record["positive"]))
        return Decision(costs, positive, float(threshold))
    except (KeyError, TypeError, ValueError) as error:
        raise files.damaged(folder / FILE, f"is damaged: {error!r}") from None


def rule_sentence(record: DecisionRule) -> str:
    """Return a sentence on how classes are decided."""
    if record["threshold"] is None:
        return "classes are decided by their expected cost, not by their probability alone (--cost)"
    return (
        f"{record['positive']} is decided for from a probability of {record['threshold']:.3g} on, "
        "which costs least (--cost)"
    )
