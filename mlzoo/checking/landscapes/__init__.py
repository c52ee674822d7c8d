"""Optimizers on functions, the loss around trained weights, learning curves."""
