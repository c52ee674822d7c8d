"""Actions in an environment, judged by the sum of rewards of an episode: reinforcement learning.

Models are not told what is right: they play, and learn from the rewards. They are scored on
episodes that nothing was trained on, beside baselines that play the same ones. On a grid, value
iteration gives the exact optimum, which nothing can beat on average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import DivergedError, UsageError
from mlzoo.data.contracts import Baseline, Evaluation, Headline, Scorer, SplitScores
from mlzoo.data.environments.environment import Episodes, play
from mlzoo.data.environments.finite import reference_returns
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics import intervals
from mlzoo.statistics.episodes import EpisodeScores
from mlzoo.statistics.metrics import scorers, values
from mlzoo.statistics.verdicts import against_baselines, best_baseline
from mlzoo.tasks._heads import HeadedTask

_BOUND = "value_iteration"
"""Baseline that is no rival: nothing can be better than the optimum."""
_COLUMNS = ("index", "seed", "return", "steps")


class Task(HeadedTask):
    """Control; a model gives a number for each action, of which the largest is taken."""

    target = Target("actions", "episode")
    losses = ()
    headline = Headline("mean_return", "max")
    metrics = ("mean_return", "normalized_return")
    samples = "episodes"
    unit = "episodes"

    def output_spec(self, train: Part) -> Outputs:
        """Return one output an action."""
        assert train.samples.environment is not None
        return Outputs(self.name, len(train.samples.environment.actions))

    def evaluate(self, given: Evaluation) -> tuple[SplitScores, EpisodeOutcome]:
        """Play the episodes of a split greedily, beside baselines; see `evaluating.evaluate`."""
        data, baselines, part, seed = given.data, given.baselines, given.part, given.seed
        rows, environment = given.rows, data.samples.environment
        assert environment is not None

        def policy(episodes: Episodes) -> np.ndarray:
            outputs = np.asarray(given.predict(episodes.observations))
            if not np.isfinite(outputs).all():
                raise DivergedError(
                    "the model's outputs are NaN or infinite; train again with a smaller "
                    "--learning-rate"
                )
            return outputs.argmax(axis=1)

        played = {"": play(environment, rows.targets, policy)}
        for name, each in baselines.items():
            played[name] = play(environment, rows.targets, each.predict)
        ends = reference_returns(environment)
        names = dict.fromkeys((*self.metrics, *given.extra))
        scores = {name: EpisodeScores(p.returns, p.steps, *ends) for name, p in played.items()}
        theirs = {name: scorers(names, each) for name, each in scores.items()}
        ours, metric = theirs.pop(""), self.headline.name
        rivals = {name: each for name, each in theirs.items() if name != _BOUND}
        chosen = self._chosen(data.valid, baselines) if part == "test" else None
        result: SplitScores = {
            "part": part,
            "samples": len(rows),
            "metrics": values(ours, len(rows)),
            "intervals": intervals.intervals(ours, len(rows), None, seed),
            "interval_unit": self.unit,
            "units": len(rows),
            "baselines": {
                name: {**values(each, len(rows)), "note": baselines[name].note_on(rows)}
                for name, each in theirs.items()
            },
            "headline": metric,
            **against_baselines(ours, rivals, metric, len(rows), None, seed, chosen),
        }
        beside = {name: each.returns for name, each in played.items() if name}
        mine = played[""]
        return result, EpisodeOutcome(
            rows.indices, rows.targets, mine.returns, mine.steps, scores[""], beside, tuple(names)
        )

    def _chosen(self, rows: Part, baselines: Mapping[str, Baseline]) -> str | None:
        """Return the rival that is best on the validation split; None where there is no choice."""
        rivals = {name: each for name, each in baselines.items() if name != _BOUND}
        if len(rivals) < 2 or not len(rows):
            return None
        environment = rows.samples.environment
        assert environment is not None
        scored = {}
        for name, each in rivals.items():
            played = play(environment, rows.targets, each.predict)
            scores = EpisodeScores(played.returns, played.steps)
            scored[name] = scorers([self.headline.name], scores)
        return best_baseline(scored, self.headline.name, len(rows))

    def read_predictions(self, path: Any) -> SavedEpisodes:
        """Read `predictions.csv`; see `Task`."""
        header, rows = files.read_rows(path)
        if not set(_COLUMNS) <= set(header) or not rows or any(len(r) != len(header) for r in rows):
            raise UsageError(f"{path} holds no episodes: it needs {', '.join(_COLUMNS)}")
        table = {name: [row[header.index(name)] for row in rows] for name in _COLUMNS}
        try:
            numbers = {name: np.array(column, float) for name, column in table.items()}
        except ValueError as error:
            raise UsageError(f"{path} holds no episodes: {error}") from None
        order = np.argsort(numbers["index"])
        index, seeds, returns, steps = (numbers[name][order] for name in _COLUMNS)
        return SavedEpisodes(index.astype(int), seeds[:, None], EpisodeScores(returns, steps))


@dataclass(frozen=True)
class EpisodeOutcome:
    """Episodes that a model played.

    Attributes:
        indices: (n,) positions in `Samples`.
        seeds: (n,) what decides all that is random in them.
        returns: (n,) sums of rewards.
        steps: (n,) steps taken.
        scores: the same, as metrics take them.
        beside: (n,) returns of each baseline.
        metrics: names of the metrics that are reported.
    """

    indices: np.ndarray
    seeds: np.ndarray
    returns: np.ndarray
    steps: np.ndarray
    scores: EpisodeScores
    beside: Mapping[str, np.ndarray]
    metrics: tuple[str, ...]

    def scorers(self) -> dict[str, Scorer]:
        """Return the scalar metrics as functions of weights over episodes."""
        return scorers(self.metrics, self.scores)

    def columns(self, samples: Samples) -> list[tuple[str, Any]]:
        """Return the columns of `predictions.csv`; returns keep all their digits."""
        return [
            *samples.columns_of(self.indices),
            ("seed", self.seeds),
            ("return", self.returns),
            ("steps", self.steps),
        ]


@dataclass(frozen=True)
class SavedEpisodes:
    """Saved returns, ordered by index; see `SavedPredictions`."""

    indices: np.ndarray
    targets: np.ndarray
    scores: EpisodeScores
    groups: np.ndarray | None = None

    def scorer(self, metric: str, metrics: Mapping[str, Any] | None = None) -> Scorer:
        """Return a metric as a function of weights over episodes."""
        return scorers([metric], self.scores)[metric]
