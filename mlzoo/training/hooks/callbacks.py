"""Callbacks of Keras in the training loop: of files (--callback), or handed over by Python code.

What a callback notes is in no checkpoint: a training that goes on calls `on_train_begin` again, and
`on_epoch_begin` of the epoch that it goes on with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import MlzooError, UsageError

STOPPED = "a callback stopped the training"
RESUMED = (
    "callbacks begin anew: what they noted before is in no checkpoint, so that one which changes "
    "the training may end with other weights than without an interruption (--callback)"
)
_STEPS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_handed_over: ContextVar[tuple[Any, ...]] = ContextVar("callbacks", default=())


@contextmanager
def handed_over(callbacks: Sequence[Any]) -> Iterator[None]:
    """Have all trainings within call these objects, and none that were handed over before.

    Raises:
        UsageError: one is no Keras callback.
    """
    token = _handed_over.set(_checked(callbacks, "callbacks"))
    try:
        yield
    finally:
        _handed_over.reset(token)


def any_callbacks(config: RunConfig) -> bool:
    """Return whether trainings call any callbacks."""
    return bool(config.callback or _handed_over.get())


def refuse_callbacks(config: RunConfig, task: str) -> None:
    """Raise UsageError where a training of a task that has no batches should call callbacks."""
    if any_callbacks(config):
        raise UsageError(
            f"callbacks are for training in batches, which {config.model} has not here "
            f"({task}, optimizer {config.optimizer}); leave them out, or train by steps with "
            "--preset none"
        )


def _checked(callbacks: Any, where: str) -> tuple[Any, ...]:
    several = tuple(callbacks) if isinstance(callbacks, list | tuple) else (callbacks,)
    for each in several:
        if not isinstance(each, keras.callbacks.Callback):
            raise UsageError(f"{where}: expected a list of Keras callbacks, but got {each!r}")
    return several


def _call(where: str, function: Callable[..., Any], *given: Any) -> Any:
    """Call code of a callback; what it raises is told with its name."""
    try:
        return function(*given)
    except (MlzooError, MemoryError):
        raise
    except Exception as error:
        raise UsageError(
            f"{where} fails: {type(error).__name__}: {error}; mend it, or leave it out "
            "(MLZOO_DEBUG=1 shows where)"
        ) from error


class Hooks:
    """The callbacks of one training, which are called as `keras.Model.fit` calls them.

    Args:
        config: of the run; its files give new objects to each training.
        model: what is trained, compiled.
        steps: an epoch.
    """

    def __init__(self, config: RunConfig, model: keras.Model, steps: int) -> None:
        self._several = list(_handed_over.get())
        for name in config.callback:
            where = f"--callback {name}: callbacks()"
            self._several += _checked(
                _call(where, registry.load("callback", name).callbacks), where
            )
        self._model = model
        model.stop_training = False
        for each in self._several:
            each.set_params({"verbose": 0, "epochs": config.epochs, "steps": steps})
            each.set_model(model)
        self.each_step = any(
            not getattr(getattr(each, hook), "_is_default", False)
            for each in self._several
            for hook in _STEPS
        )

    @property
    def stop(self) -> bool:
        """Return whether a callback has set `model.stop_training`."""
        return bool(self._several and self._model.stop_training)

    def call(self, hook: str, *given: Any) -> None:
        """Call a hook, such as `on_epoch_end`, of each callback, its logs last.

        Raises:
            UsageError: one fails; its error is the cause.
        """
        for each in self._several:
            _call(f"callback {type(each).__name__}: {hook}", getattr(each, hook), *given)
