"""TensorFlow as the tests run it; a process of its own whose bits are compared calls this too."""

from __future__ import annotations


def keep_as_traced() -> None:
    """Run graphs as they were traced: for a few steps, rewriting them takes longer."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
