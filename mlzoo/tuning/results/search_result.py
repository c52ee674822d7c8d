"""Result of a finished search: its trials, the best of them, and the run of the winner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.tuning.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

    from mlzoo.runs.folds import Fold
    from mlzoo.runs.opened import OpenedRun
    from mlzoo.tuning.nested import Nested
    from mlzoo.tuning.results.ties import Ties
    from mlzoo.tuning.search import SearchEnd
    from mlzoo.tuning.trials.trial import TrialResult


@dataclass(frozen=True)
class SearchResult:
    """Result of a finished search.

    Attributes:
        path: its folder.
        plan: its plan.
        metric: name of the score that ranked the trials.
        trials: all trials, by number.
        best: the winner; None if no trial was done.
        ties: the trials that are statistically tied with the winner.
        run: the run of the winner, trained again and tested; None if this was not requested.
        ended: why the search ended.
        nested: result of nested cross-validation; None if it was not requested.
    """

    path: Path
    plan: Plan
    metric: str
    trials: list[TrialResult]
    best: TrialResult | None
    ties: Ties
    run: OpenedRun | None
    ended: SearchEnd
    nested: Nested | None = None

    def folds(self) -> list[Fold]:
        """Return the folds that candidates were scored on, as scikit-learn takes them for `cv`.

        Returns:
            For each fold the positions of the samples (rows of a table without those that were
            left out) to train on, and of those to score on; the test split is in none of them.
        """
        from mlzoo.runs import datasets
        from mlzoo.tuning.trials.folds import search_folds

        run, search = self.plan.run, self.plan.search
        return search_folds(datasets.load(run), run, search.folds, 0)

    def to_frame(self) -> pd.DataFrame:
        """Return a row a trial, the best first: number, state, mean score, epochs and values."""
        import pandas as pd

        return pd.DataFrame(self._rows())

    def _repr_html_(self) -> str:
        from mlzoo.notebooks.html import card, table

        tied = f"statistically tied with the winner: {', '.join(map(str, self.tied[1:]))}"
        lines = [self.ended.reason, tied if len(self.tied) > 1 else "", str(self.path)]
        title = f"Search by {self.metric}: {len(self.trials)} trials"
        return card(title, lines, [table(self._rows())])

    def _rows(self) -> list[dict[str, object]]:
        from mlzoo.tuning.results.tables import ranks

        rank = ranks(self.trials, self.metric)
        ordered = sorted(self.trials, key=lambda t: rank.get(t.number, len(self.trials)))
        return [
            {"trial": t.number, "state": t.state, self.metric: t.mean, **t.values} for t in ordered
        ]

    @property
    def tied(self) -> list[int]:
        """Return the numbers of the trials statistically tied with the winner, itself first."""
        return self.ties.numbers
