"""Fits with shared compilation: candidates of one architecture run the same program.

A fit resets a compiled network to the initial weights of its seed, sets learning rate, dropout and
penalties, and trains. Inputs are scaled beforehand, so that the program does not depend on the
statistics of a fold. Dense and recurrent networks run one or more epochs per call; convolutional
ones a step per call, which is faster for them on a CPU. Narrow dense networks are padded to share
the program of wide ones, and on JAX several of their fits are one vectorized call.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError
from mlzoo.core.spaces import Space
from mlzoo.data import contracts
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Outputs
from mlzoo.training import checkpoints
from mlzoo.training.optimizers import adapts, build_loss, build_optimizer
from mlzoo.tuning.compiled.architectures import (
    Architecture,
    architecture_of,
    is_convolutional,
    key_of,
)
from mlzoo.tuning.compiled.backend import build_program
from mlzoo.tuning.compiled.dynamic_hyperparameters import Scalars, adjustable
from mlzoo.tuning.compiled.feeding import MOST_BYTES, Feeder, Shape, batch_size
from mlzoo.tuning.compiled.fit_loop import (
    FitProgress,
    compiling_alone,
    compiling_together,
    run_alone,
    run_together,
)
from mlzoo.tuning.compiled.padding import is_dense, pad
from mlzoo.tuning.compiled.programs import Arrays, Parts, State
from mlzoo.tuning.trials.fit import Fit

_PROGRAMS = 24
_STARTS = 400
_AHEAD = 16
"""Largest number of networks to look ahead for programs to compile."""
_CHECKED = 7
"""Steps per epoch of the self-check."""


@dataclass
class CompiledProgram:
    """A compiled program and its state.

    Attributes:
        program: of `build_program`.
        like: initial state, whose shapes other states are padded to.
        loop: whether it runs whole epochs.
        compiling: pending compilation in a thread; None: it is compiled on its first run.
    """

    program: Any
    like: State
    loop: bool
    compiling: Future[None] | None = None

    def settle(self) -> None:
        """Wait for the compilation; if that failed, a fit will raise the error."""
        if self.compiling is not None:
            with contextlib.suppress(CancelledError):
                self.compiling.exception()


class SharedPrograms:
    """All programs of a process, the data on the device, and the initial weights by seed.

    Args:
        space: of the search; narrow candidates share the programs of wide ones.
        lanes: number of fits that a vectorized program runs at once; 1: none is vectorized.
    """

    def __init__(self, space: Space, lanes: int = 1) -> None:
        self.space, self.lanes = space, lanes
        self.feeder = Feeder()
        self._programs: OrderedDict[str, CompiledProgram] = OrderedDict()
        self._starts: OrderedDict[tuple[str, int], tuple[Arrays, Arrays]] = OrderedDict()
        self._known: dict[str, Architecture | None] = {}
        self._thread = ThreadPoolExecutor(max_workers=1)

    def close(self) -> None:
        """Stop compiling ahead."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def obstacle(self, fit: Fit) -> str | None:
        """Return why a fit needs the code of `mlzoo train`; None if it can share a program."""
        reason = unshared(fit.config, fit.data)
        if reason is None and self._architecture(fit) is None:
            reason = f"the model {fit.config.model}"
        return reason

    def group(self, fit: Fit) -> str | None:
        """Return a key, equal for fits that can run at once; None for one that runs alone."""
        if self.lanes == 1 or self.obstacle(fit) is not None:
            return None
        architecture = self._architecture(fit)
        if architecture is None or not architecture.vector:
            return None
        shape = Shape.of(fit.config, fit.folds)
        if architecture.random and not shape.even:
            return None  # random numbers of a batch depend on its size
        stacked = self.feeder.stacked(fit.folds, fit.config)
        if stacked is None:
            return None
        return json.dumps([architecture.signature, stacked.key, str(shape)])

    def fit(self, fits: Sequence[Fit]) -> list[tuple[np.ndarray, int] | DivergedError]:
        """Run the fits of one group at once, or a single fit without a group.

        Returns:
            For each fit, the outputs (n, units) for the validation split and the number of epochs;
            or the error if its loss became NaN or infinite.
        """
        compiled, together = self._compiled(fits[0])
        compiled.settle()
        started = [self._progress(fit, compiled) for fit in fits]
        if together:
            return run_together(compiled.program, started, self.feeder, self.lanes)
        return [run_alone(compiled.program, started[0], self.feeder)]

    def compile_ahead(self, fit: Fit) -> bool:
        """Compile the program of a coming fit in a thread while others run.

        The thread only traces and compiles: building networks uses the global random generator,
        and the data are in a cache that threads share.

        Returns:
            True if further programs may be compiled ahead.
        """
        if len(self._known) >= _AHEAD or self.obstacle(fit) is not None:
            return False
        compiled, together = self._compiled(fit)
        if compiled.compiling is None:
            arguments = compiled.program, self._progress(fit, compiled), self.feeder
            work = (
                compiling_together(*arguments, self.lanes)
                if together
                else compiling_alone(*arguments)
            )
            compiled.compiling = self._thread.submit(work)
        return True

    def settle(self) -> None:
        """Wait for the thread: `clear_session` of Keras would delete its state during tracing."""
        for compiled in self._programs.values():
            compiled.settle()

    def _compiled(self, fit: Fit) -> tuple[CompiledProgram, bool]:
        """Return the program of a fit, and whether it runs several fits at once."""
        architecture = self._architecture(fit)
        assert architecture is not None
        together = self.group(fit) is not None
        return self._program(architecture, fit, together), together

    def _progress(self, fit: Fit, compiled: CompiledProgram) -> FitProgress:
        """Return the progress of a fit, starting with the initial weights of its seed."""
        architecture = self._architecture(fit)
        assert architecture is not None
        trainable, others = self._start(architecture, fit)
        state = State(
            pad(trainable, compiled.like.trainable),
            pad(others, compiled.like.others),
            compiled.like.optimizer,
        )
        return FitProgress(fit, state, architecture.dropout, architecture.penalties)

    def check(self, fit: Fit) -> float:
        """Compare a short fit with one by the code of `mlzoo train`.

        Returns:
            The largest difference of outputs, in standard deviations of the outputs.
        """
        from mlzoo.core.progress import Listener
        from mlzoo.runs.models import outputs_of
        from mlzoo.training.building import build_model
        from mlzoo.training.loop.training import Training
        from mlzoo.training.signals import Stop

        overrides: dict[str, object] = {"epochs": 2, "early_stopping": 0, "keep": "last"}
        if adapts(fit.config):
            overrides |= {"schedule": "constant", "schedule_set": {}}
        # Automatic class weights are those of the whole training split.
        config = fit.config.model_copy(update={**overrides, "class_weights": "none"})
        train = fit.data.train.indices
        size = batch_size(config, len(train))
        # Full batches and a last one as long as the fold's, so that the same program runs.
        count = min(len(train), _CHECKED * size + len(train) % size)
        few = replace(fit.data, train=Part(fit.data.samples, train[:count]))
        ending = self.fit([replace(fit, config=config, part=few, before=None, keep=None)])[0]
        if isinstance(ending, DivergedError):
            raise ending
        self.settle()
        model = build_model(config, few, fit.seed)
        with tempfile.TemporaryDirectory(prefix="mlzoo-") as folder:
            Training(model, few, config, Path(folder), fit.seed, Listener(), Stop()).fit()
        theirs = outputs_of(model, few.valid.inputs())
        spread = float(np.std(theirs)) or 1.0
        return float(np.abs(ending[0] - theirs).max()) / spread

    def _architecture(self, fit: Fit) -> Architecture | None:
        """Return the architecture of a candidate; None if its program can't be shared."""
        config, data = fit.config, fit.folds[fit.fold]
        # Categories missing in a fold make its one-hot inputs narrower than in other folds.
        text = f"{self.feeder.inputs(data).shape} {key_of(config, data)}"
        if text not in self._known:
            model = self._build(config, fit, fit.seed)
            self._known[text] = architecture = architecture_of(model, config, self.space)
            if architecture is not None:
                self._keep_start(architecture.drawn, fit.seed, model)
        return self._known[text]

    def _build(self, config: RunConfig, fit: Fit, seed: int) -> keras.Model:
        """Build the network for scaled inputs and standardized targets, initialized by a seed."""
        data = fit.folds[fit.fold]
        plugin = registry.load("model", config.model)
        keras.config.set_dtype_policy(config.precision)
        keras.utils.set_random_seed(seed)
        return plugin.build(
            plugin.Config(**config.set), self.feeder.inputs(data), _plain_outputs(data.outputs)
        )

    def _program(self, architecture: Architecture, fit: Fit, together: bool) -> CompiledProgram:
        key = f"{together} {architecture.signature}"
        if key not in self._programs:
            scalars = Scalars()
            built = self._build(architecture.wide, fit, 0)
            loop = not any(is_convolutional(layer) for layer in built.layers)
            dense = is_dense(built)
            model, penalized = adjustable(built, scalars)
            constant = architecture.wide.model_copy(
                update={"schedule": "constant", "schedule_set": {}}
            )
            optimizer = build_optimizer(constant, 1)
            optimizer.build(model.trainable_variables)
            loss = build_loss(constant, _plain_outputs(fit.data.outputs))
            parts = Parts(model, optimizer, loss, scalars, penalized, loop, dense)
            variables = (
                model.trainable_variables,
                model.non_trainable_variables,
                optimizer.variables,
            )
            like = State(*(checkpoints.values(group) for group in variables))
            self._programs[key] = CompiledProgram(build_program(parts, together), like, loop)
            while len(self._programs) > _PROGRAMS:
                self._programs.popitem(last=False)
        self._programs.move_to_end(key)
        return self._programs[key]

    def _start(self, architecture: Architecture, fit: Fit) -> tuple[Arrays, Arrays]:
        """Return the initial weights of a seed, equal to those of `mlzoo train`."""
        key = architecture.drawn, fit.seed
        if key not in self._starts:
            self._keep_start(*key, self._build(fit.config, fit, fit.seed))
        self._starts.move_to_end(key)
        return self._starts[key]

    def _keep_start(self, drawn: str, seed: int, model: keras.Model) -> None:
        groups = model.trainable_variables, model.non_trainable_variables
        trainable, others = (checkpoints.values(group) for group in groups)
        self._starts[drawn, seed] = trainable, others
        while len(self._starts) > _STARTS:
            self._starts.popitem(last=False)


