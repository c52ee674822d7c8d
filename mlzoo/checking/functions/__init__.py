"""Optimizers on functions of two numbers: their paths, compared."""
