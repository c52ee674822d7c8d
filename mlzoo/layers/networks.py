"""Networks that are trained together, and the losses that train them.

A model plug-in of several networks, or with a loss of its own, exports in place of `build`:

- `networks(config, inputs, outputs) -> dict[str, keras.Model]`, Functional and uncompiled;
- `MAIN`, the name of the one that predicts or samples;
- `objectives(config, inputs, outputs) -> Sequence[Objective]`, what a training step minimizes, in
  order, each by an optimizer of its own.

A model that draws samples makes them of codes, standard normal numbers of the shape of its main
network's first input. Where that takes more than one call of the main network it exports
`decode(config, networks, codes) -> np.ndarray` too: scaled samples (count, *shape). One that finds
codes of given samples exports `encode(config, networks, inputs) -> np.ndarray`.

Where its setting `conditional` is true, `outputs.conditions` is the number of classes, or
`outputs.condition_quantiles` are those of a number; the targets of a batch are positions of classes
or numbers (batch,), and `decode` gets those of the samples to draw last, or the main network after
the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import keras

from mlzoo.data.specs import Inputs, Outputs


class StepContext(NamedTuple):
    """Context of a loss, beside its networks and the batch.

    Attributes:
        seed: seed generator for `keras.random`.
        epoch: epochs done so far, a float scalar tensor.
        step: training steps done so far, the same.
        training: whether weights are being changed; else the validation split is measured.
    """

    seed: keras.random.SeedGenerator
    epoch: Any
    step: Any
    training: bool


Loss = Callable[[Mapping[str, keras.Model], Any, Any, StepContext], Mapping[str, Any]]
"""From the networks by name, a batch's inputs and targets, and a context to scalars by name:
`loss`, which is minimized, and the objective's `terms`. It draws with `keras.random` alone. In
training it may assign variables that no gradient changes, such as averages of weights."""


@dataclass(frozen=True)
class Objective:
    """A loss, and the networks that are trained on it.

    Attributes:
        name: of its column in the history, `NAME_loss`, where there are several objectives.
        trains: names of the networks whose weights its gradient changes.
        loss: the loss.
        terms: names of scalars that the history follows beside the loss.
    """

    name: str
    trains: tuple[str, ...]
    loss: Loss
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Networks:
    """Networks that are trained together; the main one has them as its attribute `networks`.

    Attributes:
        networks: by name.
        main: name of the one that predicts or samples.
        objectives: what a training step minimizes, in order.
        encode: from the networks and raw samples to codes (n, count); None without an encoder.
    """

    networks: Mapping[str, keras.Model]
    main: str
    objectives: Sequence[Objective]
    encode: Callable[[Mapping[str, keras.Model], Any], Any] | None = None

    @property
    def others(self) -> dict[str, keras.Model]:
        """Return the networks beside the main one."""
        return {name: each for name, each in self.networks.items() if name != self.main}

    @property
    def columns(self) -> list[str]:
        """Return what the history follows: the sum of the losses, each loss, and their terms."""
        return columns_of(self.objectives)


def columns_of(objectives: Sequence[Objective]) -> list[str]:
    """Return what the history follows: the sum of the losses, each loss, and their terms."""
    columns = [f"{each.name}_loss" for each in objectives if len(objectives) > 1]
    return ["loss", *columns, *(term for each in objectives for term in each.terms)]


def build_network(plugin: ModuleType, config: Any, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Build the model of a plug-in: what its `build` returns, or the main one of its `networks`.

    Args:
        plugin: the module.
        config: its settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.
    """
    if not hasattr(plugin, "networks"):
        model: keras.Model = plugin.build(config, inputs, outputs)
        return model
    networks = plugin.networks(config, inputs, outputs)
    main: keras.Model = networks[plugin.MAIN]
    encode = partial(plugin.encode, config) if hasattr(plugin, "encode") else None
    objectives = plugin.objectives(config, inputs, outputs)
    main.networks = Networks(networks, plugin.MAIN, objectives, encode)
    return main
