"""The operating point of a run: `decision.json`, of masks `operating_point.json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files

if TYPE_CHECKING:
    from mlzoo.data.masks.operating_point import MaskRule
    from mlzoo.runs.contents.metrics import DecisionRule, MaskRuleRecord
    from mlzoo.statistics.calibration.decisions import Decision

FILE, MASKS_FILE = "decision.json", "operating_point.json"


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


def mask_record(folder: Path) -> MaskRuleRecord | None:
    """Return the content of `operating_point.json`; None where the more probable class is taken."""
    path = folder / MASKS_FILE
    if not path.is_file():
        return None
    content: Any = files.read_mapping(path, ("positive", "threshold", "smallest"))
    record: MaskRuleRecord = content
    return record


def read_mask_rule(folder: Path, class_names: list[str]) -> MaskRule | None:
    """Return the rule by which masks are decided; None as above.

    Args:
        folder: of the run.
        class_names: of its two classes.

    Raises:
        DataError: the file is damaged.
    """
    from mlzoo.data.masks.operating_point import MaskRule

    record = mask_record(folder)
    if record is None:
        return None
    try:
        positive = class_names.index(record["positive"])
        return MaskRule(positive, float(record["threshold"]), int(record["smallest"]))
    except (TypeError, ValueError) as error:
        raise files.damaged(folder / MASKS_FILE, f"is damaged: {error!r}") from None


def mask_sentence(record: MaskRuleRecord) -> str:
    """Return a sentence on how the pixels of masks are decided."""
    name, before, after = record["positive"], *record["iou"].values()
    pieces = f" in pieces of at least {record['smallest']} pixels" * (record["smallest"] > 1)
    where = "validation" if record["chosen_on"] == "valid" else "out-of-fold"
    return (
        f"masks: {name} is decided for from a probability of {record['threshold']:.3g} on{pieces}: "
        f"IoU {after:.3f} in place of {before:.3f}, cross-validated over {record['images']} "
        f"{where} images (--operating-point)"
    )
