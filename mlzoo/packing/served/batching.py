"""Micro-batching: requests that wait while the model is busy share its next call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class Batcher:
    """Calls of a model on behalf of many coroutines of one event loop.

    The model is called as soon as it is free with all that wait by then, so that a lone request
    waits for nobody and a crowd gets large batches.

    Args:
        call: from inputs (n, *shape) to outputs (n, ...), each row by itself.
        most: samples of one call, at most.
        seen: called with the size of each batch.
    """

    def __init__(
        self,
        call: Callable[[np.ndarray], np.ndarray],
        most: int,
        seen: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._call, self._most, self._seen = call, most, seen
        self._waiting: list[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = []
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "model")

    async def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs (...) for one sample (*shape)."""
        future: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self._waiting.append((inputs, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            # Those that hung up meanwhile need no answer.
            taken = [(inputs, future) for inputs, future in taken if not future.done()]
            if not taken:
                continue
            self._seen(len(taken))
            batch = np.stack([inputs for inputs, _ in taken])
            try:
                outputs = await loop.run_in_executor(self._thread, self._call, batch)
            except Exception as error:
                for _, future in taken:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), output in zip(taken, outputs, strict=True):
                if not future.done():
                    future.set_result(output)
        self._task = None
