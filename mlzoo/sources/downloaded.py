"""Benchmarks from the network, kept in Keras' cache: mnist, fashion-mnist, cifar10."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError, raise_disk_full
from mlzoo.core.files import expand
from mlzoo.core.progress import terminal

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.samples import Samples

_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
# Keras checks the hashes of mnist and cifar10 itself, but not those of fashion-mnist, which are
# in the README of zalandoresearch/fashion-mnist.
_FASHION = {
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
}
# What to fetch by hand, and what to call it within the cache's folder `datasets`.
_FILES = {
    "mnist": [(f"{_GOOGLE}mnist.npz", "mnist.npz")],
    "fashion-mnist": [(_GOOGLE + name, f"fashion-mnist/{name}") for name in _FASHION],
    "cifar10": [
        (
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "cifar-10-batches-py-target_archive",
        )
    ],
}
NAMES = ("mnist", "fashion-mnist", "cifar10")
_DIGITS = tuple("0123456789")
_CLASSES = {
    "mnist": _DIGITS,
    "fashion-mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "cifar10": (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
}


class Config(Settings):
    """Which data set."""

    data: str
    """mnist, fashion-mnist or cifar10."""


def recognizes(path: str) -> bool:
    """Return whether it is one of the names."""
    return path.replace("_", "-") in NAMES


def load(config: Config, progress: Any = None) -> Samples:
    """Take the data from Keras' cache, or download them there first.

    Raises:
        DataError: they are not in the cache and can't be downloaded.
    """
    import numpy as np

    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples

    name = config.data.replace("_", "-")
    (x_train, y_train), (x_test, y_test) = _fetch(name)
    x = np.concatenate([x_train, x_test])
    x = x[..., None] if x.ndim == 3 else x
    targets = np.concatenate([y_train, y_test]).reshape(-1).astype(np.int32)
    classes = _CLASSES[name]
    if targets.min() < 0 or targets.max() >= len(classes):
        raise DataError(f"{name}: labels run to {targets.max()}, but there are {len(classes)}")
    return Samples(
        inputs=np.ascontiguousarray(x),
        targets=targets,
        task="classification",
        kind="image",
        class_names=classes,
        target_names=("class",),
        maximum=255.0,
        given_parts=np.repeat(["train", "test"], [len(x_train), len(x_test)]),
        published=True,
        hashes=row_digests(x),
        reader=ImageReader(
            size=(x.shape[1], x.shape[2]), channels=x.shape[3], dtype="uint8", maximum=255.0
        ),
        notes=(f"{name}: {len(x)} images of {x.shape[1]}x{x.shape[2]}x{x.shape[3]}",),
    )


def _fetch(name: str) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    import keras

    # Keras prints its messages and its progress bar to stdout, which is for results.
    with contextlib.redirect_stdout(terminal()):
        try:
            if name == "fashion-mnist":
                for file, md5 in _FASHION.items():
                    keras.utils.get_file(
                        file,
                        origin=_GOOGLE + file,
                        file_hash=md5,
                        cache_subdir=os.path.join("datasets", "fashion-mnist"),
                    )
            return getattr(keras.datasets, name.replace("-", "_")).load_data()
        except Exception as error:
            raise_disk_full(error)
            raise DataError(_by_hand(name, error)) from None


def _by_hand(name: str, error: Exception) -> str:
    folder = expand(os.environ.get("KERAS_HOME", "~/.keras")) / "datasets"
    copies = "\n".join(f"  {origin} as {folder / target}" for origin, target in _FILES[name])
    reason = str(error) or repr(error)
    return f"{name} can't be downloaded ({reason}); to use it offline, copy\n{copies}"
