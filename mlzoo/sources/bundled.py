"""Data sets that come with scikit-learn: digits, iris, wine, breast-cancer, diabetes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples

NAMES = ("digits", "iris", "wine", "breast-cancer", "diabetes")


class Config(Settings):
    """Which data set."""

    data: str
    """digits (8x8 images), iris, wine, breast-cancer (classes) or diabetes (a number)."""


def recognizes(path: str) -> bool:
    """Return whether it is one of the names."""
    return path.replace("_", "-") in NAMES


def load(config: Config, progress: Any = None) -> Samples:
    """The data set as scikit-learn holds it; nothing is downloaded."""
    from sklearn import datasets

    name = config.data.replace("-", "_")
    bunch = getattr(datasets, f"load_{name}")()
    return _digits(bunch) if name == "digits" else _table(bunch, name)


def _digits(bunch: Any) -> Samples:
    import numpy as np

    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples

    images = bunch.images[..., None].astype(np.uint8)
    return Samples(
        inputs=images,
        targets=bunch.target.astype(np.int32),
        task="classification",
        kind="image",
        class_names=tuple(str(name) for name in bunch.target_names),
        target_names=("digit",),
        maximum=16.0,
        hashes=row_digests(images),
        reader=ImageReader(size=(8, 8), channels=1, dtype="uint8", maximum=16.0),
        notes=("digits: 8x8 images with values 0 to 16, UCI test set of 1,797 digits",),
    )


def _table(bunch: Any, name: str) -> Samples:
    import numpy as np

    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.data.tables.reader import Column, TableReader, TargetColumn

    # scikit-learn centers and scales diabetes over all of its rows unless asked not to.
    if name == "diabetes":
        from sklearn.datasets import load_diabetes

        bunch = load_diabetes(scaled=False)
    matrix = bunch.data.astype(np.float32)
    regression = name == "diabetes"
    target = "progression" if regression else "class"
    columns = tuple(Column(str(column)) for column in bunch.feature_names)
    return Samples(
        inputs=matrix,
        targets=bunch.target.astype(np.float32 if regression else np.int32),
        task="regression" if regression else "classification",
        kind="table",
        class_names=() if regression else tuple(str(n) for n in bunch.target_names),
        target_names=(target,),
        columns=columns,
        names=[f"row {i + 1}" for i in range(len(matrix))],
        hashes=row_digests(matrix),
        reader=TableReader(
            columns=columns, target=TargetColumn(target), delimiter=None, header="auto"
        ),
        notes=(f"{config_name(name)}: {len(matrix)} rows, {len(columns)} numeric columns",),
    )


def config_name(name: str) -> str:
    """The data set's name as the command line writes it."""
    return name.replace("_", "-")
