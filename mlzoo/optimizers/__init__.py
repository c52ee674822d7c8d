"""Optimizers: how training changes the weights.

`build(config, learning_rate, **common)` returns a `keras.Optimizer`; `common` holds what every
Keras optimizer takes (clipping, gradient accumulation). Constants, read without importing the file:
`LEARNING_RATE` is the default; `FULL_BATCH = True` says that `build(config)` returns a function
that minimizes over the whole training split (see `lbfgs`), and `TARGETS` which kinds of target it
is for, where it is not for all.
"""
