"""Batching of concurrent requests into one call of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock

import numpy as np

from mlzoo.runs.opened import OpenedRun

MOST = 256
"""Samples that one call takes, unless a single request has more."""


class RequestBatcher:
    """Batched calls of a model from several threads.

    Requests that wait at the same time are merged into one call.

    Whichever thread finds the model free works for all that wait with inputs of its shape.

    Args:
        call: from inputs (n, *shape) to outputs (n, ...), each row by itself.
        beside: calls of the same model, which are not made at the same time.
    """

    def __init__(
        self,
        call: Callable[[np.ndarray], np.ndarray],
        beside: RequestBatcher | None = None,
    ) -> None:
        self._call = call
        self._waiting: list[tuple[np.ndarray, Future[np.ndarray]]] = []
        self._list, self._model = Lock(), Lock()
        if beside is not None:
            self._model = beside._model

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs (n, ...) for inputs (n, *shape)."""
        inputs = np.asarray(inputs)
        future: Future[np.ndarray] = Future()
        with self._list:
            self._waiting.append((inputs, future))
        with self._model:
            if not future.done():
                self._work(inputs, future)
        return future.result()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the model for other work than calls."""
        with self._model:
            yield

    def _work(self, inputs: np.ndarray, own_future: Future[np.ndarray]) -> None:
        """Compute one's own inputs and those of other requests that fit in the batch."""
        kind = inputs.dtype, inputs.shape[1:]
        taken, rest, count = [(inputs, own_future)], [], len(inputs)
        with self._list:
            for each in self._waiting:
                fits = (each[0].dtype, each[0].shape[1:]) == kind
                if each[1] is own_future:
                    continue
                if fits and count + len(each[0]) <= MOST:
                    taken.append(each)
                    count += len(each[0])
                else:
                    rest.append(each)
            self._waiting[:] = rest
        try:
            outputs = self._call(np.concatenate([each for each, _ in taken]))
        except Exception as error:
            if len(taken) == 1:
                own_future.set_exception(error)
                return
            # What fails may be of one request alone: each is tried by itself.
            for part, future in taken:
                try:
                    future.set_result(self._call(part))
                except Exception as failed:
                    future.set_exception(failed)
            return
        ends = np.cumsum([len(each) for each, _ in taken])[:-1]
        for (_, future), part in zip(taken, np.split(outputs, ends), strict=True):
            future.set_result(part)


class Served(OpenedRun):
    """An open run whose model is called for several requests at once."""

    def __init__(self, run: OpenedRun) -> None:
        self.__dict__.update(run.__dict__)
        self.batches = RequestBatcher(run.outputs)
        self._joint_batches = RequestBatcher(run.joint_outputs, self.batches)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs (n, units) for raw inputs (n, *shape)."""
        return self.batches(inputs)

    def joint_outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return outputs and features (n, numbers) of raw inputs (n, *shape), as one."""
        return self._joint_batches(inputs)
