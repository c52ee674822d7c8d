"""Training without TensorFlow's graphs, for tests that look at something else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def eagerly(eager: bool = True) -> Iterator[None]:
    """Run TensorFlow's functions without graphs: tracing one takes longer than a few batches."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow

    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(eager)
    try:
        yield
    finally:
        tensorflow.config.run_functions_eagerly(before)
