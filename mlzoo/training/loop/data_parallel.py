"""Batches shared out to several devices, with the results of one device on the whole batch.

The devices are of this process, or one of each of several processes. Every device holds all
variables and an equal number of a batch's samples. The compiled step is still a function of the
whole batch: wherever samples are summed, XLA adds up the sums of the devices, so that losses,
gradients, moments of batch normalization and random numbers are those of one device, but for
rounding (Xu et al., "GSPMD: General and Scalable Parallelization for ML Computation Graphs", 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SharedDevices:
    """Devices of JAX that share each batch.

    Args:
        names: of the devices, as `keras.distribution.list_devices` has them, of one kind; none: the
            first device of each process.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        import jax
        import numpy as np
        from jax.sharding import Mesh, NamedSharding, PartitionSpec

        if names:
            kind = names[0].partition(":")[0]
            known = {f"{device.platform}:{device.id}": device for device in jax.devices(kind)}
            chosen = [known[name] for name in names]
        else:
            first = {device.process_index: device for device in reversed(jax.devices())}
            chosen = [first[process] for process in sorted(first)]
        mesh = Mesh(np.array(chosen), ("batch",))
        self.count = len(chosen)
        self.spans = len({device.process_index for device in chosen}) > 1
        """True: the devices are of several processes."""
        self.replicated = NamedSharding(mesh, PartitionSpec())
        self._shared = NamedSharding(mesh, PartitionSpec("batch"))

    def share(self, arrays: Any) -> Any:
        """Put an equal part of the rows of each array on every device.

        Args:
            arrays: nested arrays whose first axis counts samples; where their number can't be
                divided equally (the last batch of an epoch), every device gets all of them. Of
                several processes each has all rows, and reads those of its own devices alone.
        """
        import jax

        equal = all(len(array) % self.count == 0 for array in jax.tree.leaves(arrays))
        sharding = self._shared if equal else self.replicated
        if not self.spans:
            return jax.device_put(arrays, sharding)
        return jax.tree.map(
            lambda array: jax.make_array_from_callback(
                array.shape, sharding, lambda rows: array[rows]
            ),
            arrays,
        )

    def replicate(self, arrays: Any) -> Any:
        """Put nested arrays on every device; of several processes each has the same."""
        import jax

        if not self.spans:
            return jax.device_put(arrays, self.replicated)
        own = next(iter(self.replicated.addressable_devices))
        return jax.tree.map(
            lambda array: jax.make_array_from_single_device_arrays(
                array.shape, self.replicated, [jax.device_put(array, own)]
            ),
            arrays,
        )

    def own(self, array: Any) -> Any:
        """Return a replicated array as one of this process, where devices are of several."""
        return array.addressable_data(0) if self.spans else array


def shared_devices(names: Sequence[str]) -> SharedDevices | None:
    """Return the devices that share each batch; None: it is that which Keras chooses.

    Args:
        names: of devices of this process.
    """
    import jax

    return SharedDevices(names) if names or jax.process_count() > 1 else None


def unequal_shares(batch_size: int, devices: int, flag: str) -> str:
    """Return what is wrong with a batch that can't be shared out equally (`flag` says to what)."""
    below, above = (batch_size // devices) * devices, -(-batch_size // devices) * devices
    choices = " or ".join(str(size) for size in (below, above) if size)
    sharing = "devices" if flag == "--devices" else "processes"
    return (
        f"{flag}: a batch of {batch_size} samples can't be shared out equally to {devices} "
        f"{sharing}; choose --batch-size {choices}"
    )


def rows_of(rank: int, world: int, count: int) -> slice:
    """Return the rows of a batch that a process feeds; all where they can't be divided equally."""
    size = count // world
    return slice(rank * size, (rank + 1) * size) if size * world == count else slice(0, count)


def in_place(batch: Any, rows: slice, count: int) -> Any:
    """Return the rows of a process in arrays of a whole batch, whose others it never reads.

    Args:
        batch: arrays of those rows alone, or None.
        rows: their place.
        count: samples of the whole batch.
    """
    import numpy as np

    def placed(array: Any) -> Any:
        whole = np.zeros((count, *array.shape[1:]), array.dtype)  # takes no memory before a write
        whole[rows] = array
        return whole

    return tuple(None if array is None else placed(array) for array in batch)