def unshared(config: RunConfig, data: Data) -> str | None:
    """Return why a fit needs the code of `mlzoo train`; None if it may share a program."""
    samples = data.samples
    numbers = float(np.prod(data.inputs.shape)) * (len(data.train) + len(data.valid))
    followed = ("loss", *contracts.task(samples.task).followed)
    reasons = {
        "the backend is torch": keras.backend.backend() not in ("tensorflow", "jax"),
        f"{samples.task}": samples.target.per != "sample",
        "forecasts and windows of series": samples.windows is not None,
        "callbacks": bool(config.callback),
        "samples have weights": samples.weights is not None,
        "samples of several shapes": data.inputs.uneven,
        f"optimizer={config.optimizer}": config.full_batch,
        f"precision={config.precision}": config.precision != "float32",
        f"xla={config.xla}": config.xla != "auto",
        "several networks": hasattr(registry.load("model", config.model), "networks"),
        "samples are their own targets": data.samples.target.is_input,
        f"monitor={config.monitor}": config.monitor not in [f"val_{name}" for name in followed],
        "samples are augmented": config.augment != "none",
        "weights are averaged": config.averages_weights,
        "the data take too much memory": numbers * 4 > MOST_BYTES,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _plain_outputs(outputs: Outputs) -> Outputs:
    """Return standardized outputs, since a program does not depend on a fold's mean and spread."""
    if not outputs.mean:
        return outputs
    return replace(outputs, mean=(0.0,) * len(outputs.mean), std=(1.0,) * len(outputs.std))
