"""Processes that change images beside the training, sharing memory and no Python objects.

Each is `python -m mlzoo.augmentation.worker`: it is told a policy and a piece of shared memory, and
then, line by line, which seeds to change what lies there with. A process that ends with this one
needs no signal: its input closes. One that dies is not missed, since any other place makes the
same samples from the same seeds.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mlzoo.augmentation.changes import change_all
from mlzoo.augmentation.images import AugmentedForm, ImageChanges
from mlzoo.data.policies import Step

_MEMORY = Path("/dev/shm")


class Workers:
    """A few processes that change batches of images; safe to call from several threads.

    Args:
        count: processes.
        steps: a policy's, of single images.
        form: of the images.
        batch: most images of a batch.
    """

    def __init__(self, count: int, steps: Sequence[Step], form: AugmentedForm, batch: int) -> None:
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._all = [_Worker(steps, form, batch) for _ in range(count)]
        for worker in self._all:
            self._free.put(worker)

    def change(
        self, inputs: np.ndarray, targets: np.ndarray | None, seeds: Sequence[Sequence[int]]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Images (n, height, width, channels) and masks (n, height, width) changed alike."""
        worker = self._free.get()
        try:
            return worker.change(inputs, targets, seeds)
        finally:
            self._free.put(worker)

    def processes(self) -> list[int]:
        """Their numbers."""
        return [worker.process.pid for worker in self._all]

    def close(self) -> None:
        """End the processes."""
        for worker in self._all:
            worker.close()


class _Worker:
    """One process, and the memory it shares; used by one thread at a time."""

    def __init__(self, steps: Sequence[Step], form: AugmentedForm, batch: int) -> None:
        self._instead: ImageChanges | None = None
        self._steps, self._form = steps, form
        height, width, channels = form.shape
        dtype = np.dtype(form.dtype)
        pixels = batch * height * width
        handle, name = tempfile.mkstemp(
            prefix=f"mlzoo-{os.getpid()}-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None
        )
        self._path = Path(name)
        try:
            # Memory that is only promised ends a process where there is none left.
            os.posix_fallocate(handle, 0, pixels * channels * dtype.itemsize + pixels)
        except OSError:
            self._path.unlink()
            raise
        finally:
            os.close(handle)
        self.images, self.masks = mapped(name, batch, form)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlzoo.augmentation.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C is the training's affair
            text=True,
        )
        self._say({"memory": name, "batch": batch, "form": asdict(form), "steps": list(steps)})

    def _say(self, message: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def change(
        self, inputs: np.ndarray, targets: np.ndarray | None, seeds: Sequence[Sequence[int]]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the batch that the process has changed; once it has died, change it here."""
        if self._instead is not None:
            return change_all(self._instead, inputs, targets, seeds)
        count = len(inputs)
        self.images[:count] = inputs
        if targets is not None:
            self.masks[:count] = targets
        try:
            self._say({"seeds": [list(seed) for seed in seeds], "masks": targets is not None})
            assert self.process.stdout is not None
            answered = self.process.stdout.readline()
        except OSError:
            answered = ""
        if answered != "done\n":
            self._instead = ImageChanges(self._steps, self._form)
            return change_all(self._instead, inputs, targets, seeds)
        masks = None if targets is None else np.array(self.masks[:count])
        return np.array(self.images[:count]), masks

    def close(self) -> None:
        """End the process and give the memory back."""
        assert self.process.stdin is not None and self.process.stdout is not None
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.wait()
        del self.images, self.masks
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def mapped(path: str, batch: int, form: AugmentedForm) -> tuple[np.ndarray, np.ndarray]:
    """The shared memory as images (batch, height, width, channels) and masks."""
    shape = (batch, *form.shape)
    dtype = np.dtype(form.dtype)
    images = np.memmap(path, dtype, "r+", 0, shape)
    masks = np.memmap(path, np.uint8, "r+", int(np.prod(shape)) * dtype.itemsize, shape[:3])
    return images, masks
