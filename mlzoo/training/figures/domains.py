"""Pictures of solutions of equations and of episodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from mlzoo.data.environments.finite import CRITIC, FiniteEnvironment
from mlzoo.data.samples import Data
from mlzoo.runs.models import outputs_of
from mlzoo.tasks._samples import SampleOutcome
from mlzoo.tasks.control import EpisodeOutcome
from mlzoo.training.loop.batches import Batch

if TYPE_CHECKING:
    from mlzoo.data.problems.frames import Frame


def draw_solution(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: SampleOutcome,
) -> None:
    """Draw the solution of a problem over the domain, its error, and where residuals are large."""
    # A run of other data need not read these.
    from mlzoo.layers.derivatives.residuals import sizes_at
    from mlzoo.reporting.figures import equation_errors, solutions

    problem = data.samples.problem
    assert problem is not None
    points = np.asarray(data.samples.inputs[outcome.indices], float)
    solutions.solution(folder, problem, points, outcome.targets, outcome.outputs)
    equation_errors.residual_map(folder, problem, points, sizes_at(problem, model, points))
    for draw_errors in (equation_errors.slices, equation_errors.error_spectrum):
        draw_errors(folder, problem, lambda at: outputs_of(model, at))


def draw_film(folder: Path, data: Data, frames: Sequence[Frame]) -> None:
    """Write the solution of a problem over the epochs as a film."""
    # A run of other data need not read these.
    from mlzoo.reporting.figures.solutions import film

    assert data.samples.problem is not None
    film(folder, data.samples.problem, frames)


def draw_episodes(
    folder: Path,
    model: keras.Model,
    data: Data,
    fed: tuple[Batch, list[str]],
    outcome: EpisodeOutcome,
) -> None:
    """Draw the returns of episodes beside those of baselines, and values of the cells of a grid."""
    # A run of other data need not read these.
    from mlzoo.reporting.figures import control

    environment = data.samples.environment
    control.returns(folder, outcome.returns, outcome.beside)
    if isinstance(environment, FiniteEnvironment):
        critic = model.networks.networks.get(CRITIC)
        values = None if critic is None else outputs_of(critic, environment.frames)
        control.state_values(folder, environment, outputs_of(model, environment.frames), values)
