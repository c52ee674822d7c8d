"""Several networks trained together, each objective by an optimizer of its own, as one Keras model.

The loop, its checkpoints and its steps see one model with one optimizer. A training step takes the
objectives in order: the gradient of each loss by the weights of the networks that it trains, and an
update of these, which the next objective already sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import keras

from mlzoo.core.configs import RunConfig
from mlzoo.layers.networks import Networks, Objective, StepContext
from mlzoo.training.loop.steps import stateful, value_and_gradients
from mlzoo.training.optimizers import build_optimizer


class OptimizerGroup(keras.optimizers.Optimizer):
    """Optimizers that share a learning rate, as one that holds the variables of all.

    Args:
        optimizers: each is built on the weights that it changes.
    """

    def __init__(self, optimizers: Sequence[keras.Optimizer]) -> None:
        super().__init__(learning_rate=0.0)
        self.optimizers = list(optimizers)
        self.inner_optimizer = self.optimizers[0]  # whose rate is reported
        self.built = True

    @property
    def variables(self) -> list[Any]:
        """Return the variables of all optimizers."""
        return [variable for each in self.optimizers for variable in each.variables]

    @property
    def learning_rate(self) -> Any:
        """Return the learning rate of the first."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        for each in self.optimizers:
            each.learning_rate = rate


class NetworksModel(keras.Model):
    """Networks with their objectives; trained and measured by batches of inputs and targets.

    Args:
        networks: by name, and what each objective trains.
        steps: training steps an epoch.
        seed: of what objectives draw at random.
    """

    def __init__(self, networks: Networks, steps: int, seed: int) -> None:
        super().__init__()
        self.networks = dict(networks.networks)
        self.objectives = tuple(networks.objectives)
        self._steps = steps
        self._seeds = keras.random.SeedGenerator(seed)
        # Every measurement draws the same, so that epochs are compared without its noise.
        self._test_seeds = keras.random.SeedGenerator(seed + 1)
        self._test_start = keras.ops.convert_to_numpy(self._test_seeds.state.value)
        self._means = {
            each.name: {name: keras.metrics.Mean(name=name) for name in ("loss", *each.terms)}
            for each in self.objectives
        }
        self.built = True

    def compile_each(self, config: RunConfig, jit_compile: Any) -> None:
        """Compile with an optimizer for each objective, as a configuration says."""
        optimizers = [build_optimizer(config, self._steps) for _ in self.objectives]
        for objective, optimizer in zip(self.objectives, optimizers, strict=True):
            optimizer.build(self._trained_by(objective))
        self.compile(
            optimizer=OptimizerGroup(optimizers), jit_compile=jit_compile, auto_scale_loss=False
        )

    def train_step(self, *given: Any) -> Any:
        """Take a step: (data) on TensorFlow, (state, data) on JAX, as Keras calls it."""
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        return stateful(self._train, groups, *given)

    def test_step(self, *given: Any) -> Any:
        """Measure a batch: (data) on TensorFlow, (state, data) on JAX, as Keras calls it."""
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)
        return stateful(self._test, groups, *given)

    def _train(self, inputs: Any, targets: Any, weights: Any = None) -> dict[str, object]:
        for objective, optimizer in zip(self.objectives, self.optimizer.optimizers, strict=True):
            trained = self._trained_by(objective)
            context = self._context(self._seeds, training=True)
            terms, gradients = value_and_gradients(
                partial(objective.loss, self.networks, inputs, targets, context),
                trained,
                self.variables,
            )
            optimizer.apply(gradients, trained)
            self._see(objective, terms)
        return self._logs()

    def _test(self, inputs: Any, targets: Any, weights: Any = None) -> dict[str, object]:
        self._test_seeds.state.assign(self._test_start)
        context = self._context(self._test_seeds, training=False)
        for objective in self.objectives:
            self._see(objective, objective.loss(self.networks, inputs, targets, context))
        return self._logs()

    def _trained_by(self, objective: Objective) -> list[Any]:
        return [v for name in objective.trains for v in self.networks[name].trainable_variables]

    def _context(self, seeds: keras.random.SeedGenerator, training: bool) -> StepContext:
        """Return what a loss is told of the present step."""
        done = keras.ops.cast(self.optimizer.inner_optimizer.iterations, "float32")
        return StepContext(seeds, done / self._steps, done, training)

    def _see(self, objective: Objective, terms: Mapping[str, Any]) -> None:
        """Add the terms of an objective to their means."""
        for name, mean in self._means[objective.name].items():
            mean.update_state(terms[name])

    def _logs(self) -> dict[str, object]:
        """Return the columns of the history; `loss` is the sum over objectives."""
        logs = {"loss": sum(means["loss"].result() for means in self._means.values())}
        for objective, means in self._means.items():
            results = {name: mean.result() for name, mean in means.items()}
            loss = results.pop("loss")
            logs |= {f"{objective}_loss": loss, **results} if len(self._means) > 1 else results
        return logs
