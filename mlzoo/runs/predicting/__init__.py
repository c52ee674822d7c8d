"""Predictions of an opened run, one module per kind of prediction."""
