"""Choice of the compiled program for the Keras backend in use."""

from __future__ import annotations

from typing import Any

import keras

from mlzoo.tuning.compiled.programs import Parts


def build_program(parts: Parts, together: bool = False) -> Any:
    """Build a `Program` for the backend in use, or with `together` a `VectorizedProgram` on JAX."""
    if together:
        from mlzoo.tuning.compiled.vectorized import VectorizedProgram

        return VectorizedProgram(parts)
    if keras.backend.backend() == "jax":
        from mlzoo.tuning.compiled.on_jax import JaxProgram

        return JaxProgram(parts)
    from mlzoo.tuning.compiled.on_tensorflow import TensorFlowProgram

    return TensorFlowProgram(parts)
