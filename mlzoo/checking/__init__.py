"""Gradient checks of models, and landscapes of losses and functions."""
