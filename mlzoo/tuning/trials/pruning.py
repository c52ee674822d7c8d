"""Pruning of candidates that trail after two folds, by a sequential test.

After Maron and Moore, "The Racing Algorithm" (1997), with the differences between folds
removed: the scores of all candidates rise and fall together from fold to fold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlzoo.tuning.trials.trial import TrialResult, as_loss, best, mean

RACE_AHEAD = 4
"""Number of preceding trials that a trial is not compared with, since they may be running."""
_ERRORS = 3.0
_LEAST = 3
"""Smallest number of complete trials to estimate the spread of scores from."""


def trails(trial: TrialResult, others: Sequence[TrialResult], metric: str) -> bool:
    """Return whether a trial trails the best of others on two folds by 3 standard errors.

    Args:
        trial: with scores of at least two folds.
        others: trials to compare with.
        metric: name of the score.
    """
    complete = [other for other in others if other.state == "done"]
    first = best(complete, metric)
    if first is None or len(complete) < _LEAST:
        return False
    behind = [
        as_loss(score, metric) - as_loss(best_score, metric)
        for score, best_score in zip(trial.fold_scores[:2], first.fold_scores[:2], strict=True)
    ]
    return mean(behind) > _ERRORS * _spread(complete) and min(behind) > 0


def _spread(trials: Sequence[TrialResult]) -> float:
    """Return the standard error of the difference of two candidates over two folds.

    The residuals of scores, without the means of candidates and folds, have the standard
    deviation s; so has the difference of two means over two folds.
    """
    rows = [trial.fold_scores for trial in trials]
    columns = [mean(column) for column in zip(*rows, strict=True)]
    whole = mean(columns)
    left = [
        (score - mean(row) - column + whole) ** 2
        for row in rows
        for score, column in zip(row, columns, strict=True)
    ]
    freedom = (len(rows) - 1) * (len(columns) - 1)
    return math.sqrt(math.fsum(left) / freedom)
