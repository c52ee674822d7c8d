"""Networks that are trained once for all processes of a test session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from tests.once import once


def trained_once(
    name: str, model: keras.Model, train: Callable[[keras.Model], None]
) -> keras.Model:
    """Return `model` with the weights that `train` gave it in whichever process asks first."""

    def make(folder: Path) -> None:
        train(model)
        weights = {str(i): array for i, array in enumerate(model.get_weights())}
        np.savez(folder / "weights.npz", **weights)

    with np.load(once(name, make) / "weights.npz", allow_pickle=False) as arrays:
        model.set_weights([arrays[str(i)] for i in range(len(arrays))])
    return model
