"""Fits that share what was compiled: candidates of one architecture are replicas of one program.

A fit puts a compiled network back to the first weights of its seed, sets rate, dropout and
penalties, and trains. Inputs are scaled before, so that what a fold's training part says is no
part of the program. Dense and recurrent networks run an epoch a call or more; convolutional ones
a step a call, which is faster for them on a CPU. Narrow dense networks are padded to share the
program of wide ones, and on JAX several of their fits are one vectorised call.
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
    Course,
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
"""Networks that are looked at, at most, for programs to compile ahead."""
_CHECKED = 7
"""Steps an epoch of the self-check."""


@dataclass
class CompiledProgram:
    """A program, the optimizer's first values, and what its variables look like.

    Attributes:
        program: of `build_program`.
        like: its variables.
        loop: whether it does whole epochs.
        compiling: a thread compiles it until then; None: it is compiled when it is first run.
    """

    program: Any
    like: State
    loop: bool
    compiling: Future[None] | None = None

    def settle(self) -> None:
        """Wait until it is compiled, or was not; a fit will then say why."""
        if self.compiling is not None:
            with contextlib.suppress(CancelledError):
                self.compiling.exception()


class SharedPrograms:
    """All programs of a process, the data that they are fed, and the first weights by seed.

    Args:
        space: of the search; narrow candidates share the programs of wide ones.
        lanes: fits that a vectorised program does at once; 1: none is vectorised.
    """

    def __init__(self, space: Space, lanes: int = 1) -> None:
        self.space, self.lanes = space, lanes
        self.feeder = Feeder()
        self._programs: OrderedDict[str, CompiledProgram] = OrderedDict()
        self._starts: OrderedDict[tuple[str, int], tuple[Arrays, Arrays]] = OrderedDict()
        self._known: dict[str, Architecture | None] = {}
        self._thread = ThreadPoolExecutor(max_workers=1)

    def close(self) -> None:
        """Compile nothing more."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def obstacle(self, fit: Fit) -> str | None:
        """Return why a fit is done by the code of `mlzoo train`; None where it shares a program."""
        reason = unshared(fit.config, fit.data)
        if reason is None and self._architecture(fit) is None:
            reason = f"the model {fit.config.model}"
        return reason

    def group(self, fit: Fit) -> str | None:
        """Equal for fits that are done at once; None where a fit is done alone."""
        if self.lanes == 1 or self.obstacle(fit) is not None:
            return None
        found = self._architecture(fit)
        if found is None or not found.vector:
            return None
        shape = Shape.of(fit.config, fit.folds)
        if found.random and not shape.even:
            return None  # what is drawn for a batch depends on its size
        stacked = self.feeder.stacked(fit.folds, fit.config)
        return None if stacked is None else json.dumps([found.signature, stacked.key, str(shape)])

    def fit(self, fits: Sequence[Fit]) -> list[tuple[np.ndarray, int] | DivergedError]:
        """Do fits of one group at once, or one fit that has none.

        Returns:
            Of each fit the outputs (n, units) for the validation part and the epochs trained in
            all; or the error, where its loss became NaN or infinite.
        """
        compiled, together = self._compiled(fits[0])
        compiled.settle()
        courses = [self._course(fit, compiled) for fit in fits]
        if together:
            return run_together(compiled.program, courses, self.feeder, self.lanes)
        return [run_alone(compiled.program, courses[0], self.feeder)]

    def compile_ahead(self, fit: Fit) -> bool:
        """Have a thread compile the program of a coming fit while others run.

        The thread traces and compiles, and nothing else: what is built draws from a generator of
        all threads, and what is fed is kept for all of them.

        Returns:
            Whether there is room for more.
        """
        if len(self._known) >= _AHEAD or self.obstacle(fit) is not None:
            return False
        compiled, together = self._compiled(fit)
        if compiled.compiling is None:
            own = compiled.program, self._course(fit, compiled), self.feeder
            work = compiling_together(*own, self.lanes) if together else compiling_alone(*own)
            compiled.compiling = self._thread.submit(work)
        return True

    def settle(self) -> None:
        """Wait for the thread: Keras's `clear_session` would take its state away in mid-trace."""
        for compiled in self._programs.values():
            compiled.settle()

    def _compiled(self, fit: Fit) -> tuple[CompiledProgram, bool]:
        """A fit's program, and whether that does several fits at once."""
        architecture = self._architecture(fit)
        assert architecture is not None
        together = self.group(fit) is not None
        return self._program(architecture, fit, together), together

    def _course(self, fit: Fit, compiled: CompiledProgram) -> Course:
        """A fit that begins with the first weights of its seed."""
        own = self._architecture(fit)
        assert own is not None
        trainable, others = self._start(own, fit)
        state = State(
            pad(trainable, compiled.like.trainable),
            pad(others, compiled.like.others),
            compiled.like.optimizer,
        )
        return Course(fit, state, own.dropout, own.penalties)

    def check(self, fit: Fit) -> float:
        """How far a short fit differs from one by the code of `mlzoo train`.

        Returns:
            The largest difference of outputs, in units of their standard deviation.
        """
        from mlzoo.core.progress import Listener
        from mlzoo.runs.models import outputs_of
        from mlzoo.training.building import build_model
        from mlzoo.training.loop.training import Training
        from mlzoo.training.signals import Stop

        own: dict[str, Any] = {"epochs": 2, "early_stopping": 0, "keep": "last"}
        if adapts(fit.config):
            own |= {"schedule": "constant", "schedule_set": {}}
        # Automatic weights of classes are those of the whole training part.
        config = fit.config.model_copy(update={**own, "class_weights": "none"})
        train = fit.data.train.indices
        size = batch_size(config, len(train))
        # Whole batches and a rest as long as that of the fold: the program is that of the search.
        count = min(len(train), _CHECKED * size + len(train) % size)
        few = replace(fit.data, train=Part(fit.data.samples, train[:count]))
        found = self.fit([replace(fit, config=config, part=few, before=None, keep=None)])[0]
        if isinstance(found, DivergedError):
            raise found
        self.settle()
        model = build_model(config, few, fit.seed)
        with tempfile.TemporaryDirectory(prefix="mlzoo-") as folder:
            Training(model, few, config, Path(folder), fit.seed, Listener(), Stop()).fit()
        theirs = outputs_of(model, few.valid.inputs())
        spread = float(np.std(theirs)) or 1.0
        return float(np.abs(found[0] - theirs).max()) / spread

    def _architecture(self, fit: Fit) -> Architecture | None:
        """What a candidate's network is; None: it can't be shared."""
        config, data = fit.config, fit.folds[fit.fold]
        # Categories that a fold lacks make its one-hot inputs narrower than another's.
        text = f"{self.feeder.inputs(data).shape} {key_of(config, data)}"
        if text not in self._known:
            model = self._build(config, fit, fit.seed)
            self._known[text] = own = architecture_of(model, config, self.space)
            if own is not None:
                self._keep_start(own.drawn, fit.seed, model)
        return self._known[text]

    def _build(self, config: RunConfig, fit: Fit, seed: int) -> keras.Model:
        """The network on scaled inputs and standardised targets, as the seed makes it."""
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
        """The first weights of a seed, the same that `mlzoo train` begins with."""
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
    """Why a fit is done by the code of `mlzoo train`; None where it may share a program."""
    samples = data.samples
    numbers = float(np.prod(data.inputs.shape)) * (len(data.train) + len(data.valid))
    reasons = {
        "the backend is torch": keras.backend.backend() not in ("tensorflow", "jax"),
        f"{samples.task}": samples.target.per != "sample",
        "forecasts and windows of series": samples.windows is not None,
        "samples of several shapes": data.inputs.uneven,
        f"optimizer={config.optimizer}": config.full_batch,
        f"precision={config.precision}": config.precision != "float32",
        f"xla={config.xla}": config.xla != "auto",
        f"monitor={config.monitor}": config.monitor not in _MONITORS,
        "samples are augmented": config.augment != "none",
        "the data take too much memory": numbers * 4 > MOST_BYTES,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


_MONITORS = ("val_loss", "val_accuracy", "val_mae")


def _plain_outputs(outputs: Outputs) -> Outputs:
    """Outputs in standardised units: the mean and spread of a fold are no part of a program."""
    if not outputs.mean:
        return outputs
    return replace(outputs, mean=(0.0,) * len(outputs.mean), std=(1.0,) * len(outputs.std))
