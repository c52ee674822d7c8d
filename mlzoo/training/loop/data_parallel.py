"""Batches shared out to several devices, with the results of one device on the whole batch.

Every device holds all variables and an equal number of a batch's samples. The compiled step is
still a function of the whole batch: wherever samples are summed, XLA adds up the sums of the
devices, so that losses, gradients, moments of batch normalization and random numbers are those of
one device, but for rounding (Xu et al., "GSPMD: General and Scalable Parallelization for ML
Computation Graphs", 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SharedDevices:
    """Devices of JAX that share each batch.

    Args:
        names: of the devices, as `keras.distribution.list_devices` has them, of one kind.
    """

    def __init__(self, names: Sequence[str]) -> None:
        import jax
        import numpy as np
        from jax.sharding import Mesh, NamedSharding, PartitionSpec

        kind = names[0].partition(":")[0]
        known = {f"{device.platform}:{device.id}": device for device in jax.devices(kind)}
        mesh = Mesh(np.array([known[name] for name in names]), ("batch",))
        self.count = len(names)
        self.replicated = NamedSharding(mesh, PartitionSpec())
        self._shared = NamedSharding(mesh, PartitionSpec("batch"))

    def share(self, arrays: Any) -> Any:
        """Put an equal part of the rows of each array on every device.

        Args:
            arrays: nested arrays whose first axis counts samples; where their number can't be
                divided equally (the last batch of an epoch), every device gets all of them.
        """
        import jax

        equal = all(len(array) % self.count == 0 for array in jax.tree.leaves(arrays))
        return jax.device_put(arrays, self._shared if equal else self.replicated)

    def replicate(self, arrays: Any) -> Any:
        """Put nested arrays on every device."""
        import jax

        return jax.device_put(arrays, self.replicated)


def unequal_shares(batch_size: int, devices: int) -> str:
    """Return what is wrong with a batch that can't be shared out equally."""
    below, above = (batch_size // devices) * devices, -(-batch_size // devices) * devices
    choices = " or ".join(str(size) for size in (below, above) if size)
    return (
        f"--devices: a batch of {batch_size} samples can't be shared out equally to {devices} "
        f"devices; choose --batch-size {choices}"
    )
