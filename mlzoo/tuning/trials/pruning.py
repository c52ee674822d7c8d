"""Dropping candidates that trail after two folds, as sequential tests do.

After Maron and Moore, "The Racing Algorithm" (1997), with the folds' own differences taken out:
scores of all candidates rise and fall together from fold to fold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlzoo.tuning.trials.trial import Tried, as_loss, best, mean

RACE_AHEAD = 4
"""How many of the trials before it a trial does not race against: they may be still running."""
_ERRORS = 3.0
_LEAST = 3
"""Complete trials that it takes to know how far scores spread."""


def trails(trial: Tried, others: Sequence[Tried], metric: str) -> bool:
    """Whether a trial is worse than the best of others on two folds by 3 standard errors."""
    complete = [other for other in others if other.state == "done"]
    first = best(complete, metric)
    if first is None or len(complete) < _LEAST:
        return False
    behind = [
        as_loss(own, metric) - as_loss(its, metric)
        for own, its in zip(trial.fold_scores[:2], first.fold_scores[:2], strict=True)
    ]
    return mean(behind) > _ERRORS * _spread(complete) and min(behind) > 0


def _spread(trials: Sequence[Tried]) -> float:
    """The standard error of the difference of two candidates over two folds.

    What is left of scores when each candidate's and each fold's mean are taken out has the
    standard deviation s; a difference of two means over two folds has s again.
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
