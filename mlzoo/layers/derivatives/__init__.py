"""Derivatives of networks with respect to their inputs, on TensorFlow and JAX."""
