"""Learning a policy from the latest steps, or from whole episodes, that it played itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlzoo.data.environments.environment import training_seeds
from mlzoo.runs.models import outputs_of
from mlzoo.training.control.experience import Arrays, EpisodeStream, Learner


class PolicyLearner(Learner):
    """Base of learners of a `policy` and the `value` of states."""

    def draw(
        self, rng: np.random.Generator, observations: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return actions (n,) drawn by the policy, and the logarithms of their probabilities."""
        logits = outputs_of(self.model.networks["policy"], observations).astype("float64")
        # Gumbel's trick: the largest of logits with such noise is drawn by the softmax.
        actions = (logits - np.log(-np.log(rng.random(logits.shape)))).argmax(axis=1)
        logs = logits - logits.max(axis=1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
        return actions.astype("int32"), np.take_along_axis(logs, actions[:, None], 1)[:, 0]

    def values(self, observations: np.ndarray) -> np.ndarray:
        """Return the values (n,) of states."""
        return outputs_of(self.model.networks["value"], observations)[:, 0].astype("float64")

    def update(self, inputs: Mapping[str, np.ndarray], actions: np.ndarray) -> Mapping[str, Any]:
        """Take a training step; return means of the losses in this epoch."""
        batch: Any = {name: _single(array) for name, array in inputs.items()}, actions, None
        return self.steps.step(batch)


class RolloutLearner(PolicyLearner):
    """Learning from the latest steps of all episodes, several times where it is clipped."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.stream = EpisodeStream(self.environment, self.settings.environments, self.seed)

    @staticmethod
    def updates(settings: Any, batch_size: int) -> int:
        """Return the updates of an epoch."""
        each = settings.environments * settings.rollout
        passes = settings.passes if settings.clip else 1
        return passes * max(1, settings.steps // each) * (each // min(batch_size, each))

    def epoch(self, epoch: int) -> dict[str, float]:
        """Play and learn for an epoch."""
        rng = np.random.default_rng([self.seed, 0xD0, epoch])
        each = self.settings.environments * self.settings.rollout
        logs: Mapping[str, Any] = {}
        for _ in range(max(1, self.settings.steps // each)):
            inputs = self._rollout(rng)
            actions = inputs.pop("action")
            size = min(self.batch_size, each)
            for _ in range(self.settings.passes if self.settings.clip else 1):
                order = rng.permutation(each)
                for start in range(0, each - size + 1, size):
                    at = order[start : start + size]
                    logs = self.update({name: a[at] for name, a in inputs.items()}, actions[at])
            self.steps.sync()
        return {**self.row(logs), "return": self.stream.mean_return()}

    def _rollout(self, rng: np.random.Generator) -> Arrays:
        """Play some steps; return them as rows (steps * environments, ...)."""
        rows = []
        for _ in range(self.settings.rollout):
            observations = np.array(self.stream.observations)
            actions, logs = self.draw(rng, observations)
            step, following = self.stream.step(actions)
            over = step.ended | step.cut
            rows.append((observations, following, actions, logs, step.rewards, step.ended, over))
        seen, following, actions, logs, rewards, ended, over = map(
            np.stack, zip(*rows, strict=True)
        )
        now, ahead = (self.values(_flat(x)).reshape(rewards.shape) for x in (seen, following))
        gains = advantages(
            rewards, now, ahead * ~ended, over, self.settings.discount, self.settings.trace
        )
        return {
            "observation": _flat(seen),
            "action": _flat(actions),
            "log_probability": _flat(logs),
            "advantage": _flat(gains),
            "goal": _flat(gains + now),
            "weight": np.ones(rewards.size),
        }

    def state(self) -> Arrays:
        """Return all that it goes on from, beside the networks."""
        return self.stream.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        self.stream.restore(state)


class EpisodeLearner(PolicyLearner):
    """Learning from whole episodes: Williams (1992)."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._begun = 0

    @staticmethod
    def updates(settings: Any, batch_size: int) -> int:
        """Return 0: an epoch has as many updates as its episodes leave room for."""
        return 0

    def epoch(self, epoch: int) -> dict[str, float]:
        """Play and learn for an epoch."""
        rng = np.random.default_rng([self.seed, 0xD0, epoch])
        taken, returns = 0, []
        logs: Mapping[str, Any] = {}
        while taken < self.settings.steps:
            inputs, total = self._episodes(rng)
            logs = self.update(inputs, inputs.pop("action"))
            self.steps.sync()
            taken += int(inputs["weight"].sum())
            returns += total.tolist()
        return {**self.row(logs), "return": float(np.mean(returns))}

    def _episodes(self, rng: np.random.Generator) -> tuple[Arrays, np.ndarray]:
        """Play episodes to their end; return the steps as rows, and the returns (n,).

        There are as many rows as the episodes could have at most, those after an end of weight 0,
        so that all updates are of one shape.
        """
        count, limit = self.settings.environments, self.environment.limit
        numbers = self._begun + np.arange(count)
        self._begun += count
        episodes = self.environment.start(training_seeds(self.seed, numbers))
        shape = limit, count
        seen = np.zeros((*shape, *self.environment.shape), episodes.observations.dtype)
        actions, rewards, weights = np.zeros(shape, "int32"), np.zeros(shape), np.zeros(shape)
        cut, alive = np.zeros(count, bool), np.ones(count, bool)
        for number in range(limit):
            seen[number], weights[number] = episodes.observations, alive
            actions[number] = self.draw(rng, seen[number])[0]
            step = episodes.step(actions[number])
            rewards[number] = step.rewards
            cut |= alive & step.cut
            alive &= ~(step.ended | step.cut)
            if not alive.any():
                break
        now = self.values(_flat(seen)).reshape(shape)
        # What would have followed where the limit of steps cut an episode.
        rewards_after = np.where(cut, self.values(np.array(episodes.observations)), 0.0)
        goals, following = np.zeros(shape), rewards_after
        for number in reversed(range(limit)):
            here = weights[number] > 0
            following = np.where(
                here, rewards[number] + self.settings.discount * following, following
            )
            goals[number] = np.where(here, following, 0.0)
        inputs = {
            "observation": _flat(seen),
            "action": _flat(actions),
            "log_probability": np.zeros(limit * count),
            "advantage": _flat(weights * (goals - now)),
            "goal": _flat(goals),
            "weight": _flat(weights),
        }
        return inputs, rewards.sum(axis=0)

    def state(self) -> Arrays:
        """Return all that it goes on from, beside the networks."""
        return {"begun": np.array(self._begun)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        self._begun = int(state["begun"])


def advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    following: np.ndarray,
    over: np.ndarray,
    discount: float,
    trace: float,
) -> np.ndarray:
    """Return generalized advantages (steps, n): Schulman et al. (2016), eq. 16.

    Args:
        rewards: (steps, n).
        values: (steps, n) of the states.
        following: (steps, n) of the states that followed; 0 where these are terminal.
        over: (steps, n) whether an episode was over after a step.
        discount: weight of a reward one step later.
        trace: weight of an advantage one step later.
    """
    errors = rewards + discount * following - values
    gains, later = np.zeros_like(errors), np.zeros(errors.shape[1])
    for step in reversed(range(len(errors))):
        later = errors[step] + discount * trace * ~over[step] * later
        gains[step] = later
    return gains


def _flat(values: np.ndarray) -> np.ndarray:
    """Return rows of values (steps, n, ...)."""
    return values.reshape(-1, *values.shape[2:])


def _single(values: np.ndarray) -> np.ndarray:
    """Return float64 as float32, and anything else as it is."""
    return values.astype("float32") if values.dtype == np.float64 else values
