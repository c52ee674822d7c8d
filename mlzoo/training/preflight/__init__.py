"""Checks before a training: dry run, learning-rate finder, overfitting a batch, the machine."""
