"""Checks of a model's gradients against central differences."""
