"""Schedules: how the learning rate changes over a training.

`build(config, rate, epochs, steps)` returns the rate, or a Keras schedule over the steps of the
training, `steps` an epoch. Where it exports `after_epoch(config, rate, watch)`, the rate after each
epoch is what that returns; `watch` follows `--monitor` (`training/loop/early_stopping.py: Watch`).
Compiled fits of a search take rates from `rates(config, rate, epochs, steps, step)`, the same
schedule in NumPy for an array of steps; without it they ask the Keras schedule step by step.
"""
