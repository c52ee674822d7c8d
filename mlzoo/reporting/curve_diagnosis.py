"""Diagnosis of a training run from learning curves and test scores, by explicit rules.

The rules look at the loss of the training split (L) and of the validation split (V), smoothed over
three epochs if there are ten or more, and at the scores on the test split. The thresholds of the
rules are the constants below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlzoo.statistics.metrics import bounds, missed_class, mode
from mlzoo.statistics.verdicts import TIED, WORSE, verdict_of, verdict_sentence

Kind = Literal[
    "too few epochs",
    "rate too high",
    "threshold off",
    "under-fitting",
    "over-fitting",
    "missed class",
    "stopped too early",
    "worse than a baseline",
    "sound",
]
FEW_EPOCHS = 3
NO_FALL = 0.02
"""A fall of L by less than this share of its start means that nothing was learned."""
NEGLIGIBLE = 1e-3
"""Share of its start below which L is next to nothing."""
JUMP, JUMPS = 0.1, 0.25
"""L is unstable if it rises by the first share of itself in the second share of the epochs."""
RISE = 0.1
"""V has risen again if it ends this share of its fall above its minimum."""
APART = 0.5
"""Gap of V and L at the kept epoch, as a share of the start of V, that counts as large."""
STILL = 0.03
"""V is still falling if this share of its fall is in the last quarter of the epochs."""
WASTED = 0.2
"""Guaranteed gain in balanced accuracy from which the decision threshold counts as wrong."""


@dataclass(frozen=True)
class Diagnosis:
    """One finding and what to try.

    Attributes:
        kind: name of the finding.
        sentence: the observation, with its numbers.
        advice: what to try, with flags; may be empty.
    """

    kind: Kind
    sentence: str
    advice: str = ""


def diagnose(
    history: Sequence[Mapping[str, Any]],
    kept: int,
    stopped: str = "",
    test: Mapping[str, Any] | None = None,
    normalized: bool = True,
    weighted: bool = False,
) -> list[Diagnosis]:
    """Diagnose a training run from its history and test scores; the gravest finding first.

    Args:
        history: one row per epoch: `epoch` (from 1), `loss`, and `val_loss` with a validation
            split.
        kept: the epoch whose weights were kept.
        stopped: why the training ended; it begins with `all` if the epochs ran out.
        test: the scores on the test split, as `metrics.json` holds them.
        normalized: whether the model has, or may have, batch normalization.
        weighted: whether rare classes weighed more in training.

    Returns:
        One finding or more.
    """
    training = _column(history, "loss")
    valid = _column(history, "val_loss")
    if len(training) < FEW_EPOCHS:
        epochs = "1 epoch is" if len(training) == 1 else f"{len(training)} epochs are"
        text = f"{epochs} too few to see how the training goes."
        return [Diagnosis("too few epochs", text, "Train longer: --epochs 20.")]
    kept = min(kept, len(training))
    if returns := _column(history, "val_return"):
        return [_acting(returns, kept)]
    if too_high := _rate(training):
        return [too_high]
    test = test or {}
    early = _early(valid or training, bool(valid), kept, stopped)
    # A model that is still improving need not beat a baseline yet.
    beaten = _is_beaten(test) and early is None
    threshold = _threshold(test, normalized, weighted)
    # A wrong threshold or wrong batch statistics raise V far above L without over-fitting.
    fitted = [_over(training, valid, kept), _under(training, valid, kept, beaten)]
    candidates = [threshold, *(fitted if threshold is None else ()), _missed(test, weighted), early]
    findings = [finding for finding in candidates if finding is not None]
    if findings:
        return findings
    which = "the validation loss" if valid else "the training loss"
    if verdict_of(test) == WORSE:
        text = f"{which[0].upper()}{which[1:]} fell and leveled off, but the model is "
        advice = "Try another model or other inputs; `mlzoo tune` searches its settings."
        return [Diagnosis("worse than a baseline", f"{text}{verdict_sentence(test)}.", advice)]
    return [Diagnosis("sound", f"No fault shows: {which} fell and leveled off.")]


def _acting(returns: Sequence[float], kept: int) -> Diagnosis:
    """Diagnose a training on episodes by validation returns: its loss follows a moving goal."""
    rose = f"The validation return went from {returns[0]:.4g} to {returns[kept - 1]:.4g}"
    if kept == len(returns):
        advice = f"Train longer: --epochs {2 * kept}."
        return Diagnosis("stopped too early", f"{rose} in the last epoch.", advice)
    text = f"{rose} in epoch {kept}, whose weights are kept; it ended at {returns[-1]:.4g}."
    return Diagnosis("sound", text)


def _rate(training: Sequence[float]) -> Diagnosis | None:
    """Diagnose a learning rate that is too high.

    The training loss is NaN or infinite, ends higher than it began, or rises by `JUMP` or more in
    `JUMPS` of the epochs.
    """
    advice = "Try a tenth of the learning rate; `mlzoo train ... --find-rate` measures a good one."
    if not all(map(math.isfinite, training)):
        return Diagnosis("rate too high", "The training loss became infinite or NaN.", advice)
    ends = sum(training[-3:]) / len(training[-3:])
    if ends > training[0] * (1 + NO_FALL if training[0] > 0 else 1 - NO_FALL):
        text = (
            f"The training loss ends higher ({ends:.3g}) than it began ({training[0]:.3g}): the "
            "learning rate is too high."
        )
        return Diagnosis("rate too high", text, advice)
    steps = list(zip(training, training[1:], strict=False))
    # Near zero any noise is a relative jump, so a jump must also undo part of the fall.
    undone = 0.02 * (training[0] - min(training))
    jumps = sum(b > a + max(JUMP * abs(a), undone) for a, b in steps)
    if jumps >= max(2, JUMPS * len(steps)):
        text = (
            f"The training loss jumps up in {jumps} of {len(steps)} epochs: the learning rate is "
            "too high, or the batches are too small."
        )
        return Diagnosis("rate too high", text, advice)
    return None


def _threshold(test: Mapping[str, Any], normalized: bool, weighted: bool) -> Diagnosis | None:
    """Diagnose a wrong threshold: the model ranks samples far better than it classifies them.

    A ROC curve of area A has a point with a balanced accuracy of 1 - sqrt((1 - A) / 2) or more:
    it lies under the line of its largest TPR - FPR.
    """
    metrics = test.get("metrics", {})
    area, reached = metrics.get("roc_auc"), metrics.get("balanced_accuracy")
    if area is None or reached is None:
        return None
    possible = 1 - math.sqrt((1 - area) / 2)
    if possible - reached < WASTED:
        return None
    cause = "the moving statistics of batch normalization or the" if normalized else "the"
    text = (
        f"The model orders the {test.get('samples', '')} test samples well (ROC AUC {area:.3g}), "
        f"but its classes are wrong (balanced accuracy {reached:.3g}, where another threshold "
        f"reaches {possible:.3g} or more): {cause} decision threshold of 0.5 is off, "
        "and the validation loss is high because of that."
    )
    longer = "Train for more steps (--epochs, a smaller --batch-size) so that they settle. "
    flag = "--cost" if weighted else "--class-weights auto"
    rare = f"Where a class is rare, {flag} moves the threshold."
    return Diagnosis("threshold off", text, longer * normalized + rare)


def _missed(test: Mapping[str, Any], weighted: bool) -> Diagnosis | None:
    """Diagnose a missed class: it is recognized far less often than one with over 80 %."""
    row = missed_class(test.get("metrics", {}))
    if row is None:
        return None
    text = (
        f"The model misses a rare class: it recognizes {row['recall']:.0%} of the "
        f"{row['support']:,} test samples of {row['class']}, which accuracy hides."
    )
    advice = "Try --class-weights auto or --sampler balanced."
    if weighted:
        advice = "Rare classes weighed more already: add samples of it, or try --cost."
    return Diagnosis("missed class", text, advice)


def _over(training: Sequence[float], valid: Sequence[float], kept: int) -> Diagnosis | None:
    """Diagnose over-fitting: V rises again while L keeps falling, or is far above L."""
    if len(valid) != len(training):
        return None
    valid_smooth, training_smooth = _smoothed(valid), _smoothed(training)
    least = min(range(len(valid_smooth)), key=valid_smooth.__getitem__)
    fall = max(valid_smooth[0] - valid_smooth[least], 0.02 * abs(valid_smooth[0]))
    rise = valid_smooth[-1] - valid_smooth[least]
    advice = (
        "More data, --augment (of images), a smaller model, or its dropout and l2 (--set) would "
        "help."
    )
    if (
        rise > RISE * fall
        and training_smooth[-1] < training_smooth[least]
        and len(valid) - least > 2
    ):
        text = (
            f"It over-fits from about epoch {least + 1} on: the validation loss rises again (from "
            f"{valid[least]:.3g} to {valid[-1]:.3g}) while the training loss goes on falling. The "
            f"weights of epoch {kept} were kept."
        )
        return Diagnosis("over-fitting", text, advice)
    gap = valid[kept - 1] - training[kept - 1]
    if gap > APART * abs(valid[0]) or (gap > 0.1 * abs(valid[0]) and training[kept - 1] < gap / 4):
        text = (
            f"It over-fits: at the kept epoch the validation loss ({valid[kept - 1]:.3g}) is far "
            f"above the training loss ({training[kept - 1]:.3g})."
        )
        return Diagnosis("over-fitting", text, advice)
    return None


def _is_beaten(test: Mapping[str, Any]) -> bool:
    """Return whether the best baseline is at least as good: ahead, or tied and not behind.

    A perfect score is not beaten by another.
    """
    compared = test.get("gain") or {}
    verdict, gain, metric = verdict_of(test), compared.get("value"), compared.get("metric")
    score = test.get("metrics", {}).get(metric)
    if metric and score == bounds(metric)[mode(metric) == "max"]:
        return False
    return verdict == WORSE or (verdict == TIED and not (gain is not None and gain > 0))


def _under(
    training: Sequence[float], valid: Sequence[float], kept: int, beaten: bool
) -> Diagnosis | None:
    """Diagnose under-fitting: L hardly fell, or a baseline is ahead and V is near L.

    A loss that has fallen to next to nothing is none, however good the baseline is.
    """
    fall = training[0] - min(training)
    advice = "Try a larger model or less dropout (--set), a higher learning rate, or better inputs."
    if fall < NO_FALL * abs(training[0]):
        text = (
            f"It under-fits: the training loss fell by only {fall / (abs(training[0]) or 1):.1%}, "
            "so hardly anything was learned."
        )
        return Diagnosis("under-fitting", text, advice)
    if beaten and len(valid) == len(training):
        here, there = training[kept - 1], valid[kept - 1]
        if there <= here + 0.1 * abs(here) and here > NEGLIGIBLE * abs(training[0]):
            text = (
                "It under-fits: a baseline is as good on the test split, and the training split "
                f"(loss {here:.3g}, with what dropout and augmentation add) is fitted no better "
                f"than the validation split ({there:.3g})."
            )
            return Diagnosis("under-fitting", text, advice)
    return None


def _early(watched: Sequence[float], is_valid: bool, kept: int, stopped: str) -> Diagnosis | None:
    """Diagnose too few epochs: they ran out while the watched loss was still falling."""
    count = len(watched)
    if not stopped.startswith("all") or kept < count - max(1, count // 10):
        return None
    smooth = _smoothed(watched)
    last = smooth[-1 - max(1, count // 4)] - smooth[-1]
    whole = smooth[0] - smooth[-1]
    if whole <= 0 or last < STILL * whole:
        return None
    which = "validation" if is_valid else "training"
    text = (
        f"It stopped too early: the {which} loss was still falling when the {count} epochs ended "
        f"({last / whole:.0%} of its fall in the last quarter)."
    )
    return Diagnosis("stopped too early", text, f"Try --epochs {2 * count}.")


def _column(history: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [float(row[name]) for row in history if isinstance(row.get(name), int | float)]


def _smoothed(values: Sequence[float]) -> list[float]:
    """Return means of each value and its neighbors; fewer than ten values are not smoothed."""
    if len(values) < 10:
        return list(values)
    ends = range(len(values))
    windows = [values[max(0, i - 1) : i + 2] for i in ends]
    return [sum(window) / len(window) for window in windows]
