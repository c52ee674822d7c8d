"""Toolkit: opening a Keras model, its layers, gradients and logits."""
