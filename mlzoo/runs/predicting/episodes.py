"""An episode that a run's model plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlzoo.core.progress import Listener

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.runs.opened import OpenedRun


@dataclass(frozen=True)
class RecordedEpisode:
    """An episode of n steps.

    Attributes:
        names: of the actions that there are.
        actions: (n,) names of those taken.
        rewards: (n,) of the steps.
        outputs: (n, actions) of the model: the action of the largest was taken.
        pictures: (n + 1) images (height, width, 3) uint8; none where nothing can be drawn.
        ended: whether a terminal state was reached, rather than the limit of steps.
    """

    names: tuple[str, ...]
    actions: list[str]
    rewards: list[float]
    outputs: list[np.ndarray]
    pictures: list[np.ndarray]
    ended: bool


def play_episode(run: OpenedRun, seed: int, listener: Listener) -> RecordedEpisode:
    """Play an episode that nothing was trained on.

    Args:
        run: of a model that acts.
        seed: decides all that is random in it.
        listener: receives what is noted of the environment.
    """
    import numpy as np

    from mlzoo.data.environments.environment import TRAINING_SEEDS

    environment = run.own_data(listener).samples.environment
    assert environment is not None
    episodes = environment.start(np.array([TRAINING_SEEDS + seed % TRAINING_SEEDS]))
    seen = [np.array(episodes.observations[0])]
    outputs, actions, rewards = [], [], []
    while True:
        outputs.append(run.outputs(episodes.observations)[0])
        actions.append(int(outputs[-1].argmax()))
        step = episodes.step(np.array(actions[-1:]))
        rewards.append(float(step.rewards[0]))
        if not step.ended[0]:
            seen.append(np.array(episodes.observations[0]))
        if step.ended[0] or step.cut[0]:
            break
    drawn = (environment.picture(observation) for observation in seen)
    pictures = [picture for picture in drawn if picture is not None]
    names = environment.actions
    chosen = [names[action] for action in actions]
    return RecordedEpisode(names, chosen, rewards, outputs, pictures, bool(step.ended[0]))
