"""Weight snapshots of a training, by epoch, from `mlzoo train --snapshots`.

The folder `snapshots` of a run holds `epoch-000000.npz` and so on: the trainable weights as
`arr_0`, `arr_1`, ... in the model's order, float32. They take as much space as the model each.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from mlzoo.core import files
from mlzoo.core.errors import UsageError

FOLDER = "snapshots"


def keep(epoch: int, model: Any, folder: Path) -> None:
    """Write the weights that a model has after an epoch into a run's folder.

    Args:
        epoch: from 1.
        model: with the weights after the epoch.
        folder: the run folder.
    """
    from mlzoo.training.checkpoints import pack, values

    place = folder / FOLDER
    with files.disk_errors(place):
        place.mkdir(exist_ok=True)
        content = pack(values(model.trainable_variables))
        files.write_bytes(place / f"epoch-{epoch:06d}.npz", content)


def read(run: Path) -> list[Any]:
    """Return the weights of every snapshot of a run, in order; none if it kept none.

    Raises:
        UsageError: a snapshot is damaged.
    """
    from mlzoo.training.checkpoints import unpack

    snapshots = []
    for path in sorted((run / FOLDER).glob("epoch-*.npz")):
        try:
            snapshots.append(unpack(path.read_bytes()))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UsageError(f"{path} is damaged: {error}; remove it") from error
    return snapshots
